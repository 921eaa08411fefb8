// What the Kafka sinks of a job that share a transaction have in common. They are given one by one, so here is where it
// shows that they contradict each other.
import type { Kafka, ProducerOptions } from '../../client/index.ts'
import { JobError } from '../errors.ts'
import type { CheckedKafkaSinkOptions } from './kafka_sink_options.ts'

export interface SinkSettings {
  readonly kafka: Kafka
  readonly prefix: string
  readonly transactionTimeoutMs: number
  readonly producer: ProducerOptions
  readonly ledgerTopic: string
  /** Topics that are known before the first record; a sink with `topicFor` may write to others. */
  readonly topics: readonly string[]
}

type SinkOptions = CheckedKafkaSinkOptions<never>

/** What holds for all of them. Throws JobError INVALID_JOB where there is no such thing. */
export function sinkSettingsOf(sinks: readonly SinkOptions[]): SinkSettings {
  const [first] = sinks
  const prefix = first?.transactionalIdPrefix
  const ledgerTopic = sinks.find((sink) => sink.ledgerTopic !== undefined)?.ledgerTopic ?? firstTopic(sinks)
  if (first === undefined || prefix === undefined || ledgerTopic === undefined) {
    throw contradiction('they name no transactionalIdPrefix or no topic')
  }
  for (const sink of sinks) refuseContradictions(first, sink, ledgerTopic)
  const topics = sinks.flatMap(({ topic }) => (topic === undefined ? [] : [topic]))
  const { kafka, transactionTimeoutMs, producer } = first
  return { kafka, prefix, transactionTimeoutMs, producer, ledgerTopic, topics: [...new Set(topics)] }
}

function firstTopic(sinks: readonly SinkOptions[]): string | undefined {
  return sinks.find(({ topic }) => topic !== undefined)?.topic
}

function refuseContradictions(first: SinkOptions, sink: SinkOptions, ledgerTopic: string): void {
  if (sink.kafka !== first.kafka) {
    throw contradiction(
      'their kafka options are different objects',
      'Sinks on one cluster are given the same Kafka object. Sinks on two clusters cannot commit together: give them ' +
        'jobs of their own.'
    )
  }
  if (sink.transactionTimeoutMs !== first.transactionTimeoutMs) {
    const { transactionTimeoutMs } = sink
    throw contradiction(`transactionTimeoutMs is ${first.transactionTimeoutMs} here and ${transactionTimeoutMs} there`)
  }
  if (sink.ledgerTopic !== undefined && sink.ledgerTopic !== ledgerTopic) {
    throw contradiction(`ledgerTopic is '${ledgerTopic}' here and '${sink.ledgerTopic}' there`)
  }
  if (!sameOptions(first.producer, sink.producer)) throw contradiction('their producer options differ')
}

function sameOptions(left: ProducerOptions, right: ProducerOptions): boolean {
  const names = new Set([...Object.keys(left), ...Object.keys(right)])
  return [...names].every((name) => Reflect.get(left, name) === Reflect.get(right, name))
}

function contradiction(reason: string, nextStep = 'Give all of them the same.'): JobError {
  return new JobError('INVALID_JOB', `Kafka sinks with one transactionalIdPrefix share a transaction, but ${reason}.`, {
    fatal: true,
    nextStep
  })
}
