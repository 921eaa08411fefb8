// Owns the frames on a connection: four bytes of size, a header, a body; and the cutting of a byte stream into frames.
// A size is checked before a byte is kept for it, and answers in other protocols are told apart from frames.

import { apiByKey, apiByName, type ApiName } from './apis.ts'
import type { EncodableRequestOf, EncodableResponseOf, RequestOf, ResponseOf } from './apis.ts'
import { unknownTags, type UnknownTag } from './codec_closure.ts'
import { compile, type CompileOptions, type DecodeOptions } from './compile.ts'
import { errorCode } from './errors.ts'
import { requestHeaderCodec, responseHeaderCodec } from './header.ts'
import { ProtocolError } from './protocol_error.ts'
import { Reader } from './reader.ts'
import type { Message } from './schema.ts'
import { Writer } from './writer.ts'

/** Tagged fields of a header, none of which are declared; only with `unknownTags: 'keep'`. */
interface HeaderTags {
  readonly [unknownTags]?: readonly UnknownTag[]
}

/** A request to be sent. */
export interface RequestFrame<N extends ApiName> extends HeaderTags {
  readonly api: N
  readonly version: number
  readonly correlationId: number
  readonly clientId: string | null
  readonly body: EncodableRequestOf<N>
}

/** A response to be sent. */
export interface ResponseFrame<N extends ApiName> extends HeaderTags {
  readonly api: N
  readonly version: number
  readonly correlationId: number
  readonly body: EncodableResponseOf<N>
}

/** A request that was read; `api` tells the type of `body`. */
export type DecodedRequest = {
  [N in ApiName]: {
    readonly api: N
    readonly version: number
    readonly correlationId: number
    readonly clientId: string | null
    readonly body: RequestOf<N>
  } & HeaderTags
}[ApiName]

/** What a request begins with, whether or not its API and version are known here. */
export interface RequestPrefix {
  readonly apiKey: number
  readonly version: number
  readonly correlationId: number
}

/**
 * A request with its size and header, as pieces for one vectored write. Long record batches are not copied into them.
 * @throws ProtocolError `UNSUPPORTED_VERSION`, `UNSUPPORTED_FIELD`, `INVALID_VALUE`
 */
export function encodeRequest<N extends ApiName>(frame: RequestFrame<N>, options?: CompileOptions): Uint8Array[] {
  const { api, version, correlationId, clientId, body } = frame
  const { key, request } = apiByName(api)
  const codec = compile<Message>(request, version, options)
  const header = withTags({ requestApiKey: key, requestApiVersion: version, correlationId, clientId }, frame)
  return encodeFrame((writer) => {
    requestHeaderCodec(request, version, options).encode(writer, header)
    codec.encode(writer, body)
  })
}

/**
 * A response with its size and header, as pieces for one vectored write.
 * @throws ProtocolError `UNSUPPORTED_VERSION`, `UNSUPPORTED_FIELD`, `INVALID_VALUE`
 */
export function encodeResponse<N extends ApiName>(frame: ResponseFrame<N>, options?: CompileOptions): Uint8Array[] {
  const { api, version, correlationId, body } = frame
  const { response } = apiByName(api)
  const codec = compile<Message>(response, version, options)
  const header = withTags({ correlationId }, frame)
  return encodeFrame((writer) => {
    responseHeaderCodec(response, version, options).encode(writer, header)
    codec.encode(writer, body)
  })
}

function encodeFrame(write: (writer: Writer) => void): Uint8Array[] {
  const writer = new Writer()
  writer.int32(0)
  write(writer)
  writer.patchInt32(0, writer.size - sizeBytes)
  return writer.finish()
}

/**
 * Reads a response from a frame without its size.
 * @throws ProtocolError `UNSUPPORTED_VERSION`, `TRUNCATED`, `MALFORMED`, `TRAILING_BYTES`, `FRAME_TOO_LARGE` (its values)
 */
export function decodeResponse<N extends ApiName>(
  api: N,
  version: number,
  frame: Uint8Array,
  options?: DecodeOptions
): { readonly correlationId: number; readonly body: ResponseOf<N> } & HeaderTags {
  const response: Message = apiByName(api).response
  const codec = compile(response, version, options)
  const reader = new Reader(frame, 0, options?.decodedBytesMax)
  const header = responseHeaderCodec(response, version, options).decode(reader)
  const body = codec.decode(reader)
  reader.expectEnd()
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the codec is that of the API's response
  return withTags({ correlationId: header.correlationId, body: body as ResponseOf<N> }, header)
}

