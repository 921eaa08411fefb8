// Owns one connection of a broker: cuts frames, serves one request after the other, and sends responses in that order. As
// in Kafka, the next request waits until the response to the one before it is handed to the network, so a long fetch holds
// up what comes behind it. A request that Kafka cannot read closes the connection without an answer.
// Source: kafka.network.SocketServer, org.apache.kafka.common.requests.RequestContext.

import {
  apis,
  decodeRequest,
  encodeResponse,
  errorCode,
  FrameSplitter,
  ProtocolError,
  readRequestPrefix
} from '../../protocol/index.ts'
import type { ApiName, DecodedRequest, EncodableResponseOf, RequestPrefix } from '../../protocol/index.ts'
import type { Socket, SocketHandler } from '../../runtime/index.ts'
import type { ApiHandler, RequestContext } from '../api/handler.ts'
import { SaslSession } from '../sasl/session.ts'
import type { Broker } from './broker.ts'
import { checkedPlan } from './controls.ts'
import type { Control } from './controls.ts'

/** Requests that wait behind the one that is served. Kafka stops reading instead; here the connection ends. */
const waitingFramesMax = 10_000

/** API key, version and correlation id. */
const prefixBytes = 8

// oxlint-disable-next-line typescript/no-generated-empty-object-type -- any response at all
type AnyBody = EncodableResponseOf<ApiName>

export class Connection implements SocketHandler {
  readonly broker: Broker
  readonly session: SaslSession
  readonly #socket: Socket
  readonly #splitter = new FrameSplitter()
  readonly #onEnd: () => void
  #waiting: Uint8Array[] = []
  /** A request is being served. */
  #isServing = false
  /** The socket has not taken the last response yet. */
  #isFull = false
  /** Nothing more is read, and what is sent next is the last. */
  #isEnding = false
  #isOpen = true

  constructor(broker: Broker, socket: Socket, onEnd: () => void) {
    this.broker = broker
    this.session = new SaslSession(broker.cluster)
    this.#socket = socket
    this.#onEnd = onEnd
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  onData(bytes: Uint8Array): void {
    if (!this.#isOpen) return
    try {
      this.#splitter.push(bytes, (frame) => this.#waiting.push(frame))
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      return this.close()
    }
    if (this.#waiting.length > waitingFramesMax) return this.close()
    this.#serveWaiting()
  }

  onDrain(): void {
    this.#isFull = false
    this.#serveWaiting()
  }

  onClose(): void {
    this.#isOpen = false
    this.#waiting = []
    this.#onEnd()
  }

  /** The broker goes on after a pause. */
  resume(): void {
    this.#serveWaiting()
  }

  /** Cuts the connection. */
  close(): void {
    this.#isOpen = false
    this.#waiting = []
    this.#socket.destroy()
  }

  /** Ends the connection, after `answer` where there is one. Strangers are kept waiting for that, as Kafka does it. */
  async lastAnswer<T>(answer: T): Promise<T> {
    this.#isEnding = true
    await this.broker.sleep(this.broker.cluster.settings.number('connection.failed.authentication.delay.ms'))
    if (answer === undefined) this.close()
    return answer
  }

  #serveWaiting(): void {
    while (this.#isOpen && !this.#isEnding && !this.#isServing && !this.#isFull && !this.broker.isPaused) {
      const frame = this.#waiting.shift()
      if (frame === undefined) return
      this.#serve(frame)
    }
  }

  #serve(frame: Uint8Array): void {
    if (this.session.takesBareToken) return this.#takeBareToken(frame)
    const prefix = readPrefix(frame)
    const handler = prefix === undefined ? undefined : this.broker.handlers.get(prefix.apiKey)
    if (prefix === undefined || handler === undefined) return this.close()
    const { version } = prefix
    const admission = this.session.admit(prefix.apiKey)
    if (admission === 'cut') return this.close()
    if (version < handler.versions[0] || version > this.#lastVersion(handler)) return this.#refuseVersion(prefix)
    let request: DecodedRequest
    try {
      request = decodeRequest(frame)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      return this.close()
    }
    if (admission === 'refuse') return void this.#refuseAmongTokens(request)
    const control = this.broker.controls.take(request.api, this.broker.id)
    if (control === undefined) return this.#answer(handler, request)
    this.#isServing = true
    void this.#obey(handler, request, control)
  }

  #lastVersion(handler: ApiHandler): number {
    const isUnstableOffered = this.broker.cluster.settings.boolean('unstable.api.versions.enable')
    return isUnstableOffered ? handler.versions[1] : handler.latestStableVersion
  }

  /** A client that is too new for ApiVersions is told so in the oldest version; any other one is cut off. KIP-511. */
  #refuseVersion({ apiKey, correlationId }: RequestPrefix): void {
    const { key, versions } = apis.ApiVersions
    if (apiKey !== key) return this.close()
    const [minVersion, maxVersion] = versions
    const body = { errorCode: errorCode.UNSUPPORTED_VERSION, apiKeys: [{ apiKey, minVersion, maxVersion }] }
    this.#send('ApiVersions', 0, correlationId, body)
  }

