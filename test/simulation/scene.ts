// One run of a plan: the cluster, the input, processes of the pipeline that are started again whenever none is left, the
// faults, the healing, the drain, and the judgement from the logs.
import { silentLogger } from 'kafka-once'
import { fileCheckpointStorage } from 'kafka-once/exactlyonce'
import type { Checkpoint, JobHandle } from 'kafka-once/exactlyonce'
import type { ServerRuntime } from 'kafka-once/runtime'
import { Injector } from 'kafka-once/testing'
import type { FaultSite, FrameFate, VirtualProcess, World } from 'kafka-once/testing'
import { auditState, auditTransactions, auditVerdicts, findingNames, judgeOutput } from '../faults/judge.ts'
import type { PipelineEvent, PipelineSettings, ToldVerdict } from '../faults/orders.ts'
import { ClusterSite } from './cluster_site.ts'
import type { Coverage } from './coverage.ts'
import type { Action, Plan } from './plan.ts'
import { runPipeline } from './programs/pipeline.ts'
import { readAlong } from './programs/reader.ts'
import type { Reading } from './programs/reader.ts'

/** What came of one run. */
export interface RunResult {
  /** Everything that is not as it must be. */
  readonly faults: readonly string[]
  readonly records: number
  readonly processes: number
  readonly requests: number
  readonly verdicts: ReadonlyMap<string, number>
}

interface Hand {
  readonly process: VirtualProcess
  readonly events: PipelineEvent[]
  job: JobHandle | undefined
  isGone: boolean
}

const machine = 'machine'
const folder = '/data/checkpoints'
const input = 'in'
/** After so many processes something goes round in circles. */
const processesMax = 60
const startAgainMs = 50
/** Within so long after the healing everything must be through. */
const drainMsMax = 180_000
/** After these it makes no sense to start again: what was read or written is not what it should be. */
const finalCodes = new Set([
  'CHECKPOINT_CORRUPT',
  'COMMITTED_DATA_LOST',
  'LEDGER_MISMATCH',
  'HANGING_TRANSACTION',
  'TRANSACTION_UNDECIDED',
  'SOURCE_LOST',
  'INVALID_JOB'
])

export class Scene {
  readonly #world: World
  readonly #plan: Plan
  readonly #site: ClusterSite
  readonly #runtime: ServerRuntime
  readonly #injector: Injector<Action>
  readonly #coverage: Coverage
  readonly #outputs: readonly string[]
  readonly #hands: Hand[] = []
  readonly #fed = new Map<number, number>()
  readonly #faults: string[] = []
  /** Whoever waits for something that a program tells. */
  #listeners: (() => void)[] = []
  #isHealed = false
  #isDone = false
  #isStartPlanned = false

