// Keeps input arriving over a whole proof: small batches to every partition, written over a plain connection that shares
// nothing with our producer. Goes on when a killed broker is back. Single node brokers only, which lead everything.
import { RecordBatchBuilder } from 'kafka-once/protocol'
import { setTimeout as sleep } from 'node:timers/promises'
import { Wire } from '../broker/wire.ts'

const produceVersion = 9
const listOffsetsVersion = 1
const latest = -1n
const pauseMs = 20
/** How long a broker may be away, milliseconds. */
const patienceMs = 60_000

export interface FeederOptions {
  readonly address: string
  readonly topic: string
  readonly partitions: number
  /** Records per partition and batch; a batch goes out about every 20 ms. */
  readonly batchRecords: number
}

export class Feeder {
  readonly #options: FeederOptions
  /** Records that each partition holds. */
  readonly counts: number[]
  readonly #feeding: Promise<void>
  #isFeeding = true
  #failure: { readonly error: unknown } | undefined

  constructor(options: FeederOptions) {
    this.#options = options
    this.counts = Array.from({ length: options.partitions }, () => 0)
    this.#feeding = this.#feed().catch((error: unknown) => {
      this.#failure = { error }
    })
  }

  /** Ends the input. Throws where not all of it could be written. */
  async stop(): Promise<void> {
    this.#isFeeding = false
    await this.#feeding
    if (this.#failure !== undefined) throw this.#failure.error
  }

  async #feed(): Promise<void> {
    let goodMs = performance.now()
    let isSure = true
    while (this.#isFeeding || !isSure) {
      try {
        using wire = await Wire.open(this.#options.address)
        if (!isSure) await this.#learnCounts(wire)
        isSure = true
        goodMs = performance.now()
        while (this.#isFeeding) {
          await this.#feedOnce(wire)
          goodMs = performance.now()
          await sleep(pauseMs)
        }
      } catch (error) {
        if (performance.now() - goodMs > patienceMs) throw error
        isSure = false
        await sleep(pauseMs)
      }
    }
  }

  // A request without an answer may have been carried out. Nobody else writes, so the end of the log is the count.
  async #learnCounts(wire: Wire): Promise<void> {
    const { topic } = this.#options
    const partitions = this.counts.map((_, partitionIndex) => ({ partitionIndex, timestamp: latest }))
    const request = { replicaId: -1, topics: [{ name: topic, partitions }] }
    const { topics } = await wire.request('ListOffsets', listOffsetsVersion, request)
    for (const { partitionIndex, offset, errorCode } of topics[0]?.partitions ?? []) {
      if (errorCode !== 0) throw new Error(`${topic}-${partitionIndex} tells no end: code ${errorCode}`)
      this.counts[partitionIndex] = Number(offset)
    }
  }

  async #feedOnce(wire: Wire): Promise<void> {
    const { topic, partitions, batchRecords } = this.#options
    const partitionData = Array.from({ length: partitions }, (_, index) => ({ index, records: this.#batch(index) }))
    const { responses } = await wire.request('Produce', produceVersion, {
      acks: -1,
      timeoutMs: 30_000,
      topicData: [{ name: topic, partitionData }]
    })
    for (const { index, errorCode } of responses[0]?.partitionResponses ?? []) {
      if (errorCode !== 0) throw new Error(`${topic}-${index} took no input: code ${errorCode}`)
      this.counts[index] = (this.counts[index] ?? 0) + batchRecords
    }
  }

  #batch(partition: number): Uint8Array {
    const { batchRecords } = this.#options
    const builder = new RecordBatchBuilder()
    const first = this.counts[partition] ?? 0
    for (let n = first; n < first + batchRecords; n++) {
      builder.append(null, Buffer.from(`${partition}.${n}`), [], Date.now())
    }
    return builder.finishPlain()
  }
}
