// One run of a job: participants, recovery, subtasks, coordinator, and the end of it all. A run ends once, by its
// sources, by `stop`, or by the first failure; job.ts decides whether another one follows.
import { handled, deferred, raceAbort, withDeadline } from '../runtime/index.ts'
import type { Deferred } from '../runtime/index.ts'
import type { JobCounters } from './chain.ts'
import type { CheckpointStore } from './checkpoint/storage.ts'
import { CheckpointCoordinator } from './coordinator.ts'
import type { ProvenCheckpoint } from './coordinator.ts'
import { JobError } from './errors.ts'
import type { JobEventEmitter, JobOutcome } from './events.ts'
import type { ParticipantContext, SinkFunction } from './functions.ts'
import { invalid } from './graph.ts'
import type { StreamGraph } from './graph.ts'
import type { CheckedCheckpointing, CheckedEnvironment } from './options.ts'
import type { TransactionParticipant, TransactionStatus } from './participant.ts'
import { recover } from './recovery.ts'
import type { Recovered } from './recovery.ts'
import { drainBarrierId } from './task.ts'
import { buildTopology } from './topology.ts'
import type { Topology } from './topology.ts'

export interface RunContext {
  readonly jobName: string
  readonly graph: StreamGraph
  readonly environment: CheckedEnvironment
  readonly checkpointing: { readonly settings: CheckedCheckpointing; readonly store: CheckpointStore } | undefined
  readonly emitter: JobEventEmitter
  readonly counters: JobCounters
  /** The highest incarnation under which an earlier run of this process was published, or may have been; else -1. */
  readonly formerIncarnationMax: number
  /** Resolves when the job is to end with a last checkpoint. */
  readonly stopRequested: Promise<void>
  /** Ends the run without a checkpoint. */
  readonly signal: AbortSignal
  onProven(checkpoint: ProvenCheckpoint): void
  /** Called before the record of this run is published. */
  onPublishing(incarnation: number): void
}

/** Subtasks and participants must have let go after this long; else nothing may run in this process any more. */
const closeTimeoutMs = 30_000

export class JobRun {
  readonly runId: string
  readonly #context: RunContext
  readonly #ending = new AbortController()
  readonly #failed: Deferred<never> = deferred()
  readonly #sourcesEnded: Deferred<void> = deferred()
  readonly #drained: Deferred<void> = deferred()
  #participants: readonly TransactionParticipant[] = []
  #topology: Topology = { sources: [], unions: [] }
  #loops: readonly Promise<void>[] = []
  #coordinator: CheckpointCoordinator | undefined
  /** Settles when every function has been told of the latest proven checkpoint. */
  #told: Promise<unknown> = Promise.resolve()
  #sourcesReading = 0
  #tasksDraining = 0

