// A Kafka cluster over sockets: finds brokers, leaders and coordinators, keeps connections to them, and sends each
// request to the broker it belongs to. Owns who is asked; what is asked and what an error code in a reply means is the
// caller's business. Implements Cluster. KIP-320, KIP-584, KIP-890 (features), KIP-899 (back to the bootstrap addresses).
import { handled, raceAbort, withDeadline } from '../runtime/index.ts'
import type { Runtime } from '../runtime/index.ts'
import { errorCode } from '../protocol/index.ts'
import type { ApiName, EncodableRequestOf, ResponseOf } from '../protocol/index.ts'
import { FinalizedFeatures, noCommonVersion, versionToUse } from './api_versions.ts'
import type {
  BrokerAddress,
  Channel,
  Cluster,
  CoordinatorType,
  PartitionLeader,
  RequestOptions,
  Target,
  TopicMetadata
} from './cluster.ts'
import { addressOf } from './connection.ts'
import type { Connection, Peer } from './connection.ts'
import { ConnectionPool } from './connection_pool.ts'
import type { PoolSettings } from './connection_pool.ts'
import { Coordinators } from './coordinators.ts'
import { brokerError, KafkaError } from './errors.ts'
import type { Logger } from './logger.ts'
import { MetadataCache } from './metadata.ts'
import { MetadataLoader } from './metadata_loader.ts'
import type { LearnedTopics } from './metadata_loader.ts'
import { retry } from './retry.ts'

export interface ClusterSettings extends PoolSettings {
  /** Where to begin, and where to begin again when no known broker can be reached. */
  readonly bootstrap: readonly { readonly host: string; readonly port: number }[]
  /** Metadata older than this is asked for again when it is next needed, milliseconds. */
  readonly metadataMaxAgeMs: number
}

// Before Kafka 0.11 there is neither this version nor the record format that everything here relies on.
const metadataVersionMin = 4

/** A broker that stands still is not waited for longer, where the others are asked too, milliseconds. */
const everybodyMsMax = 500

/** Addresses in a message, at most. */
const addressesShownMax = 3

/** What to do where nothing was refused and nothing answered. */
const nobodyAnswers =
  'Nothing refused and nothing answered: look for a firewall, a broker that hangs, or a server that is none.'

export class NetworkCluster implements Cluster {
  readonly runtime: Runtime
  readonly logger: Logger
  readonly clientId: string
  readonly requestTimeoutMs: number
  readonly retryBackoffMs: number
  readonly retryBackoffMsMax: number
  readonly #settings: ClusterSettings
  readonly #pool: ConnectionPool
  readonly #metadata = new MetadataCache()
  readonly #loader: MetadataLoader
  readonly #features = new FinalizedFeatures()
  readonly #coordinators: Coordinators
  /** Brokers that could not be reached at the address that is known. */
  readonly #doubtful = new Set<number>()
  readonly #closing = new AbortController()

  constructor(settings: ClusterSettings) {
    this.#settings = settings
    this.runtime = settings.runtime
    this.logger = settings.logger
    this.clientId = settings.clientId
    this.requestTimeoutMs = settings.requestTimeoutMs
    this.retryBackoffMs = settings.retryBackoffMs
    this.retryBackoffMsMax = settings.retryBackoffMsMax
    this.#pool = new ConnectionPool(settings, (connection) => this.#features.learn(connection.versions))
    this.#loader = new MetadataLoader((names) => this.#askMetadata(names))
    this.#coordinators = new Coordinators((body) => this.request('any', 'FindCoordinator', body))
  }

  async request<A extends ApiName>(
    target: Target,
    api: A,
    body: EncodableRequestOf<A> | ((version: number) => EncodableRequestOf<A>),
    options: RequestOptions = {}
  ): Promise<ResponseOf<A>> {
    const { signal, timeoutMs = this.requestTimeoutMs } = options
    const startMs = this.runtime.monotonicMs()
    const connection = await this.#connectionTo(target, api, options)
    const version = versionToUse(api, connection.versions, options)
    if (version === undefined) throw noCommonVersion(api, connection.versions, connection.address, options)
    const leftMs = Math.max(1, timeoutMs - (this.runtime.monotonicMs() - startMs))
    const encodable = typeof body === 'function' ? body(version) : body
    return connection.send(api, version, encodable, { timeoutMs: leftMs, signal })
  }

