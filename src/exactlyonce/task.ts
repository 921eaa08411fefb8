// The loops that move records: one per subtask of a source, which polls, and one per subtask of a union, which takes
// from its inputs. Between two arrays a loop passes barriers and tells functions of proven checkpoints, so that no call
// into a chain ever overlaps another. Owns the loops and their inboxes, not what a checkpoint is.
import { assert } from '../client/index.ts'
import { deferred, onAbort, raceAbort } from '../runtime/index.ts'
import type { Deferred, Runtime } from '../runtime/index.ts'
import { isHeldBack, noBarrier, onBarrier } from './barrier.ts'
import type { Alignment } from './barrier.ts'
import type { Chain, JobCounters, UnionInput } from './chain.ts'
import type { SubtaskState } from './state.ts'

/** Stands in a barrier's place when a job without checkpoints drains its streams. */
export const drainBarrierId = -1

/** A poll returns at the latest after this; `wake` ends it before. */
const pollWaitMs = 1000
/** A loop that never has to wait gives way to timers and sockets after this. */
const timeSliceMs = 10
/** Arrays that wait at one input of a union; then its upstream waits. */
const queuedArraysMax = 4

export interface TaskContext {
  readonly runtime: Pick<Runtime, 'monotonicMs' | 'defer'>
  readonly counters: JobCounters
  readonly signal: AbortSignal
  acknowledge(checkpointId: number, states: ReadonlyMap<string, SubtaskState>): void
  /** The source has ended; barriers still pass. */
  onEnd(): void
}

interface Notification {
  readonly checkpointId: number
  readonly told: Deferred<void>
}

/** What both kinds of loop share. */
abstract class Task {
  readonly chain: Chain
  protected readonly context: TaskContext
  #notifications: Notification[] = []
  #wakeup: Deferred<void> | undefined
  /** Whether `wake` was called since the last step began. */
  #wasWoken = false
  #isFinished = false
  #sliceBeginMs = 0

  constructor(chain: Chain, context: TaskContext) {
    this.chain = chain
    this.context = context
  }

  /** Moves records until `finish`, or rejects: with what was thrown, or with the signal's reason. */
  async run(): Promise<void> {
    const { signal, runtime } = this.context
    signal.throwIfAborted()
    const forget = onAbort(signal, () => this.wake())
    this.#sliceBeginMs = runtime.monotonicMs()
    try {
      while (!this.#isFinished) {
        signal.throwIfAborted()
        this.#wasWoken = false
        if (this.#notifications.length > 0) await this.#tell()
        else if (!(await this.step())) await this.#sleepUntilWoken()
        else if (runtime.monotonicMs() - this.#sliceBeginMs > timeSliceMs) await this.#giveWay()
      }
    } finally {
      forget()
    }
  }

  /** Ends the loop when it has nothing left to do. */
  finish(): void {
    this.#isFinished = true
    this.wake()
  }

  /** Has the functions told between two arrays. Resolves when they have been; never when the run ends before. */
  notifyCheckpointComplete(checkpointId: number): Promise<void> {
    const told = deferred<void>()
    this.#notifications.push({ checkpointId, told })
    this.wake()
    return told.promise
  }

  wake(): void {
    this.#wasWoken = true
    this.#wakeup?.resolve()
  }

  /** Does one thing; false where there is nothing to do before `wake`. */
  protected abstract step(): Promise<boolean>

  protected async passBarrier(checkpointId: number): Promise<void> {
    if (checkpointId === drainBarrierId) {
      this.chain.forwardBarrier(checkpointId)
      this.context.acknowledge(checkpointId, new Map())
    } else {
      this.context.acknowledge(checkpointId, await this.chain.passBarrier(checkpointId))
    }
  }

  // One call for the latest of them: it covers those before.
  async #tell(): Promise<void> {
    const notifications = this.#notifications
    this.#notifications = []
    const latest = notifications.at(-1)
    if (latest !== undefined) await this.chain.notifyCheckpointComplete(latest.checkpointId)
    for (const { told } of notifications) told.resolve()
  }

  async #sleepUntilWoken(): Promise<void> {
    if (this.#wasWoken) return
    this.#wakeup = deferred()
    await this.#wakeup.promise
    this.#wakeup = undefined
  }

  async #giveWay(): Promise<void> {
    await new Promise<void>((resolve) => this.context.runtime.defer(resolve))
    this.#sliceBeginMs = this.context.runtime.monotonicMs()
  }
}

