// The independent judge of exactly-once: reads whole partitions as they lie in the log, control records and aborted data
// included, and works out from the markers alone how each transaction ended. It shares nothing with our consumer but the
// codecs, and never trusts the broker's list of aborted transactions. KIP-98.
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { ProtocolError, decompressBatch, errorByCode, readControlBatch, splitRecordBatches } from 'kafka-once/protocol'
import type { RecordBatch, RecordHeader } from 'kafka-once/protocol'
import { setTimeout as sleep } from 'node:timers/promises'
import { Wire } from './wire.ts'

export interface ScannedRecord {
  readonly partition: number
  readonly offset: bigint
  readonly timestamp: number
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly RecordHeader[]
  /** The number of its transaction in `PartitionScan.transactions`; undefined for a record outside any. */
  readonly transaction: number | undefined
}

/** Offsets of one batch of data, both inclusive. */
export interface OffsetRange {
  readonly firstOffset: bigint
  readonly lastOffset: bigint
}

/** What one producer wrote into a partition between two of its markers. */
export interface TransactionScan {
  readonly producerId: bigint
  /** The epochs of its data; more than one says that a fenced producer's data was let in. Empty without data. */
  readonly producerEpochs: readonly number[]
  readonly ranges: readonly OffsetRange[]
  readonly recordCount: number
  /** `open` where no marker has come. */
  readonly outcome: 'COMMIT' | 'ABORT' | 'open'
  readonly marker: TransactionMarker | undefined
}

export interface TransactionMarker {
  readonly offset: bigint
  /** In transaction version 2 one more than the data's. */
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
}

export interface PartitionScan {
  readonly topic: string
  readonly partition: number
  readonly logStartOffset: bigint
  /** Exclusive: where the scan ended. */
  readonly endOffset: bigint
  /** As the broker told with the last fetch. */
  readonly lastStableOffset: bigint
  /** In the order of their first batch or, without data, of their marker. */
  readonly transactions: readonly TransactionScan[]
  /** All data, whatever became of its transaction, in order of offsets. */
  readonly records: readonly ScannedRecord[]
}

export interface ScanOptions {
  /** Where to begin instead of the start of the log; data before it counts for nothing. */
  readonly fromOffset?: bigint
  /** How long leaders may be missing. */
  readonly timeoutMs?: number
}

const earliest = -2n
const fetchBytesMax = 16 * 1024 * 1024
const idleFetchesMax = 20
const retryMs = 100
const timeoutMsDefault = 30_000

/** Scans every partition of a topic up to its present end. */
export async function scanTopic(bootstrap: string, topic: string, options: ScanOptions = {}): Promise<PartitionScan[]> {
  const leaders = await retrying(options, () => leadersOf(bootstrap, topic))
  const scans: PartitionScan[] = []
  for (const partition of [...leaders.keys()].toSorted((a, b) => a - b)) {
    scans.push(await scanPartition(bootstrap, topic, partition, options))
  }
  return scans
}

/** Scans one partition up to the high watermark that its leader tells with the last fetch. */
export async function scanPartition(
  bootstrap: string,
  topic: string,
  partition: number,
  options: ScanOptions = {}
): Promise<PartitionScan> {
  return retrying(options, async () => {
    const leader = (await leadersOf(bootstrap, topic)).get(partition)
    if (leader === undefined) throw new Error(`${topic} has no partition ${partition} with a leader`)
    using wire = await Wire.open(leader)
    return await scanWith(wire, topic, partition, options.fromOffset)
  })
}

/** What is known of a partition whose batches are at hand. */
export interface PartitionPlace {
  readonly topic: string
  readonly partition: number
  readonly logStartOffset: bigint
  readonly endOffset: bigint
  readonly lastStableOffset: bigint
}

/** The same for batches that need not be fetched, none of them compressed. */
export function scanBatches(place: PartitionPlace, batches: Iterable<RecordBatch>): PartitionScan {
  const scanner = new Scanner(place.partition)
  for (const batch of batches) scanner.take(batch, place.logStartOffset)
  return { ...place, ...scanner.result() }
}

/**
 * What a reader that sees only committed data gets now: data outside transactions and of committed ones, up to the first
 * transaction that is still open; by partition, then offset.
 */
export async function readCommitted(
  bootstrap: string,
  topic: string,
  options: ScanOptions = {}
): Promise<ScannedRecord[]> {
  const scans = await scanTopic(bootstrap, topic, options)
  return scans.flatMap(committedRecords)
}

/** The same for one partition that was scanned. */
export function committedRecords(scan: PartitionScan): ScannedRecord[] {
  const end = firstOpenOffset(scan) ?? scan.endOffset
  return scan.records.filter((record) => record.offset < end && isCommitted(scan, record))
}