  /** Tokens of SASL before KIP-152: frames that are no requests, and neither are the answers. */
  #takeBareToken(frame: Uint8Array): void {
    const answer = this.session.bareToken(frame)
    if (answer === undefined) return void this.lastAnswer(undefined)
    const size = new Uint8Array(4)
    new DataView(size.buffer).setInt32(0, answer.length)
    this.#write([size, answer])
  }

  /** A request that comes in the midst of tokens. Only those that clients send there are answered. */
  async #refuseAmongTokens(request: DecodedRequest): Promise<void> {
    const code = errorCode.ILLEGAL_SASL_STATE
    if (request.api === 'ApiVersions') {
      this.#reply(request, await this.lastAnswer({ errorCode: code, apiKeys: [] }))
    } else if (request.api === 'SaslHandshake') {
      this.#reply(request, await this.lastAnswer({ errorCode: code, mechanisms: [] }))
    } else await this.lastAnswer(undefined)
  }

  #answer(handler: ApiHandler, request: DecodedRequest): void {
    const answer = handler.handle(request.body, contextOf(this, request))
    if (!(answer instanceof Promise)) return this.#reply(request, answer)
    this.#isServing = true
    void answer.then((body) => {
      this.#isServing = false
      this.#reply(request, body)
      this.#serveWaiting()
    })
  }

  async #obey(handler: ApiHandler, request: DecodedRequest, control: Control): Promise<void> {
    try {
      await this.#carryOut(handler, request, control)
    } catch (error) {
      // The test is wrong, and is told so by whoever runs it; its client does not wait for an answer.
      this.close()
      throw error
    }
  }

  async #carryOut(handler: ApiHandler, request: DecodedRequest, control: Control): Promise<void> {
    const { broker } = this
    const plan = checkedPlan(await control({ ...request, brokerId: broker.id }))
    if (plan.delayMs !== undefined) await broker.sleep(plan.delayMs)
    const isServed = plan.answer === undefined && plan.serve !== false
    const body = isServed ? await handler.handle(request.body, contextOf(this, request)) : plan.answer
    if (plan.replyDelayMs !== undefined) await broker.sleep(plan.replyDelayMs)
    if (plan.reply === 'cut') return this.close()
    this.#isServing = false
    if (plan.reply !== 'drop') this.#reply(request, body)
    this.#serveWaiting()
  }

  #reply(request: DecodedRequest, body: AnyBody | undefined): void {
    if (body === undefined) return
    this.#send(request.api, request.version, request.correlationId, body)
  }

  #send(api: ApiName, version: number, correlationId: number, body: AnyBody): void {
    this.#write(encodeResponse({ api, version, correlationId, body }))
    // A turn later, so that what was written gets out.
    if (this.#isEnding) this.broker.cluster.runtime.defer(() => this.close())
  }

  #write(pieces: readonly Uint8Array[]): void {
    if (this.#isOpen && !this.#socket.write(pieces)) this.#isFull = true
  }
}

function contextOf(connection: Connection, request: DecodedRequest): RequestContext {
  const { version, correlationId, clientId } = request
  return { broker: connection.broker, connection, version, correlationId, clientId }
}

function readPrefix(frame: Uint8Array): RequestPrefix | undefined {
  return frame.length < prefixBytes ? undefined : readRequestPrefix(frame)
}
