// One run of a plan: the cluster, the play, its processes, the faults, the healing, the drain, and the judgement from
// the logs. After the healing nothing goes wrong any more, and everything must come to its end within a bounded time.
import { Injector } from 'kafka-once/testing'
import type { World, WorldWatcher } from 'kafka-once/testing'
import { ClusterSite } from './cluster_site.ts'
import type { Coverage } from './coverage.ts'
import { frameText } from './frame_text.ts'
import { Mishaps } from './mishaps.ts'
import { PipelinePlay, pipelineTopics } from './pipeline_play.ts'
import type { Action, Plan } from './plan.ts'
import type { Play } from './play.ts'
import { lossesWithoutCause } from './losses.ts'
import { startAgainMs, Supervisor } from './supervisor.ts'
import type { Hand } from './supervisor.ts'
import { TransactionsPlay, transactionTopics } from './transactions_play.ts'

/** What came of one run. */
export interface RunResult {
  /** Everything that is not as it must be. */
  readonly faults: readonly string[]
  readonly processes: number
  readonly verdicts: number
  /** The code with which a program has rightly stopped for good. */
  readonly stoppedBy: string | undefined
}

const machine = 'machine'
const folder = '/data/checkpoints'
/**
 * After the healing, until all leaders are there: a broker that stood still has caught up after 120. The job goes on
 * meanwhile, with checkpoints of nothing, so that a longer wait costs most of what a run takes.
 */
const settleMs = 200
/** With leaders there, replicas have what is appended after 10 at most. */
const replicatedMs = 50
/** A transaction that has timed out is looked for twice a second, and its markers take a while. */
const timedOutMsMax = 1000
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
  'INVALID_JOB',
  'INVALID_OPTION'
])

export class Scene {
  readonly #world: World
  readonly #plan: Plan
  readonly #site: ClusterSite
  readonly #play: Play
  readonly #supervisor: Supervisor
  readonly #mishaps: Mishaps
  readonly #injector: Injector<Action>
  #stoppedBy: string | undefined

