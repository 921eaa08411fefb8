// What one measurement consists of, and how its time and its cost are taken. A client is measured in a process of its
// own: `process.cpuUsage` counts everything that the client makes the process do, threads and collector included.

/** The clients that can be measured. */
export const clientNames = ['kafka-once', 'kafkajs', 'platformatic'] as const
export type ClientName = (typeof clientNames)[number]

/** What can be measured. */
export const scenarioNames = ['produce', 'consume', 'consumeCommitted', 'one', 'transactions', 'pipeline'] as const
export type ScenarioName = (typeof scenarioNames)[number]

/** One measurement. */
export interface Workload {
  readonly bootstrap: string
  readonly topic: string
  /** Where a pipeline writes to. */
  readonly outputTopic: string
  readonly partitions: number
  /** Records, or transactions, that warm the process up and are not counted. */
  readonly warmUp: number
  /** Records, or transactions, that are counted. */
  readonly count: number
  readonly valueBytes: number
  /** Records of one call to `send`. */
  readonly recordsPerSend: number
  /** Between two commits of a pipeline, milliseconds. */
  readonly commitIntervalMs: number
  /** Tells the ids of one run from those of every other. */
  readonly runId: string
}

/** What one measurement came to. */
export interface Measurement {
  readonly count: number
  readonly seconds: number
  /** User and system time of the process. */
  readonly cpuSeconds: number
  /** Largest resident set of the process, MiB, over its whole life. */
  readonly rssMaxMib: number
  /** Median and 99th percentile of single operations, milliseconds, where the scenario has them. */
  readonly medianMs?: number
  readonly p99Ms?: number
}

/** Starts when the warm-up is over and stops after the last record. */
export class Meter {
  private startNs = 0n
  private startCpu: NodeJS.CpuUsage = { user: 0, system: 0 }
  private result: Measurement | undefined
  private readonly latenciesMs: number[] = []

  start(): void {
    this.latenciesMs.length = 0
    this.startCpu = process.cpuUsage()
    this.startNs = process.hrtime.bigint()
  }

  /** Times one operation. */
  async time(operation: () => Promise<unknown>): Promise<void> {
    const startMs = performance.now()
    await operation()
    this.latenciesMs.push(performance.now() - startMs)
  }

  stop(count: number): void {
    const seconds = Number(process.hrtime.bigint() - this.startNs) / 1e9
    const { user, system } = process.cpuUsage(this.startCpu)
    const rssMaxMib = process.resourceUsage().maxRSS / 1024
    const sorted = this.latenciesMs.toSorted((left, right) => left - right)
    const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
    const latencies = sorted.length === 0 ? {} : { medianMs: at(0.5), p99Ms: at(0.99) }
    this.result = { count, seconds, cpuSeconds: (user + system) / 1e6, rssMaxMib, ...latencies }
  }

  get measurement(): Measurement {
    if (this.result === undefined) throw new Error('The meter was never stopped: the scenario did not reach its end')
    return this.result
  }
}

/** One client under measurement. A scenario that it lacks is reported as not run. */
export type BenchClient = { readonly [S in ScenarioName]?: (workload: Workload, meter: Meter) => Promise<void> }

/** Values of records: the same bytes for every client, and not the same in every record. */
export function makeValues(count: number, valueBytes: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => {
    const value = Buffer.alloc(valueBytes, 'kafka-once benchmark ')
    value.write(String(i))
    return value
  })
}

/** Counts consumed records: the first ones warm up, the others are measured. */
export class ConsumeProgress {
  private seen = 0
  private readonly workload: Workload
  private readonly meter: Meter

  constructor(workload: Workload, meter: Meter) {
    this.workload = workload
    this.meter = meter
  }

  /** Whether these records would be the last ones. */
  isLast(records: number): boolean {
    return this.seen + records >= this.workload.warmUp + this.workload.count
  }

  /** Adds records; true once all have come. */
  add(records: number): boolean {
    const before = this.seen
    this.seen += records
    const { warmUp, count } = this.workload
    if (before < warmUp && this.seen >= warmUp) this.meter.start()
    if (this.seen < warmUp + count) return false
    if (before < warmUp + count) this.meter.stop(count)
    return true
  }
}
