// One connection to one broker: requests go out pipelined up to a limit, replies come back in the same order, each
// within its deadline. Owns the socket, the correlation ids and the two queues of a connection; never sends anything
// twice. After a reply that is overdue, out of order or unreadable the connection is closed, because no later reply on
// it can be trusted. KIP-35, KIP-219 (throttling), KIP-511.
import { deferred, onAbort, raceAbort } from '../runtime/index.ts'
import type { ConnectOptions, Runtime, Socket, SocketHandler, Timer, TlsOptions } from '../runtime/index.ts'
import {
  answeredVersion,
  decodeResponse,
  encodeRequest,
  errorCode,
  FrameSplitter,
  ProtocolError,
  readCorrelationId
} from '../protocol/index.ts'
import type { ApiName, EncodableRequestOf, ResponseOf } from '../protocol/index.ts'
import { askVersions, brokerVersions } from './api_versions.ts'
import type { BrokerVersions } from './api_versions.ts'
import {
  connectFailure,
  encodeFailure,
  lostConnection,
  replyFailure,
  requestTimeout,
  speaksTls
} from './connection_errors.ts'
import { brokerError, KafkaError } from './errors.ts'
import type { Logger } from './logger.ts'

/** Name and version that brokers show in their metrics, KIP-511. */
export const clientSoftware = Object.freeze({ name: 'kafka-once', version: '0.1.0' })

export interface ConnectionSettings {
  readonly runtime: Runtime
  readonly logger: Logger
  readonly clientId: string
  readonly tls: TlsOptions | undefined
  /** For the TCP connection and TLS, milliseconds. */
  readonly connectTimeoutMs: number
  readonly requestTimeoutMs: number
  /** Requests that were sent and not yet answered. */
  readonly inFlightRequestsMax: number
  /** Requests that wait for one of those to be answered; one more is refused with BUFFER_FULL. */
  readonly queuedRequestsMax: number
  /** Largest reply that is accepted, bytes. */
  readonly frameBytesMax: number
  /** Memory that the values of a reply may take, bytes. */
  readonly decodedBytesMax: number
}

/** Whom to connect to, and who is expected to answer there, as far as that is known. */
export interface Peer {
  readonly host: string
  readonly port: number
  readonly nodeId?: number | undefined
  readonly clusterId?: string | undefined
}

export interface SendOptions {
  /** Where it is shorter than requestTimeoutMs, only the request is given up when it is over, not the connection. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

interface Pending {
  readonly api: ApiName
  readonly correlationId: number
  readonly frame: readonly Uint8Array[]
  /** Takes the reply; throws ProtocolError where it cannot be read. */
  readonly accept: (frame: Uint8Array) => void
  readonly refuse: (reason: unknown) => void
  /** Runs where the caller gave up before the connection is given up. */
  late: Timer | undefined
}

export function addressOf(peer: { readonly host: string; readonly port: number }): string {
  return peer.host.includes(':') ? `[${peer.host}]:${peer.port}` : `${peer.host}:${peer.port}`
}

export class Connection implements SocketHandler {
  readonly address: string
  /** Called once, when the connection can no longer be used. */
  onUnusable: (() => void) | undefined
  readonly #settings: ConnectionSettings
  readonly #splitter: FrameSplitter
  #socket: Socket | undefined
  #versions: BrokerVersions = { ranges: new Map(), features: new Map(), featuresEpoch: -1n }
  #failure: KafkaError | undefined
  #isUnneeded = false
  readonly #inFlight: Pending[] = []
  readonly #queue: Pending[] = []
  #nextCorrelationId = 0
  #hasRoom = true
  #hasAnswered = false
  #lastUsedMs: number
  #throttle: Timer | undefined

  private constructor(settings: ConnectionSettings, peer: Peer) {
    this.address = addressOf(peer)
    this.#settings = settings
    this.#splitter = new FrameSplitter({ frameBytesMax: settings.frameBytesMax })
    this.#lastUsedMs = settings.runtime.monotonicMs()
  }

