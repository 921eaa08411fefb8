// The types of messages follow from their declarations, exactly. Checked by the compiler only (`npm run types`): an
// unused `@ts-expect-error` is an error too.

import {
  apis,
  compile,
  decodeFrame,
  encodeRequest,
  decodeRequest,
  decodeResponse,
  encodeResponse,
  explain,
  Reader
} from 'kafka-once/protocol'
import type { ApiName, Decoded, Encodable, EncodableRequestOf, EncodableResponseOf } from 'kafka-once/protocol'
import type { FrameReport, RequestOf, ResponseOf, Uuid } from 'kafka-once/protocol'
import { array, bool, bytes, float64, int32, int64, message, records, string } from '../../src/protocol/schema.ts'
import { struct, uuid } from '../../src/protocol/schema.ts'

/** Holds only where two types are the same, `any` and `readonly` included. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- two generic functions are how the compiler is asked
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

const Sample = message('Sample', {
  versions: [0, 9],
  fields: {
    required: int32,
    requiredNullable: string.nullable(),
    limited: bool.from(1),
    ended: float64.until(3),
    defaulted: int64.orElse(-1n),
    nullable: bytes.nullable(2).orElse(null),
    tagged: uuid.from(3).tagged(0),
    ignorable: int32.ignorable(),
    batches: records.nullable(),
    parts: array(struct({ id: int32, labels: array(string), hint: string.from(1) })).nullable(),
    matrix: array(array(int64))
  }
})

export const decodedExactly: Same<
  Decoded<typeof Sample>,
  {
    readonly required: number
    readonly requiredNullable: string | null
    readonly limited: boolean
    readonly ended: number
    readonly defaulted: bigint
    readonly nullable: Uint8Array | null
    readonly tagged: Uuid
    readonly ignorable: number
    readonly batches: Uint8Array | null
    readonly parts: readonly { readonly id: number; readonly labels: readonly string[]; readonly hint: string }[] | null
    readonly matrix: readonly (readonly bigint[])[]
  }
> = true

export const encodableExactly: Same<
  Encodable<typeof Sample>,
  {
    readonly required: number
    readonly requiredNullable: string | null
    readonly ignorable: number
    readonly batches: Uint8Array | readonly Uint8Array[] | null
    readonly parts:
      | readonly { readonly id: number; readonly labels: readonly string[]; readonly hint?: string | undefined }[]
      | null
    readonly matrix: readonly (readonly bigint[])[]
    readonly limited?: boolean | undefined
    readonly ended?: number | undefined
    readonly defaulted?: bigint | undefined
    readonly nullable?: Uint8Array | null | undefined
    readonly tagged?: Uuid | undefined
  }
> = true

export const requestExactly: Same<
  RequestOf<'InitProducerId'>,
  {
    readonly transactionalId: string | null
    readonly transactionTimeoutMs: number
    readonly producerId: bigint
    readonly producerEpoch: number
    readonly enable2Pc: boolean
    readonly keepPreparedTxn: boolean
  }
> = true

export const nameExactly: Same<typeof apis.Produce.name, 'Produce'> = true

/** The paths at which a type is `any` or `unknown`, which would let everything through. */
type Loose<T, Path extends string = ''> = 0 extends 1 & T
  ? `${Path} is any`
  : unknown extends T
    ? `${Path} is unknown`
    : T extends string | number | bigint | boolean | null | undefined | Uint8Array
      ? never
      : T extends readonly (infer E)[]
        ? Loose<E, `${Path}[]`>
        : string extends keyof T
          ? `${Path} has any name`
          : { [K in keyof T & string]-?: Loose<T[K], `${Path}.${K}`> }[keyof T & string]

type Requests = { readonly [N in ApiName]: RequestOf<N> }
type Responses = { readonly [N in ApiName]: ResponseOf<N> }
type EncodableRequests = { readonly [N in ApiName]: EncodableRequestOf<N> }
type EncodableResponses = { readonly [N in ApiName]: EncodableResponseOf<N> }

export const requestsAreExact: Same<Loose<Requests>, never> = true
export const responsesAreExact: Same<Loose<Responses>, never> = true
export const encodableRequestsAreExact: Same<Loose<EncodableRequests>, never> = true
export const encodableResponsesAreExact: Same<Loose<EncodableResponses>, never> = true
export const reportsAreExact: Same<Loose<FrameReport>, never> = true

