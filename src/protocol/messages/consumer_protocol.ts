// Consumer group protocol: what members of a classic group tell each other inside JoinGroup and SyncGroup, each
// preceded by its version as an int16. KIP-345, KIP-429, KIP-792, KIP-881.

import { array, bytes, int32, message, string, struct, type Decoded } from '../schema.ts'

export const ConsumerProtocolSubscription = message('ConsumerProtocolSubscription', {
  versions: [0, 3],
  fields: {
    topics: array(string),
    userData: bytes.nullable().orElse(null),
    ownedPartitions: array(
      struct({
        topic: string,
        partitions: array(int32)
      })
    )
      .from(1)
      .ignorable(),
    generationId: int32.from(2).orElse(-1).ignorable(),
    rackId: string.from(3).nullable().orElse(null).ignorable()
  }
})
export type ConsumerProtocolSubscription = Decoded<typeof ConsumerProtocolSubscription>

export const ConsumerProtocolAssignment = message('ConsumerProtocolAssignment', {
  versions: [0, 3],
  fields: {
    assignedPartitions: array(
      struct({
        topic: string,
        partitions: array(int32)
      })
    ),
    userData: bytes.nullable().orElse(null)
  }
})
export type ConsumerProtocolAssignment = Decoded<typeof ConsumerProtocolAssignment>
