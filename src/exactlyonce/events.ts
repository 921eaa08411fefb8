// What a job tells those who listen, and how listeners are kept. A listener that throws is reported to the log and
// changes nothing about the job.
import type { Logger } from '../client/index.ts'
import type { SubtaskEvent } from './functions.ts'
import type { LostTransaction } from './participant.ts'

export interface JobEvents {
  /** Recovery is over and records begin to flow; also after each restart. */
  readonly started: {
    readonly jobName: string
    readonly runId: string
    /** Counts the runs of this job over all processes; undefined without checkpointing. */
    readonly incarnation: number | undefined
    readonly restoredCheckpointId: number | undefined
  }
  /** State and positions of a checkpoint have been chosen to go on from. */
  readonly restored: {
    readonly checkpointId: number
    readonly settledTransactions: number
    readonly durationMs: number
  }
  /** A checkpoint is durable and its transactions are proven committed. */
  readonly checkpoint: {
    readonly checkpointId: number
    /** From the first barrier to the proof. */
    readonly durationMs: number
    /** Size of what the store keeps of it. */
    readonly bytes: number
    /** Sealed transactions, its own included, that it lists. */
    readonly pending: number
  }
  /** A transaction is proven lost. `restoredCheckpointId` is where the job replays from; undefined: the loss is accepted. */
  readonly transactionLost: { readonly loss: LostTransaction; readonly restoredCheckpointId: number | undefined }
  readonly restarting: { readonly attempt: number; readonly delayMs: number; readonly error: unknown }
  /** A source, sink or participant reports something. */
  readonly subtask: {
    readonly operatorName: string
    readonly subtaskIndex: number | undefined
    readonly event: SubtaskEvent
  }
  readonly stopped: { readonly outcome: JobOutcome; readonly lastCheckpointId: number | undefined }
  readonly failed: { readonly error: unknown }
}

/** `finished`: every source has ended. `stopped`: after `stop`. `cancelled`: after `cancel` or by the signal. */
export type JobOutcome = 'finished' | 'stopped' | 'cancelled'

export type JobEventName = keyof JobEvents
export type JobEventListener<N extends JobEventName> = (event: JobEvents[N]) => void

/** More listeners than this on one event are refused: somebody forgets to remove them. */
const listenersMax = 100

export class JobEventEmitter {
  readonly #logger: Logger
  readonly #listeners = new Map<JobEventName, Set<(event: never) => void>>()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** Returns the function that removes the listener again. */
  on<N extends JobEventName>(name: N, listener: JobEventListener<N>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set()
    if (listeners.size >= listenersMax) throw new RangeError(`More than ${listenersMax} listeners on '${name}'`)
    this.#listeners.set(name, listeners)
    listeners.add(listener)
    return () => void listeners.delete(listener)
  }

  emit<N extends JobEventName>(name: N, event: JobEvents[N]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `on` put it under the name of its event
        ;(listener as JobEventListener<N>)(event)
      } catch (error) {
        this.#logger.warn(`A listener of '${name}' threw`, { error })
      }
    }
  }
}