  /**
   * Connects and asks for the versions. Rejects with KafkaError: CONNECTION_REFUSED, CONNECTION_LOST, REQUEST_TIMEOUT,
   * TLS_FAILED, SPEAKS_TLS, SPEAKS_HTTP, PROTOCOL_VIOLATION, or BROKER_ERROR where the broker refuses the client; or
   * with the reason of the signal.
   */
  static async open(settings: ConnectionSettings, peer: Peer, signal?: AbortSignal): Promise<Connection> {
    signal?.throwIfAborted()
    const connection = new Connection(settings, peer)
    try {
      await raceAbort(connection.#connect(peer, signal), signal)
      await connection.#askVersions(peer, signal)
    } catch (error) {
      connection.close()
      if (await connection.#shouldHaveSpokenTls(error, peer, signal)) throw speaksTls(connection.address, error)
      throw error
    }
    return connection
  }

  get versions(): BrokerVersions {
    return this.#versions
  }

  get isOpen(): boolean {
    return this.#failure === undefined
  }

  /** Requests that are not yet answered. */
  get load(): number {
    return this.#inFlight.length + this.#queue.length
  }

  /** Time since the last request or reply, milliseconds; 0 while a reply is awaited. */
  get idleMs(): number {
    return this.load > 0 ? 0 : this.#settings.runtime.monotonicMs() - this.#lastUsedMs
  }

  /**
   * Sends one request and answers its reply. Rejects with KafkaError: CONNECTION_LOST, REQUEST_TIMEOUT,
   * PROTOCOL_VIOLATION, CLOSED (`outcomeUnknown` once the request was written), BUFFER_FULL, BROKER_TOO_OLD where the
   * version lacks a field that is set; or with the reason of the signal.
   */
  async send<A extends ApiName>(
    api: A,
    version: number,
    body: EncodableRequestOf<A>,
    options: SendOptions
  ): Promise<ResponseOf<A>> {
    const { signal, timeoutMs } = options
    signal?.throwIfAborted()
    if (this.#failure !== undefined) throw this.#failure
    const { promise, resolve, reject } = deferred<ResponseOf<A>>()
    const correlationId = this.#nextCorrelationId
    const pending: Pending = {
      api,
      correlationId,
      frame: this.#encode(api, version, correlationId, body),
      accept: (frame) => resolve(this.#decode(api, version, frame)),
      refuse: reject,
      late: undefined
    }
    this.#enqueue(pending)
    this.#nextCorrelationId = (correlationId + 1) % 0x80000000
    const timer = this.#settings.runtime.setTimer(timeoutMs, () => this.#onTimeout(pending, timeoutMs))
    const forget = signal && onAbort(signal, () => this.#giveUp(pending, signal.reason))
    this.#pump()
    try {
      const response = await promise
      this.#holdBack(response)
      return response
    } finally {
      timer.cancel()
      forget?.()
    }
  }

  /** Whether it has ended without having been told to. */
  get isLost(): boolean {
    return this.#failure !== undefined && !this.#isUnneeded
  }

  /** Ends the connection; what is under way fails with CLOSED. */
  close(): void {
    this.#isUnneeded = true
    this.#fail(new KafkaError('CLOSED', `The connection to ${this.address} was closed.`, { broker: this.address }))
  }

  /** Ends a connection that is not busy and no longer needed; whoever was about to use it may try again. */
  retire(): void {
    this.#isUnneeded = true
    this.#fail(lostConnection(this.address, new Error('it was no longer needed'), false))
  }

  onData(bytes: Uint8Array): void {
    if (this.#failure !== undefined) return
    try {
      this.#splitter.push(bytes, (frame) => this.#onFrame(frame))
    } catch (error) {
      const culprit = this.#inFlight[0]
      const about = { address: this.address, hasAnswered: this.#hasAnswered, api: culprit?.api }
      this.#fail(replyFailure(error, { ...about, correlationId: culprit?.correlationId }), culprit)
      return
    }
    this.#pump()
  }

  readBuffer(): Uint8Array {
    return this.#splitter.readBuffer()
  }

  onDrain(): void {
    this.#hasRoom = true
    this.#pump()
  }

  onClose(error?: Error): void {
    const isEarly = !this.#hasAnswered && this.#settings.tls === undefined
    this.#fail(lostConnection(this.address, error, isEarly))
  }

  async #connect(peer: Peer, signal: AbortSignal | undefined): Promise<void> {
    const { runtime, tls } = this.#settings
    const target = this.#target(peer, signal)
    try {
      this.#socket = await runtime.connect(tls === undefined ? target : { ...target, tls }, this)
    } catch (error) {
      throw connectFailure(error, this.address, tls !== undefined)
    }
    // Closed meanwhile; or the server spoke first, as no Kafka broker does.
    if (this.#failure === undefined) return
    this.#socket.destroy()
    throw this.#failure
  }

  #target({ host, port }: Peer, signal: AbortSignal | undefined): ConnectOptions {
    const target = { host, port, timeoutMs: this.#settings.connectTimeoutMs }
    return signal === undefined ? target : { ...target, signal }
  }

  // A TLS listener often closes a plaintext connection without a word: whether it is one, only TLS can tell.
  async #shouldHaveSpokenTls(error: unknown, peer: Peer, signal: AbortSignal | undefined): Promise<boolean> {
    const { runtime, tls } = this.#settings
    const isEarlyEnd = error instanceof KafkaError && error.code === 'CONNECTION_LOST' && !this.#hasAnswered
    if (!isEarlyEnd || tls !== undefined || signal?.aborted === true) return false
    const handler: SocketHandler = { onData: () => {}, onDrain: () => {}, onClose: () => {} }
    const target = { ...this.#target(peer, signal), tls: { dangerouslySkipVerification: true } }
    try {
      const probe = await runtime.connect(target, handler)
      probe.destroy()
      return true
    } catch {
      return false
    }
  }

  async #askVersions(peer: Peer, signal: AbortSignal | undefined): Promise<void> {
    const { connectTimeoutMs, requestTimeoutMs } = this.#settings
    const isKnown = peer.clusterId !== undefined && peer.nodeId !== undefined
    const body = {
      clientSoftwareName: clientSoftware.name,
      clientSoftwareVersion: clientSoftware.version,
      clusterId: isKnown ? peer.clusterId : null,
      nodeId: isKnown ? peer.nodeId : -1
    }
    const timeoutMs = Math.min(connectTimeoutMs, requestTimeoutMs)
    const response = await askVersions((version) => this.send('ApiVersions', version, body, { timeoutMs, signal }))
    if (response.errorCode !== errorCode.NONE) {
      throw brokerError(response.errorCode, `ApiVersions of ${this.address}`, {
        broker: this.address,
        api: 'ApiVersions',
        retriable: response.errorCode === errorCode.REBOOTSTRAP_REQUIRED
      })
    }
    this.#versions = brokerVersions(response)
  }

  #encode<A extends ApiName>(
    api: A,
    version: number,
    correlationId: number,
    body: EncodableRequestOf<A>
  ): readonly Uint8Array[] {
    try {
      return encodeRequest({ api, version, correlationId, clientId: this.#settings.clientId, body })
    } catch (error) {
      throw encodeFailure(error, api, version, this.address)
    }
  }

  #decode<A extends ApiName>(api: A, version: number, frame: Uint8Array): ResponseOf<A> {
    const { decodedBytesMax } = this.#settings
    return decodeResponse(api, answeredVersion(api, version, frame), frame, { decodedBytesMax }).body
  }

  #enqueue(pending: Pending): void {
    const { queuedRequestsMax } = this.#settings
    if (this.#queue.length >= queuedRequestsMax) {
      throw new KafkaError('BUFFER_FULL', `${this.address} already has ${queuedRequestsMax} requests waiting.`, {
        retriable: true,
        broker: this.address,
        api: pending.api
      })
    }
    this.#queue.push(pending)
  }

  // Writes what may be written now.
  #pump(): void {
    const socket = this.#socket
    if (socket === undefined || this.#throttle !== undefined) return
    while (this.#hasRoom && this.#inFlight.length < this.#settings.inFlightRequestsMax) {
      const pending = this.#queue.shift()
      if (pending === undefined || this.#failure !== undefined) return
      this.#inFlight.push(pending)
      this.#lastUsedMs = this.#settings.runtime.monotonicMs()
      this.#hasRoom = socket.write(pending.frame)
    }
  }

  #onFrame(frame: Uint8Array): void {
    const pending = this.#inFlight[0]
    const correlationId = readCorrelationId(frame)
    if (pending === undefined || pending.correlationId !== correlationId) {
      const expected = pending === undefined ? 'none is awaited' : `${pending.correlationId} is awaited`
      throw new ProtocolError('CORRELATION_MISMATCH', `A reply has the correlation id ${correlationId}; ${expected}`)
    }
    pending.accept(frame)
    pending.late?.cancel()
    this.#inFlight.shift()
    this.#hasAnswered = true
    this.#lastUsedMs = this.#settings.runtime.monotonicMs()
  }

  // A broker that throttles this client answers at once and leaves it to the client to keep quiet.
  #holdBack(response: object): void {
    const throttleTimeMs = 'throttleTimeMs' in response ? Number(response.throttleTimeMs) : 0
    if (throttleTimeMs <= 0 || this.#failure !== undefined) return
    this.#settings.logger.debug(`${this.address} throttles this client`, { throttleTimeMs })
    this.#throttle?.cancel()
    this.#throttle = this.#settings.runtime.setTimer(throttleTimeMs, () => {
      this.#throttle = undefined
      this.#pump()
    })
  }

  // A caller in a hurry gives up its request, not the connection that others use too.
  #onTimeout(pending: Pending, timeoutMs: number): void {
    const { api, correlationId } = pending
    const wasSent = !this.#withdraw(pending)
    const error = requestTimeout(this.address, { api, correlationId, timeoutMs, wasSent })
    const moreMs = this.#settings.requestTimeoutMs - timeoutMs
    if (wasSent && moreMs <= 0) return this.#fail(error, pending)
    pending.refuse(error)
    if (wasSent) pending.late = this.#settings.runtime.setTimer(moreMs, () => this.#fail(error, pending))
  }

  // The reply to a request that was written still comes; nobody waits for it any more.
  #giveUp(pending: Pending, reason: unknown): void {
    this.#withdraw(pending)
    pending.refuse(reason)
  }

  #withdraw(pending: Pending): boolean {
    const index = this.#queue.indexOf(pending)
    if (index >= 0) this.#queue.splice(index, 1)
    return index >= 0
  }

  // The culprit gets the error itself; others that were written get CONNECTION_LOST, unless the user closed.
  #fail(error: KafkaError, culprit?: Pending): void {
    if (this.#failure !== undefined) return
    const isOwn = error.code === 'CLOSED' || error.code === 'CONNECTION_LOST'
    const forOthers = isOwn ? error : lostConnection(this.address, error, false)
    this.#failure = culprit === undefined ? error : forOthers
    this.#throttle?.cancel()
    this.#throttle = undefined
    for (const pending of this.#inFlight.splice(0)) {
      pending.late?.cancel()
      pending.refuse(pending === culprit ? error : asUnknown(forOthers, pending))
    }
    for (const pending of this.#queue.splice(0)) pending.refuse(forOthers)
    this.#socket?.destroy()
    this.onUnusable?.()
  }
}

// Whatever was written may have taken effect.
function asUnknown(error: KafkaError, pending: Pending): KafkaError {
  return new KafkaError(error.code, `${pending.api}: ${error.reason}`, {
    retriable: error.retriable,
    nextStep: error.nextStep,
    outcomeUnknown: true,
    broker: error.broker,
    api: pending.api,
    correlationId: pending.correlationId,
    cause: error
  })
}
