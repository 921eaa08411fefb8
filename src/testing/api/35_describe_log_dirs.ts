// DescribeLogDirs, API 35: shows which partitions a broker holds, and how large they are. Serves versions 1 to 5.
//
// Behaviour: a broker has one folder, by the name of Kafka's default; nothing lies there. Sizes are those of the batches.

import { handler } from './handler.ts'

const logDir = '/tmp/kafka-logs'

export const describeLogDirs = handler('DescribeLogDirs', (request, { broker }) => {
  const wanted = request.topics && new Map(request.topics.map(({ topic, partitions }) => [topic, partitions]))
  const topics = [...broker.cluster.topics.values()].flatMap(({ name, partitions }) => {
    const indexes = wanted === null ? undefined : wanted.get(name)
    if (wanted !== null && indexes === undefined) return []
    const held = partitions.filter(
      ({ index, replicas }) => replicas.includes(broker.id) && (indexes === undefined || indexes.includes(index))
    )
    if (held.length === 0) return []
    const sizes = held.map(({ index, log }) => ({
      partitionIndex: index,
      partitionSize: BigInt(log.sizeInBytes),
      offsetLag: 0n,
      isFutureKey: false
    }))
    return { name, partitions: sizes }
  })
  return { throttleTimeMs: 0, errorCode: 0, results: [{ errorCode: 0, logDir, topics }] }
})