export class SourceTask extends Task {
  readonly #barriers: number[] = []
  #isReading = false
  #hasEnded = false

  read(): void {
    this.#isReading = true
    this.wake()
  }

  /** No record is read any more; barriers still pass. */
  stopReading(): void {
    this.#isReading = false
    this.wake()
  }

  /** Waits its turn behind the array that is on its way. */
  pushBarrier(checkpointId: number): void {
    this.#barriers.push(checkpointId)
    this.wake()
  }

  override wake(): void {
    super.wake()
    this.chain.reader?.wake()
  }

  protected async step(): Promise<boolean> {
    const checkpointId = this.#barriers.shift()
    if (checkpointId !== undefined) {
      await this.passBarrier(checkpointId)
      return true
    }
    if (!this.#isReading || this.#hasEnded) return false
    const values = await this.chain.poll(pollWaitMs)
    if (values === 'end') {
      this.#hasEnded = true
      this.context.onEnd()
    } else if (values.length > 0) {
      this.context.counters.recordsIn += values.length
      const pushed = this.chain.push(values)
      if (pushed) await pushed
    }
    return true
  }
}

type Queued = { readonly values: readonly unknown[] } | { readonly checkpointId: number }

interface InputQueue {
  readonly queued: Queued[]
  /** Set while the upstream waits for room. */
  room: Deferred<void> | undefined
}

export class UnionTask extends Task {
  readonly #inputs: InputQueue[]
  #alignment: Alignment
  /** Inputs take turns. */
  #nextInput = 0
  #inputsMade = 0

  constructor(chain: Chain, context: TaskContext, inputsCount: number) {
    super(chain, context)
    this.#inputs = Array.from({ length: inputsCount }, () => ({ queued: [], room: undefined }))
    this.#alignment = noBarrier(inputsCount)
  }

  input(): UnionInput {
    const input = this.#inputs[this.#inputsMade++]
    assert(input !== undefined, 'A union has more inputs than were counted')
    return {
      push: (values) => {
        input.queued.push({ values })
        this.wake()
        if (input.queued.length < queuedArraysMax) return undefined
        input.room ??= deferred()
        return raceAbort(input.room.promise, this.context.signal)
      },
      pushBarrier: (checkpointId) => {
        input.queued.push({ checkpointId })
        this.wake()
      }
    }
  }

  protected async step(): Promise<boolean> {
    const index = this.#readyInput()
    if (index === undefined) return false
    this.#nextInput = (index + 1) % this.#inputs.length
    const input = this.#inputs[index]
    const next = input?.queued.shift()
    if (input === undefined || next === undefined) return false
    if (input.queued.length < queuedArraysMax) {
      input.room?.resolve()
      input.room = undefined
    }
    if ('values' in next) {
      const pushed = this.chain.push(next.values)
      if (pushed) await pushed
      return true
    }
    const { alignment, alignedCheckpointId } = onBarrier(this.#alignment, index, next.checkpointId)
    this.#alignment = alignment
    if (alignedCheckpointId !== undefined) await this.passBarrier(alignedCheckpointId)
    return true
  }

  /** The next input in turn that has something and is not held back. */
  #readyInput(): number | undefined {
    const count = this.#inputs.length
    for (let i = 0; i < count; i++) {
      const index = (this.#nextInput + i) % count
      if ((this.#inputs[index]?.queued.length ?? 0) > 0 && !isHeldBack(this.#alignment, index)) return index
    }
    return undefined
  }
}
