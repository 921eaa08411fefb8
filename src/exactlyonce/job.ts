// A job from its start to its end: run after run, as long as failures are worth another try, and the handle by which the
// outside stops, cancels and watches it.
import { deferred, handled } from '../runtime/index.ts'
import type { Deferred } from '../runtime/index.ts'
import type { JobCounters } from './chain.ts'
import type { CheckpointStore } from './checkpoint/storage.ts'
import type { ProvenCheckpoint } from './coordinator.ts'
import { JobError } from './errors.ts'
import { JobEventEmitter } from './events.ts'
import type { JobEventListener, JobEventName, JobOutcome } from './events.ts'
import { failureOf } from './failure.ts'
import type { StreamGraph } from './graph.ts'
import type { CheckedCheckpointing, CheckedEnvironment } from './options.ts'
import type { TransactionStatus } from './participant.ts'
import { JobRun } from './run.ts'

export interface JobResult {
  readonly jobName: string
  readonly outcome: JobOutcome
  readonly metrics: JobMetrics
}

/** Counts are over all runs of this handle. */
export interface JobMetrics {
  readonly state: JobState
  readonly recordsIn: number
  readonly recordsOut: number
  readonly checkpointsCompleted: number
  readonly lastCheckpointId: number | undefined
  readonly lastCheckpointDurationMs: number | undefined
  readonly lastCheckpointBytes: number | undefined
  readonly restarts: number
  readonly transactionsLost: number
  /** Records behind the end of what a reader of committed records can see; undefined where no source knows. */
  readonly lag: bigint | undefined
  /** Open and sealed ones. */
  readonly transactions: readonly TransactionStatus[]
}

export type JobState = 'starting' | 'running' | 'restarting' | 'stopping' | 'ended'

export interface JobHandle extends AsyncDisposable {
  readonly jobName: string
  /** How the job ends. Rejects with JobError; it need not be waited for. */
  readonly done: Promise<JobResult>
  /** Ends the job with a last checkpoint, which is proven when this resolves. Rejects where the job fails. */
  stop(): Promise<void>
  /** Ends the job at once, without a checkpoint; the open transaction is aborted. Resolves when all is closed. */
  cancel(): Promise<void>
  /** Returns the function that removes the listener. */
  on<N extends JobEventName>(event: N, listener: JobEventListener<N>): () => void
  metrics(): JobMetrics
  /** As `cancel`. */
  [Symbol.asyncDispose](): Promise<void>
}

export interface JobDefinition {
  readonly jobName: string
  readonly graph: StreamGraph
  readonly environment: CheckedEnvironment
  readonly checkpointing: CheckedCheckpointing | undefined
  readonly signal: AbortSignal | undefined
}

const restartDelayMsMax = 30_000

/** Why a job ends that was cancelled; never seen outside. */
class Cancelled extends Error {}

export function startJob(definition: JobDefinition): JobHandle {
  return new Job(definition)
}

class Job implements JobHandle {
  readonly jobName: string
  readonly done: Promise<JobResult>
  readonly #definition: JobDefinition
  readonly #emitter: JobEventEmitter
  readonly #counters: JobCounters = { recordsIn: 0, recordsOut: 0 }
  readonly #stopRequested: Deferred<void> = deferred()
  readonly #cancelling = new AbortController()
  #state: JobState = 'starting'
  #run: JobRun | undefined
  #lastProven: ProvenCheckpoint | undefined
  #checkpointsCompleted = 0
  #restarts = 0
  #transactionsLost = 0
  #failuresInARow = 0
  #formerIncarnationMax = -1