  private constructor(world: World, plan: Plan, site: ClusterSite, coverage: Coverage) {
    this.#world = world
    this.#plan = plan
    this.#site = site
    this.#coverage = coverage
    this.#runtime = world.spawn('harness', 'harness').runtime
    this.#outputs = outputsOf(plan)
    this.#injector = new Injector(world, plan.faults, (action, at) => this.#apply(action, at))
    world.network.latency = plan.shape.latency
    world.watch(coverage.around(this.#injector))
  }

  static async play(world: World, plan: Plan, coverage: Coverage): Promise<RunResult> {
    const site = await ClusterSite.start(world, plan.shape, [input, ...outputsOf(plan)])
    return new Scene(world, plan, site, coverage).#play()
  }

  async #play(): Promise<RunResult> {
    const { shape } = this.#plan
    const reading = shape.isRead ? this.#read() : undefined
    this.#start()
    await this.#feed()
    await this.#until(shape.healMs, () => undefined)
    await this.#heal()
    await this.#drain()
    await this.#judge(reading)
    return {
      faults: this.#faults,
      records: [...this.#fed.values()].reduce((sum, count) => sum + count, 0),
      processes: this.#hands.length,
      requests: this.#coverage.requests,
      verdicts: this.#verdictCounts
    }
  }

  #verdictCounts: ReadonlyMap<string, number> = new Map()

  async #feed(): Promise<void> {
    const { batches, batchRecords, feedMs } = this.#plan.shape
    for (let batch = 0; batch < batches; batch++) {
      for (let partition = 0; partition < this.#site.partitionsOf(input); partition++) {
        const first = this.#fed.get(partition) ?? 0
        const texts = Array.from({ length: batchRecords }, (_, i) => `${partition}.${first + i}`)
        this.#site.feed(input, partition, texts)
        this.#fed.set(partition, first + batchRecords)
      }
      await this.#runtime.sleep(feedMs)
    }
  }

  #read(): Reading {
    const { runtime } = this.#world.spawn('elsewhere', 'reader')
    return readAlong(this.#site.kafka.bootstrap.split(','), runtime, this.#outputs, this.#plan.shape.partitions)
  }

  // Processes.

  #start(): void {
    this.#isStartPlanned = false
    if (this.#isDone || this.#faults.length > 0) return
    const number = this.#hands.length + 1
    if (number > processesMax) {
      this.#blame(`${processesMax} processes were not enough`)
      return
    }
    const { process, runtime } = this.#world.spawn(machine, `process ${number}`)
    this.#injector.watched.add(process)
    const hand: Hand = { process, events: [], job: undefined, isGone: false }
    this.#hands.push(hand)
    const tell = (event: PipelineEvent): void => this.#told(hand, event)
    const onJob = (job: JobHandle): void => {
      hand.job = job
    }
    void runPipeline({ settings: this.#settings(), runtime, tell, onJob }).then(() => this.#gone(hand))
  }

  #settings(): PipelineSettings {
    const { shape } = this.#plan
    return {
      brokers: this.#site.kafka.bootstrap,
      jobName: 'job',
      input,
      outputs: this.#outputs,
      prefix: 'id',
      folder,
      parallelism: shape.parallelism,
      intervalMs: shape.intervalMs,
      timeoutMs: shape.checkpointTimeoutMs,
      transactionTimeoutMs: shape.transactionTimeoutMs,
      concurrentMax: shape.concurrentMax,
      lingerMs: shape.lingerMs,
      lock: shape.lock
    }
  }

  #told(hand: Hand, event: PipelineEvent): void {
    if (hand.process.state === 'dead') return
    hand.events.push(event)
    this.#coverage.told(hand.process, event)
    if (this.#world.trace.isKept) this.#world.tell(`${hand.process.name} tells ${JSON.stringify(event)}`)
    this.#wake()
  }

  /** A process has ended by itself. */
  #gone(hand: Hand): void {
    if (hand.process.state === 'dead') return
    this.#world.kill(hand.process)
    this.#buried(hand)
    const failure = hand.events.findLast((event) => event.event === 'failed')
    if (failure?.event === 'failed' && finalCodes.has(failure.code)) {
      this.#blame(`${hand.process.name} stopped for good: ${failure.code} ${failure.message}`)
    }
    this.#startLater(startAgainMs)
  }

  #buried(hand: Hand): void {
    hand.isGone = true
    this.#wake()
  }

