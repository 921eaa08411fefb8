// DescribeCluster, API 60: tells the brokers or controllers of a cluster. KIP-700, KIP-919, KIP-1073.

import { array, bool, int16, int32, int8, message, string, struct, type Decoded } from '../schema.ts'

export const DescribeClusterRequest = message('DescribeClusterRequest', {
  apiKey: 60,
  versions: [0, 2],
  flexible: 0,
  fields: {
    includeClusterAuthorizedOperations: bool,
    endpointType: int8.from(1).orElse(1),
    includeFencedBrokers: bool.from(2)
  }
})
export type DescribeClusterRequest = Decoded<typeof DescribeClusterRequest>

export const DescribeClusterResponse = message('DescribeClusterResponse', {
  apiKey: 60,
  versions: [0, 2],
  flexible: 0,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().orElse(null),
    endpointType: int8.from(1).orElse(1),
    clusterId: string,
    controllerId: int32.orElse(-1),
    brokers: array(
      struct({
        brokerId: int32,
        host: string,
        port: int32,
        rack: string.nullable().orElse(null),
        isFenced: bool.from(2)
      })
    ),
    clusterAuthorizedOperations: int32.orElse(-2147483648)
  }
})
export type DescribeClusterResponse = Decoded<typeof DescribeClusterResponse>
