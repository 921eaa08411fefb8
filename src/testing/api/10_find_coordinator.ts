// FindCoordinator, API 10: names the broker that keeps a group or a transactional id. Serves versions 0 to 6.
//
// Behaviour: the key's partition of the internal topic follows from Java's hash, its leader is the coordinator. The
// internal topic is created by the first request, and is there at once, where Kafka answers COORDINATOR_NOT_AVAILABLE
// until it has been created. A broker that stood still names for a moment the coordinator that it knows. Share groups are
// not kept here: a key of type 2 is answered INVALID_REQUEST.
//
// Versions: 1 key types; 4 several keys in one request (KIP-699).

import { errorCode } from '../../protocol/index.ts'
import type { Broker } from '../cluster/broker.ts'
import { coordinatorPartition } from '../cluster/java_hash.ts'
import { internalTopics } from '../cluster/ports.ts'
import { Refusal } from '../log/refusal.ts'
import { handler } from './handler.ts'

interface Found {
  readonly errorCode: number
  readonly errorMessage: string
  readonly nodeId: number
  readonly host: string
  readonly port: number
}

const groupType = 0
const transactionType = 1

export const findCoordinator = handler('FindCoordinator', (request, { broker, version }) => {
  if (version < 4) {
    const found = find(request.key, request.keyType, broker)
    return { throttleTimeMs: 0, ...found, errorMessage: found.errorCode === 0 ? 'NONE' : null }
  }
  const coordinators = request.coordinatorKeys.map((key) => ({ key, ...find(key, request.keyType, broker) }))
  return { throttleTimeMs: 0, coordinators }
})

function find(key: string, keyType: number, broker: Broker): Found {
  const { cluster } = broker
  if (keyType !== groupType && keyType !== transactionType) return notFound(errorCode.INVALID_REQUEST)
  const topic = cluster.internalTopic(keyType === groupType ? internalTopics.groups : internalTopics.transactions)
  if (topic instanceof Refusal) return notFound(errorCode.COORDINATOR_NOT_AVAILABLE)
  const partition = topic.partitions[coordinatorPartition(key, topic.partitions.length)]
  const node = partition === undefined ? undefined : cluster.nodes.get(broker.knownLeader(partition).leader)
  if (node === undefined || node.isFenced) return notFound(errorCode.COORDINATOR_NOT_AVAILABLE)
  return { errorCode: 0, errorMessage: '', nodeId: node.id, host: node.host, port: node.port }
}

function notFound(code: number): Found {
  return { errorCode: code, errorMessage: '', nodeId: -1, host: '', port: -1 }
}
