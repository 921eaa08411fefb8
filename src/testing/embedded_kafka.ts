// The embedded Kafka as tests hold it: starts brokers in this process, tells where they listen, and lets tests break
// them. Owns the life of all its brokers; closing it leaves no timer and no socket behind.

import { nodeRuntime } from '../runtime/index.ts'
import type { ServerRuntime } from '../runtime/index.ts'
import type { ApiName } from '../protocol/index.ts'
import { handlers } from './api/registry.ts'
import { Broker } from './cluster/broker.ts'
import type { BrokerParts } from './cluster/broker.ts'
import { Cluster } from './cluster/cluster.ts'
import type { ClusterNode } from './cluster/cluster.ts'
import { Controls } from './cluster/controls.ts'
import type { ControlHandler, ControlOptions, ControlRegistration } from './cluster/controls.ts'
import { Features } from './cluster/features.ts'
import { Settings } from './cluster/settings.ts'
import { coordinators } from './coordinators.ts'

export interface EmbeddedKafkaOptions {
  /** How many brokers; their ids are 1, 2, and so on. Default 1. */
  readonly brokers?: number
  /** Clock, chance and network. Default: this process's. */
  readonly runtime?: ServerRuntime
  /** Where brokers listen. Default 127.0.0.1. */
  readonly host?: string
  /** One per broker; 0 or absent for any that is free. */
  readonly ports?: readonly number[]
  /** `host:port` per broker that clients are sent to in its stead, as to a proxy. */
  readonly advertised?: readonly string[]
  /** The finalized level of `transaction.version`. Default 2, as a new cluster of Kafka 4.4.0 has it. */
  readonly transactionVersion?: 0 | 1 | 2
  /** Settings of brokers by Kafka's names. */
  readonly config?: Readonly<Record<string, string>>
}

/** An in-process Kafka cluster. */
export class EmbeddedKafka implements AsyncDisposable {
  readonly cluster: Cluster
  readonly #parts: BrokerParts
  readonly #host: string
  readonly #advertised: readonly string[]
  #closed: Promise<void> | undefined

  private constructor(options: EmbeddedKafkaOptions) {
    const runtime = options.runtime ?? nodeRuntime()
    const brokerCount = options.brokers ?? 1
    const clusterId = Buffer.from(runtime.randomBytes(16)).toString('base64url')
    const settings = new Settings({ ...settingsFor(brokerCount), ...options.config })
    const features = new Features({ 'transaction.version': options.transactionVersion ?? 2 })
    this.cluster = new Cluster({ runtime, clusterId, settings, features })
    this.#parts = { cluster: this.cluster, handlers, coordinators, controls: new Controls() }
    this.#host = options.host ?? '127.0.0.1'
    this.#advertised = options.advertised ?? []
    for (let i = 0; i < brokerCount; i++) {
      const port = options.ports?.[i] ?? 0
      const node = { id: i + 1, rack: null, host: this.#host, port, listenPort: port, broker: undefined }
      this.cluster.nodes.set(node.id, { ...node, isFenced: true })
    }
  }

  /** Starts a cluster; resolves when all its brokers listen. */
  static async start(options: EmbeddedKafkaOptions = {}): Promise<EmbeddedKafka> {
    const kafka = new EmbeddedKafka(options)
    try {
      for (const node of kafka.cluster.nodes.values()) await kafka.#startNode(node)
    } catch (error) {
      await kafka.close()
      throw error
    }
    return kafka
  }

  /** Addresses for clients, as `bootstrap.servers` takes them. */
  get bootstrap(): string {
    return [...this.cluster.nodes.values()].map(({ host, port }) => `${host}:${port}`).join(',')
  }

  /** Decides about the next request of an API, or with `keep` about all of them. */
  control<N extends ApiName>(api: N, handler: ControlHandler<N>, options?: ControlOptions): ControlRegistration {
    return this.#parts.controls.add(api, handler, options)
  }

  /** Ends all brokers. */
  close(): Promise<void> {
    this.#closed ??= this.#closeAll()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #closeAll(): Promise<void> {
    const brokers = [...this.cluster.nodes.values()].flatMap(({ broker }) => broker ?? [])
    await Promise.all(brokers.map((broker) => broker.die()))
  }

  async #startNode(node: ClusterNode): Promise<void> {
    const broker = new Broker(node, this.#parts)
    node.listenPort = await broker.listen({ host: this.#host, port: node.listenPort })
    const advertised = this.#advertised[node.id - 1]
    node.host = advertised?.slice(0, advertised.lastIndexOf(':')) ?? this.#host
    node.port = advertised === undefined ? node.listenPort : Number(advertised.slice(advertised.lastIndexOf(':') + 1))
    node.broker = broker
    this.cluster.unfence(node)
  }
}

/** What differs by the number of brokers, as one would set it for a test cluster of that size. */
function settingsFor(brokerCount: number): Record<string, string> {
  const replicas = String(Math.min(brokerCount, 3))
  const inSyncMin = brokerCount < 3 ? '1' : '2'
  return {
    'default.replication.factor': replicas,
    'min.insync.replicas': inSyncMin,
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': inSyncMin
  }
}
