// DescribeQuorum, API 55: shows the state of a metadata quorum. KIP-595, KIP-836, KIP-853.

import { array, int16, int32, int64, message, string, struct, uint16, uuid, type Decoded } from '../schema.ts'

export const DescribeQuorumRequest = message('DescribeQuorumRequest', {
  apiKey: 55,
  versions: [0, 2],
  flexible: 0,
  fields: {
    topics: array(
      struct({
        topicName: string,
        partitions: array(
          struct({
            partitionIndex: int32
          })
        )
      })
    )
  }
})
export type DescribeQuorumRequest = Decoded<typeof DescribeQuorumRequest>

const replicaState = struct({
  replicaId: int32,
  replicaDirectoryId: uuid.from(2),
  logEndOffset: int64,
  lastFetchTimestamp: int64.from(1).orElse(-1n).ignorable(),
  lastCaughtUpTimestamp: int64.from(1).orElse(-1n).ignorable()
})

export const DescribeQuorumResponse = message('DescribeQuorumResponse', {
  apiKey: 55,
  versions: [0, 2],
  flexible: 0,
  fields: {
    errorCode: int16,
    errorMessage: string.from(2).nullable().ignorable(),
    topics: array(
      struct({
        topicName: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            errorMessage: string.from(2).nullable().ignorable(),
            leaderId: int32,
            leaderEpoch: int32,
            highWatermark: int64,
            currentVoters: array(replicaState),
            observers: array(replicaState)
          })
        )
      })
    ),
    nodes: array(
      struct({
        nodeId: int32,
        listeners: array(
          struct({
            name: string,
            host: string,
            port: uint16
          })
        )
      })
    ).from(2)
  }
})
export type DescribeQuorumResponse = Decoded<typeof DescribeQuorumResponse>
