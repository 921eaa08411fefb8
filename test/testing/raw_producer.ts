// One producer of raw requests: holds a producer id and epoch, and says exactly what a test tells it to, in the words of
// transactions v2 or of those before. Never counts sequences, never retries unless asked to.
import { errorByCode } from 'kafka-once/protocol'
import { setTimeout as sleep } from 'node:timers/promises'
import { batchOf, isTemporary, patiently, uncoordinated, untilSettled, unverified } from './raw_cluster.ts'
import type { RawCluster } from './raw_cluster.ts'

/** `v5` speaks transactions v2: Produce 12, TxnOffsetCommit 5, EndTxn 5. `v4` speaks Produce 11, and 4 of the others. */
export type Speech = 'v5' | 'v4'

const versions = Object.freeze({
  v5: { produce: 12, txnOffsetCommit: 5, endTxn: 5 },
  v4: { produce: 11, txnOffsetCommit: 4, endTxn: 4 }
})

export interface SendOptions {
  readonly sequence: number
  readonly partition?: number
  readonly values?: readonly string[]
  readonly producerId?: bigint
  readonly produceVersion?: number
}

export interface OffsetsOptions {
  readonly groupId: string
  readonly offset: bigint
  readonly metadata?: string
  readonly memberId?: string
  readonly generation?: number
  readonly version?: number
}

export interface EndAnswer {
  readonly errorCode: number
  readonly producerId: bigint
  readonly producerEpoch: number
}

const retryMs = 10

export class RawProducer {
  readonly raw: RawCluster
  readonly transactionalId: string
  readonly topic: string
  readonly speech: Speech
  producerId = -1n
  producerEpoch = -1

  constructor(raw: RawCluster, transactionalId: string, topic: string, speech: Speech) {
    this.raw = raw
    this.transactionalId = transactionalId
    this.topic = topic
    this.speech = speech
  }

  /** Another incarnation that knows what this one knows, as one that was resumed does. */
  resumed(): RawProducer {
    const other = new RawProducer(this.raw, this.transactionalId, this.topic, this.speech)
    other.producerId = this.producerId
    other.producerEpoch = this.producerEpoch
    return other
  }

  /** InitProducerId, once; adopts nothing. */
  async initOnce(
    options: { timeoutMs?: number; producerId?: bigint; producerEpoch?: number } = {}
  ): Promise<EndAnswer> {
    return this.raw.askCoordinator('transaction', this.transactionalId, 'InitProducerId', 4, {
      transactionalId: this.transactionalId,
      transactionTimeoutMs: options.timeoutMs ?? 60_000,
      producerId: options.producerId ?? -1n,
      producerEpoch: options.producerEpoch ?? -1
    })
  }

  /** InitProducerId until it is through, then goes on with what it answered. */
  async init(options: { timeoutMs?: number; producerId?: bigint; producerEpoch?: number } = {}): Promise<this> {
    const answer = await patiently(`InitProducerId of ${this.transactionalId}`, async () => {
      const once = await this.initOnce(options)
      return isTemporary(once.errorCode) ? undefined : once
    })
    if (answer.errorCode !== 0) throw new Error(`InitProducerId was refused: ${errorByCode(answer.errorCode).name}`)
    this.producerId = answer.producerId
    this.producerEpoch = answer.producerEpoch
    return this
  }

  async addPartitions(partitions: readonly number[] = [0]): Promise<number> {
    const { transactionalId, producerId, producerEpoch } = this
    const answer = await this.raw.askCoordinator('transaction', transactionalId, 'AddPartitionsToTxn', 3, {
      v3AndBelowTransactionalId: transactionalId,
      v3AndBelowProducerId: producerId,
      v3AndBelowProducerEpoch: producerEpoch,
      v3AndBelowTopics: [{ name: this.topic, partitions: [...partitions] }]
    })
    return answer.resultsByTopicV3AndBelow[0]?.resultsByPartition[0]?.partitionErrorCode ?? -1
  }

  async addOffsets(groupId: string): Promise<number> {
    const { transactionalId, producerId, producerEpoch } = this
    const body = { transactionalId, producerId, producerEpoch, groupId }
    return (await this.raw.askCoordinator('transaction', transactionalId, 'AddOffsetsToTxn', 3, body)).errorCode
  }

  /** Produce, once. */
  async send(options: SendOptions) {
    const { sequence, partition = 0, values = ['value'] } = options
    const version = options.produceVersion ?? versions[this.speech].produce
    const records = batchOf({
      producerId: options.producerId ?? this.producerId,
      producerEpoch: this.producerEpoch,
      baseSequence: sequence,
      isTransactional: true,
      values
    })
    const { responses } = await this.raw.askLeader(this.topic, partition, 'Produce', version, {
      transactionalId: this.transactionalId,
      acks: -1,
      timeoutMs: 10_000,
      topicData: [{ name: this.topic, partitionData: [{ index: partition, records }] }]
    })
    const answer = responses[0]?.partitionResponses[0]
    if (answer === undefined) throw new Error('Produce was not answered')
    return answer
  }