  constructor(context: RunContext) {
    this.#context = context
    this.runId = Buffer.from(context.environment.runtime.randomBytes(8)).toString('hex')
    void handled(this.#failed.promise)
  }

  /** Runs to the end. Rejects with what ended it before. */
  async run(): Promise<JobOutcome> {
    const { signal } = this.#context
    const onAbort = (): void => this.#fail(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    const main = handled(this.#main())
    let failure: { readonly error: unknown } | undefined
    let outcome: JobOutcome = 'finished'
    try {
      outcome = await Promise.race([main, this.#failed.promise])
    } catch (error) {
      failure = { error }
      this.#fail(error)
    }
    signal.removeEventListener('abort', onAbort)
    await this.#close(main, failure)
    if (failure !== undefined) throw failure.error
    return outcome
  }

  /** Records behind the end, over all sources that know. */
  lag(): bigint | undefined {
    let sum: bigint | undefined
    for (const { chain } of this.#topology.sources) {
      const lag = chain.reader?.lag?.()
      if (lag !== undefined) sum = (sum ?? 0n) + lag
    }
    return sum
  }

  transactions(): readonly TransactionStatus[] {
    return this.#participants.flatMap((participant) => participant.transactions?.() ?? [])
  }

  #fail(error: unknown): void {
    this.#failed.reject(error)
    this.#ending.abort(error)
  }

  async #main(): Promise<JobOutcome> {
    const { signal } = this.#ending
    signal.throwIfAborted()
    this.#createParticipants()
    for (const participant of this.#participants) {
      await participant.checkStart()
      signal.throwIfAborted()
    }
    const recovered = await this.#recover()
    signal.throwIfAborted()
    this.#topology = this.#buildTopology(recovered)
    const { sources, unions } = this.#topology
    await allOf([...sources, ...unions].map(({ chain }) => chain.open()))
    signal.throwIfAborted()
    await this.#begin(recovered)
    const outcome = await raceAbort(
      Promise.race([
        this.#sourcesEnded.promise.then(() => 'finished' as const),
        this.#context.stopRequested.then(() => 'stopped' as const)
      ]),
      signal
    )
    await this.#finish()
    return outcome
  }

  #createParticipants(): void {
    const sinksByName = new Map<string, SinkFunction<unknown>[]>()
    for (const { sink } of this.#context.graph.sinks()) {
      if (sink.participant === undefined) continue
      const sinks = sinksByName.get(sink.participant.name)
      if (sinks === undefined) sinksByName.set(sink.participant.name, [sink])
      else sinks.push(sink)
    }
    const participants: TransactionParticipant[] = []
    for (const [name, sinks] of sinksByName) {
      const participant = sinks[0]?.participant?.create(this.#participantContext(name, sinks))
      if (participant !== undefined) participants.push(participant)
    }
    const losable = participants.filter(({ kind }) => kind === 'losable')
    this.#participants = [...losable, ...participants.filter(({ kind }) => kind !== 'losable')]
    if (losable.length > 1) {
      throw invalid(
        `The transactions of ${losable.map(({ name }) => `'${name}'`).join(' and ')} can each be lost, so they cannot be ` +
          'committed together.',
        'Write to one Kafka cluster with one transactionalIdPrefix, or make two jobs of it.'
      )
    }
  }

  #participantContext(name: string, sinks: readonly SinkFunction<unknown>[]): ParticipantContext {
    const { jobName, environment, checkpointing, emitter } = this.#context
    if (checkpointing === undefined) throw invalid(`'${name}' needs checkpointing.`)
    const { intervalMs, timeoutMs, minPauseMs, concurrentMax } = checkpointing.settings
    return {
      jobName,
      runId: this.runId,
      sinks,
      writersCount: sinks.length * environment.parallelism,
      checkpointing: { intervalMs, timeoutMs, minPauseMs, concurrentMax },
      recoveryDeadlineMs: environment.recoveryDeadlineMs,
      runtime: environment.runtime,
      logger: environment.logger,
      signal: this.#ending.signal,
      report: (event) => emitter.emit('subtask', { operatorName: name, subtaskIndex: undefined, event }),
      fail: (error) => this.#fail(error)
    }
  }

