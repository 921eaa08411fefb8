// How lists of partitions are named, grouped and sent to their leaders. Owns the one loop that asks each leader about
// its partitions and asks again where a leader moved; what is asked is the caller's.
import { errorCode } from '../../protocol/index.ts'
import { retryCall, signalOf } from '../call.ts'
import type { AttemptOptions, CallOptions } from '../call.ts'
import type { Cluster, TopicPartition } from '../cluster.ts'
import { brokerError, KafkaError } from '../errors.ts'
import { integer, string } from '../options.ts'

/** What a topic's name and a partition may be where they are given. */
export const topicRule = string({ lengthMax: 249 })
export const partitionRules = { topic: topicRule, partition: integer({ min: 0 }) }

/** `topic:partition`, the key of maps by partition. */
export function keyOfPartition(topic: string, partition: number): string {
  return `${topic}:${partition}`
}

/** Groups a list by topic, in the order in which topics first appear. */
export function partitionsByTopic<P extends TopicPartition>(partitions: readonly P[]): [string, P[]][] {
  return [...groupBy(partitions, ({ topic }) => topic)]
}

export function groupBy<K, V>(values: Iterable<V>, keyOf: (value: V) => K): Map<K, V[]> {
  const groups = new Map<K, V[]>()
  for (const value of values) {
    const key = keyOf(value)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [value])
    else group.push(value)
  }
  return groups
}

/** What a leader said about one partition. */
export interface PartitionAnswer<R> {
  readonly errorCode: number
  readonly errorMessage?: string | null
  readonly value: R
}

/** Asks one leader about its partitions; answers by `topic:partition`. */
export type AskLeader<P, R> = (
  nodeId: number,
  partitions: readonly P[],
  options: AttemptOptions
) => Promise<ReadonlyMap<string, PartitionAnswer<R>>>

/** A call that is answered by leaders. */
export interface LeaderCallOptions extends CallOptions {
  /**
   * Whether only the newest leader that any broker knows will do: one that stood still answers for a moment out of its
   * old log. For what would be taken for a fact for good.
   */
  readonly newest?: boolean
}

// A topic that was just made is unknown to some brokers for a moment; one that stays unknown longer does not exist.
const unknownTopicPatienceMs = 5_000

/**
 * Asks the leader of each partition, again where it moved, was not reached or was not ready, until all have answered.
 * Answers by `topic:partition`. Rejects with the first error of the brokers that is not retriable (of a topic that
 * stays unknown for five seconds, too), with DEADLINE_EXCEEDED, or with the signal's reason.
 */
export async function askLeaders<P extends TopicPartition, R>(
  cluster: Cluster,
  what: string,
  partitions: readonly P[],
  options: LeaderCallOptions,
  ask: AskLeader<P, R>
): Promise<Map<string, R>> {
  const { runtime } = cluster
  const answers = new Map<string, R>()
  const startMs = runtime.monotonicMs()
  let open: readonly P[] = partitions
  if (open.length === 0) return answers
  return retryCall(cluster, what, options, async (request) => {
    const asked = await askOnce(cluster, what, open, { ...request, newest: options.newest === true }, ask)
    for (const [key, value] of asked.answers) answers.set(key, value)
    open = open.filter(({ topic, partition }) => !answers.has(keyOfPartition(topic, partition)))
    if (asked.failure === undefined) return { done: answers }
    const isUnknown = asked.failure.kafkaCode === errorCode.UNKNOWN_TOPIC_OR_PARTITION
    if (isUnknown) throw unknownTopic(asked.about, runtime.monotonicMs() - startMs)
    return { again: asked.failure }
  })
}

/** UNKNOWN_TOPIC_OR_PARTITION (3) after `waitedMs` of retries; retriable while that may still be news on its way. */
export function unknownTopic(what: string, waitedMs: number): KafkaError {
  if (waitedMs < unknownTopicPatienceMs) return brokerError(errorCode.UNKNOWN_TOPIC_OR_PARTITION, what)
  return brokerError(errorCode.UNKNOWN_TOPIC_OR_PARTITION, what, {
    retriable: false,
    nextStep: 'Check the name and the number of the partition, or create the topic.'
  })
}

/** The leader epoch that is known here: by it a broker tells whose knowledge is outdated, its own or ours. KIP-320. */
export function knownLeaderEpoch(cluster: Cluster, topic: string, partition: number): number {
  return cluster.cachedLeader(topic, partition)?.leaderEpoch ?? -1
}

interface Asked<R> {
  readonly answers: ReadonlyMap<string, R>
  /** One of the retriable errors of the partitions without an answer. */
  readonly failure: KafkaError | undefined
  /** The question that met it. */
  readonly about: string
}

async function askOnce<P extends TopicPartition, R>(
  cluster: Cluster,
  what: string,
  partitions: readonly P[],
  { newest, ...options }: AttemptOptions & { readonly newest: boolean },
  ask: AskLeader<P, R>
): Promise<Asked<R>> {
  const names = partitions.map(({ topic }) => topic)
  const topics = newest
    ? await cluster.newestTopics(names, options.signal)
    : await cluster.topics(names, signalOf(options))
  let failure: KafkaError | undefined
  let about = what
  const fail = ({ topic, partition }: TopicPartition, error: KafkaError): void => {
    cluster.invalidateTopic(topic)
    if (failure === undefined) about = `${what} of ${keyOfPartition(topic, partition)}`
    failure ??= error
  }
  const byLeader = groupBy(partitions, ({ topic, partition }) => {
    const found = topics.get(topic)?.partitions.find((one) => one.partition === partition)
    return found === undefined ? undefined : found.leaderId
  })
  const answers = new Map<string, R>()
  await Promise.all(
    [...byLeader].map(async ([nodeId, own]) => {
      if (nodeId === undefined || nodeId < 0) {
        const code = nodeId === undefined ? errorCode.UNKNOWN_TOPIC_OR_PARTITION : errorCode.LEADER_NOT_AVAILABLE
        for (const one of own) fail(one, brokerError(code, `${what} of ${keyOfPartition(one.topic, one.partition)}`))
        return
      }
      const result = await askOne(ask, nodeId, own, options)
      for (const one of own) {
        const key = keyOfPartition(one.topic, one.partition)
        const answer = result instanceof KafkaError ? result : result.get(key)
        const error = answer instanceof KafkaError ? answer : errorOf(answer, `${what} of ${key}`, nodeId)
        if (error !== undefined) fail(one, error)
        else if (answer !== undefined && 'value' in answer) answers.set(key, answer.value)
      }
    })
  )
  return { answers, failure, about }
}

// A failure that can be retried is a value here, so that the other leaders' answers are not lost.
async function askOne<P, R>(
  ask: AskLeader<P, R>,
  nodeId: number,
  partitions: readonly P[],
  options: AttemptOptions
): Promise<ReadonlyMap<string, PartitionAnswer<R>> | KafkaError> {
  try {
    return await ask(nodeId, partitions, options)
  } catch (error) {
    if (error instanceof KafkaError && error.retriable) return error
    throw error
  }
}

function errorOf<R>(answer: PartitionAnswer<R> | undefined, what: string, nodeId: number): KafkaError | undefined {
  if (answer === undefined) {
    return new KafkaError('PROTOCOL_VIOLATION', `${what}: broker ${nodeId} did not answer about it.`, {
      retriable: true
    })
  }
  if (answer.errorCode === errorCode.NONE) return undefined
  const error = brokerError(answer.errorCode, answer.errorMessage ? `${what} (${answer.errorMessage})` : what)
  if (!error.retriable) throw error
  return error
}
