// The log of a partition keeps Kafka's rules for transactions, markers, leader epochs and truncation.
import { errorCode, readControlBatch, RecordBatch, splitRecordBatches } from 'kafka-once/protocol'
import { describe, expect, test } from 'vitest'
import { PartitionLog } from '../../src/testing/log/partition_log.ts'
import type { Appended } from '../../src/testing/log/partition_log.ts'
import type { VerificationGuard } from '../../src/testing/log/producer_state.ts'
import { Refusal } from '../../src/testing/log/refusal.ts'
import { Settings } from '../../src/testing/cluster/settings.ts'
import { batch } from './site.ts'

const { INVALID_PRODUCER_EPOCH, INVALID_TXN_STATE, OUT_OF_ORDER_SEQUENCE_NUMBER, TRANSACTION_COORDINATOR_FENCED } =
  errorCode

/** A log as its leader uses it; the high watermark follows at once unless it is held. */
class Writer {
  readonly log: PartitionLog
  isHeld = false
  leaderEpoch = 0

  constructor(config: Record<string, string> = {}) {
    this.log = new PartitionLog(new Settings({}, new Settings(config)))
  }

  plain(count = 1): Appended | Refusal {
    return this.#append(batch({ values: Array.from({ length: count }, () => 'v') }))
  }

  /** A transactional batch, verified first where that is not left out. */
  transactional(producerId: bigint, producerEpoch: number, baseSequence: number, options: Options = {}): Outcome {
    const bytes = batch({ producerId, producerEpoch, baseSequence, isTransactional: true })
    if (options.isUnverified === true) return this.#append(bytes)
    const part = { producerId, producerEpoch, baseSequence, lastOffsetDelta: 0, maxTimestamp: 0, isTransactional: true }
    const guard = this.log.producers.beginVerification(part, options.isV2 ?? false)
    return guard instanceof Refusal ? guard : this.#append(bytes, guard)
  }

  marker(producerId: bigint, producerEpoch: number, options: MarkerOptions = {}): Outcome {
    const { isCommit = true, coordinatorEpoch = 0, transactionVersion = 0 } = options
    const marker = { producerId, producerEpoch, coordinatorEpoch, isCommit, timestamp: 7, transactionVersion }
    const appended = this.log.appendMarker(marker, this.leaderEpoch)
    if (!this.isHeld) this.log.advanceHighWatermark(this.log.endOffset)
    return appended
  }

  #append(bytes: Uint8Array, guard?: VerificationGuard): Appended | Refusal {
    const options = { origin: 'client', leaderEpoch: this.leaderEpoch, guard, nowMs: Date.now() } as const
    const appended = this.log.append(bytes, options)
    if (!this.isHeld) this.log.advanceHighWatermark(this.log.endOffset)
    return appended
  }
}

type Outcome = Appended | Refusal

interface Options {
  readonly isV2?: boolean
  readonly isUnverified?: boolean
}

interface MarkerOptions {
  readonly isCommit?: boolean
  readonly coordinatorEpoch?: number
  readonly transactionVersion?: number
}

function codeOf(outcome: Outcome): number {
  return outcome instanceof Refusal ? outcome.errorCode : 0
}

function abortedIn(log: PartitionLog, from: bigint): (readonly [bigint, bigint])[] {
  const read = log.read(from, { isolation: 'lastStable', bytesMax: 1_000_000, wholeFirstBatch: true })
  if (read instanceof Refusal) throw new Error(`${read.errorCode}`)
  return (read.aborted ?? []).map(({ producerId, firstOffset }) => [producerId, firstOffset] as const)
}

