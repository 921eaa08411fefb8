// What a long proof prints: one line per part, and at the end one line with the sums, which decides the exit code.
import { findingNames } from './judge.ts'
import type { Judgement } from './site.ts'

export class Summary {
  readonly #what: string
  readonly #seed: number
  readonly #events: string
  readonly #startMs = performance.now()
  readonly #sums = { records: 0, lost: 0, duplicated: 0, outOfOrder: 0, wrongState: 0, foreign: 0 }
  readonly #verdicts = new Map<string, number>()
  readonly #processStartMs: number[] = []
  #count = 0
  #faults = 0

  /** `events` are what a part counts, such as its kills. */
  constructor(what: string, seed: number, events = 'kills') {
    this.#what = what
    this.#seed = seed
    this.#events = events
    console.log(`${what}: seed ${seed}`)
  }

  add(part: string, judgement: Judgement, count: number): void {
    for (const output of judgement.outputs) {
      for (const name of findingNames) this.#sums[name] += output[name]
    }
    this.#processStartMs.push(...judgement.startMs)
    this.#count += count
    for (const [verdict, count] of judgement.verdicts) {
      this.#verdicts.set(verdict, (this.#verdicts.get(verdict) ?? 0) + count)
    }
    this.#faults += judgement.faults.length
    const records = judgement.outputs.reduce((sum, output) => sum + output.records, 0)
    const outcome = judgement.faults.length === 0 ? 'right' : `${judgement.faults.length} faults`
    console.log(
      `${part}: ${count} ${this.#events}, ${records} records, ${sumOf(judgement.verdicts)} verdicts: ${outcome}`
    )
    for (const fault of judgement.faults) console.log(`  ${fault}`)
  }

  /** Prints the sums and answers the exit code. */
  finish(): number {
    const { records, lost, duplicated, outOfOrder, wrongState, foreign } = this.#sums
    const seconds = Math.round((performance.now() - this.#startMs) / 1000)
    const sorted = this.#processStartMs.toSorted((left, right) => left - right)
    const share = (part: number): number => Math.round(sorted[Math.floor(part * (sorted.length - 1))] ?? 0)
    console.log(
      `from the start of a process until its records flowed: median ${share(0.5)} ms, 99 of 100 within ${share(0.99)} ms, ` +
        `all within ${share(1)} ms (${sorted.length} processes)`
    )
    const kinds = Array.from(this.#verdicts, ([verdict, count]) => `${verdict} ${count}`).join(', ')
    console.log(`verdicts compared with control records: ${sumOf(this.#verdicts)} (${kinds})`)
    console.log(
      `${this.#what}: lost ${lost}, duplicated ${duplicated}, out of order ${outOfOrder}, wrong state ${wrongState}, ` +
        `foreign ${foreign} of ${records} records after ${this.#count} ${this.#events}; ${this.#faults} faults in all; ` +
        `seed ${this.#seed}, ${seconds} s`
    )
    return this.#faults === 0 ? 0 : 1
  }
}

function sumOf(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0)
}

/** `0,1,2` as transaction versions. */
export function versionsOf(text: string): (0 | 1 | 2)[] {
  return text.split(',').map((one) => {
    const version = Number(one)
    if (version !== 0 && version !== 1 && version !== 2) throw new Error(`no such transaction version: ${one}`)
    return version
  })
}
