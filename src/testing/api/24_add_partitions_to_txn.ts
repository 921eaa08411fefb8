// AddPartitionsToTxn, API 24: adds partitions to a transaction, which begins it where none is open. Serves versions 0 to 5.
//
// Behaviour: a partition that does not exist is answered UNKNOWN_TOPIC_OR_PARTITION, and all others of that transaction
// OPERATION_NOT_ATTEMPTED. Brokers ask each other without this API here; from outside versions 4 and 5 work all the same.
//
// Versions: 2 PRODUCER_FENCED, which is INVALID_PRODUCER_EPOCH before; 4 several transactions, and `verifyOnly`, which adds
// nothing; 5 TRANSACTION_ABORTABLE (KIP-890). From 4 on the producer counts as one of transactions v2.

import { errorCode } from '../../protocol/index.ts'
import type { EncodableResponseOf, RequestOf } from '../../protocol/index.ts'
import type { TopicPartition } from '../cluster/ports.ts'
import { transactionsOf } from '../transaction/broker_transactions.ts'
import type { PartitionsRequest } from '../transaction/coordinator.ts'
import { settle } from '../transaction/settle.ts'
import { handler } from './handler.ts'
import type { RequestContext } from './handler.ts'

type Request = RequestOf<'AddPartitionsToTxn'>
type Response = EncodableResponseOf<'AddPartitionsToTxn'>
type Topics = Request['v3AndBelowTopics']

interface TopicResult {
  readonly name: string
  readonly resultsByPartition: readonly { readonly partitionIndex: number; readonly partitionErrorCode: number }[]
}

interface Addition extends PartitionsRequest {
  readonly verifyOnly: boolean
}

export const addPartitionsToTxn = handler('AddPartitionsToTxn', (request, context) => {
  if (context.version < 4) {
    return settle<Response>((done) => {
      const addition: Addition = {
        transactionalId: request.v3AndBelowTransactionalId,
        producerId: request.v3AndBelowProducerId,
        producerEpoch: request.v3AndBelowProducerEpoch,
        partitions: partitionsOf(request.v3AndBelowTopics),
        verifyOnly: false
      }
      add(addition, context, (codes) => {
        const resultsByTopicV3AndBelow = resultsOf(request.v3AndBelowTopics, codes)
        done({ throttleTimeMs: 0, errorCode: 0, resultsByTransaction: [], resultsByTopicV3AndBelow })
      })
    })
  }
  return settle<Response>((done) => addAll(request, context, done))
})

function addAll({ transactions }: Request, context: RequestContext, done: (response: Response) => void): void {
  const results = new Map<string, readonly TopicResult[]>()
  let left = transactions.length
  let isFailed = false
  const finish = (code: number): void => {
    const resultsByTransaction = Array.from(results, ([transactionalId, topicResults]) => {
      return { transactionalId, topicResults: [...topicResults] }
    })
    const isWhole = code === errorCode.NONE
    done({
      throttleTimeMs: 0,
      errorCode: code,
      resultsByTransaction: isWhole ? resultsByTransaction : [],
      resultsByTopicV3AndBelow: []
    })
  }
  if (left === 0) return finish(errorCode.NONE)
  for (const { topics, ...transaction } of transactions) {
    add({ ...transaction, partitions: partitionsOf(topics) }, context, (codes) => {
      if (isFailed) return
      // Kafka fails over such a request as a whole.
      isFailed = codes.includes(errorCode.UNSUPPORTED_VERSION)
      if (isFailed) return finish(errorCode.UNSUPPORTED_VERSION)
      results.set(transaction.transactionalId, resultsOf(topics, codes))
      if (--left === 0) finish(errorCode.NONE)
    })
  }
}

function add(addition: Addition, context: RequestContext, done: (codes: readonly number[]) => void): void {
  const { broker, version } = context
  const { coordinator } = transactionsOf(broker)
  const { partitions, verifyOnly } = addition
  const isThere = partitions.map(({ topic, partition }) => broker.cluster.partition(topic, partition) !== undefined)
  if (isThere.includes(false)) {
    const { OPERATION_NOT_ATTEMPTED, UNKNOWN_TOPIC_OR_PARTITION } = errorCode
    return done(isThere.map((is) => (is ? OPERATION_NOT_ATTEMPTED : UNKNOWN_TOPIC_OR_PARTITION)))
  }
  if (verifyOnly) return done(coordinator.verifyPartitions(addition))
  coordinator.addPartitions(addition, version > 3 ? 2 : 0, (code) => {
    const isOldName = version < 2 && code === errorCode.PRODUCER_FENCED
    done(partitions.map(() => (isOldName ? errorCode.INVALID_PRODUCER_EPOCH : code)))
  })
}

function partitionsOf(topics: Topics): TopicPartition[] {
  return topics.flatMap(({ name, partitions }) => partitions.map((partition) => ({ topic: name, partition })))
}

function resultsOf(topics: Topics, codes: readonly number[]): TopicResult[] {
  let at = 0
  return topics.map(({ name, partitions }) => ({
    name,
    resultsByPartition: partitions.map((partitionIndex) => ({ partitionIndex, partitionErrorCode: codes[at++] ?? -1 }))
  }))
}
