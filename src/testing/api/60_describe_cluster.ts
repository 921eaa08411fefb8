// DescribeCluster, API 60: tells the brokers of the cluster. Serves versions 0 to 2. KIP-700.
//
// Behaviour: brokers only; whoever asks for controllers is told MISMATCHED_ENDPOINT_TYPE.
//
// Versions: 1 kinds of endpoints; 2 fenced brokers.

import { errorCode } from '../../protocol/index.ts'
import { clusterOperations, operationsNotAsked } from '../cluster/authorized_operations.ts'
import { handler } from './handler.ts'

const brokers = 1
const controllers = 2

export const describeCluster = handler('DescribeCluster', (request, { broker }) => {
  const { cluster } = broker
  const { endpointType } = request
  const answer = { throttleTimeMs: 0, endpointType, clusterId: cluster.clusterId, controllerId: cluster.controllerId }
  if (endpointType === controllers) return { ...answer, errorCode: errorCode.MISMATCHED_ENDPOINT_TYPE, brokers: [] }
  if (endpointType !== brokers) return { ...answer, errorCode: errorCode.UNSUPPORTED_ENDPOINT_TYPE, brokers: [] }
  const shown = [...cluster.nodes.values()].filter((node) => request.includeFencedBrokers || !node.isFenced)
  return {
    ...answer,
    errorCode: 0,
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? clusterOperations : operationsNotAsked,
    brokers: shown.map(({ id, host, port, rack, isFenced }) => ({ brokerId: id, host, port, rack, isFenced }))
  }
})