// The question finds what it looks for, however deep.
type Leaky = {
  // oxlint-disable-next-line typescript/no-explicit-any -- this is what is looked for
  readonly a: readonly { readonly b: any }[] | null
  readonly c?: unknown
  readonly d: { [name: string]: 1 }
}
export const leaksAreFound: Same<Loose<Leaky>, '.a[].b is any' | '.c is unknown' | '.d has any name'> = true

// What was decoded can be encoded again, whatever the API.
export const echoed: { readonly [N in ApiName]: EncodableRequestOf<N> } | undefined = undefined as
  | { readonly [N in ApiName]: RequestOf<N> }
  | undefined
export const answered: { readonly [N in ApiName]: EncodableResponseOf<N> } | undefined = undefined as
  | { readonly [N in ApiName]: ResponseOf<N> }
  | undefined

export function mistakes(frame: Uint8Array): void {
  const header = { api: 'Metadata', version: 12, correlationId: 1, clientId: null } as const
  encodeRequest({ ...header, body: { topics: null } })
  const fetch = { maxWaitMs: 1, minBytes: 1, topics: [], replicaState: { replicaEpoch: 1n } }
  encodeRequest({ ...header, api: 'Fetch', body: fetch })
  encodeRequest({ ...header, body: { topics: [{ name: 'a' }], allowAutoTopicCreation: undefined } })
  // @ts-expect-error a required field is missing
  encodeRequest({ ...header, body: {} })
  // @ts-expect-error a required field of a list's element is missing
  encodeRequest({ ...header, body: { topics: [{}] } })
  // @ts-expect-error a number is no name
  encodeRequest({ ...header, body: { topics: [{ name: 1 }] } })
  // @ts-expect-error no such field
  encodeRequest({ ...header, body: { topics: null, topic: null } })
  // @ts-expect-error a misspelled field of a list's element
  encodeRequest({ ...header, body: { topics: [{ name: 'a', topicID: 'x' }] } })
  // @ts-expect-error a misspelled field of a tagged struct
  encodeRequest({ ...header, api: 'Fetch', body: { ...fetch, replicaState: { replicaID: 1 } } })
  // @ts-expect-error null is not for every field
  encodeRequest({ ...header, api: 'Fetch', body: { ...fetch, topics: null } })
  // @ts-expect-error no such API
  encodeRequest({ ...header, api: 'Metadatas', body: {} })
  const end = { transactionalId: '', producerEpoch: 0, committed: true }
  // @ts-expect-error an int64 is a bigint
  encodeRequest({ ...header, api: 'EndTxn', body: { ...end, producerId: 1 } })
  // @ts-expect-error a required field of a response is missing
  encodeResponse({ api: 'Heartbeat', version: 0, correlationId: 1, body: {} })

  const { body } = decodeResponse('Metadata', 12, frame)
  const bodyExactly: Same<typeof body, ResponseOf<'Metadata'>> = true
  // @ts-expect-error a leader's id is a number, not `any`
  const text: string = body.topics[0]?.partitions[0]?.leaderId
  // @ts-expect-error what was decoded is not written into
  body.topics.push()

  const request = decodeRequest(frame)
  if (request.api !== 'Produce') return
  const produceExactly: Same<typeof request.body, RequestOf<'Produce'>> = true
  const value = compile(apis.EndTxn.response, 5).decode(new Reader(frame))
  const responseExactly: Same<typeof value, ResponseOf<'EndTxn'>> = true
  void [text, bodyExactly, produceExactly, responseExactly]
  const report = decodeFrame(frame, { requests: [] })
  if (report.kind === 'response' && report.api === 'EndTxn') {
    const reportExactly: Same<typeof report.body, ResponseOf<'EndTxn'>> = true
    void reportExactly
  }
  // @ts-expect-error a report without a message has no body
  if (report.kind === 'unreadable') void report.body
  // @ts-expect-error no such API
  explain('Metadatas', 1)
  // @ts-expect-error bytes are not text
  message('Wrong', { versions: [0, 0], fields: { data: bytes.orElse('') } })
  // @ts-expect-error null needs a nullable field
  message('Wrong', { versions: [0, 0], fields: { name: string.orElse(null) } })
}