  constructor(definition: JobDefinition) {
    this.#definition = definition
    this.jobName = definition.jobName
    this.#emitter = new JobEventEmitter(definition.environment.logger)
    this.#emitter.on('started', () => this.#enter('running'))
    this.#emitter.on('transactionLost', () => this.#transactionsLost++)
    this.done = handled(this.#main())
  }

  async stop(): Promise<void> {
    this.#enter('stopping')
    this.#stopRequested.resolve()
    const { outcome } = await this.done
    if (outcome === 'cancelled')
      throw new JobError('JOB_FAILED', `Job ${this.jobName} was cancelled before it stopped.`)
  }

  async cancel(): Promise<void> {
    this.#cancelling.abort(new Cancelled())
    await this.done.catch(() => undefined)
  }

  on<N extends JobEventName>(event: N, listener: JobEventListener<N>): () => void {
    return this.#emitter.on(event, listener)
  }

  metrics(): JobMetrics {
    return {
      state: this.#state,
      recordsIn: this.#counters.recordsIn,
      recordsOut: this.#counters.recordsOut,
      checkpointsCompleted: this.#checkpointsCompleted,
      lastCheckpointId: this.#lastProven?.checkpointId,
      lastCheckpointDurationMs: this.#lastProven?.durationMs,
      lastCheckpointBytes: this.#lastProven?.bytes,
      restarts: this.#restarts,
      transactionsLost: this.#transactionsLost,
      lag: this.#run?.lag(),
      transactions: this.#run?.transactions() ?? []
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.cancel()
  }

  // A job that ends or stops is not said to be running again.
  #enter(state: JobState): void {
    if (this.#state === 'ended' || (this.#state === 'stopping' && state !== 'ended')) return
    this.#state = state
  }

  async #main(): Promise<JobResult> {
    const { signal, environment } = this.#definition
    const onAbort = (): void => this.#cancelling.abort(new Cancelled())
    signal?.addEventListener('abort', onAbort, { once: true })
    if (signal?.aborted === true) onAbort()
    try {
      const outcome = await this.#withStore()
      this.#enter('ended')
      const metrics = this.metrics()
      this.#emitter.emit('stopped', { outcome, lastCheckpointId: metrics.lastCheckpointId })
      environment.logger.info(`Job ${this.jobName} has ended: ${outcome}`, { ...metrics })
      return { jobName: this.jobName, outcome, metrics }
    } catch (thrown) {
      this.#enter('ended')
      const { error } = failureOf(thrown)
      environment.logger.error(`Job ${this.jobName} has failed: ${error.message}`, { error })
      this.#emitter.emit('failed', { error })
      throw error
    } finally {
      this.#run = undefined
      signal?.removeEventListener('abort', onAbort)
    }
  }

  async #withStore(): Promise<JobOutcome> {
    const { checkpointing, environment } = this.#definition
    // Whoever has just got the handle can add listeners before anything happens.
    await new Promise<void>((resolve) => environment.runtime.defer(resolve))
    if (checkpointing === undefined) return this.#untilEnd(undefined)
    const { runtime, logger } = environment
    const store = await checkpointing.storage.open({ jobName: this.jobName, runtime, logger })
    let outcome: JobOutcome
    try {
      outcome = await this.#untilEnd({ settings: checkpointing, store })
    } catch (error) {
      // What ended the job is told, not what came of it.
      await store.close().catch((later: unknown) => logger.debug('The store could not be closed', { error: later }))
      throw error
    }
    await store.close()
    return outcome
  }

  async #untilEnd(
    checkpointing: { readonly settings: CheckedCheckpointing; readonly store: CheckpointStore } | undefined
  ): Promise<JobOutcome> {
    const { graph, environment } = this.#definition
    for (;;) {
      this.#run = new JobRun({
        jobName: this.jobName,
        graph,
        environment,
        checkpointing,
        emitter: this.#emitter,
        counters: this.#counters,
        formerIncarnationMax: this.#formerIncarnationMax,
        stopRequested: this.#stopRequested.promise,
        signal: this.#cancelling.signal,
        onProven: (checkpoint) => {
          this.#checkpointsCompleted++
          this.#lastProven = checkpoint
          this.#failuresInARow = 0
        },
        onPublishing: (incarnation) => {
          this.#formerIncarnationMax = incarnation
        }
      })
      try {
        return await this.#run.run()
      } catch (thrown) {
        if (!(await this.#mayGoOn(thrown))) return 'cancelled'
      }
    }
  }

  /** Waits before the next run; false where the job was cancelled. Throws where there is to be none. */
  async #mayGoOn(thrown: unknown): Promise<boolean> {
    const { environment } = this.#definition
    const { signal } = this.#cancelling
    if (thrown instanceof Cancelled) return false
    const { error, isFatal } = failureOf(thrown)
    if (isFatal) throw error
    if (signal.aborted) return false
    const { attemptsMax, delayMs } = environment.restart
    if (++this.#failuresInARow > attemptsMax) throw error
    const waitMs = Math.min(delayMs * 2 ** (this.#failuresInARow - 1), Math.max(delayMs, restartDelayMsMax))
    this.#restarts++
    this.#enter('restarting')
    environment.logger.warn(`Job ${this.jobName} restarts in ${waitMs} ms: ${error.message}`, { error })
    this.#emitter.emit('restarting', { attempt: this.#failuresInARow, delayMs: waitMs, error })
    try {
      await environment.runtime.sleep(waitMs, signal)
    } catch {
      return false
    }
    return true
  }
}
