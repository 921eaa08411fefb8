// The Kafka sink as users build it, and the writer of its subtasks at EXACTLY_ONCE, which only hands records over to
// the transaction of the running checkpoint. Flink's FlinkKafkaProducer.
import { assert, toBytes, toHeaders } from '../../client/index.ts'
import type { Transaction } from '../../client/index.ts'
import { JobError } from '../errors.ts'
import type { ParticipantDeclaration, SinkFunction, SinkWriter, SubtaskContext } from '../functions.ts'
import type { TransactionParticipant } from '../participant.ts'
import { KafkaTransactionParticipant } from './kafka_participant.ts'
import type { KafkaTransaction } from './kafka_participant.ts'
import { checkKafkaSinkOptions } from './kafka_sink_options.ts'
import type { CheckedKafkaSinkOptions, KafkaSinkOptions } from './kafka_sink_options.ts'
import { kafkaParticipantPrefix } from './pending_transactions.ts'
import { PlainWriter } from './plain_writer.ts'
import { sinkSettingsOf } from './sink_settings.ts'
import { topicOf } from './topic_of.ts'
import type { TransactionWriter } from './two_phase_commit_participant.ts'

/**
 * Writes a stream to Kafka. At EXACTLY_ONCE, the default, the records of all Kafka sinks of a job on one cluster lie in
 * one transaction per checkpoint and become visible to readers at read_committed together, once, when the checkpoint
 * is durable. A user's own two-phase-commit sink builds on TwoPhaseCommitSinkFunction instead. The constructor throws
 * KafkaError INVALID_OPTION.
 */
export class KafkaSink<T> implements SinkFunction<T> {
  readonly participant?: ParticipantDeclaration
  /** @internal */
  readonly options: CheckedKafkaSinkOptions<T>

  constructor(options: KafkaSinkOptions<T>) {
    this.options = checkKafkaSinkOptions(options)
    const { semantic, transactionalIdPrefix } = this.options
    if (semantic === 'EXACTLY_ONCE' && transactionalIdPrefix !== undefined) {
      this.participant = declareParticipant(transactionalIdPrefix)
    }
  }

  createWriter(context: SubtaskContext, participant: TransactionParticipant | undefined): SinkWriter<T> {
    if (this.participant === undefined) return new PlainWriter(this.options, context)
    assert(
      participant instanceof KafkaTransactionParticipant,
      'a Kafka sink was given another participant than its own'
    )
    return new TransactionalWriter(this.options, participant)
  }
}

function declareParticipant(prefix: string): ParticipantDeclaration {
  const name = `${kafkaParticipantPrefix}${prefix}`
  return {
    name,
    create: (context) => {
      const options = context.sinks.map((sink) => {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its elements are nobody's business here
        if (sink instanceof KafkaSink) return (sink as KafkaSink<never>).options
        throw new JobError('INVALID_JOB', `A sink that is no KafkaSink uses the participant ${name}.`, { fatal: true })
      })
      return new KafkaTransactionParticipant(context, name, sinkSettingsOf(options))
    }
  }
}

class TransactionalWriter<T> implements SinkWriter<T> {
  private readonly options: CheckedKafkaSinkOptions<T>
  private readonly participant: KafkaTransactionParticipant
  private readonly writer: TransactionWriter<KafkaTransaction>
  /** Holds records of this subtask that may not be acknowledged yet. */
  private written: Transaction | undefined

  constructor(options: CheckedKafkaSinkOptions<T>, participant: KafkaTransactionParticipant) {
    this.options = options
    this.participant = participant
    this.writer = participant.createTransactionWriter()
  }

  open(): Promise<void> {
    return Promise.resolve()
  }

  invoke(values: readonly T[]): void | Promise<void> {
    // An empty array must not open a transaction.
    if (values.length === 0) return undefined
    const current = this.writer.current()
    if (current instanceof Promise) return current.then(({ transaction }) => this.write(transaction, values))
    return this.write(current.transaction, values)
  }

  // Without a promise as long as there is room in the buffer.
  private write(transaction: Transaction, values: readonly T[]): void | Promise<void> {
    this.written = transaction
    for (let i = 0; i < values.length; i++) {
      const wait = this.append(transaction, values[i]!)
      if (wait !== undefined) return this.writeRest(wait, transaction, values, i + 1)
    }
    return undefined
  }

  private async writeRest(
    wait: Promise<void>,
    transaction: Transaction,
    values: readonly T[],
    from: number
  ): Promise<void> {
    await wait
    for (let i = from; i < values.length; i++) {
      const next = this.append(transaction, values[i]!)
      if (next !== undefined) await next
    }
  }

  private append(transaction: Transaction, value: T): void | Promise<void> {
    const topic = topicOf(this.options, value)
    const cleaning = this.participant.cleanTopic(topic)
    if (cleaning !== undefined) return cleaning.then(() => this.appendTo(topic, transaction, value))
    return this.appendTo(topic, transaction, value)
  }

  private appendTo(topic: string, transaction: Transaction, value: T): void | Promise<void> {
    const { schema } = this.options
    return transaction.append(
      topic,
      schema.partition?.(value),
      schema.key === undefined ? null : toBytes(schema.key(value)),
      schema.serialize(value),
      schema.headers === undefined ? undefined : toHeaders(schema.headers(value)),
      schema.timestamp?.(value)
    )
  }

  // The next transaction has another producer, whose records could overtake those of this one on their way to a
  // partition. So they must lie there before this subtask goes on, as Flink's FlinkKafkaProducer flushes in preCommit.
  async passBarrier(checkpointId: number): Promise<void> {
    const { written } = this
    this.written = undefined
    if (written !== undefined) await written.flush()
    this.writer.passBarrier(checkpointId)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}