  async negotiatedVersion(target: Target, api: ApiName, options: RequestOptions = {}): Promise<number | undefined> {
    const connection = await this.#connectionTo(target, api, options)
    return versionToUse(api, connection.versions, options)
  }

  async transactionVersion(signal?: AbortSignal): Promise<0 | 1 | 2> {
    await this.#knowCluster(signal)
    const level = this.#features.level('transaction.version')
    if (level >= 2) return 2
    return level === 1 ? 1 : 0
  }

  async clusterId(signal?: AbortSignal): Promise<string> {
    await this.#knowCluster(signal)
    const { clusterId } = this.#metadata
    if (clusterId !== undefined) return clusterId
    throw new KafkaError('BROKER_TOO_OLD', 'The cluster does not tell its id.', { api: 'Metadata' })
  }

  async brokers(signal?: AbortSignal): Promise<readonly BrokerAddress[]> {
    await this.#load([], signal)
    return this.#metadata.brokers
  }

  async topics(
    names: readonly string[],
    options: { refresh?: boolean; signal?: AbortSignal } = {}
  ): Promise<Map<string, TopicMetadata>> {
    const sinceMs = this.runtime.monotonicMs() - this.#settings.metadataMaxAgeMs
    const found = new Map<string, TopicMetadata>()
    const unknown: string[] = []
    for (const name of new Set(names)) {
      const topic = options.refresh === true ? undefined : this.#metadata.fresh(name, sinceMs)
      if (topic === undefined) unknown.push(name)
      else found.set(name, topic)
    }
    if (unknown.length === 0) return found
    const learned = await this.#load(unknown, options.signal)
    for (const name of unknown) {
      const { topic, errorCode: code } = learned.get(name) ?? missing
      if (topic !== undefined) found.set(name, topic)
      else if (!isMissing(code)) throw brokerError(code, `Metadata of the topic ${name}`, { api: 'Metadata' })
    }
    return found
  }

  async newestTopics(names: readonly string[], signal?: AbortSignal): Promise<Map<string, TopicMetadata>> {
    const brokers = await this.brokers(signal)
    const timeoutMs = Math.min(this.requestTimeoutMs, everybodyMsMax)
    const options = signal === undefined ? { timeoutMs } : { timeoutMs, signal }
    const asked = brokers.map(({ nodeId }) => this.#askMetadata([...new Set(names)], { nodeId }, options))
    const answers = (await Promise.allSettled(asked)).flatMap((one) => (one.status === 'fulfilled' ? one.value : []))
    signal?.throwIfAborted()
    const isAgreed = names.every((name) => new Set(answers.map((one) => one.get(name)?.topic?.topicId)).size <= 1)
    if (isAgreed && answers.length * 2 > brokers.length)
      return this.topics(names, signal === undefined ? {} : { signal })
    const what = isAgreed
      ? `only ${answers.length} of ${brokers.length} brokers answer`
      : 'brokers mean different topics'
    const message = `The leaders of ${names.join(', ')} are not known for sure: ${what}.`
    throw new KafkaError('INVALID_STATE', message, { retriable: true, api: 'Metadata' })
  }

  async allTopics(signal?: AbortSignal): Promise<readonly TopicMetadata[]> {
    const learned = await this.#load('all', signal)
    return [...learned.values()].flatMap(({ topic }) => topic ?? [])
  }

  cachedLeader(topic: string, partition: number): PartitionLeader | undefined {
    return this.#metadata.leader(topic, partition)
  }

  invalidateTopic(topic: string): void {
    this.#metadata.invalidate(topic)
  }

  async coordinator(type: CoordinatorType, key: string, signal?: AbortSignal): Promise<number> {
    const known = this.#coordinators.known(type, key)
    if (known !== undefined) return known
    const what = `FindCoordinator of the ${type} ${key}`
    return this.#retry(what, signal, async () => {
      const found = await this.#coordinators.lookUp(type, key)
      if (found.errorCode === errorCode.NONE) {
        const { nodeId, host, port } = found
        if (this.#metadata.broker(nodeId) === undefined) this.#metadata.learnBroker({ nodeId, host, port })
        return { done: nodeId }
      }
      throw brokerError(found.errorCode, what, { api: 'FindCoordinator' })
    })
  }

  invalidateCoordinator(type: CoordinatorType, key: string): void {
    this.#coordinators.forget(type, key)
  }

