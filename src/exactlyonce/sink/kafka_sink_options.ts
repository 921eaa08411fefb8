// What a Kafka sink can be told, with its defaults. Words follow Flink's Semantic.
import { checkOptions, checkProducerOptions, integer, oneOf, string, value, withMethods } from '../../client/index.ts'
import type { Checked, Contradiction, Kafka, ProducerOptions } from '../../client/index.ts'
import { kafkaRule } from '../options.ts'
import type { SerializationSchema } from '../schemas.ts'
import { prefixLengthMax, prefixPattern } from './transaction_names.ts'

/**
 * `EXACTLY_ONCE`: records become visible with the checkpoint that holds them, once. `AT_LEAST_ONCE`: all records of a
 * checkpoint are acknowledged before it completes; after a failure some come twice. `NONE`: nothing waits for
 * anything; a failure may lose or repeat records.
 */
export type Semantic = 'EXACTLY_ONCE' | 'AT_LEAST_ONCE' | 'NONE'

export interface KafkaSinkOptions<T> {
  readonly kafka: Kafka
  /** Where records go; or else, or besides, `topicFor`. */
  readonly topic?: string | undefined
  /** The topic of one element; undefined: `topic`. */
  readonly topicFor?: ((element: T) => string | undefined) | undefined
  readonly schema: SerializationSchema<T>
  /** Default `EXACTLY_ONCE`. */
  readonly semantic?: Semantic | undefined
  /**
   * Names this job's transactional ids, ledger groups and nothing else in the whole cluster. Needed for `EXACTLY_ONCE`;
   * must stay the same over restarts. All sinks of a job on one cluster give the same one: they share a transaction.
   * The other semantics have no transactions, and leave this, the timeout and the ledger unused.
   */
  readonly transactionalIdPrefix?: string | undefined
  /**
   * After this time the broker aborts a transaction that was not committed, milliseconds. A job that is down for longer
   * makes the lost output again from the checkpoint before. Default 600000; the broker's own limit is
   * transaction.max.timeout.ms (900000 unless changed).
   */
  readonly transactionTimeoutMs?: number | undefined
  /** Topic under which the witnesses of commits are kept; nothing is written to it. Default `topic`. */
  readonly ledgerTopic?: string | undefined
  /** Batching, memory and compression. Sinks that share a transaction give the same. */
  readonly producer?: ProducerOptions | undefined
}

type TopicFor = (element: never) => string | undefined

const isTopicFor = (given: unknown): given is TopicFor => typeof given === 'function'
const isProducerOptions = (given: unknown): given is ProducerOptions => typeof given === 'object' && given !== null

const rules = {
  kafka: kafkaRule,
  topic: string({ lengthMax: 249, optional: true }),
  topicFor: value('a function', isTopicFor, { optional: true }),
  schema: withMethods<SerializationSchema<never>, object>('a serialization schema', ['serialize']),
  semantic: oneOf(['EXACTLY_ONCE', 'AT_LEAST_ONCE', 'NONE'], { default: 'EXACTLY_ONCE' }),
  transactionalIdPrefix: string({ lengthMax: prefixLengthMax, pattern: prefixPattern, optional: true }),
  transactionTimeoutMs: integer({ min: 1, max: 0x7fffffff, default: 600_000 }),
  ledgerTopic: string({ lengthMax: 249, optional: true }),
  producer: value('an object with options of a producer', isProducerOptions, { default: Object.freeze({}) })
}

const contradictions: readonly Contradiction<typeof rules>[] = [
  ({ topic, topicFor }) =>
    topic === undefined && topicFor === undefined
      ? 'one of topic and topicFor must be given, and neither is.'
      : undefined,
  ({ semantic, transactionalIdPrefix }) =>
    semantic === 'EXACTLY_ONCE' && transactionalIdPrefix === undefined
      ? `semantic EXACTLY_ONCE (the default) needs transactionalIdPrefix: a name that no other job uses and that stays ` +
        `the same over restarts, such as 'payments-enricher'.`
      : undefined,
  ({ semantic, topic, ledgerTopic }) =>
    semantic === 'EXACTLY_ONCE' && topic === undefined && ledgerTopic === undefined
      ? 'with topicFor alone, ledgerTopic must name an existing topic under which the witnesses of commits are kept.'
      : undefined
]

/** Options after the check, with every default filled in. */
export type CheckedKafkaSinkOptions<T> = Omit<Checked<typeof rules>, 'schema' | 'topicFor'> & {
  readonly schema: SerializationSchema<T>
  readonly topicFor: ((element: T) => string | undefined) | undefined
}

/** Throws KafkaError INVALID_OPTION. */
export function checkKafkaSinkOptions<T>(given: KafkaSinkOptions<T>): CheckedKafkaSinkOptions<T> {
  const checked = checkOptions('KafkaSink', given, rules, contradictions)
  checkProducerOptions(checked.producer, 'KafkaSink.producer')
  return Object.freeze({ ...checked, schema: given.schema, topicFor: given.topicFor })
}