  /** Produce, again where it could not be verified. */
  sendSettled(options: SendOptions): ReturnType<RawProducer['send']> {
    return untilSettled(
      unverified,
      () => this.send(options),
      ({ errorCode }) => errorCode
    )
  }

  /** Begins a transaction in the words that the speech has for it, and writes one batch to each partition. */
  async write(sequence: number, partitions: readonly number[] = [0], values?: readonly string[]): Promise<void> {
    const { transactionalId } = this
    if (this.speech === 'v4') await this.insist('AddPartitionsToTxn', () => this.addPartitions(partitions))
    for (const partition of partitions) {
      await this.insist(`Produce of ${transactionalId}`, async () => {
        const options = { sequence, partition, ...(values === undefined ? {} : { values }) }
        return (await this.send(options)).errorCode
      })
    }
  }

  /** TxnOffsetCommit, once, for partition 0 of the producer's topic. */
  async commitOffsets(options: OffsetsOptions): Promise<number> {
    const { groupId, offset, metadata = null } = options
    const version = options.version ?? versions[this.speech].txnOffsetCommit
    const { topics } = await this.raw.askCoordinator('group', groupId, 'TxnOffsetCommit', version, {
      transactionalId: this.transactionalId,
      groupId,
      producerId: this.producerId,
      producerEpoch: this.producerEpoch,
      ...(version < 3 ? {} : { generationIdOrMemberEpoch: options.generation ?? -1, memberId: options.memberId ?? '' }),
      topics: [
        {
          name: this.topic,
          partitions: [{ partitionIndex: 0, committedOffset: offset, committedMetadata: metadata }]
        }
      ]
    })
    return topics[0]?.partitions[0]?.errorCode ?? -1
  }

  /** TxnOffsetCommit, again where a coordinator was slow or away. */
  commitOffsetsSettled(options: OffsetsOptions): Promise<number> {
    return untilSettled(
      uncoordinated,
      () => this.commitOffsets(options),
      (code) => code
    )
  }

  /** Writes a witness in the words of the speech. */
  async writeWitness(groupId: string, metadata: string, offset = 1n): Promise<void> {
    if (this.speech === 'v4') await this.insist('AddOffsetsToTxn', () => this.addOffsets(groupId))
    await this.insist('TxnOffsetCommit', () => this.commitOffsets({ groupId, offset, metadata }))
  }

  /** EndTxn, once; adopts nothing. */
  async endOnce(committed = true, over: Partial<EndAnswer> & { version?: number } = {}): Promise<EndAnswer> {
    const { transactionalId } = this
    const version = over.version ?? versions[this.speech].endTxn
    const producerId = over.producerId ?? this.producerId
    const producerEpoch = over.producerEpoch ?? this.producerEpoch
    const body = { transactionalId, producerId, producerEpoch, committed }
    return this.raw.askCoordinator('transaction', transactionalId, 'EndTxn', version, body)
  }

  /** EndTxn until it is neither busy nor loading. Adopts nothing: what is resumed once may be resumed again. */
  async end(committed = true, over: Partial<EndAnswer> & { version?: number } = {}): Promise<EndAnswer> {
    return patiently(`EndTxn of ${this.transactionalId}`, async () => {
      const answer = await this.endOnce(committed, over)
      return isTemporary(answer.errorCode) ? undefined : answer
    })
  }

  /** Ends a transaction and goes on with the next epoch, where there is one; waits for the markers. */
  async finish(committed = true): Promise<void> {
    const answer = await this.end(committed)
    if (answer.errorCode !== 0) throw new Error(`EndTxn was refused: ${errorByCode(answer.errorCode).name}`)
    await this.raw.untilState(this.transactionalId, committed ? 'CompleteCommit' : 'CompleteAbort')
    this.adopt(answer)
  }

  /** Goes on with what an EndTxn or InitProducerId answered. */
  adopt({ producerId, producerEpoch }: EndAnswer): void {
    if (producerId === -1n) return
    this.producerId = producerId
    this.producerEpoch = producerEpoch
  }

  /** Repeats a call while its code is temporary, and throws for any other than 0. */
  async insist(what: string, call: () => Promise<number>): Promise<void> {
    const code = await patiently(what, async () => {
      const answered = await call()
      if (!isTemporary(answered)) return answered
      await sleep(retryMs)
      return undefined
    })
    if (code !== 0) throw new Error(`${what} was refused: ${errorByCode(code).name}`)
  }
}
