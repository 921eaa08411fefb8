// The client as users hold it: one object per cluster, from which producers, consumers and administrative calls come.
// Owns the one Cluster that they share and the closing of all of them; does nothing by itself.
import { Admin } from './admin/admin.ts'
import { checkWaitOptions } from './call.ts'
import type { WaitOptions } from './call.ts'
import type { Cluster } from './cluster.ts'
import { Consumer } from './consumer/consumer.ts'
import type { ConsumerOptions } from './consumer/options.ts'
import { KafkaError } from './errors.ts'
import { clusterSettings } from './kafka_options.ts'
import type { KafkaOptions } from './kafka_options.ts'
import { NetworkCluster } from './network_cluster.ts'
import { Producer } from './producer/index.ts'
import type { ProducerOptions } from './producer/index.ts'
import type { TransactionalProducerOptions } from './transaction/options.ts'
import type { ForeignTransaction, PreparedTransaction } from './transaction/prepared.ts'
import { ResumedTransaction } from './transaction/resume.ts'
import { TransactionalProducer } from './transaction/transactional_producer.ts'

interface Closable extends AsyncDisposable {
  close(options?: WaitOptions): Promise<void>
}

/**
 * A client of one Kafka cluster. Connects when it is first needed.
 *
 *     await using kafka = new Kafka({ brokers: ['127.0.0.1:9092'] })
 *     await kafka.producer().send({ topic: 'greetings', value: 'hello' })
 */
export class Kafka implements AsyncDisposable {
  readonly #cluster: NetworkCluster
  // What the user dropped without closing needs no closing any more, and what was closed is soon dropped.
  readonly #parts = new Set<WeakRef<Closable>>()
  readonly #dropped = new FinalizationRegistry<WeakRef<Closable>>((part) => this.#parts.delete(part))
  #closed: Promise<void> | undefined

  /** Throws KafkaError INVALID_OPTION. */
  constructor(options: KafkaOptions) {
    this.#cluster = new NetworkCluster(clusterSettings(options))
  }

  /** What the parts of this client share; for the engine and for tools, without a promise of staying as it is. */
  get cluster(): Cluster {
    return this.#cluster
  }

  /** A producer that is idempotent: acknowledged by all in-sync replicas, in order, without duplicates (KIP-98). */
  producer(options?: ProducerOptions): Producer {
    this.#mustBeOpen()
    return this.#keep(new Producer(this.#cluster, options))
  }

  /** A producer of transactions; one at a time per transactional id, across all processes (KIP-98, KIP-890). */
  transactionalProducer(options: TransactionalProducerOptions): TransactionalProducer {
    this.#mustBeOpen()
    return this.#keep(new TransactionalProducer(this.#cluster, options))
  }

  /** A consumer that is told which partitions to read. */
  consumer(options?: ConsumerOptions): Consumer {
    this.#mustBeOpen()
    return this.#keep(new Consumer(this.#cluster, options))
  }

  admin(): Admin {
    this.#mustBeOpen()
    return new Admin(this.#cluster)
  }

  /**
   * A transaction that another process prepared, or that another client left open, to be committed or aborted from here.
   * The handle is untrusted input: throws KafkaError INVALID_OPTION where it is damaged.
   */
  resumeTransaction(handle: PreparedTransaction | ForeignTransaction): ResumedTransaction {
    this.#mustBeOpen()
    return new ResumedTransaction(this.#cluster, handle)
  }

  /**
   * Closes what came from this client, each as its own `close` does it, then all connections. Where no broker answers
   * that takes as long as records are tried to be delivered; when the signal aborts, what is not done is given up.
   * Rejects with the first failure of those, after everything is closed.
   */
  async close(options?: WaitOptions): Promise<void> {
    checkWaitOptions('Kafka.close', options)
    this.#closed ??= this.#closeAll(options)
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #closeAll(options: WaitOptions | undefined): Promise<void> {
    const parts = [...this.#parts].flatMap((part) => part.deref() ?? [])
    this.#parts.clear()
    const closed = await Promise.allSettled(parts.map((part) => part.close(options)))
    await this.#cluster.close()
    for (const result of closed) if (result.status === 'rejected') throw result.reason
  }

  #keep<T extends Closable>(part: T): T {
    const reference = new WeakRef<Closable>(part)
    this.#parts.add(reference)
    this.#dropped.register(part, reference)
    return part
  }

  #mustBeOpen(): void {
    if (this.#closed !== undefined) throw new KafkaError('CLOSED', 'The client was closed.')
  }
}
