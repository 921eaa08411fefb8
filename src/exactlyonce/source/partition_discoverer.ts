// Finds the partitions that a subtask reads: those of the named topics, or of all topics that match, as far as they are
// this subtask's. Asks the cluster anew each time, since partitions are added while a job runs.
import type { Cluster, TopicMetadata } from '../../client/index.ts'
import { JobError } from '../errors.ts'
import { wholeName } from './kafka_source_options.ts'
import type { KafkaTopicPartition } from './partition_state.ts'
import { subtaskOf } from './partition_state.ts'

export interface FoundPartition extends KafkaTopicPartition {
  readonly topicId: string
}

export interface TopicChoice {
  readonly topics: readonly string[] | undefined
  readonly topicPattern: RegExp | undefined
}

export class PartitionDiscoverer {
  private readonly cluster: Cluster
  private readonly topics: readonly string[] | undefined
  private readonly pattern: RegExp | undefined
  private readonly subtaskIndex: number
  private readonly parallelism: number

  constructor(cluster: Cluster, choice: TopicChoice, subtask: { subtaskIndex: number; parallelism: number }) {
    this.cluster = cluster
    this.topics = choice.topics
    this.pattern = choice.topicPattern === undefined ? undefined : wholeName(choice.topicPattern)
    this.subtaskIndex = subtask.subtaskIndex
    this.parallelism = subtask.parallelism
  }

  /** Whether the source reads this topic. */
  reads(topic: string): boolean {
    return this.topics?.includes(topic) ?? this.pattern?.test(topic) ?? false
  }

  /** Whether this subtask is the one that reads the partition. */
  owns({ topic, partition }: KafkaTopicPartition): boolean {
    return subtaskOf(topic, partition, this.parallelism) === this.subtaskIndex
  }

  /** This subtask's partitions, in order of topic and partition. Throws JobError INVALID_JOB for a topic that is missing. */
  async discover(signal: AbortSignal): Promise<FoundPartition[]> {
    const found: FoundPartition[] = []
    for (const { name, topicId, partitions } of await this.metadata(signal)) {
      for (const { partition } of partitions) {
        if (this.owns({ topic: name, partition })) found.push({ topic: name, topicId, partition })
      }
    }
    return found.toSorted((left, right) => compare(left.topic, right.topic) || left.partition - right.partition)
  }

  private async metadata(signal: AbortSignal): Promise<TopicMetadata[]> {
    if (this.topics === undefined) {
      const all = await this.cluster.allTopics(signal)
      return all.filter(({ name }) => this.reads(name))
    }
    const topics = await this.cluster.topics(this.topics, { refresh: true, signal })
    const missing = this.topics.filter((name) => !topics.has(name))
    if (missing.length > 0) throw missingTopics(missing)
    return [...topics.values()]
  }
}

function missingTopics(names: readonly string[]): JobError {
  const plural = names.length > 1
  return new JobError(
    'INVALID_JOB',
    `The source ${plural ? 'topics' : 'topic'} ${names.join(', ')} ${plural ? 'do' : 'does'} not exist.`,
    {
      nextStep:
        'Create what is missing, correct the name, or choose topics by topicPattern, which waits for topics to come.'
    }
  )
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}
