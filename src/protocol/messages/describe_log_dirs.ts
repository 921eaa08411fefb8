// DescribeLogDirs, API 35: shows folders and sizes of replicas. KIP-113, KIP-827.

import { array, bool, int16, int32, int64, message, string, struct, type Decoded } from '../schema.ts'

export const DescribeLogDirsRequest = message('DescribeLogDirsRequest', {
  apiKey: 35,
  versions: [1, 5],
  flexible: 2,
  fields: {
    topics: array(
      struct({
        topic: string,
        partitions: array(int32)
      })
    ).nullable()
  }
})
export type DescribeLogDirsRequest = Decoded<typeof DescribeLogDirsRequest>

export const DescribeLogDirsResponse = message('DescribeLogDirsResponse', {
  apiKey: 35,
  versions: [1, 5],
  flexible: 2,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16.from(3).ignorable(),
    results: array(
      struct({
        errorCode: int16,
        logDir: string,
        topics: array(
          struct({
            name: string,
            partitions: array(
              struct({
                partitionIndex: int32,
                partitionSize: int64,
                offsetLag: int64,
                isFutureKey: bool
              })
            )
          })
        ),
        totalBytes: int64.from(4).orElse(-1n).ignorable(),
        usableBytes: int64.from(4).orElse(-1n).ignorable(),
        isCordoned: bool.from(5).orElse(false).ignorable()
      })
    )
  }
})
export type DescribeLogDirsResponse = Decoded<typeof DescribeLogDirsResponse>
