// Asks the leaders of many partitions the same kind of question, one request per broker, and asks again, with fresh
// metadata, for those partitions whose leader moved or could not answer. Owns the routing and the retries; what is asked
// and which error codes end it come from the caller.
import { errorCode } from '../../protocol/index.ts'
import type { Cluster, TopicMetadata, TopicPartition } from '../cluster.ts'
import { brokerError, KafkaError } from '../errors.ts'
import { retry } from '../retry.ts'
import type { Attempt } from '../retry.ts'

/** One partition of a question, with the leader epoch by which the leader can tell an outdated asker. */
export interface LedPartition<Q extends TopicPartition> {
  readonly question: Q
  /** -1 where the cluster does not tell. */
  readonly leaderEpoch: number
}

/** What a leader said about one partition. */
export type PartitionAnswer<Q extends TopicPartition, A> =
  | { readonly question: Q; readonly answer: A }
  | { readonly question: Q; readonly errorCode: number }

export interface LeaderQuestion<Q extends TopicPartition, A> {
  /** Names the operation in errors, such as `ListOffsets`. */
  readonly what: string
  /** One request to one broker for these partitions. */
  readonly ask: (
    nodeId: number,
    partitions: readonly LedPartition<Q>[],
    options: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined }
  ) => Promise<readonly PartitionAnswer<Q, A>[]>
  readonly deadlineMs: number
  readonly signal: AbortSignal | undefined
}

/** How long a topic or partition may be unknown to the cluster, milliseconds: a new one needs a moment to get known. */
export const missingTopicWaitMs = 5_000

/**
 * Answers in the order of the questions. Rejects with KafkaError: BROKER_ERROR for a code that is not retriable, and
 * for a topic that stays unknown for `missingTopicWaitMs`; DEADLINE_EXCEEDED.
 */
export async function askLeaders<Q extends TopicPartition, A>(
  cluster: Cluster,
  questions: readonly Q[],
  question: LeaderQuestion<Q, A>
): Promise<A[]> {
  const answers = new Map<Q, A>()
  const startMs = cluster.runtime.monotonicMs()
  const { what, deadlineMs, signal } = question
  const { logger, retryBackoffMs: backoffMs, retryBackoffMsMax: backoffMsMax } = cluster
  const options = { what, deadlineMs, signal, logger, backoffMs, backoffMsMax }
  return retry(cluster.runtime, options, async (leftMs, number): Promise<Attempt<A[]>> => {
    const open = questions.filter((one) => !answers.has(one))
    const names = [...new Set(open.map((one) => one.topic))]
    const topics = await cluster.topics(names, { refresh: number > 1, ...(signal === undefined ? {} : { signal }) })
    const { byNode, leaderless } = groupByLeader(open, topics)
    const timeoutMs = Math.min(leftMs, cluster.requestTimeoutMs)
    const replies = await Promise.all(
      [...byNode].map(([nodeId, partitions]) => askOne(nodeId, partitions, question, timeoutMs))
    )
    let again = missingError(leaderless, topics, what, cluster.runtime.monotonicMs() - startMs)
    for (const reply of replies.flat()) {
      if ('answer' in reply) answers.set(reply.question, reply.answer)
      else again = unlessFinal(reply.error)
    }
    if (again !== undefined) return { again }
    return { done: questions.map((one) => answers.get(one)!) }
  })
}

type Reply<Q, A> = { readonly question: Q; readonly answer: A } | { readonly question: Q; readonly error: KafkaError }

// A broker that cannot be reached fails only its own partitions; the answers of the others are kept.
async function askOne<Q extends TopicPartition, A>(
  nodeId: number,
  partitions: readonly LedPartition<Q>[],
  { what, ask, signal }: LeaderQuestion<Q, A>,
  timeoutMs: number
): Promise<readonly Reply<Q, A>[]> {
  try {
    const answers = await ask(nodeId, partitions, { timeoutMs, signal })
    if (answers.length !== partitions.length) {
      throw new KafkaError('PROTOCOL_VIOLATION', `${what}: the broker answered for other partitions than were asked.`)
    }
    return answers.map((one) =>
      'answer' in one
        ? one
        : { question: one.question, error: brokerError(one.errorCode, describe(what, one.question)) }
    )
  } catch (error) {
    if (!(error instanceof KafkaError) || !error.retriable) throw error
    return partitions.map(({ question }) => ({ question, error }))
  }
}

function groupByLeader<Q extends TopicPartition>(
  questions: readonly Q[],
  topics: Map<string, TopicMetadata>
): { byNode: Map<number, LedPartition<Q>[]>; leaderless: Q[] } {
  const byNode = new Map<number, LedPartition<Q>[]>()
  const leaderless: Q[] = []
  for (const question of questions) {
    const found = topics.get(question.topic)?.partitions.find((one) => one.partition === question.partition)
    if (found === undefined || found.leaderId < 0) {
      leaderless.push(question)
      continue
    }
    const led = { question, leaderEpoch: found.leaderEpoch }
    const partitions = byNode.get(found.leaderId)
    if (partitions === undefined) byNode.set(found.leaderId, [led])
    else partitions.push(led)
  }
  return { byNode, leaderless }
}

function missingError(
  leaderless: readonly TopicPartition[],
  topics: Map<string, TopicMetadata>,
  what: string,
  elapsedMs: number
): KafkaError | undefined {
  const [first] = leaderless
  if (first === undefined) return undefined
  const missing = leaderless.find(
    ({ topic, partition }) => topics.get(topic)?.partitions.some((one) => one.partition === partition) !== true
  )
  if (missing === undefined) return brokerError(errorCode.LEADER_NOT_AVAILABLE, describe(what, first))
  const isOver = elapsedMs >= missingTopicWaitMs
  return unlessFinal(unknownPartition(missing, what, !isOver))
}

/** The error for a topic or partition that the cluster does not have. */
export function unknownPartition(missing: TopicPartition, what: string, retriable: boolean): KafkaError {
  const nextStep = 'Create the topic, or correct its name or the partition.'
  return brokerError(errorCode.UNKNOWN_TOPIC_OR_PARTITION, describe(what, missing), { retriable, nextStep })
}

function unlessFinal(error: KafkaError): KafkaError {
  if (error.retriable) return error
  throw error
}

function describe(what: string, { topic, partition }: TopicPartition): string {
  return `${what} of ${topic}:${partition}`
}
