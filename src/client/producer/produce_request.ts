// Owns the shape of a Produce request and of its answer: batches by topic and partition, by name up to version 12 and by
// topic id since (KIP-516). Pure.
import { zeroUuid } from '../../protocol/index.ts'
import type { EncodableRequestOf, ResponseOf } from '../../protocol/index.ts'
import { assert } from '../errors.ts'
import type { ProducerBatch } from './batch.ts'

/** The last version that names topics. */
export const namedProduceVersionMax = 12

export interface ProduceCall {
  readonly transactionalId: string | null
  readonly timeoutMs: number
  readonly batches: readonly ProducerBatch[]
  /** Topic ids by name; `zeroUuid` where unknown. */
  readonly topicId: (topic: string) => string
}

type TopicData = EncodableRequestOf<'Produce'>['topicData'][number]
type PartitionData = TopicData['partitionData'][number]

/** The body of a request with these batches, of which each partition has one; acks are those of all in-sync replicas. */
export function produceBody(call: ProduceCall): EncodableRequestOf<'Produce'> {
  const byTopic = new Map<string, PartitionData[]>()
  for (const batch of call.batches) {
    const { topic, partition } = batch.queue
    assert(batch.bytes !== undefined, 'only a finished batch is sent')
    const data: PartitionData = { index: partition, records: batch.bytes }
    const partitions = byTopic.get(topic)
    if (partitions === undefined) byTopic.set(topic, [data])
    else partitions.push(data)
  }
  const topicData: TopicData[] = []
  for (const [name, partitionData] of byTopic) topicData.push({ name, topicId: call.topicId(name), partitionData })
  return { transactionalId: call.transactionalId, acks: -1, timeoutMs: call.timeoutMs, topicData }
}

/** What the broker said of one batch. */
export interface ProduceAnswer {
  readonly errorCode: number
  readonly baseOffset: bigint
  readonly message: string | null
}

/** Finds the answer to each batch; undefined where the broker left it out. */
export function produceAnswers(
  response: ResponseOf<'Produce'>,
  call: Pick<ProduceCall, 'batches' | 'topicId'>
): (ProduceAnswer | undefined)[] {
  const answers = new Map<string, ProduceAnswer>()
  for (const topic of response.responses) {
    for (const { index, errorCode, baseOffset, errorMessage, recordErrors } of topic.partitionResponses) {
      const message = errorMessage ?? recordErrors.find((one) => one.batchIndexErrorMessage)?.batchIndexErrorMessage
      const answer = { errorCode, baseOffset, message: message ?? null }
      // One of the two is empty, according to the version.
      if (topic.name !== '') answers.set(`${index}:name:${topic.name}`, answer)
      if (topic.topicId !== zeroUuid) answers.set(`${index}:id:${topic.topicId}`, answer)
    }
  }
  return call.batches.map(({ queue: { topic, partition } }) => {
    return answers.get(`${partition}:name:${topic}`) ?? answers.get(`${partition}:id:${call.topicId(topic)}`)
  })
}
