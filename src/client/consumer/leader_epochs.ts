// Owns the question that tells whether a position still belongs to the log: where a leader epoch ended, as the leader of
// the partition knows it. KIP-320. Source: org.apache.kafka.clients.consumer.internals.OffsetsForLeaderEpochUtils.
import { askLeaders, keyOfPartition, knownLeaderEpoch, partitionsByTopic } from '../admin/partitions.ts'
import type { PartitionAnswer } from '../admin/partitions.ts'
import type { Cluster, TopicPartition } from '../cluster.ts'
import type { Position } from './partition_state.ts'

/** Time for all attempts of one question together, and a way to give up. */
export interface AskOptions {
  readonly deadlineMs: number
  readonly signal: AbortSignal
}

export interface EpochQuestion extends TopicPartition {
  /** The epoch whose end is asked for. */
  readonly epoch: number
}

/** A leader that knows nothing of an epoch is taken for an outdated one for so long, milliseconds. */
const unknownEpochPatienceMs = 5_000

/**
 * The largest epoch up to the asked one that the leader knows, and where it ended, by `topic:partition`; -1 for both
 * where the leader knows none. Needs brokers of Kafka 2.3 or newer, on which a consumer may ask: see `canAskEpochs`.
 * Rejects as `askLeaders` does.
 */
export function epochEnds(
  cluster: Cluster,
  questions: readonly EpochQuestion[],
  ask: AskOptions
): Promise<Map<string, Position>> {
  const { runtime } = cluster
  const believeAtMs = runtime.monotonicMs() + Math.min(unknownEpochPatienceMs, ask.deadlineMs / 2)
  // An epoch that no broker knows may have been lost with its leader, or never been.
  const newest = questions.some(({ topic, partition, epoch }) => epoch > knownLeaderEpoch(cluster, topic, partition))
  const askOptions = { ...ask, newest }
  return askLeaders(cluster, 'OffsetForLeaderEpoch', questions, askOptions, async (nodeId, partitions, options) => {
    // Whoever has a record of an epoch knows of it, whatever an outdated broker has told since.
    const isPatient = runtime.monotonicMs() < believeAtMs
    const body = {
      replicaId: -1,
      topics: partitionsByTopic(partitions).map(([topic, group]) => ({
        topic,
        partitions: group.map(({ partition, epoch }) => ({
          partition,
          currentLeaderEpoch: Math.max(isPatient ? epoch : -1, knownLeaderEpoch(cluster, topic, partition)),
          leaderEpoch: epoch
        }))
      }))
    }
    const settings = { ...options, versionMin: epochsVersionMin }
    const reply = await cluster.request({ nodeId }, 'OffsetForLeaderEpoch', body, settings)
    const answers = new Map<string, PartitionAnswer<Position>>()
    for (const { topic, partitions: group } of reply.topics) {
      for (const { partition, errorCode, leaderEpoch: epoch, endOffset } of group) {
        const value = { offset: endOffset, leaderEpoch: epoch }
        answers.set(keyOfPartition(topic, partition), { errorCode, value })
      }
    }
    return answers
  })
}

// Before version 3 the request needs a permission that only brokers have.
const epochsVersionMin = 3

/** Whether the cluster answers consumers about leader epochs (Kafka 2.3 and newer). */
export async function canAskEpochs(cluster: Cluster): Promise<boolean> {
  const version = await cluster.negotiatedVersion('any', 'OffsetForLeaderEpoch')
  return version !== undefined && version >= epochsVersionMin
}
