// CreatePartitions, API 37: gives topics more partitions. Serves versions 0 to 3.
//
// Behaviour: counts and assignments are checked as Kafka's controller checks them. The new partitions are there when the
// answer leaves.

import { errorCode } from '../../protocol/index.ts'
import { Refusal } from '../log/refusal.ts'
import { handler } from './handler.ts'

export const createPartitions = handler('CreatePartitions', (request, { broker }) => {
  const { cluster } = broker
  const names = request.topics.map(({ name }) => name)
  const seen = new Set<string>()
  const results: { name: string; errorCode: number; errorMessage: string | null }[] = []
  for (const { name, count, assignments } of request.topics) {
    if (seen.has(name)) continue
    seen.add(name)
    const topic = cluster.topics.get(name)
    let refused: Refusal | undefined
    if (names.indexOf(name) !== names.lastIndexOf(name)) {
      refused = new Refusal(errorCode.INVALID_REQUEST, 'Duplicate topic name.')
    } else if (topic === undefined) {
      refused = new Refusal(errorCode.UNKNOWN_TOPIC_OR_PARTITION)
    } else {
      const brokerIds = assignments?.map((one) => one.brokerIds) ?? null
      refused = cluster.addPartitions(topic, count, brokerIds, request.validateOnly)
    }
    results.push({ name, errorCode: refused?.errorCode ?? 0, errorMessage: refused?.message ?? null })
  }
  return { throttleTimeMs: 0, results }
})
