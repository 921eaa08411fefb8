// AlterReplicaLogDirs, API 34: moves replicas between folders of a broker. KIP-113.

import { array, int16, int32, message, string, struct, type Decoded } from '../schema.ts'

export const AlterReplicaLogDirsRequest = message('AlterReplicaLogDirsRequest', {
  apiKey: 34,
  versions: [1, 2],
  flexible: 2,
  fields: {
    dirs: array(
      struct({
        path: string,
        topics: array(
          struct({
            name: string,
            partitions: array(int32)
          })
        )
      })
    )
  }
})
export type AlterReplicaLogDirsRequest = Decoded<typeof AlterReplicaLogDirsRequest>

export const AlterReplicaLogDirsResponse = message('AlterReplicaLogDirsResponse', {
  apiKey: 34,
  versions: [1, 2],
  flexible: 2,
  fields: {
    throttleTimeMs: int32,
    results: array(
      struct({
        topicName: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16
          })
        )
      })
    )
  }
})
export type AlterReplicaLogDirsResponse = Decoded<typeof AlterReplicaLogDirsResponse>