  private constructor(world: World, plan: Plan, site: ClusterSite, coverage: Coverage) {
    this.#world = world
    this.#plan = plan
    this.#site = site
    const parts = { world, plan, site, machine, folder }
    this.#play = plan.shape.play === 'pipeline' ? new PipelinePlay(parts) : new TransactionsPlay(parts)
    this.#injector = new Injector(world, plan.faults, (action, at) => {
      coverage.fault(action.do)
      return this.#mishaps.apply(action, at)
    })
    this.#supervisor = new Supervisor({
      world,
      machine,
      launch: this.#play.launch,
      onStart: (process) => this.#injector.watched.add(process),
      onTold: (hand, event) => {
        for (const fault of this.#play.told(event)) this.#supervisor.blame(fault)
        coverage.told(hand.process, event)
        if (event.event === 'started') this.#mishaps.acceptFolder()
        if (event.event === 'checkpoint' && plan.faults.some(({ action }) => action.do === 'folder')) {
          this.#mishaps.remember()
        }
      },
      onEnd: (hand) => this.#ended(hand)
    })
    this.#mishaps = new Mishaps({ world, site, supervisor: this.#supervisor, machine, folder })
    world.network.latency = plan.shape.latency
    world.watch(this.#seen(this.#told(coverage.around(this.#injector))))
  }

  static async play(world: World, plan: Plan, coverage: Coverage): Promise<RunResult> {
    const topics = plan.shape.play === 'pipeline' ? pipelineTopics(plan) : transactionTopics(plan)
    const site = await ClusterSite.start(world, plan.shape, topics)
    return new Scene(world, plan, site, coverage).#run()
  }

  async #run(): Promise<RunResult> {
    const supervisor = this.#supervisor
    const { batches, feedMs, healMs } = this.#plan.shape
    supervisor.start()
    for (let batch = 0; batch < batches && !this.#isOver; batch++) {
      this.#play.feed()
      await supervisor.runtime.sleep(feedMs)
    }
    await supervisor.until(healMs - this.#world.nowMs, () => (this.#isOver ? true : undefined))
    if (!this.#isOver) await this.#heal()
    if (!this.#isOver) await this.#drain()
    supervisor.end()
    if (supervisor.faults.length === 0) await this.#judge()
    const verdicts = supervisor.events.filter(({ event }) => event === 'verdict').length
    return { faults: supervisor.faults, processes: supervisor.hands.length, verdicts, stoppedBy: this.#stoppedBy }
  }

  get #isOver(): boolean {
    return this.#supervisor.faults.length > 0 || this.#stoppedBy !== undefined
  }

  /** A process has ended by itself. */
  #ended(hand: Hand): void {
    const failure = hand.events.findLast((event) => event.event === 'failed')
    if (failure?.event === 'failed' && finalCodes.has(failure.code)) {
      if (this.#mishaps.isFolderWrong) this.#mishaps.restoreFolder()
      else if (this.#plan.shape.mayStop.includes(failure.code)) this.#stoppedBy = failure.code
      else this.#supervisor.blame(`${hand.process.name} stopped for good: ${failure.code} ${failure.message}`)
    }
    const isDone = hasEndedWell(hand) && this.#play.isThrough()
    if (!this.#isOver && !isDone) this.#supervisor.startLater(startAgainMs)
  }

  async #heal(): Promise<void> {
    this.#world.tell('HEALED')
    this.#injector.end()
    this.#mishaps.heal()
    await this.#site.heal()
    const { runtime } = this.#supervisor
    // What the last broker that led had alone is gone by now, so this is the end of the input.
    await runtime.sleep(settleMs)
    this.#play.feed()
    await runtime.sleep(replicatedMs)
    this.#play.ended()
  }

  /** Lets processes do the rest and stop in order. */
  async #drain(): Promise<void> {
    const supervisor = this.#supervisor
    const deadlineMs = this.#world.nowMs + drainMsMax
    for (;;) {
      const leftMs = deadlineMs - this.#world.nowMs
      if (this.#isOver) return
      if (leftMs <= 0) return supervisor.blame(`it was not through ${drainMsMax} ms after the healing`)
      if (supervisor.running.length === 0) supervisor.startLater(startAgainMs)
      const isThrough = (): true | undefined => {
        return this.#isOver || this.#play.isThrough() ? true : undefined
      }
      if ((await supervisor.until(leftMs, isThrough)) !== true || this.#isOver) continue
      const last = await supervisor.until(leftMs, () => this.#lastOne())
      if (last === undefined) continue
      last.program?.stop()
      await supervisor.until(leftMs, () => (last.isGone ? true : undefined))
      if (hasEndedWell(last) && supervisor.running.length === 0) break
    }
    await supervisor.runtime.sleep(lateMsOf(this.#plan))
  }

  #lastOne(): Hand | undefined {
    const { running, hands } = this.#supervisor
    return running.at(0) ?? hands.findLast(hasEndedWell)
  }

  async #judge(): Promise<void> {
    const supervisor = this.#supervisor
    const isWhole = this.#stoppedBy === undefined
    for (const fault of lossesWithoutCause(this.#plan, supervisor.events)) supervisor.blame(fault)
    for (const fault of await this.#play.judge(supervisor.events, isWhole)) supervisor.blame(fault)
    if (supervisor.faults.length > 0 || !isWhole) return
    // Below version 2 a late AddPartitionsToTxn opens a transaction again, which only its timeout ends.
    const { transactionTimeoutMs } = this.#plan.shape
    if (this.#site.leftovers().length > 0) await supervisor.runtime.sleep(transactionTimeoutMs + timedOutMsMax)
    for (const fault of this.#site.leftovers()) supervisor.blame(fault)
  }

  /** Whatever programs send is looked at when they send it. */
  #seen(inner: WorldWatcher): WorldWatcher {
    return {
      fateOf: (exchange) => {
        if (exchange.direction === 'request' && this.#injector.watched.has(exchange.link.client.process)) {
          for (const fault of this.#play.sent(exchange)) this.#supervisor.blame(fault)
        }
        return inner.fateOf(exchange)
      },
      calls: (process, call) => inner.calls(process, call),
      called: (process, call) => inner.called(process, call),
      passes: (process, point) => inner.passes(process, point)
    }
  }

  /** Where a trace is kept, it has all frames and points. */
  #told(inner: WorldWatcher): WorldWatcher {
    const world = this.#world
    if (!world.trace.isKept) return inner
    return {
      fateOf(exchange) {
        world.tell(frameText(exchange))
        return inner.fateOf(exchange)
      },
      calls: (process, call) => inner.calls(process, call),
      called: (process, call) => inner.called(process, call),
      passes(process, point) {
        world.tell(`${process.name} passes ${point}`)
        return inner.passes(process, point)
      }
    }
  }
}

function hasEndedWell({ events }: Hand): boolean {
  return events.some((event) => event.event === 'ended' && event.outcome !== 'cancelled')
}

/** Until then, something that was sent may still arrive. */
function lateMsOf({ faults }: Plan): number {
  const delays = faults.map(({ action }) => ('delayMs' in action ? action.delayMs : 0))
  return 1000 + Math.max(0, ...delays)
}