describe('a transaction', () => {
  test('holds back readers of committed records until its marker', () => {
    const writer = new Writer()
    writer.plain()
    writer.transactional(1n, 0, 0)
    writer.plain()
    expect([writer.log.lastStableOffset, writer.log.highWatermark]).toEqual([1n, 3n])
    writer.marker(1n, 0)
    expect(writer.log.lastStableOffset).toBe(4n)
    expect(abortedIn(writer.log, 0n)).toEqual([])
  })

  test('holds them back as long as an older one is open', () => {
    const writer = new Writer()
    writer.transactional(1n, 0, 0)
    writer.transactional(2n, 0, 0)
    writer.marker(2n, 0)
    expect(writer.log.lastStableOffset).toBe(0n)
    writer.marker(1n, 0)
    expect(writer.log.lastStableOffset).toBe(4n)
  })

  test('holds them back until its marker is replicated', () => {
    const writer = new Writer()
    writer.transactional(1n, 0, 0)
    writer.isHeld = true
    writer.marker(1n, 0)
    expect([writer.log.lastStableOffset, writer.log.highWatermark, writer.log.endOffset]).toEqual([0n, 1n, 2n])
    writer.log.advanceHighWatermark(2n)
    expect(writer.log.lastStableOffset).toBe(2n)
  })

  test('that was aborted is told to readers of its offsets, and of later ones in the same piece of the index', () => {
    const writer = new Writer()
    writer.transactional(1n, 0, 0)
    writer.plain()
    writer.marker(1n, 0, { isCommit: false })
    writer.transactional(1n, 0, 1)
    writer.marker(1n, 0, { isCommit: false })
    writer.plain()
    expect(abortedIn(writer.log, 0n)).toEqual([
      [1n, 0n],
      [1n, 3n]
    ])
    expect(abortedIn(writer.log, 2n)).toHaveLength(2)
    expect(abortedIn(writer.log, 3n)).toEqual([[1n, 3n]])
    expect(abortedIn(writer.log, 5n)).toEqual([])
  })

  test('is told only where the read reaches it', () => {
    const writer = new Writer()
    for (let i = 0; i < 200; i++) writer.plain()
    writer.transactional(1n, 0, 0)
    writer.marker(1n, 0, { isCommit: false })
    const read = writer.log.read(0n, { isolation: 'lastStable', bytesMax: 100, wholeFirstBatch: true })
    expect(read).toMatchObject({ aborted: [] })
    expect(abortedIn(writer.log, 0n)).toEqual([[1n, 200n]])
  })

  test('leaves a marker that says how it ended', () => {
    const writer = new Writer()
    writer.transactional(9n, 3, 0)
    writer.marker(9n, 3, { isCommit: false, coordinatorEpoch: 12 })
    const batches = [...splitRecordBatches(writer.log.batches[1]!.bytes)]
    expect(batches).toHaveLength(1)
    expect(batches[0]).toMatchObject({ baseOffset: 1n, producerId: 9n, producerEpoch: 3, isControl: true })
    expect(readControlBatch(batches[0]!)).toMatchObject({ type: 'ABORT', coordinatorEpoch: 12 })
  })

  test('must be verified before its first batch, unless that is switched off', () => {
    const writer = new Writer()
    expect(codeOf(writer.transactional(1n, 0, 0, { isUnverified: true }))).toBe(INVALID_TXN_STATE)
    expect(codeOf(writer.transactional(1n, 0, 0))).toBe(0)
    expect(codeOf(writer.transactional(1n, 0, 1, { isUnverified: true }))).toBe(0)
    writer.marker(1n, 0)
    expect(codeOf(writer.transactional(1n, 0, 2, { isUnverified: true }))).toBe(INVALID_TXN_STATE)
    const trusting = new Writer({ 'transaction.partition.verification.enable': 'false' })
    expect(codeOf(trusting.transactional(1n, 0, 0, { isUnverified: true }))).toBe(0)
  })

  test('that ended between the look at a batch and its append does not take it', () => {
    for (const [epoch, transactionVersion, code] of [
      [0, 1, INVALID_TXN_STATE],
      [1, 2, INVALID_PRODUCER_EPOCH]
    ] as const) {
      const writer = new Writer()
      writer.transactional(1n, 0, 0)
      const late = { producerId: 1n, producerEpoch: 0, baseSequence: 1, lastOffsetDelta: 0, maxTimestamp: 0 }
      const looked = writer.log.producers.beginVerification({ ...late, isTransactional: true }, false)
      expect(looked).toBeUndefined()
      writer.marker(1n, epoch, { transactionVersion })
      expect(codeOf(writer.transactional(1n, 0, 1, { isUnverified: true }))).toBe(code)
      expect(writer.log.endOffset).toBe(2n)
    }
  })

  test('is not mixed with plain batches of its producer', () => {
    const writer = new Writer()
    writer.transactional(1n, 0, 0)
    const bytes = batch({ producerId: 1n, producerEpoch: 0, baseSequence: 1 })
    const outcome = writer.log.append(bytes, { origin: 'client', leaderEpoch: 0, nowMs: Date.now() })
    expect(codeOf(outcome)).toBe(INVALID_TXN_STATE)
  })

  test('of a coordinator has epochs, but no sequences', () => {
    const { log } = new Writer({ 'transaction.partition.verification.enable': 'false' })
    const append = (producerEpoch: number): number => {
      const bytes = batch({ producerId: 5n, producerEpoch, isTransactional: true })
      return codeOf(log.append(bytes, { origin: 'coordinator', leaderEpoch: 0, nowMs: Date.now() }))
    }
    expect([append(2), append(2), append(1), append(3)]).toEqual([0, 0, INVALID_PRODUCER_EPOCH, 0])
    expect(log.producers.entry(5n)).toMatchObject({ producerEpoch: 3, lastSequence: -1 })
  })
})

