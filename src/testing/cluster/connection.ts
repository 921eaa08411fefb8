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
import type { Broker } from './broker.ts'
import type { Control } from './controls.ts'

/** Requests that wait behind the one that is served. Kafka stops reading instead; here the connection ends. */
const waitingFramesMax = 10_000

/** API key, version and correlation id. */
const prefixBytes = 8

// oxlint-disable-next-line typescript/no-generated-empty-object-type -- any response at all
type AnyBody = EncodableResponseOf<ApiName>

/** Who speaks, for those who check it. */
export const anonymousPrincipal = 'User:ANONYMOUS'

export class Connection implements SocketHandler {
  readonly broker: Broker
  /** Set by SASL. */
  principal: string = anonymousPrincipal
  readonly #socket: Socket
  readonly #splitter = new FrameSplitter()
  readonly #onEnd: () => void
  #waiting: Uint8Array[] = []
  /** A request is being served. */
  #isServing = false
  /** The socket has not taken the last response yet. */
  #isFull = false
  #isOpen = true

  constructor(broker: Broker, socket: Socket, onEnd: () => void) {
    this.broker = broker
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

  #serveWaiting(): void {
    while (this.#isOpen && !this.#isServing && !this.#isFull && !this.broker.isPaused) {
      const frame = this.#waiting.shift()
      if (frame === undefined) return
      this.#serve(frame)
    }
  }

  #serve(frame: Uint8Array): void {
    const prefix = readPrefix(frame)
    const handler = prefix === undefined ? undefined : this.broker.handlers.get(prefix.apiKey)
    if (prefix === undefined || handler === undefined) return this.close()
    const { version } = prefix
    if (version < handler.versions[0] || version > this.#lastVersion(handler)) return this.#refuseVersion(prefix)
    let request: DecodedRequest
    try {
      request = decodeRequest(frame)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      return this.close()
    }
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
    const { broker } = this
    const plan = (await control({ ...request, brokerId: broker.id })) ?? {}
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
    if (!this.#isOpen) return
    if (!this.#socket.write(encodeResponse({ api, version, correlationId, body }))) this.#isFull = true
  }
}

function contextOf(connection: Connection, request: DecodedRequest): RequestContext {
  const { version, correlationId, clientId } = request
  return { broker: connection.broker, connection, version, correlationId, clientId }
}

function readPrefix(frame: Uint8Array): RequestPrefix | undefined {
  return frame.length < prefixBytes ? undefined : readRequestPrefix(frame)
}