/** Where a reader of committed data waits; undefined where no transaction is open. */
export function firstOpenOffset(scan: PartitionScan): bigint | undefined {
  const starts = scan.transactions.flatMap(({ outcome, ranges }) => {
    const first = ranges[0]
    return outcome === 'open' && first !== undefined ? [first.firstOffset] : []
  })
  return starts.length === 0 ? undefined : starts.reduce((least, offset) => (offset < least ? offset : least))
}

function isCommitted(scan: PartitionScan, record: ScannedRecord): boolean {
  return record.transaction === undefined || scan.transactions[record.transaction]?.outcome === 'COMMIT'
}

/** Address of the leader of each partition. Throws where one has none. */
// A broker that stood still names for a moment those that led before, and they answer out of their old logs.
async function leadersOf(bootstrap: string, topic: string): Promise<Map<number, string>> {
  const brokers = bootstrap.split(',').map((address) => address.trim())
  // One broker has nobody to be compared with, and may be older than epochs of leaders.
  const version = brokers.length > 1 ? 7 : 1
  const answers = await askMost(brokers, (wire) => wire.request('Metadata', version, { topics: [{ name: topic }] }))
  const newest = new Map<number, { readonly leaderEpoch: number; readonly address: string | undefined; code: number }>()
  let failure: Error | undefined
  for (const { brokers: nodes, topics } of answers) {
    const described = topics[0]
    if (described === undefined || described.errorCode !== 0) {
      failure = kafkaError(described?.errorCode ?? -1, topic)
      continue
    }
    const addresses = new Map(nodes.map(({ nodeId, host, port }) => [nodeId, `${host}:${port}`]))
    for (const { partitionIndex, leaderId, leaderEpoch, errorCode: code } of described.partitions) {
      const known = newest.get(partitionIndex)
      if (known !== undefined && known.leaderEpoch >= leaderEpoch) continue
      newest.set(partitionIndex, { leaderEpoch, address: addresses.get(leaderId), code })
    }
  }
  if (newest.size === 0) throw failure ?? kafkaError(-1, topic)
  const leaders = new Map<number, string>()
  for (const [partition, { address, code }] of newest) {
    if (address === undefined) throw kafkaError(code, `partition ${partition} of ${topic} without a leader`)
    leaders.set(partition, address)
  }
  return leaders
}

/** The answers of more than half of the brokers or, where some cannot be reached, of those that can. */
async function askMost<T>(brokers: readonly string[], ask: (wire: Wire) => Promise<T>): Promise<T[]> {
  const answers: T[] = []
  let isOver = false
  return await new Promise<T[]>((resolve, reject) => {
    let left = brokers.length
    const askOne = async (address: string): Promise<void> => {
      let failure: unknown
      try {
        using wire = await Wire.open(address)
        if (!isOver) answers.push(await ask(wire))
      } catch (error) {
        failure = error
      }
      left--
      isOver ||= left === 0 || answers.length * 2 > brokers.length
      if (isOver && answers.length > 0) resolve(answers)
      else if (isOver) reject(failure)
    }
    for (const address of brokers) void askOne(address)
  })
}

async function scanWith(
  wire: Wire,
  topic: string,
  partition: number,
  fromOffset: bigint | undefined
): Promise<PartitionScan> {
  const logStartOffset = await startOffset(wire, topic, partition)
  const scanner = new Scanner(partition)
  let position = fromOffset === undefined || fromOffset < logStartOffset ? logStartOffset : fromOffset
  let idleFetches = 0
  for (;;) {
    const before = position
    const fetched = await fetch(wire, topic, partition, position)
    for (const batch of splitRecordBatches(fetched.records)) {
      if (batch.lastOffset < position) continue
      await decompressBatch(batch, { gunzip: gunzipWithin })
      scanner.take(batch, position)
      position = batch.lastOffset + 1n
    }
    if (position >= fetched.highWatermark) {
      const { lastStableOffset } = fetched
      return { topic, partition, logStartOffset, endOffset: position, lastStableOffset, ...scanner.result() }
    }
    idleFetches = position === before ? idleFetches + 1 : 0
    if (idleFetches > idleFetchesMax) throw new Error(`${topic}-${partition} gives no data from offset ${position} on`)
  }
}

async function startOffset(wire: Wire, topic: string, partition: number): Promise<bigint> {
  const { topics } = await wire.request('ListOffsets', 1, {
    replicaId: -1,
    topics: [{ name: topic, partitions: [{ partitionIndex: partition, timestamp: earliest }] }]
  })
  const answer = topics[0]?.partitions[0]
  if (answer === undefined || answer.errorCode !== 0) throw kafkaError(answer?.errorCode ?? -1, topic)
  return answer.offset
}