  get connectionsLost(): number {
    return this.#pool.lost
  }

  closeChannel(channel: Channel): void {
    this.#pool.closeChannel(channel)
  }

  async close(): Promise<void> {
    this.#closing.abort(new KafkaError('CLOSED', 'The client was closed.'))
    await this.#pool.close()
  }

  // Retries within the time of one request, until the caller aborts or the client is closed.
  #retry<T>(what: string, signal: AbortSignal | undefined, attempt: () => Promise<{ done: T }>): Promise<T> {
    const { requestTimeoutMs, retryBackoffMs, retryBackoffMsMax, logger } = this
    const limits = { deadlineMs: requestTimeoutMs, backoffMs: retryBackoffMs, backoffMsMax: retryBackoffMsMax }
    const options = { ...limits, signal: this.#closing.signal, what, logger }
    return raceAbort(
      retry(this.runtime, options, () => {
        signal?.throwIfAborted()
        return attempt()
      }),
      signal
    )
  }

  #load(names: readonly string[] | 'all', signal: AbortSignal | undefined): Promise<LearnedTopics> {
    return this.#retry('Metadata', signal, async () => ({ done: await this.#loader.load(names) }))
  }

  async #knowCluster(signal: AbortSignal | undefined): Promise<void> {
    if (this.#metadata.clusterId === undefined) await this.#load([], signal)
  }

  async #askMetadata(
    names: readonly string[] | null,
    target: Target = 'any',
    options: RequestOptions = {}
  ): Promise<LearnedTopics> {
    const nowMs = this.runtime.monotonicMs()
    const body = { topics: names === null ? null : names.map((name) => ({ name })), allowAutoTopicCreation: false }
    const response = await this.request(target, 'Metadata', body, { ...options, versionMin: metadataVersionMin })
    if (response.errorCode !== errorCode.NONE) {
      if (response.errorCode === errorCode.REBOOTSTRAP_REQUIRED) this.#metadata.forgetBrokers()
      throw brokerError(response.errorCode, 'Metadata', { api: 'Metadata', retriable: true })
    }
    const learned = this.#metadata.learn(response, nowMs)
    this.#doubtful.clear()
    const { bootstrap } = this.#settings
    this.#pool.retain(new Set(this.#metadata.brokers.map(addressOf)), new Set(bootstrap.map(addressOf)))
    return learned
  }

  // A connection, in the time that the request has. Nothing has been sent when this fails.
  #connectionTo(target: Target, api: ApiName, options: RequestOptions): Promise<Connection> {
    const { channel = 'default', timeoutMs = this.requestTimeoutMs, signal } = options
    signal?.throwIfAborted()
    this.#closing.signal.throwIfAborted()
    if (typeof target === 'object' && !this.#doubtful.has(target.nodeId)) {
      const peer = this.#metadata.broker(target.nodeId)
      const ready = peer === undefined ? undefined : this.#pool.ready(peer, channel)
      if (ready !== undefined) return Promise.resolve(ready)
    }
    const opening = target === 'any' ? this.#connectToAny(channel) : this.#connectToNode(target, channel)
    const tooLate = (): KafkaError => this.#noConnection(api, timeoutMs)
    return raceAbort(withDeadline(this.runtime, handled(opening), timeoutMs, tooLate), signal)
  }

  #noConnection(api: ApiName, timeoutMs: number): KafkaError {
    const why = this.#pool.lastFailure
    const known = this.#metadata.brokers.length > 0 ? this.#metadata.brokers : this.#settings.bootstrap
    const addresses = known.slice(0, addressesShownMax).map(addressOf).join(', ')
    const message = `${api} found no connection to ${addresses} within ${Math.round(timeoutMs)} ms.`
    return new KafkaError('REQUEST_TIMEOUT', why === undefined ? message : `${message} ${why.reason}`, {
      retriable: true,
      api,
      nextStep: why?.nextStep ?? nobodyAnswers,
      broker: why?.broker,
      cause: why
    })
  }

  async #connectToNode(target: { readonly nodeId: number } | 'controller', channel: Channel): Promise<Connection> {
    const isController = target === 'controller'
    const nodeId = () => (isController ? this.#metadata.controllerId : target.nodeId)
    if (this.#metadata.broker(nodeId()) === undefined || this.#doubtful.has(nodeId())) await this.#loader.load([])
    const broker = this.#metadata.broker(nodeId())
    if (broker === undefined) {
      const who = isController ? 'The controller' : `Broker ${target.nodeId}`
      throw new KafkaError('CONNECTION_REFUSED', `${who} is not among the brokers of the cluster at the moment.`, {
        retriable: true
      })
    }
    try {
      return await this.#pool.get({ ...broker, clusterId: this.#metadata.clusterId }, channel)
    } catch (error) {
      this.#doubtful.add(broker.nodeId)
      this.#noteRefusal(error)
      throw error
    }
  }

  async #connectToAny(channel: Channel): Promise<Connection> {
    const known = this.#metadata.brokers.map((broker) => ({ ...broker, clusterId: this.#metadata.clusterId }))
    const ready = this.#leastLoaded(known, channel)
    if (ready !== undefined && ready.load < this.#settings.inFlightRequestsMax) return ready
    if (ready === undefined)
      return this.#firstOf([...this.#inTurn(known), ...this.#inTurn(this.#unknown(known))], channel)
    // A broker that answers nothing any more must not be asked everything.
    const idle = known.filter((peer) => !this.#pool.ready(peer, channel) && this.#pool.backoffLeftMs(peer) === 0)
    return this.#firstOf(this.#shuffled(idle), channel).catch(() => ready)
  }

  /** Bootstrap addresses that are none of the known brokers'. */
  #unknown(known: readonly Peer[]): readonly Peer[] {
    const addresses = new Set(known.map(addressOf))
    return this.#settings.bootstrap.filter((peer) => !addresses.has(addressOf(peer)))
  }

  async #firstOf(peers: readonly Peer[], channel: Channel): Promise<Connection> {
    const failures: unknown[] = []
    for (const peer of peers) {
      try {
        return await this.#pool.get(peer, channel)
      } catch (error) {
        this.#closing.signal.throwIfAborted()
        this.#noteRefusal(error)
        failures.push(error)
      }
    }
    throw noneReachable(failures)
  }

  // The broker says that this client's picture of the cluster is outdated (KIP-1242).
  #noteRefusal(error: unknown): void {
    if (!(error instanceof KafkaError) || error.kafkaCode !== errorCode.REBOOTSTRAP_REQUIRED) return
    this.#metadata.forgetBrokers()
  }

  #leastLoaded(peers: readonly Peer[], channel: Channel): Connection | undefined {
    let best: Connection | undefined
    for (const peer of this.#shuffled(peers)) {
      const connection = this.#pool.ready(peer, channel)
      if (connection !== undefined && (best === undefined || connection.load < best.load)) best = connection
    }
    return best
  }

  // By chance, but those that have to wait for their backoff come last.
  #inTurn(peers: readonly Peer[]): Peer[] {
    return this.#shuffled(peers).toSorted(
      (left, right) => this.#pool.backoffLeftMs(left) - this.#pool.backoffLeftMs(right)
    )
  }

  #shuffled(peers: readonly Peer[]): Peer[] {
    const shuffled = [...peers]
    for (let last = shuffled.length - 1; last > 0; last--) {
      const other = Math.floor(this.runtime.random() * (last + 1))
      const swapped = shuffled[last]!
      shuffled[last] = shuffled[other]!
      shuffled[other] = swapped
    }
    return shuffled
  }
}

const missing = { topic: undefined, errorCode: errorCode.UNKNOWN_TOPIC_OR_PARTITION }

// The topic is not there, or is just being made.
function isMissing(code: number): boolean {
  return code === errorCode.UNKNOWN_TOPIC_OR_PARTITION || code === errorCode.LEADER_NOT_AVAILABLE
}

// One error for the failures of all brokers; retriable where any of them is.
function noneReachable(failures: readonly unknown[]): KafkaError {
  const errors = failures.map((error) => {
    if (error instanceof KafkaError) return error
    throw error
  })
  const [first] = errors
  if (first === undefined) return new KafkaError('CONNECTION_REFUSED', 'No broker is known.', { retriable: true })
  if (errors.length === 1) return first
  const sample = errors.find((error) => error.retriable) ?? first
  const reasons = errors.map((error) => error.reason).join(' ')
  return new KafkaError(sample.code, `No broker could be reached. ${reasons}`, {
    retriable: sample.retriable,
    nextStep: sample.nextStep,
    broker: sample.broker,
    cause: new AggregateError(errors)
  })
}
