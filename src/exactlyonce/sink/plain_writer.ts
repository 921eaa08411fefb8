// The writer of a Kafka sink without transactions: an idempotent producer per subtask. At AT_LEAST_ONCE a checkpoint
// waits for every record before it; at NONE nothing waits and a failure is only told.
import { Producer } from '../../client/index.ts'
import type { ProducerMessage } from '../../client/index.ts'
import { raceAbort } from '../../runtime/index.ts'
import { JobError } from '../errors.ts'
import type { SinkWriter, SubtaskContext } from '../functions.ts'
import type { CheckedKafkaSinkOptions } from './kafka_sink_options.ts'
import { topicOf } from './topic_of.ts'

/** Arrays handed to the producer whose records are not all acknowledged; more wait. */
const sendsInFlightMax = 32
/** Time to deliver what was sent when a job ends in order, milliseconds. */
const closeDeadlineMs = 20_000

export class PlainWriter<T> implements SinkWriter<T> {
  private readonly options: CheckedKafkaSinkOptions<T>
  private readonly context: SubtaskContext
  private readonly producer: Producer
  private readonly sends = new Set<Promise<void>>()
  private failure: { readonly error: unknown } | undefined

  constructor(options: CheckedKafkaSinkOptions<T>, context: SubtaskContext) {
    this.options = options
    this.context = context
    this.producer = new Producer(options.kafka.cluster, options.producer)
  }

  open(): Promise<void> {
    return Promise.resolve()
  }

  async invoke(values: readonly T[]): Promise<void> {
    this.throwFailure()
    if (values.length === 0) return
    const { signal } = this.context
    while (this.sends.size >= sendsInFlightMax) await raceAbort(Promise.race(this.sends), signal)
    const send = this.send(values.map((value) => this.messageOf(value)))
    this.sends.add(send)
    void send.finally(() => this.sends.delete(send))
  }

  // Never rejects.
  private async send(messages: readonly ProducerMessage[]): Promise<void> {
    try {
      await this.producer.send(messages)
    } catch (error) {
      if (this.options.semantic !== 'NONE') {
        this.failure ??= { error }
        return
      }
      const reason = error instanceof Error ? error.message : String(error)
      this.context.logger.warn(`${messages.length} records were not written`, { reason })
      this.context.report({ kind: 'recordsNotWritten', count: messages.length, reason })
    }
  }

  private messageOf(value: T): ProducerMessage {
    const { schema } = this.options
    const partition = schema.partition?.(value)
    const headers = schema.headers?.(value)
    const timestamp = schema.timestamp?.(value)
    return {
      topic: topicOf(this.options, value),
      key: schema.key?.(value) ?? null,
      value: schema.serialize(value),
      ...(partition === undefined ? {} : { partition }),
      ...(headers === undefined ? {} : { headers }),
      ...(timestamp === undefined ? {} : { timestamp })
    }
  }

  async snapshotState(): Promise<void> {
    if (this.options.semantic === 'NONE') return
    await this.settle()
    this.throwFailure()
  }

  private async settle(): Promise<void> {
    const { signal } = this.context
    await this.producer.flush({ signal })
    await raceAbort(Promise.all(this.sends), signal)
  }

  private throwFailure(): void {
    if (this.failure !== undefined) throw this.failure.error
  }

  // A run that has failed waits for nothing. One that ends in order delivers what it has taken: without checkpoints
  // nothing else has seen to it.
  async close(): Promise<void> {
    const { runtime, signal } = this.context
    const late = new AbortController()
    const timer = runtime.setTimer(closeDeadlineMs, () => late.abort(notDelivered()))
    const ending = AbortSignal.any([signal, late.signal])
    try {
      await this.producer.close({ signal: ending })
      await raceAbort(Promise.all(this.sends), ending)
    } catch (error) {
      this.failure ??= { error }
    } finally {
      timer.cancel()
    }
    if (!signal.aborted && this.options.semantic !== 'NONE') this.throwFailure()
  }
}

function notDelivered(): JobError {
  return new JobError('JOB_FAILED', `Records were not acknowledged within ${closeDeadlineMs} ms of the end of the job.`)
}
