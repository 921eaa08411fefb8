// Plain transactions as they are played: every number must be in the log exactly once, whole, in order, and every verdict
// must be what the control records say.
import { committedRecords } from '../broker/log_scan.ts'
import type { PartitionScan } from '../broker/log_scan.ts'
import { auditTransactions, auditVerdicts } from '../faults/judge.ts'
import type { PipelineEvent } from '../faults/orders.ts'
import type { Plan } from './plan.ts'
import type { Play, PlayParts } from './play.ts'
import { launchTransactions } from './programs/transactions.ts'
import { readAlong } from './programs/reader.ts'
import type { Reading } from './programs/reader.ts'
import type { Launch } from './supervisor.ts'

export function transactionTopics({ shape }: Plan): string[] {
  return Array.from({ length: shape.outputs }, (_, i) => `out-${i}`)
}

export class TransactionsPlay implements Play {
  readonly launch: Launch
  readonly #parts: PlayParts
  readonly #topics: readonly string[]
  readonly #records: number
  readonly #reading: Reading | undefined
  /** So many transactions are told to be there. */
  #told = 0

  constructor(parts: PlayParts) {
    const { plan, site, folder } = parts
    const { partitions, batchRecords, batches, transactionTimeoutMs, lingerMs, feedMs, isRead, asksAgain } = plan.shape
    this.#parts = parts
    this.#topics = transactionTopics(plan)
    this.#records = batchRecords + 1
    const brokers = site.addressesFor(plan.shape)
    this.launch = (runtime, tell) =>
      launchTransactions({
        brokers,
        runtime,
        tell,
        transactionalId: 'id.0.0',
        transactionTimeoutMs,
        lingerMs,
        topics: this.#topics,
        partitions,
        records: this.#records,
        transactions: batches,
        pauseMs: feedMs / 4,
        folder,
        asksAgain
      })
    if (isRead) this.#reading = this.#read()
  }

  #read(): Reading {
    const { plan, site, world } = this.#parts
    const { runtime } = world.spawn('elsewhere', 'reader')
    return readAlong(site.kafka.bootstrap.split(','), runtime, this.#topics, plan.shape.partitions)
  }

  feed(): void {
    // The program makes its own input.
  }

  ended(): void {
    // Likewise.
  }

  sent(): readonly string[] {
    return []
  }

  told(event: PipelineEvent): readonly string[] {
    if (event.event === 'counts') this.#told = Math.max(this.#told, event.counts[0] ?? 0)
    return []
  }

  isThrough(): boolean {
    return this.#told >= this.#parts.plan.shape.batches
  }

  async judge(events: readonly PipelineEvent[], isWhole: boolean): Promise<readonly string[]> {
    const scans = this.#topics.flatMap((topic) => this.#parts.site.scan(topic))
    const verdicts = events.flatMap((event) => (event.event === 'verdict' ? [event] : []))
    const faults = [...this.#wrongNumbers(scans, isWhole), ...auditVerdicts(verdicts, scans).wrong]
    faults.push(...auditTransactions(scans).filter((fault) => isWhole || !fault.endsWith('is open')))
    if (faults.length === 0 && isWhole && this.#reading !== undefined) {
      faults.push(...(await this.#reading.compare(scans)))
      // One that comes when all is over sees the whole log in a few large replies.
      faults.push(...(await this.#read().compare(scans)))
    }
    return faults
  }

  #wrongNumbers(scans: readonly PartitionScan[], isWhole: boolean): string[] {
    const faults: string[] = []
    const seen = new Map<string, number>()
    for (const scan of scans) {
      let last = -1
      for (const { value } of committedRecords(scan)) {
        const text =
          Buffer.from(value ?? [])
            .toString()
            .split(' ')[0] ?? ''
        const number = Number(text.split('.')[0])
        seen.set(text, (seen.get(text) ?? 0) + 1)
        if (number < last) faults.push(`${scan.topic}-${scan.partition} has ${text} after ${last}`)
        last = Math.max(last, number)
      }
    }
    for (const [text, count] of seen) if (count > 1) faults.push(`${text} is there ${count} times`)
    const numbers = new Set([...seen.keys()].map((text) => Number(text.split('.')[0])))
    for (let number = 0; number < this.#parts.plan.shape.batches; number++) {
      if (!numbers.has(number) && !isWhole) continue
      const missing = Array.from({ length: this.#records }, (_, i) => `${number}.${i}`).filter(
        (text) => !seen.has(text)
      )
      if (missing.length > 0) faults.push(`${missing.join(', ')} of ${this.#records} are missing`)
    }
    return faults
  }
}