/**
 * The version in which a request was answered: its own, save that a broker that does not know the version of an
 * ApiVersions request answers in version 0. The frame is without its size. KIP-511.
 */
export function answeredVersion(api: ApiName, version: number, frame: Uint8Array): number {
  if (api !== 'ApiVersions' || frame.byteLength < 6) return version
  return new Reader(frame, 4).int16() === errorCode.UNSUPPORTED_VERSION ? 0 : version
}

/** The correlation id of a response, from a frame without its size. */
export function readCorrelationId(frame: Uint8Array): number {
  return new Reader(frame).int32()
}

/** What a request begins with, from a frame without its size. */
export function readRequestPrefix(frame: Uint8Array): RequestPrefix {
  const reader = new Reader(frame)
  return { apiKey: reader.int16(), version: reader.int16(), correlationId: reader.int32() }
}

/**
 * Reads a request from a frame without its size.
 * @throws ProtocolError `UNSUPPORTED_VERSION` (of an API that is not known, too), `TRUNCATED`, `MALFORMED`,
 * `TRAILING_BYTES`, `FRAME_TOO_LARGE` (its values)
 */
export function decodeRequest(frame: Uint8Array, options?: DecodeOptions): DecodedRequest {
  const { apiKey, version } = readRequestPrefix(frame)
  const api = apiByKey(apiKey)
  if (api === undefined) throw new ProtocolError('UNSUPPORTED_VERSION', `No API has the key ${apiKey}`)
  const codec = compile(api.request, version, options)
  const reader = new Reader(frame, 0, options?.decodedBytesMax)
  const header = requestHeaderCodec(api.request, version, options).decode(reader)
  const { correlationId, clientId } = header
  const body = codec.decode(reader)
  reader.expectEnd()
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the codec is that of the API's request
  return withTags({ api: api.name, version, correlationId, clientId, body }, header) as DecodedRequest
}

/** Tags go where they came from: from the header to its frame, and back. */
function withTags<T extends object>(
  target: T,
  source: HeaderTags & { readonly correlationId: number }
): T & HeaderTags {
  const tags = source[unknownTags]
  return tags === undefined ? target : { ...target, [unknownTags]: tags }
}

export interface FrameSplitterOptions {
  /** Largest frame, without its size field, that is accepted. */
  readonly frameBytesMax?: number
}

/** Largest frame that is accepted unless told otherwise. */
export const frameBytesMaxDefault = 100 * 1024 * 1024
const sizeBytes = 4
/** What is reserved at once for a frame that comes in parts; more only as its bytes arrive. */
const reservedBytesMax = 1024 * 1024
/** Once that much has come, a frame of up to this size is believed to come whole. */
const believedBytesMax = 16 * 1024 * 1024
/** Bytes that are read at once while it is not known what they are. */
const sharedBytes = 64 * 1024
/** A frame that misses less than this is read together with what follows it. */
const directBytesMin = 32 * 1024

/** The rest of the chunk is lost when a receiver throws, so nothing that follows could be trusted. */
const receiverThrew = new Error('A receiver of frames threw: the connection cannot be read any further')

/**
 * Cuts a byte stream into frames, without their size fields. A frame that lies in one chunk is a view of it; one that
 * spans chunks is copied once.
 */
export class FrameSplitter {
  readonly #frameBytesMax: number
  readonly #size = new Uint8Array(sizeBytes)
  /** How many bytes of the size field are there. */
  #sizeFilled = 0
  /** Size of the frame that is being collected; -1 while its size field is not complete. */
  #frameBytes = -1
  #frame: Uint8Array = this.#size
  #frameFilled = 0
  /** Memory that is read into again and again; nothing of it is handed over. */
  #shared: Uint8Array | undefined
  #isFirst = true
  #failure: Error | undefined

  constructor(options: FrameSplitterOptions = {}) {
    this.#frameBytesMax = options.frameBytesMax ?? frameBytesMaxDefault
  }

  /** Bytes of a frame that is not complete yet, its size field included. */
  get pendingBytes(): number {
    return this.#sizeFilled + this.#frameFilled
  }

  /**
   * Where the next bytes may be read into. What was read there goes to `push`, before this is called again; it is part of
   * a frame already where the frame is large, and is not copied then.
   */
  readBuffer(): Uint8Array {
    if (this.#frameBytes - this.#frameFilled >= directBytesMin) {
      this.#reserve(Math.min(this.#frameBytes, this.#frameFilled + directBytesMin))
      return this.#frame.subarray(this.#frameFilled)
    }
    this.#shared ??= new Uint8Array(sharedBytes)
    return this.#shared
  }