async function fetch(wire: Wire, topic: string, partition: number, fetchOffset: bigint) {
  const { responses } = await wire.request('Fetch', 4, {
    maxWaitMs: 100,
    minBytes: 0,
    maxBytes: fetchBytesMax,
    isolationLevel: 0,
    topics: [{ topic, partitions: [{ partition, fetchOffset, partitionMaxBytes: fetchBytesMax }] }]
  })
  const answer = responses[0]?.partitions[0]
  if (answer === undefined || answer.errorCode !== 0) throw kafkaError(answer?.errorCode ?? -1, topic)
  return answer
}

const gunzipLater = promisify(gunzip)

function gunzipWithin(bytes: Uint8Array, bytesMax: number): Promise<Uint8Array> {
  return gunzipLater(bytes, { maxOutputLength: bytesMax })
}

interface OpenTransaction {
  readonly number: number
  readonly producerEpochs: Set<number>
  readonly ranges: OffsetRange[]
  recordCount: number
}

/** Takes batches in order and groups them by the markers that end them. */
class Scanner {
  readonly #partition: number
  readonly #records: ScannedRecord[] = []
  readonly #transactions: TransactionScan[] = []
  readonly #open = new Map<bigint, OpenTransaction>()

  constructor(partition: number) {
    this.#partition = partition
  }

  take(batch: RecordBatch, from: bigint): void {
    if (batch.isControl) this.#takeControl(batch)
    else this.#takeData(batch, from)
  }

  result(): { readonly transactions: readonly TransactionScan[]; readonly records: readonly ScannedRecord[] } {
    for (const [producerId, open] of this.#open) this.#end(producerId, open, 'open', undefined)
    return { transactions: this.#transactions, records: this.#records }
  }

  #takeControl(batch: RecordBatch): void {
    const control = readControlBatch(batch)
    if (control?.type !== 'COMMIT' && control?.type !== 'ABORT') return
    const { type, coordinatorEpoch } = control
    const { producerId, producerEpoch, baseOffset: offset } = batch
    const open = this.#open.get(producerId) ?? this.#begin(producerId)
    this.#end(producerId, open, type, { offset, producerEpoch, coordinatorEpoch: coordinatorEpoch ?? -1 })
    this.#open.delete(producerId)
  }

  #takeData(batch: RecordBatch, from: bigint): void {
    const open = batch.isTransactional ? (this.#open.get(batch.producerId) ?? this.#begin(batch.producerId)) : undefined
    const records = batch.records()
    for (let i = 0; i < records.count; i++) {
      const offset = records.offset(i)
      if (offset < from) continue
      const content = { key: records.key(i), value: records.value(i), headers: records.headers(i) }
      const timestamp = records.timestamp(i)
      this.#records.push({ partition: this.#partition, offset, timestamp, ...content, transaction: open?.number })
      if (open !== undefined) open.recordCount++
    }
    if (open === undefined) return
    open.producerEpochs.add(batch.producerEpoch)
    open.ranges.push({ firstOffset: batch.baseOffset, lastOffset: batch.lastOffset })
  }

  #begin(producerId: bigint): OpenTransaction {
    const open = { number: this.#transactions.length, producerEpochs: new Set<number>(), ranges: [], recordCount: 0 }
    this.#open.set(producerId, open)
    this.#end(producerId, open, 'open', undefined)
    return open
  }

  /** Writes the transaction down at its number, over what stood there when it began. */
  #end(
    producerId: bigint,
    open: OpenTransaction,
    outcome: TransactionScan['outcome'],
    marker: TransactionMarker | undefined
  ): void {
    const { ranges, recordCount } = open
    this.#transactions[open.number] = {
      producerId,
      producerEpochs: [...open.producerEpochs],
      ranges,
      recordCount,
      outcome,
      marker
    }
  }
}

function kafkaError(code: number, what: string): Error {
  return new Error(`${errorByCode(code).name} for ${what}`)
}

/** Tries again while leaders are elected and brokers come back; not where bytes could not be understood. */
async function retrying<T>(options: ScanOptions, action: () => Promise<T>): Promise<T> {
  const deadlineMs = performance.now() + (options.timeoutMs ?? timeoutMsDefault)
  for (;;) {
    try {
      return await action()
    } catch (error) {
      if (error instanceof ProtocolError || performance.now() > deadlineMs) throw error
      await sleep(retryMs)
    }
  }
}
