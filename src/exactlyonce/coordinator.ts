// The checkpoint coordinator: when a checkpoint begins, what happens to it until it is proven, and what ends the run.
// Two lanes work in order of checkpoint id: one seals and makes durable, one commits and proves, so that the next
// checkpoint is taken while the last one is still being committed. A checkpoint that fails ends the run: a sealed
// transaction without its own durable checkpoint is never committed.
import { assert } from '../client/index.ts'
import { deferred } from '../runtime/index.ts'
import type { Deferred, Runtime, Timer } from '../runtime/index.ts'
import type { Checkpoint, CheckpointStore } from './checkpoint/storage.ts'
import { JobError } from './errors.ts'
import type { CheckpointingSettings } from './functions.ts'
import type { ParticipantSnapshot, TransactionParticipant } from './participant.ts'
import type { OperatorState, SubtaskState } from './state.ts'

/** Where a checkpoint stands, and what may come next. */
const transitions = {
  triggered: ['acknowledged'],
  acknowledged: ['preCommitted'],
  preCommitted: ['durable'],
  durable: ['proven'],
  proven: []
} as const satisfies Record<string, readonly string[]>

export type CheckpointPhase = keyof typeof transitions

export function nextPhase(from: CheckpointPhase, to: CheckpointPhase): CheckpointPhase {
  const allowed: readonly string[] = transitions[from]
  assert(allowed.includes(to), `A checkpoint cannot go from ${from} to ${to}`)
  return to
}

export interface CheckpointProgress {
  /** Begun and not durable yet. */
  readonly notDurable: number
  /** Begun and not proven yet. */
  readonly notProven: number
  /** Monotonic; undefined before the first. */
  readonly lastTriggeredMs: number | undefined
  readonly lastProvenMs: number | undefined
}

/**
 * How long until the next checkpoint may begin; undefined: not before another one has moved on. One more than
 * `concurrentMax` may be unproven: participants have room for those and for the transaction that is open.
 */
export function triggerDelayMs(
  progress: CheckpointProgress,
  settings: CheckpointingSettings,
  nowMs: number,
  beginMs: number
): number | undefined {
  if (progress.notDurable >= settings.concurrentMax || progress.notProven > settings.concurrentMax) return undefined
  const byInterval = (progress.lastTriggeredMs ?? beginMs) + settings.intervalMs
  const byPause = progress.lastProvenMs === undefined ? 0 : progress.lastProvenMs + settings.minPauseMs
  return Math.max(0, byInterval - nowMs, byPause - nowMs)
}

interface RunningCheckpoint {
  readonly checkpointId: number
  readonly triggeredMs: number
  phase: CheckpointPhase
  /** By number of the task; its operators' state. */
  readonly acknowledged: Map<number, ReadonlyMap<string, SubtaskState>>
  readonly timeout: Timer
  readonly proven: Deferred<void>
  bytes: number
  pending: number
}

export interface ProvenCheckpoint {
  readonly checkpointId: number
  readonly durationMs: number
  readonly bytes: number
  readonly pending: number
}

export interface CoordinatorContext {
  readonly jobName: string
  readonly runId: string
  readonly incarnation: number
  readonly firstCheckpointId: number
  readonly restoredCheckpointId: number | undefined
  readonly settings: CheckpointingSettings
  /** The losable one first. */
  readonly participants: readonly TransactionParticipant[]
  readonly store: CheckpointStore
  /** Each of them acknowledges every checkpoint. */
  readonly tasksCount: number
  readonly runtime: Runtime
  /** Injects the barriers of a checkpoint at the sources. */
  trigger(checkpointId: number): void
  /** The checkpoint is proven: its functions are to be told. */
  onProven(checkpoint: ProvenCheckpoint): void
  /** Something that the run can do without has failed. */
  onPruneFailed(error: unknown): void
  /** Ends the run. */
  fail(error: unknown): void
}

export class CheckpointCoordinator {
  readonly #context: CoordinatorContext
  readonly #running = new Map<number, RunningCheckpoint>()
  #nextCheckpointId: number
  #previousCheckpointId: number | undefined
  readonly #beginMs: number
  #lastTriggeredMs: number | undefined
  #lastProvenMs: number | undefined
  #timer: Timer | undefined
  #isPeriodic = false
  #hasEnded = false
  /** Ends of the two lanes; neither ever rejects. */
  #sealing: Promise<void> = Promise.resolve()
  #committing: Promise<void> = Promise.resolve()

