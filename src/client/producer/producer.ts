// The idempotent producer: records are stored once and in the order in which they were sent, per partition, whatever is
// repeated on the way. Owns its producer id and epoch, and takes a new epoch where a sequence broke off. acks are always
// those of all in-sync replicas. KIP-98, KIP-360, KIP-679.
import { raceAbort } from '../../runtime/index.ts'
import { checkWaitOptions } from '../call.ts'
import type { WaitOptions } from '../call.ts'
import type { Cluster } from '../cluster.ts'
import { brokerError, KafkaError } from '../errors.ts'
import { retry } from '../retry.ts'
import { checkProducerOptions } from './options.ts'
import type { CheckedProducerOptions, ProducerMessage, ProducerOptions, RecordMetadata } from './options.ts'
import type { ProducerIdentity } from './partition_queue.ts'
import { RecordStream } from './record_stream.ts'
import type { WriteContext } from './sender.ts'
import { closedError, TopicRoutes } from './topic_routes.ts'

export type { ProducerMessage, ProducerOptions, RecordMetadata } from './options.ts'

/** The last epoch that a producer id may have; the next one needs another id. */
const producerEpochMax = 32_766

export class Producer {
  private readonly cluster: Cluster
  private readonly options: CheckedProducerOptions
  private readonly routes: TopicRoutes
  private readonly stream: RecordStream
  private readonly closing = new AbortController()
  private producer: ProducerIdentity | undefined
  private isAsking = false
  private closed: Promise<void> | undefined

  /** Throws KafkaError INVALID_OPTION. */
  constructor(cluster: Cluster, options?: ProducerOptions) {
    this.cluster = cluster
    this.options = checkProducerOptions(options)
    this.routes = new TopicRoutes(cluster)
    this.stream = new RecordStream(cluster, this.options, this.routes, this.writeContext())
  }

  /**
   * Sends records and waits until all in-sync replicas have them; many calls may be under way. The result tells where
   * each run of them is, in the order of the messages. Rejects with KafkaError once every record is settled:
   * DEADLINE_EXCEEDED after `deliveryTimeoutMs` (`outcomeUnknown` tells whether the records may be stored),
   * RECORD_TOO_LARGE, BROKER_ERROR with the broker's code, CLOSED; with the signal's reason when that aborts first.
   */
  send(messages: ProducerMessage | readonly ProducerMessage[], options?: WaitOptions): Promise<RecordMetadata[]> {
    if (options !== undefined) return this.sendUntil(messages, options)
    if (this.closed !== undefined) return Promise.reject(closedError())
    return this.stream.send(isList(messages) ? messages : [messages])
  }

  private async sendUntil(
    messages: ProducerMessage | readonly ProducerMessage[],
    options: WaitOptions
  ): Promise<RecordMetadata[]> {
    checkWaitOptions('producer.send', options)
    options.signal?.throwIfAborted()
    return raceAbort(this.send(messages), options.signal)
  }

  /** Sends at once what is waiting, and resolves when all that was sent before is settled, whatever became of it. */
  async flush(options?: WaitOptions): Promise<void> {
    checkWaitOptions('producer.flush', options)
    return raceAbort(this.stream.flush(), options?.signal)
  }

  /** Delivers what was sent and ends; when the signal aborts, what is not delivered is given up. */
  async close(options?: WaitOptions): Promise<void> {
    checkWaitOptions('producer.close', options)
    this.closed ??= this.end(options?.signal)
    return this.closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  private async end(signal: AbortSignal | undefined): Promise<void> {
    try {
      await raceAbort(this.stream.flush(), signal)
    } catch (error) {
      this.cluster.logger.debug('Producer: closed before everything was delivered', { error: String(error) })
    }
    this.closing.abort(closedError())
    this.stream.close(closedError())
    this.routes.close()
  }

  private writeContext(): WriteContext {
    return {
      transactionalId: null,
      produceVersions: () => ({}),
      identity: () => {
        if (this.producer === undefined) void this.askForIdentity()
        return this.producer
      },
      admit: () => true,
      renewIdentity: () => this.renewIdentity(),
      onFailure: () => {}
    }
  }

  // A later epoch of the same id shuts out what the network may still hold of the earlier one.
  private renewIdentity(): ProducerIdentity | undefined {
    const { producerId, producerEpoch } = this.producer ?? { producerId: -1n, producerEpoch: producerEpochMax }
    if (producerEpoch < producerEpochMax) {
      this.producer = { producerId, producerEpoch: producerEpoch + 1 }
      this.cluster.logger.debug('Producer: a sequence broke off, going on with another epoch', this.describe())
    } else {
      this.producer = undefined
      void this.askForIdentity()
    }
    return this.producer
  }

  private async askForIdentity(): Promise<void> {
    if (this.isAsking) return
    this.isAsking = true
    try {
      this.producer = await this.initProducerId()
      this.cluster.logger.debug('Producer: has a producer id', this.describe())
    } catch (error) {
      if (!this.closing.signal.aborted) this.refuseIdentity(error)
    }
    this.isAsking = false
    this.stream.sender.wake()
  }

  // Without an id nothing can be sent: what waits is told why, and the next send asks again.
  private refuseIdentity(error: unknown): void {
    const known = error instanceof KafkaError ? error : undefined
    const failure = known ?? new KafkaError('INVALID_STATE', 'No producer id could be had.', { cause: error })
    this.stream.failUnsent(failure)
  }

  private initProducerId(): Promise<ProducerIdentity> {
    const { cluster, options } = this
    const what = 'InitProducerId of an idempotent producer'
    const request = { transactionalId: null, transactionTimeoutMs: 0x7fffffff }
    return retry(
      cluster.runtime,
      {
        deadlineMs: options.deliveryTimeoutMs,
        backoffMs: cluster.retryBackoffMs,
        backoffMsMax: cluster.retryBackoffMsMax,
        signal: this.closing.signal,
        what,
        logger: cluster.logger
      },
      async (leftMs) => {
        const timeoutMs = Math.min(leftMs, options.requestTimeoutMs)
        const versionMax = 5
        const reply = await cluster.request('any', 'InitProducerId', request, { timeoutMs, versionMax })
        const { errorCode, producerId, producerEpoch } = reply
        if (errorCode === 0) return { done: { producerId, producerEpoch } }
        const error = brokerError(errorCode, what, { api: 'InitProducerId' })
        if (error.retriable) return { again: error }
        throw error
      }
    )
  }

  private describe(): Record<string, unknown> {
    return { producerId: String(this.producer?.producerId), producerEpoch: this.producer?.producerEpoch }
  }
}

function isList(messages: ProducerMessage | readonly ProducerMessage[]): messages is readonly ProducerMessage[] {
  return Array.isArray(messages)
}
