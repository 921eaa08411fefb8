// What a transactional producer can be told besides what every producer can. Names follow Java's ProducerConfig.
import { checkOptions, integer, string, value as valueThat } from '../options.ts'
import type { Contradiction } from '../options.ts'
import { producerContradictions, producerRules } from '../producer/index.ts'
import type { CheckedProducerOptions, ProducerOptions } from '../producer/index.ts'

/** Where the witnesses of an id are stored: the topic must exist, the partition need not. */
export interface Ledger {
  readonly topic: string
  readonly partition: number
  /** `<transactionalId>.ledger` where absent. */
  readonly groupId?: string
}

export interface TransactionalProducerOptions extends ProducerOptions {
  /** One living producer per id; a later one takes over and fences the earlier one. */
  readonly transactionalId: string
  /** After this time without an end the broker aborts a transaction, milliseconds. Default 60000; the broker's maximum. */
  readonly transactionTimeoutMs?: number | undefined
  /**
   * Where the witness of each transaction goes, by which its outcome can be told later. Default: the first partition
   * that this producer writes to. `none` writes no witness; a lost transaction can then be told by the log only.
   */
  readonly ledger?: Ledger | 'none' | undefined
}

export interface CheckedTransactionalProducerOptions extends CheckedProducerOptions {
  readonly transactionalId: string
  readonly transactionTimeoutMs: number
  readonly ledger: Ledger | 'none' | undefined
}

const topicLengthMax = 249
const partitionMax = 0x7ffffffd

function isLedger(given: unknown): given is Ledger | 'none' {
  if (given === 'none') return true
  if (typeof given !== 'object' || given === null) return false
  const topic: unknown = Reflect.get(given, 'topic')
  const partition: unknown = Reflect.get(given, 'partition')
  const groupId: unknown = Reflect.get(given, 'groupId')
  const isTopic = typeof topic === 'string' && topic.length > 0 && topic.length <= topicLengthMax
  const isPartition = typeof partition === 'number' && Number.isInteger(partition)
  const isGroup = groupId === undefined || (typeof groupId === 'string' && groupId.length > 0)
  const isKnown = Object.keys(given).every((name) => ['topic', 'partition', 'groupId'].includes(name))
  return isTopic && isPartition && partition >= 0 && partition <= partitionMax && isGroup && isKnown
}

const rules = {
  ...producerRules,
  transactionalId: string({ lengthMax: 32_760 }),
  transactionTimeoutMs: integer({ min: 1, max: 0x7fffffff, default: 60_000 }),
  ledger: valueThat("'none', or an object with topic, partition and perhaps groupId", isLedger, { optional: true })
}

const contradictions: readonly Contradiction<typeof rules>[] = producerContradictions

/** Throws KafkaError INVALID_OPTION. */
export function checkTransactionalOptions(given: TransactionalProducerOptions): CheckedTransactionalProducerOptions {
  return checkOptions('transactionalProducer', given, rules, contradictions)
}