describe('on transactions v2', () => {
  test('the first batch of a producer without a state has sequence 0', () => {
    const writer = new Writer()
    expect(codeOf(writer.transactional(1n, 0, 5, { isV2: true }))).toBe(OUT_OF_ORDER_SEQUENCE_NUMBER)
    expect(codeOf(writer.transactional(1n, 0, 0, { isV2: true }))).toBe(0)
    expect(codeOf(writer.transactional(2n, 0, 5))).toBe(0)
  })

  test('a marker has a greater epoch, and the producer begins again at 0', () => {
    const writer = new Writer()
    writer.transactional(1n, 0, 0, { isV2: true })
    expect(codeOf(writer.marker(1n, 0, { transactionVersion: 2 }))).toBe(INVALID_PRODUCER_EPOCH)
    expect(codeOf(writer.marker(1n, 1, { transactionVersion: 2 }))).toBe(0)
    expect(writer.log.producers.entry(1n)).toMatchObject({ producerEpoch: 1, lastSequence: -1 })
    expect(codeOf(writer.transactional(1n, 0, 1, { isV2: true }))).toBe(INVALID_PRODUCER_EPOCH)
    expect(codeOf(writer.transactional(1n, 1, 3, { isV2: true }))).toBe(OUT_OF_ORDER_SEQUENCE_NUMBER)
    expect(codeOf(writer.transactional(1n, 1, 0, { isV2: true }))).toBe(0)
  })

  test('a marker that comes again is let through, as long as no later transaction is open', () => {
    const writer = new Writer()
    writer.transactional(1n, 0, 0, { isV2: true })
    writer.marker(1n, 1, { transactionVersion: 2 })
    expect(codeOf(writer.marker(1n, 1, { transactionVersion: 2 }))).toBe(0)
    writer.transactional(1n, 1, 0, { isV2: true })
    expect(codeOf(writer.marker(1n, 1, { transactionVersion: 2 }))).toBe(INVALID_PRODUCER_EPOCH)
    expect(writer.log.producers.hasOpenTransaction(1n, 1)).toBe(true)
  })
})

describe('a marker', () => {
  test('of the same epoch ends a transaction before version 2', () => {
    const writer = new Writer()
    writer.transactional(1n, 4, 0)
    expect(codeOf(writer.marker(1n, 3))).toBe(INVALID_PRODUCER_EPOCH)
    expect(codeOf(writer.marker(1n, 4))).toBe(0)
    expect(codeOf(writer.transactional(1n, 4, 1))).toBe(0)
  })

  test('of an older coordinator is refused', () => {
    const writer = new Writer()
    writer.transactional(1n, 0, 0)
    writer.marker(1n, 0, { coordinatorEpoch: 5 })
    writer.transactional(1n, 0, 1)
    expect(codeOf(writer.marker(1n, 0, { coordinatorEpoch: 4 }))).toBe(TRANSACTION_COORDINATOR_FENCED)
    expect(codeOf(writer.marker(1n, 0, { coordinatorEpoch: 5 }))).toBe(0)
  })

  test('without a transaction is written, and changes nothing for readers', () => {
    const writer = new Writer()
    expect(codeOf(writer.marker(1n, 0, { isCommit: false }))).toBe(0)
    expect(writer.log.lastStableOffset).toBe(1n)
    expect(abortedIn(writer.log, 0n)).toEqual([])
  })
})