  /** Starts a process after a while, unless one is there by then. */
  #startLater(delayMs: number): void {
    if (this.#isStartPlanned) return
    this.#isStartPlanned = true
    this.#runtime.setTimer(delayMs, () => {
      this.#isStartPlanned = false
      if (this.#running().length === 0) this.#start()
    })
  }

  #running(): Hand[] {
    return this.#hands.filter(({ isGone, process }) => !isGone && process.state === 'running')
  }

  // Faults.

  #apply(action: Action, { process, exchange }: FaultSite): FrameFate | undefined {
    this.#coverage.fault(action.do)
    if (this.#site.apply(action)) return undefined
    const hand = this.#hands.find((one) => one.process === process) ?? this.#running().at(-1)
    switch (action.do) {
      case 'fail':
        throw new Error('told to fail')
      case 'start':
        this.#start()
        return undefined
      case 'disk':
        this.#spoilDisk(action.call, action.fault, action.forMs)
        return undefined
      case 'delay':
      case 'cut':
      case 'late':
      case 'repeat':
      case 'slice':
      case 'swallow':
        return exchange === undefined ? undefined : action
      default:
        if (hand !== undefined && !hand.isGone) this.#harm(hand, action)
        return undefined
    }
  }

  #harm(hand: Hand, action: Action): void {
    const { process } = hand
    switch (action.do) {
      case 'kill':
        this.#kill(hand, action.power)
        return this.#startLater(action.downMs)
      case 'pause':
        this.#world.pause(process)
        this.#runtime.setTimer(action.forMs, () => this.#world.resume(process))
        if (action.successorMs !== undefined) this.#runtime.setTimer(action.successorMs, () => this.#start())
        return undefined
      case 'stop':
        void hand.job?.stop().catch(() => undefined)
        return undefined
      case 'part':
        return this.#world.network.part(process, this.#site.portOf(action.broker), action.forMs)
      case 'clock':
        process.clockOffsetMs += action.ms
        return undefined
      default:
        throw new Error(`Nobody does ${action.do}`)
    }
  }

  #kill(hand: Hand, power: boolean): void {
    if (power) this.#world.cutPower(machine)
    else this.#world.kill(hand.process)
    for (const one of this.#hands) if (one.process.state === 'dead' && !one.isGone) this.#buried(one)
  }

  #spoilDisk(call: string, fault: 'ENOSPC' | 'EIO', forMs: number): void {
    const disk = this.#world.disk(machine)
    disk.faults = (one) => (one === call ? fault : undefined)
    this.#runtime.setTimer(forMs, () => {
      disk.faults = undefined
    })
  }

  // The end.

  async #heal(): Promise<void> {
    this.#isHealed = true
    this.#world.tell('HEALED')
    this.#injector.end()
    this.#world.disk(machine).faults = undefined
    for (const { process } of this.#hands) this.#world.resume(process)
    await this.#site.heal()
  }

  /** Lets processes copy the rest and stop in order. */
  async #drain(): Promise<void> {
    const deadlineMs = this.#world.nowMs + drainMsMax
    for (;;) {
      const leftMs = deadlineMs - this.#world.nowMs
      if (this.#faults.length > 0) return
      if (leftMs <= 0) return this.#blame(`the input was not through ${drainMsMax} ms after the healing`)
      if (this.#running().length === 0) this.#startLater(startAgainMs)
      const isThrough = await this.#until(leftMs, () => (this.#hasCopiedAll() ? true : undefined))
      if (isThrough !== true) continue
      const last = this.#running().find(({ job }) => job !== undefined)
      if (last?.job === undefined) {
        await this.#until(leftMs, () => (this.#running().some(({ job }) => job !== undefined) ? true : undefined))
        continue
      }
      last.job.stop().catch(() => undefined)
      await this.#until(leftMs, () => (last.isGone ? true : undefined))
      const isOrderly = last.events.some((event) => event.event === 'ended' && event.outcome === 'stopped')
      if (isOrderly && this.#running().length === 0) break
    }
    this.#isDone = true
    await this.#runtime.sleep(lateMsOf(this.#plan))
  }

  #hasCopiedAll(): boolean {
    const copied = new Map<number, number>()
    for (const { events } of this.#hands) {
      for (const event of events) {
        if (event.event !== 'counts') continue
        for (const [partition, count] of Object.entries(event.counts)) {
          copied.set(Number(partition), Math.max(copied.get(Number(partition)) ?? 0, count))
        }
      }
    }
    return [...this.#fed].every(([partition, count]) => (copied.get(partition) ?? 0) >= count)
  }

  async #judge(reading: Reading | undefined): Promise<void> {
    const inputs = this.#site.scan(input)
    const all = this.#outputs.map((topic) => this.#site.scan(topic))
    const verdicts = auditVerdicts(this.#verdicts(), all.flat())
    this.#verdictCounts = verdicts.checked
    all.forEach((scans, i) => {
      const found = judgeOutput(inputs, scans)
      const isRight = findingNames.every((name) => name === 'records' || found[name] === 0)
      if (!isRight) this.#blame(`${this.#outputs[i] ?? ''}: ${JSON.stringify(found)}`)
    })
    for (const fault of [...verdicts.wrong, ...auditTransactions(all.flat())]) this.#blame(fault)
    if (this.#faults.length > 0) return
    for (const fault of this.#site.leftovers()) this.#blame(fault)
    for (const fault of auditState(await this.#newestCheckpoint(), inputs)) this.#blame(fault)
    if (reading !== undefined) for (const fault of await reading.compare(all.flat())) this.#blame(fault)
  }

  #verdicts(): ToldVerdict[] {
    return this.#hands.flatMap(({ events }) => events.flatMap((event) => (event.event === 'verdict' ? [event] : [])))
  }

  async #newestCheckpoint(): Promise<Checkpoint | undefined> {
    const { runtime } = this.#world.spawn(machine, 'judge')
    const storage = fileCheckpointStorage(folder, { lock: 'none' })
    const store = await storage.open({ jobName: 'job', runtime, logger: silentLogger })
    const { checkpoints } = await store.load()
    await store.close()
    return checkpoints.at(-1)
  }

  #blame(fault: string): void {
    this.#world.tell(`WRONG ${fault}`)
    this.#faults.push(fault)
    this.#wake()
  }

  #wake(): void {
    const listeners = this.#listeners
    this.#listeners = []
    for (const listener of listeners) listener()
  }

  /** Resolves with what `look` answers once that is not undefined, or after a while with undefined. */
  async #until<T>(timeoutMs: number, look: () => T | undefined): Promise<T | undefined> {
    let isLate = false
    const timer = this.#runtime.setTimer(timeoutMs, () => {
      isLate = true
      this.#wake()
    })
    for (;;) {
      const found = look()
      if (found !== undefined || isLate || (this.#faults.length > 0 && this.#isHealed)) {
        timer.cancel()
        return found
      }
      await new Promise<void>((resolve) => this.#listeners.push(resolve))
    }
  }
}

function outputsOf({ shape }: Plan): string[] {
  return Array.from({ length: shape.outputs }, (_, i) => `out-${i}`)
}

/** Until then, something that was sent may still arrive. */
function lateMsOf({ faults }: Plan): number {
  const delays = faults.map(({ action }) => ('delayMs' in action ? action.delayMs : 0))
  return 1000 + Math.max(0, ...delays)
}
