// The records in which a transaction coordinator keeps its state, in `__transaction_state`: key and value, each preceded
// by its version as an int16. A value of null removes the id. KIP-98, KIP-890, KIP-915.
// Source: org.apache.kafka.coordinator.transaction.TransactionLog.

import { array, int16, int32, int64, int8, message, string, struct, type Decoded } from '../schema.ts'

export const TransactionLogKey = message('TransactionLogKey', {
  versions: [0, 0],
  fields: {
    transactionalId: string
  }
})
export type TransactionLogKey = Decoded<typeof TransactionLogKey>

/** Version 1 is written from transaction version 1 on. */
export const TransactionLogValue = message('TransactionLogValue', {
  versions: [0, 1],
  flexible: 1,
  fields: {
    producerId: int64,
    previousProducerId: int64.from(1).orElse(-1n).tagged(0),
    nextProducerId: int64.from(1).orElse(-1n).tagged(1),
    producerEpoch: int16,
    nextProducerEpoch: int16.from(1).orElse(-1).tagged(3),
    transactionTimeoutMs: int32,
    transactionStatus: int8,
    transactionPartitions: array(
      struct({
        topic: string,
        partitionIds: array(int32)
      })
    ).nullable(),
    transactionLastUpdateTimestampMs: int64,
    transactionStartTimestampMs: int64,
    clientTransactionVersion: int16.from(1).orElse(0).tagged(2)
  }
})
export type TransactionLogValue = Decoded<typeof TransactionLogValue>

/** Kafka's names of the states; a name's position is its number. */
export const transactionStatuses = Object.freeze([
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
  'Dead',
  'PrepareEpochFence'
] as const)