describe('a producer that wrote nothing for long', () => {
  test('is forgotten at the next look', () => {
    const config = { 'producer.id.expiration.ms': '1000', 'producer.id.expiration.check.interval.ms': '500' }
    const { log } = new Writer(config)
    const append = (producerId: bigint, nowMs: number): void => {
      const bytes = batch({ producerId, producerEpoch: 0, baseSequence: 0, timestamp: nowMs })
      log.append(bytes, { origin: 'coordinator', leaderEpoch: 0, nowMs })
    }
    const known = (): bigint[] => [...log.producers.entries()].map(({ producerId }) => producerId)
    append(1n, 10_000)
    append(3n, 10_600)
    expect(known()).toEqual([1n, 3n])
    append(4n, 11_050)
    expect(known()).toEqual([1n, 3n, 4n])
    append(5n, 11_101)
    expect(known()).toEqual([3n, 4n, 5n])
  })
})

describe('a truncated log', () => {
  test('knows what it knew when it ended there', () => {
    const writer = new Writer()
    writer.transactional(1n, 0, 0)
    writer.marker(1n, 0, { isCommit: false })
    writer.transactional(1n, 0, 1)
    writer.leaderEpoch = 3
    writer.plain(2)
    writer.marker(1n, 0)
    writer.log.truncate(3n)
    expect(writer.log).toMatchObject({ endOffset: 3n, highWatermark: 3n, lastStableOffset: 2n })
    expect(writer.log.producers.entry(1n)).toMatchObject({ lastSequence: 1, transactionFirstOffset: 2n })
    expect(abortedIn(writer.log, 0n)).toEqual([[1n, 0n]])
    expect(writer.log.leaderEpochs.all()).toEqual([{ epoch: 0, startOffset: 0n }])
    expect(codeOf(writer.transactional(1n, 0, 2, { isUnverified: true }))).toBe(0)
  })

  test('in the middle of a batch loses all of it, and leaves a gap', () => {
    const writer = new Writer()
    writer.plain()
    writer.plain(5)
    writer.log.truncate(3n)
    expect(writer.log.batches).toHaveLength(1)
    expect(writer.plain()).toMatchObject({ baseOffset: 3n })
  })

  test('takes new batches where it ends', () => {
    const writer = new Writer()
    for (let i = 0; i < 4; i++) writer.plain()
    writer.log.truncate(2n)
    writer.leaderEpoch = 1
    expect(writer.plain()).toMatchObject({ baseOffset: 2n })
    expect(RecordBatch.parse(writer.log.batches[2]!.bytes)).toMatchObject({ baseOffset: 2n, partitionLeaderEpoch: 1 })
    expect(writer.log.leaderEpochs.endOf(0, writer.log.endOffset)).toEqual({ epoch: 0, endOffset: 2n })
    expect(writer.log.leaderEpochs.endOf(1, writer.log.endOffset)).toEqual({ epoch: 1, endOffset: 3n })
  })
})

describe('a log whose first records were deleted', () => {
  test('does not hold readers back before its start', () => {
    const writer = new Writer()
    writer.transactional(1n, 0, 0)
    writer.plain(3)
    expect(writer.log.lastStableOffset).toBe(0n)
    writer.log.deleteBefore(2n)
    expect(writer.log).toMatchObject({ startOffset: 2n, lastStableOffset: 2n })
  })

  test('forgets aborted transactions that end before its start', () => {
    const writer = new Writer()
    writer.transactional(1n, 0, 0)
    writer.marker(1n, 0, { isCommit: false })
    writer.plain()
    writer.log.deleteBefore(2n)
    expect(abortedIn(writer.log, 2n)).toEqual([])
    expect(writer.log.sizeInBytes).toBe(writer.log.batches[0]!.bytes.length)
  })
})
