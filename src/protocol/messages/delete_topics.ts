// DeleteTopics, API 20: deletes topics by name or id. KIP-4, KIP-516, KIP-599.

import { array, int16, int32, message, string, struct, uuid, type Decoded } from '../schema.ts'

export const DeleteTopicsRequest = message('DeleteTopicsRequest', {
  apiKey: 20,
  versions: [1, 6],
  flexible: 4,
  fields: {
    topics: array(
      struct({
        name: string.nullable().orElse(null),
        topicId: uuid
      })
    ).from(6),
    topicNames: array(string).until(5).ignorable(),
    timeoutMs: int32
  }
})
export type DeleteTopicsRequest = Decoded<typeof DeleteTopicsRequest>

export const DeleteTopicsResponse = message('DeleteTopicsResponse', {
  apiKey: 20,
  versions: [1, 6],
  flexible: 4,
  fields: {
    throttleTimeMs: int32.ignorable(),
    responses: array(
      struct({
        name: string.nullable(6),
        topicId: uuid.from(6).ignorable(),
        errorCode: int16,
        errorMessage: string.from(5).nullable().orElse(null).ignorable()
      })
    )
  }
})
export type DeleteTopicsResponse = Decoded<typeof DeleteTopicsResponse>
