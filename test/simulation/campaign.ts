// Owns a campaign: many seeds, in chunks, played by several players at once; what all of them came to; and, where it is
// asked for, every chunk once more by whichever player is free, to see that a seed is the same run in any process.
import type { PlanRun } from './run_plan.ts'

export interface Chunk {
  readonly first: number
  readonly count: number
}

export interface SeedFailure {
  readonly seed: number
  readonly profile: string
  readonly faults: readonly string[]
}

export interface Sums {
  seeds: number
  events: number
  requests: number
  virtualMs: number
  processes: number
  verdicts: number
  /** Runs in which a program has rightly stopped for good. */
  stopped: number
}

/** What came of a chunk; plain data, since it comes from another process. */
export interface ChunkResult {
  readonly sums: Sums
  readonly seedsByProfile: Readonly<Record<string, number>>
  readonly failures: readonly SeedFailure[]
  /** One for each seed. */
  readonly hashes: readonly string[]
  readonly met: readonly (readonly [key: string, count: number])[]
  /** Since the last chunk of this player. */
  readonly cpuSeconds: number
}

/** Plays a chunk; one at a time. */
export type Player = (chunk: Chunk) => Promise<ChunkResult>

export interface CampaignOptions {
  readonly first: number
  readonly count: number
  /** So many of the seeds, from the first on, are played twice. */
  readonly replays: number
  readonly failuresMax: number
  readonly chunkSeeds: number
  /** Ends it after the chunks that are under way. */
  readonly signal?: AbortSignal
  readonly onProgress: (campaign: Campaign) => void
}

export function noSums(): Sums {
  return { seeds: 0, events: 0, requests: 0, virtualMs: 0, processes: 0, verdicts: 0, stopped: 0 }
}

export function addRun(sums: Sums, { events, requests, virtualMs, result }: PlanRun): void {
  sums.seeds++
  sums.events += events
  sums.requests += requests
  sums.virtualMs += virtualMs
  sums.processes += result?.processes ?? 0
  sums.verdicts += result?.verdicts ?? 0
  sums.stopped += result?.stoppedBy === undefined ? 0 : 1
}

const sumNames = Object.freeze([
  'seeds',
  'events',
  'requests',
  'virtualMs',
  'processes',
  'verdicts',
  'stopped'
] as const satisfies readonly (keyof Sums)[])

export class Campaign {
  readonly sums = noSums()
  readonly seedsByProfile = new Map<string, number>()
  readonly failures: SeedFailure[] = []
  /** Seeds whose second run was another one than the first. */
  readonly unequal: number[] = []
  readonly met = new Map<string, number>()
  replayed = 0
  cpuSeconds = 0
  readonly #options: CampaignOptions
  readonly #waiting: { readonly chunk: Chunk; readonly hashes: readonly string[] | undefined }[] = []

  private constructor(options: CampaignOptions) {
    this.#options = options
    const { first, count, chunkSeeds } = options
    for (let at = 0; at < count; at += chunkSeeds) {
      const chunk = { first: first + at, count: Math.min(chunkSeeds, count - at) }
      this.#waiting.push({ chunk, hashes: undefined })
    }
  }

  static async run(players: readonly Player[], options: CampaignOptions): Promise<Campaign> {
    const campaign = new Campaign(options)
    await Promise.all(players.map((player) => campaign.#employ(player)))
    return campaign
  }

  get isClean(): boolean {
    return this.failures.length === 0 && this.unequal.length === 0
  }

  /** The first seed that was not played: chunks are begun in the order of their seeds, and all that are begun end. */
  get nextSeed(): number {
    return this.#options.first + this.sums.seeds
  }

  async #employ(player: Player): Promise<void> {
    const { signal, failuresMax } = this.#options
    for (;;) {
      const isOver = this.failures.length >= failuresMax || signal?.aborted === true
      const next = isOver ? undefined : this.#waiting.shift()
      if (next === undefined) return
      const result = await player(next.chunk)
      this.cpuSeconds += result.cpuSeconds
      if (next.hashes === undefined) this.#add(next.chunk, result)
      else this.#compare(next.chunk, next.hashes, result.hashes)
      this.#options.onProgress(this)
    }
  }

  #add(chunk: Chunk, { sums, seedsByProfile, failures, hashes, met }: ChunkResult): void {
    for (const name of sumNames) this.sums[name] += sums[name]
    for (const [profile, seeds] of Object.entries(seedsByProfile)) count(this.seedsByProfile, profile, seeds)
    for (const [key, times] of met) count(this.met, key, times)
    this.failures.push(...failures)
    if (chunk.first < this.#options.first + this.#options.replays) this.#waiting.push({ chunk, hashes })
  }

  #compare(chunk: Chunk, hashes: readonly string[], again: readonly string[]): void {
    this.replayed += chunk.count
    hashes.forEach((hash, at) => {
      if (again[at] !== hash) this.unequal.push(chunk.first + at)
    })
  }
}

function count(counts: Map<string, number>, key: string, times: number): void {
  counts.set(key, (counts.get(key) ?? 0) + times)
}