  async #recover(): Promise<Recovered | undefined> {
    const { jobName, graph, environment, checkpointing, emitter } = this.#context
    if (checkpointing === undefined) return undefined
    const { runtime, logger, onLostTransaction } = environment
    const beginMs = runtime.monotonicMs()
    const recovered = await recover({
      jobName,
      runId: this.runId,
      formerIncarnationMax: this.#context.formerIncarnationMax,
      store: checkpointing.store,
      participants: this.#participants,
      operatorNames: new Set(graph.nodes.map(({ name }) => name)),
      concurrentMax: checkpointing.settings.concurrentMax,
      onLostTransaction,
      runtime,
      logger,
      signal: this.#ending.signal,
      onPublishing: (incarnation) => this.#context.onPublishing(incarnation),
      onTransactionLost: (loss, restoredCheckpointId) => {
        const then =
          restoredCheckpointId === undefined ? 'going on without it' : `replaying from ${restoredCheckpointId}`
        logger.warn(`The transaction of checkpoint ${loss.checkpointId} is lost: ${then}`, { ...loss })
        emitter.emit('transactionLost', { loss, restoredCheckpointId })
      }
    })
    const { chosen, settledTransactions } = recovered
    if (chosen !== undefined) {
      const durationMs = runtime.monotonicMs() - beginMs
      emitter.emit('restored', { checkpointId: chosen.checkpointId, settledTransactions, durationMs })
    }
    return recovered
  }

  #buildTopology(recovered: Recovered | undefined): Topology {
    const { jobName, graph, environment, counters, emitter } = this.#context
    const { parallelism, runtime, logger } = environment
    return buildTopology({
      jobName,
      graph,
      parallelism,
      restored: recovered?.chosen,
      participants: new Map(this.#participants.map((participant) => [participant.name, participant])),
      counters,
      runtime,
      logger,
      signal: this.#ending.signal,
      report: (operatorName, subtaskIndex, event) => emitter.emit('subtask', { operatorName, subtaskIndex, event }),
      acknowledge: (task, checkpointId, states) => {
        if (checkpointId === drainBarrierId) this.#onDrained()
        else this.#coordinator?.acknowledge(task, checkpointId, states)
      },
      onSourceEnd: () => {
        if (--this.#sourcesReading === 0) this.#sourcesEnded.resolve()
      }
    })
  }

  /** The first checkpoint, then records. */
  async #begin(recovered: Recovered | undefined): Promise<void> {
    const { jobName, emitter, environment, graph } = this.#context
    const { sources, unions } = this.#topology
    this.#sourcesReading = sources.length
    this.#coordinator = this.#createCoordinator(recovered)
    this.#loops = [...sources, ...unions].map((task) => task.run().catch((error: unknown) => this.#fail(error)))
    const chosen = recovered?.chosen
    // Where a source begins must be durable before its first record: a replay has to begin there too.
    if (graph.sources().some(({ name }) => chosen?.operators.has(name) !== true)) {
      await this.#whileRunning(this.#coordinator?.takeNow())
    }
    const { incarnation } = recovered ?? {}
    const restoredCheckpointId = chosen?.checkpointId
    environment.logger.info(`Job ${jobName} has started`, { runId: this.runId, incarnation, restoredCheckpointId })
    emitter.emit('started', { jobName, runId: this.runId, incarnation, restoredCheckpointId })
    for (const source of sources) source.read()
    this.#coordinator?.start()
  }

  #createCoordinator(recovered: Recovered | undefined): CheckpointCoordinator | undefined {
    const { jobName, environment, checkpointing, emitter } = this.#context
    if (checkpointing === undefined || recovered === undefined) return undefined
    const { sources, unions } = this.#topology
    return new CheckpointCoordinator({
      jobName,
      runId: this.runId,
      incarnation: recovered.incarnation,
      firstCheckpointId: recovered.firstCheckpointId,
      restoredCheckpointId: recovered.chosen?.checkpointId,
      settings: checkpointing.settings,
      participants: this.#participants,
      store: checkpointing.store,
      tasksCount: sources.length + unions.length,
      runtime: environment.runtime,
      trigger: (checkpointId) => {
        for (const source of sources) source.pushBarrier(checkpointId)
      },
      onProven: (checkpoint) => {
        const tasks = [...sources, ...unions]
        this.#told = Promise.all(tasks.map((task) => task.notifyCheckpointComplete(checkpoint.checkpointId)))
        this.#context.onProven(checkpoint)
        emitter.emit('checkpoint', checkpoint)
      },
      onPruneFailed: (error) => environment.logger.warn('Old checkpoints could not be removed', { error }),
      fail: (error) => this.#fail(error)
    })
  }

  /** Lets what has been read flow out, commits it, and ends the loops. */
  async #finish(): Promise<void> {
    const { sources, unions } = this.#topology
    for (const source of sources) source.stopReading()
    if (this.#coordinator === undefined) {
      this.#tasksDraining = sources.length + unions.length
      for (const source of sources) source.pushBarrier(drainBarrierId)
      await this.#whileRunning(this.#drained.promise)
    } else {
      await this.#whileRunning(this.#coordinator.takeFinal())
      await this.#whileRunning(this.#told)
    }
    for (const task of [...sources, ...unions]) task.finish()
    await this.#whileRunning(Promise.all(this.#loops))
  }

  #onDrained(): void {
    if (--this.#tasksDraining === 0) this.#drained.resolve()
  }

  async #whileRunning(promise: Promise<unknown> | undefined): Promise<void> {
    if (promise !== undefined) await raceAbort(promise, this.#ending.signal)
  }

  async #close(main: Promise<unknown>, failure: { readonly error: unknown } | undefined): Promise<void> {
    const { runtime, logger } = this.#context.environment
    const closing = this.#closeAll(main)
    try {
      await withDeadline(runtime, closing, closeTimeoutMs, () => {
        return new JobError('JOB_FAILED', `Something of the job still runs ${closeTimeoutMs} ms after its end.`, {
          fatal: true,
          nextStep: 'A function, source or sink does not return: end the process.',
          cause: failure?.error
        })
      })
    } catch (error) {
      const isStuck = error instanceof JobError && error.fatal
      if (failure === undefined || isStuck) throw error
      logger.debug('Something could not be closed', { error })
    } finally {
      this.#ending.abort(failure?.error ?? new JobError('JOB_FAILED', 'The run has ended.'))
    }
  }

  /** Loops first, then what they used; all is closed, also when some cannot be. */
  async #closeAll(main: Promise<unknown>): Promise<void> {
    await Promise.allSettled([main, ...this.#loops])
    await this.#coordinator?.close()
    const { sources, unions } = this.#topology
    const chains = await Promise.allSettled([...sources, ...unions].map(({ chain }) => chain.close()))
    const participants = await Promise.allSettled(this.#participants.map((participant) => participant.close()))
    for (const result of [...chains, ...participants]) {
      if (result.status === 'rejected') throw result.reason
    }
  }
}

/** Waits for all to settle, then rejects with the first failure: none goes on unseen. */
async function allOf(promises: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(promises)) {
    if (result.status === 'rejected') throw result.reason
  }
}
