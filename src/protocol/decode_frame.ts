// Owns the reading of captured frames for people who debug: what a frame is, what is in it, or where and why it cannot be
// read. A request says what it is; a response does not, and is known by its request. Nothing here throws for what the
// bytes are, only for what is no bytes and for hints that make no sense.

import { apiByKey, apiByName, type ApiName, type ResponseOf } from './apis.ts'
import type { DecodeOptions } from './compile.ts'
import { bytesAround, hasSecrets, messageLines } from './frame_text.ts'
import { answeredVersion, decodeRequest, decodeResponse, frameBytesMaxDefault } from './framing.ts'
import { readCorrelationId, readRequestPrefix, type DecodedRequest } from './framing.ts'
import { ProtocolError, type ProtocolErrorCode } from './protocol_error.ts'
import type { Message } from './schema.ts'

/** A request as far as its response is known by it. */
export interface KnownRequest {
  readonly correlationId: number
  readonly api: ApiName
  readonly version: number
}

/** What is known of a frame besides its bytes. */
export interface FrameHints {
  /** Which way it went. Without it, whatever can be read is believed, responses of known requests first. */
  readonly direction?: 'request' | 'response'
  /** What a response answers: both, or none. */
  readonly api?: ApiName
  readonly version?: number
  /**
   * Requests of the same connection, among which that of a response is found by its correlation id; also what was told of
   * earlier frames, of which only requests count.
   */
  readonly requests?: Iterable<KnownRequest | FrameReport>
  /** Memory that the values of the message may take, as for `decodeResponse`. */
  readonly decodedBytesMax?: number
}

/** A request, and its text for people. */
export type RequestReport = DecodedRequest & { readonly kind: 'request'; readonly text: string }

/** A response, and its text for people; `api` tells the type of `body`. */
export type ResponseReport = {
  readonly [N in ApiName]: {
    readonly kind: 'response'
    readonly api: N
    readonly version: number
    readonly correlationId: number
    readonly body: ResponseOf<N>
    readonly text: string
  }
}[ApiName]

/** Why there is no message in a frame. */
export interface UnreadableReport {
  readonly kind: 'unreadable'
  /**
   * `notKafka`: the bytes of another protocol. `tooShort`: not even a header. `unknownRequest`: neither a request nor
   * the response to a known one. `unknownVersion`: of an API that is known. `damaged`: known, and wrong at `offset`.
   */
  readonly reason: 'notKafka' | 'tooShort' | 'unknownRequest' | 'unknownVersion' | 'damaged'
  /** What it was read as. */
  readonly api?: ApiName
  readonly version?: number
  readonly correlationId?: number
  /** What the codec said, and where: the path of the field and the position among the given bytes. */
  readonly code?: ProtocolErrorCode
  readonly field?: string
  readonly offset?: number
  readonly text: string
}

export type FrameReport = RequestReport | ResponseReport | UnreadableReport

/** The bytes of a frame without its size, and what is around them. */
interface Frame {
  readonly content: Uint8Array
  /** Where the content begins among the given bytes. */
  readonly start: number
  /** A sentence about the size, where it is not that of the bytes. */
  readonly note: string
}

const headerBytesMin = 4

/**
 * Says what a captured frame is, with or without its four bytes of size: its message, or where and why it cannot be read.
 * Unknown tagged fields are kept. Of several frames, the first one is told; FrameSplitter cuts them apart.
 * @throws ProtocolError `INVALID_VALUE` for anything but bytes, for the name of no API, and for half of `api` and `version`
 */
export function decodeFrame(bytes: Uint8Array, hints: FrameHints = {}): FrameReport {
  expectSense(bytes, hints)
  const foreign = foreignProtocol(bytes)
  if (foreign !== undefined) return { kind: 'unreadable', reason: 'notKafka', text: `These bytes are ${foreign}.\n` }
  if (bytes.length < headerBytesMin) {
    const text = `${bytes.length} bytes are too few for a frame: a header has at least ${headerBytesMin}.\n`
    return { kind: 'unreadable', reason: 'tooShort', text }
  }
  let first: UnreadableReport | undefined
  for (const frame of framesIn(bytes)) {
    const report = readFrame(frame, hints)
    if (report.kind !== 'unreadable') return report
    if (first === undefined || (first.reason !== 'damaged' && report.reason === 'damaged')) first = report
  }
  return first!
}

/** People who debug write in JavaScript too, and a text of hex digits is what they have at hand. */
function expectSense(bytes: unknown, { api, version }: FrameHints): void {
  if (!(bytes instanceof Uint8Array)) {
    const advice = "Buffer.from(text, 'hex') makes one of hex digits"
    throw new ProtocolError('INVALID_VALUE', `A frame is a Uint8Array, not ${typeof bytes}: ${advice}`)
  }
  if (api !== undefined) apiByName(api)
  if ((api === undefined) !== (version === undefined)) {
    throw new ProtocolError('INVALID_VALUE', 'A response is known by the api and the version of its request: give both')
  }
}

/** What HTTP begins with, the first four bytes of it. */
const httpWords = new Set(['HTTP', 'GET ', 'POST', 'PUT ', 'HEAD', 'DELE', 'OPTI', 'PATC', 'CONN'])

function foreignProtocol(bytes: Uint8Array): string | undefined {
  const [first, second, third] = bytes
  if (httpWords.has(String.fromCharCode(...bytes.subarray(0, 4)))) return 'HTTP'
  const isTls = (first === 0x15 || first === 0x16) && second === 0x03 && third !== undefined && third <= 4
  return isTls ? 'TLS: a capture shows what is inside only without encryption' : undefined
}