  /**
   * Takes the next bytes and hands over each frame that they complete, before it refuses what follows. Frames may be views
   * of the bytes, which must not be written into again, unless they lie in what `readBuffer` answered.
   * @throws ProtocolError `FRAME_TOO_LARGE`, `FRAME_NEGATIVE`, `SPEAKS_HTTP`, `SPEAKS_TLS`; from then on always, and so after `onFrame` has thrown
   */
  push(chunk: Uint8Array, onFrame: (frame: Uint8Array) => void): void {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#frameBytes > 0 && chunk.buffer === this.#frame.buffer) return this.#readDirectly(chunk, onFrame)
    const isShared = chunk.buffer === this.#shared?.buffer
    let position = 0
    while (position < chunk.byteLength) {
      if (this.#frameBytes < 0) {
        position = this.#takeSize(chunk, position)
        if (this.#frameBytes === 0) this.#deliver(new Uint8Array(0), onFrame)
        continue
      }
      const missing = this.#frameBytes - this.#frameFilled
      const available = Math.min(missing, chunk.byteLength - position)
      const part = chunk.subarray(position, position + available)
      position += available
      if (this.#frameFilled === 0 && available === missing) this.#deliver(isShared ? part.slice() : part, onFrame)
      else {
        this.#collect(part)
        if (available === missing) this.#deliver(this.#frame, onFrame)
      }
    }
  }

  #takeSize(chunk: Uint8Array, start: number): number {
    const position = Math.min(start + sizeBytes - this.#sizeFilled, chunk.byteLength)
    this.#size.set(chunk.subarray(start, position), this.#sizeFilled)
    this.#sizeFilled += position - start
    if (this.#sizeFilled === sizeBytes) this.#frameBytes = this.#checkedSize()
    return position
  }

  #checkedSize(): number {
    const size = new DataView(this.#size.buffer).getInt32(0)
    const failure = this.#refusal(size)
    if (failure === undefined) return size
    this.#failure = failure
    throw failure
  }

  #refusal(size: number): ProtocolError | undefined {
    if (this.#isFirst || size > this.#frameBytesMax) {
      const [first, second] = this.#size
      if (String.fromCharCode(...this.#size) === 'HTTP') {
        return new ProtocolError('SPEAKS_HTTP', 'The other side answers in HTTP: check host and port')
      }
      if ((first === 0x15 || first === 0x16) && second === 0x03) {
        return new ProtocolError('SPEAKS_TLS', 'The other side answers in TLS: turn TLS on for this listener')
      }
    }
    if (size < 0) return new ProtocolError('FRAME_NEGATIVE', `A frame announces ${size} bytes: is this Kafka?`)
    if (size <= this.#frameBytesMax) return undefined
    const message = `A frame announces ${size} bytes and the limit is ${this.#frameBytesMax}: raise frameBytesMax`
    return new ProtocolError('FRAME_TOO_LARGE', message)
  }

  #collect(part: Uint8Array): void {
    const needed = this.#frameFilled + part.byteLength
    this.#reserve(needed)
    this.#frame.set(part, this.#frameFilled)
    this.#frameFilled = needed
  }

  #readDirectly(chunk: Uint8Array, onFrame: (frame: Uint8Array) => void): void {
    this.#frameFilled += chunk.byteLength
    if (this.#frameFilled === this.#frameBytes) this.#deliver(this.#frame, onFrame)
  }

  // Makes room for the first bytes of the frame. What is only announced is not believed at once.
  #reserve(bytes: number): void {
    if (this.#frame === this.#size) {
      this.#frame = new Uint8Array(Math.min(this.#frameBytes, Math.max(reservedBytesMax, bytes)))
      return
    }
    if (bytes <= this.#frame.byteLength) return
    const wanted = this.#frameBytes <= believedBytesMax ? this.#frameBytes : this.#frame.byteLength * 2
    const larger = new Uint8Array(Math.min(this.#frameBytes, Math.max(bytes, wanted)))
    larger.set(this.#frame.subarray(0, this.#frameFilled))
    this.#frame = larger
  }

  #deliver(frame: Uint8Array, onFrame: (frame: Uint8Array) => void): void {
    this.#sizeFilled = 0
    this.#frameBytes = -1
    this.#frameFilled = 0
    this.#frame = this.#size
    this.#isFirst = false
    this.#failure = receiverThrew
    onFrame(frame)
    this.#failure = undefined
  }
}
