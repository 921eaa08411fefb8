// Owns the headers of requests and responses, and which version of a header goes before which message: flexible
// messages have the later one, save that ApiVersions is always answered under the first, so that a client that does
// not know the broker yet can read the answer. KIP-482, KIP-511.

import { compile, type CompileOptions } from './compile.ts'
import { int16, int32, message, string, type Decoded } from './schema.ts'
import type { Message } from './schema.ts'

export const RequestHeader = message('RequestHeader', {
  versions: [1, 2],
  flexible: 2,
  fields: {
    requestApiKey: int16,
    requestApiVersion: int16,
    correlationId: int32,
    clientId: string.nullable().classic()
  }
})
export type RequestHeader = Decoded<typeof RequestHeader>

export const ResponseHeader = message('ResponseHeader', {
  versions: [0, 1],
  flexible: 1,
  fields: {
    correlationId: int32
  }
})
export type ResponseHeader = Decoded<typeof ResponseHeader>

const apiVersionsKey = 18

/** Version of the header before a request. */
export function requestHeaderVersion(request: Message, version: number): number {
  return version >= request.flexible ? 2 : 1
}

/** Version of the header before a response. */
export function responseHeaderVersion(response: Message, version: number): number {
  return version >= response.flexible && response.apiKey !== apiVersionsKey ? 1 : 0
}

export function requestHeaderCodec(request: Message, version: number, options?: CompileOptions) {
  return compile(RequestHeader, requestHeaderVersion(request, version), options)
}

export function responseHeaderCodec(response: Message, version: number, options?: CompileOptions) {
  return compile(ResponseHeader, responseHeaderVersion(response, version), options)
}
