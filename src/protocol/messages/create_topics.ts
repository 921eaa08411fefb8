// CreateTopics, API 19: creates topics. KIP-4, KIP-464, KIP-525, KIP-599.

import { array, bool, int16, int32, int8, message, string, struct, uuid, type Decoded } from '../schema.ts'

export const CreateTopicsRequest = message('CreateTopicsRequest', {
  apiKey: 19,
  versions: [2, 7],
  flexible: 5,
  fields: {
    topics: array(
      struct({
        name: string,
        numPartitions: int32,
        replicationFactor: int16,
        assignments: array(
          struct({
            partitionIndex: int32,
            brokerIds: array(int32)
          })
        ),
        configs: array(
          struct({
            name: string,
            value: string.nullable()
          })
        )
      })
    ),
    timeoutMs: int32.orElse(60000),
    validateOnly: bool.orElse(false)
  }
})
export type CreateTopicsRequest = Decoded<typeof CreateTopicsRequest>

export const CreateTopicsResponse = message('CreateTopicsResponse', {
  apiKey: 19,
  versions: [2, 7],
  flexible: 5,
  fields: {
    throttleTimeMs: int32.ignorable(),
    topics: array(
      struct({
        name: string,
        topicId: uuid.from(7).ignorable(),
        errorCode: int16,
        errorMessage: string.nullable().ignorable(),
        topicConfigErrorCode: int16.from(5).tagged(0).ignorable(),
        numPartitions: int32.from(5).orElse(-1).ignorable(),
        replicationFactor: int16.from(5).orElse(-1).ignorable(),
        configs: array(
          struct({
            name: string,
            value: string.nullable(),
            readOnly: bool,
            configSource: int8.orElse(-1).ignorable(),
            isSensitive: bool
          })
        )
          .from(5)
          .nullable()
          .ignorable()
      })
    )
  }
})
export type CreateTopicsResponse = Decoded<typeof CreateTopicsResponse>