/** The ways to take the bytes, the likeliest first. */
function framesIn(bytes: Uint8Array): Frame[] {
  const size = readCorrelationId(bytes)
  const there = bytes.length - 4
  const whole: Frame = { content: bytes, start: 0, note: '' }
  if (size === there && size >= headerBytesMin) return [{ content: bytes.subarray(4), start: 4, note: '' }, whole]
  if (size < headerBytesMin || size > frameBytesMaxDefault || there < headerBytesMin) return [whole]
  const note =
    size > there
      ? `It announces ${size} bytes after its size, and ${there} are there.`
      : `${there - size} bytes follow it.`
  return [whole, { content: bytes.subarray(4, 4 + size), start: 4, note }]
}

function readFrame(frame: Frame, hints: FrameHints): FrameReport {
  const asked = hints.direction === 'request' ? undefined : requestOf(frame, hints)
  const response = asked === undefined ? undefined : readResponse(frame, asked, hints)
  if (response !== undefined && response.kind === 'response') return response
  if (hints.direction !== 'response') {
    const request = readRequest(frame, hints)
    if (request.kind === 'request' || response === undefined) return request
  }
  return response ?? unknownResponse(frame, 'As a response it')
}

/** The request that a frame would answer. */
function requestOf({ content }: Frame, { api, version, requests }: FrameHints): KnownRequest | undefined {
  const correlationId = readCorrelationId(content)
  if (api !== undefined && version !== undefined) return { api, version, correlationId }
  for (const request of requests ?? []) {
    if ('kind' in request && request.kind !== 'request') continue
    if (request.correlationId === correlationId) return request
  }
  return undefined
}

function keeping({ decodedBytesMax }: FrameHints): DecodeOptions {
  return { unknownTags: 'keep', ...(decodedBytesMax === undefined ? {} : { decodedBytesMax }) }
}

function readResponse(frame: Frame, asked: KnownRequest, hints: FrameHints): ResponseReport | UnreadableReport {
  const { api } = asked
  const message: Message = apiByName(api).response
  const version = answeredVersion(api, asked.version, frame.content)
  const correlationId = readCorrelationId(frame.content)
  const title = `${api} response v${version}, correlation id ${correlationId}, ${frame.content.length} bytes`
  try {
    const { body } = decodeResponse(api, version, frame.content, keeping(hints))
    const inOther =
      version === asked.version ? [] : [`  (The broker does not know v${asked.version}, in which it was asked.)`]
    const text = textOf(title, frame, [...inOther, ...messageLines(message, version, body)])
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the body is that of the API's response
    return { kind: 'response', api, version, correlationId, body, text } as ResponseReport
  } catch (error) {
    return unreadable(frame, title, message, { api, version, correlationId }, '', error)
  }
}

function readRequest(frame: Frame, hints: FrameHints): RequestReport | UnreadableReport {
  if (frame.content.length < 8) {
    const text = `${frame.content.length} bytes are too few for a request; a response is known by its request.\n`
    return { kind: 'unreadable', reason: 'tooShort', text }
  }
  const { apiKey, version, correlationId } = readRequestPrefix(frame.content)
  const api = apiByKey(apiKey)
  if (api === undefined) return unknownResponse(frame, `No request: no API has the key ${apiKey}. As a response it`)
  const title = `${api.name} request v${version}, correlation id ${correlationId}, ${frame.content.length} bytes`
  try {
    const request = decodeRequest(frame.content, keeping(hints))
    const client = `  client id: ${JSON.stringify(request.clientId)}`
    const text = textOf(title, frame, [client, ...messageLines(api.request, version, request.body)])
    return { kind: 'request', ...request, text }
  } catch (error) {
    return unreadable(frame, title, api.request, { api: api.name, version, correlationId }, howToKnow, error)
  }
}

function textOf(title: string, { note }: Frame, lines: readonly string[]): string {
  return `${[title, ...(note === '' ? [] : [`  (${note})`]), ...lines].join('\n')}\n`
}

const howToKnow = 'A response does not say what it is: give the api and version of its request, or the requests.'

function unknownResponse({ content, note }: Frame, what: string): UnreadableReport {
  const correlationId = readCorrelationId(content)
  const text = [
    `${what} has the correlation id ${correlationId}, and no request with it is known.`,
    howToKnow,
    ...(note === '' ? [] : [note])
  ].join('\n')
  return { kind: 'unreadable', reason: 'unknownRequest', correlationId, text: `${text}\n` }
}

function unreadable(
  frame: Frame,
  title: string,
  message: Message,
  known: KnownRequest,
  advice: string,
  error: unknown
): UnreadableReport {
  if (!(error instanceof ProtocolError)) throw error
  const { code, field } = error
  const reason = code === 'UNSUPPORTED_VERSION' ? 'unknownVersion' : 'damaged'
  const offset = error.offset === undefined ? undefined : frame.start + error.offset
  const place = offset === undefined ? [] : [`at byte ${offset}${field === undefined ? '' : `, ${field}`}`]
  const bytes =
    error.offset === undefined || hasSecrets(message.fields) ? [] : [bytesAround(frame.content, error.offset)]
  const lines = [`${title}: ${code}`, error.message, ...place, ...bytes]
  const sentences = [frame.note, advice].filter((sentence) => sentence !== '')
  const text = `${[...lines, ...sentences].join('\n  ')}\n`
  return {
    kind: 'unreadable',
    reason,
    ...known,
    code,
    ...(field === undefined ? {} : { field }),
    ...(offset === undefined ? {} : { offset }),
    text
  }
}