  constructor(context: CoordinatorContext) {
    this.#context = context
    this.#nextCheckpointId = context.firstCheckpointId
    this.#previousCheckpointId = context.restoredCheckpointId
    this.#beginMs = context.runtime.monotonicMs()
  }

  /** Begins to take checkpoints by itself. */
  start(): void {
    this.#isPeriodic = true
    this.#schedule()
  }

  /** Takes no more checkpoints by itself, waits for those under way, and takes one more. Resolves when it is proven. */
  async takeFinal(): Promise<void> {
    this.#isPeriodic = false
    this.#timer?.cancel()
    for (const { proven } of this.#running.values()) await proven.promise
    await this.takeNow()
  }

  /** Takes one checkpoint at once. Resolves when it is proven, and never when the run ends before. */
  async takeNow(): Promise<void> {
    await this.#faultPoint('checkpoint.beforeBarrier')
    await this.#trigger().proven.promise
  }

  /** A task has passed the barrier and taken its snapshots. */
  acknowledge(task: number, checkpointId: number, states: ReadonlyMap<string, SubtaskState>): void {
    if (this.#hasEnded) return
    const checkpoint = this.#running.get(checkpointId)
    assert(checkpoint !== undefined, `Checkpoint ${checkpointId} was acknowledged but never begun`)
    assert(!checkpoint.acknowledged.has(task), `Checkpoint ${checkpointId} was acknowledged twice by task ${task}`)
    checkpoint.acknowledged.set(task, states)
    if (checkpoint.acknowledged.size < this.#context.tasksCount) return
    checkpoint.phase = nextPhase(checkpoint.phase, 'acknowledged')
    this.#sealing = this.#inLane(this.#sealing, () => this.#seal(checkpoint))
  }

  /** Ends all work; resolves when nothing is under way any more. */
  async close(): Promise<void> {
    this.#hasEnded = true
    this.#timer?.cancel()
    for (const { timeout } of this.#running.values()) timeout.cancel()
    await this.#sealing
    await this.#committing
  }

  #schedule(): void {
    this.#timer?.cancel()
    if (!this.#isPeriodic || this.#hasEnded) return
    const { runtime, settings } = this.#context
    const running = [...this.#running.values()]
    const progress = {
      notDurable: running.filter(({ phase }) => phase !== 'durable').length,
      notProven: running.length,
      lastTriggeredMs: this.#lastTriggeredMs,
      lastProvenMs: this.#lastProvenMs
    }
    const delayMs = triggerDelayMs(progress, settings, runtime.monotonicMs(), this.#beginMs)
    if (delayMs === undefined) return
    this.#timer = runtime.setTimer(delayMs, () => void this.#triggerPeriodic())
  }

  async #triggerPeriodic(): Promise<void> {
    try {
      await this.#faultPoint('checkpoint.beforeBarrier')
      if (!this.#isPeriodic) return
      this.#trigger()
      this.#schedule()
    } catch (error) {
      this.#fail(error)
    }
  }

  #trigger(): RunningCheckpoint {
    const { runtime, settings } = this.#context
    const checkpointId = this.#nextCheckpointId++
    const checkpoint: RunningCheckpoint = {
      checkpointId,
      triggeredMs: runtime.monotonicMs(),
      phase: 'triggered',
      acknowledged: new Map(),
      timeout: runtime.setTimer(settings.timeoutMs, () => this.#onTimeout(checkpoint)),
      proven: deferred(),
      bytes: 0,
      pending: 0
    }
    this.#running.set(checkpointId, checkpoint)
    this.#lastTriggeredMs = checkpoint.triggeredMs
    this.#context.trigger(checkpointId)
    return checkpoint
  }

  #onTimeout({ checkpointId, phase, acknowledged }: RunningCheckpoint): void {
    const { settings, tasksCount } = this.#context
    const where =
      phase === 'triggered'
        ? `${tasksCount - acknowledged.size} of ${tasksCount} subtasks have not passed its barrier`
        : phase
    this.#fail(
      new JobError(
        'CHECKPOINT_TIMEOUT',
        `Checkpoint ${checkpointId} is not durable after ${settings.timeoutMs} ms: ${where}.`,
        {
          nextStep: 'Raise timeoutMs of enableCheckpointing if the job needs so long, or see what holds it up.'
        }
      )
    )
  }

  async #seal(checkpoint: RunningCheckpoint): Promise<void> {
    const { participants, store } = this.#context
    await this.#faultPoint('checkpoint.barrierPassed')
    const snapshots = new Map<string, ParticipantSnapshot>()
    for (const participant of participants) {
      const snapshot = await participant.preCommit(checkpoint.checkpointId)
      snapshots.set(participant.name, snapshot)
      checkpoint.pending += snapshot.pending.length
    }
    checkpoint.phase = nextPhase(checkpoint.phase, 'preCommitted')
    await this.#faultPoint('checkpoint.preCommitted')
    const { bytes } = await store.publishCheckpoint(this.#contentOf(checkpoint, snapshots))
    checkpoint.bytes = bytes
    checkpoint.phase = nextPhase(checkpoint.phase, 'durable')
    checkpoint.timeout.cancel()
    this.#previousCheckpointId = checkpoint.checkpointId
    await this.#faultPoint('checkpoint.durable')
    this.#committing = this.#inLane(this.#committing, () => this.#commit(checkpoint))
    this.#schedule()
  }

  #contentOf(checkpoint: RunningCheckpoint, participants: ReadonlyMap<string, ParticipantSnapshot>): Checkpoint {
    const { jobName, runId, incarnation, runtime } = this.#context
    return {
      jobName,
      checkpointId: checkpoint.checkpointId,
      previousCheckpointId: this.#previousCheckpointId,
      incarnation,
      runId,
      takenAtMs: Math.round(runtime.nowMs()),
      operators: operatorStates(checkpoint.acknowledged),
      participants
    }
  }

  async #commit(checkpoint: RunningCheckpoint): Promise<void> {
    const { participants, store, runtime } = this.#context
    const { checkpointId, bytes, pending } = checkpoint
    for (const participant of participants) {
      await participant.commit(checkpointId)
      this.#throwIfEnded()
    }
    checkpoint.phase = nextPhase(checkpoint.phase, 'proven')
    await this.#faultPoint('checkpoint.proven')
    this.#lastProvenMs = runtime.monotonicMs()
    this.#running.delete(checkpointId)
    this.#context.onProven({ checkpointId, durationMs: this.#lastProvenMs - checkpoint.triggeredMs, bytes, pending })
    checkpoint.proven.resolve()
    this.#schedule()
    try {
      await store.prune(checkpointId)
    } catch (error) {
      this.#context.onPruneFailed(error)
    }
  }

  /** What a lane does next, after what it does now. A failure ends the run, and so the lane. */
  async #inLane(before: Promise<void>, step: () => Promise<void>): Promise<void> {
    await before
    if (this.#hasEnded) return
    try {
      await step()
    } catch (error) {
      this.#fail(error)
    }
  }

  async #faultPoint(name: string): Promise<void> {
    const wait = this.#context.runtime.faultPoint(name)
    if (wait) await wait
    this.#throwIfEnded()
  }

  #throwIfEnded(): void {
    if (this.#hasEnded) throw new JobError('JOB_FAILED', 'The run has ended.')
  }

  #fail(error: unknown): void {
    if (this.#hasEnded) return
    this.#hasEnded = true
    this.#context.fail(error)
  }
}

/** From one map per task to one list of subtasks per operator; a task's number grows with its subtask's. */
function operatorStates(
  acknowledged: ReadonlyMap<number, ReadonlyMap<string, SubtaskState>>
): ReadonlyMap<string, OperatorState> {
  const operators = new Map<string, SubtaskState[]>()
  for (const task of [...acknowledged.keys()].toSorted((left, right) => left - right)) {
    for (const [name, state] of acknowledged.get(task) ?? []) {
      const subtasks = operators.get(name)
      if (subtasks === undefined) operators.set(name, [state])
      else subtasks.push(state)
    }
  }
  return operators
}
