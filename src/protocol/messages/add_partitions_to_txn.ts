// AddPartitionsToTxn, API 24: adds partitions to a transaction; from version 4 on for brokers only. KIP-98, KIP-890.

import { array, bool, int16, int32, int64, message, string, struct, type Decoded } from '../schema.ts'

const addPartitionsToTxnTopic = struct({
  name: string,
  partitions: array(int32)
})

export const AddPartitionsToTxnRequest = message('AddPartitionsToTxnRequest', {
  apiKey: 24,
  versions: [0, 5],
  flexible: 3,
  fields: {
    transactions: array(
      struct({
        transactionalId: string,
        producerId: int64,
        producerEpoch: int16,
        verifyOnly: bool.orElse(false),
        topics: array(addPartitionsToTxnTopic)
      })
    ).from(4),
    v3AndBelowTransactionalId: string.until(3),
    v3AndBelowProducerId: int64.until(3),
    v3AndBelowProducerEpoch: int16.until(3),
    v3AndBelowTopics: array(addPartitionsToTxnTopic).until(3)
  }
})
export type AddPartitionsToTxnRequest = Decoded<typeof AddPartitionsToTxnRequest>

const addPartitionsToTxnPartitionResult = struct({
  partitionIndex: int32,
  partitionErrorCode: int16
})

const addPartitionsToTxnTopicResult = struct({
  name: string,
  resultsByPartition: array(addPartitionsToTxnPartitionResult)
})

export const AddPartitionsToTxnResponse = message('AddPartitionsToTxnResponse', {
  apiKey: 24,
  versions: [0, 5],
  flexible: 3,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16.from(4).ignorable(),
    resultsByTransaction: array(
      struct({
        transactionalId: string,
        topicResults: array(addPartitionsToTxnTopicResult)
      })
    ).from(4),
    resultsByTopicV3AndBelow: array(addPartitionsToTxnTopicResult).until(3)
  }
})
export type AddPartitionsToTxnResponse = Decoded<typeof AddPartitionsToTxnResponse>
