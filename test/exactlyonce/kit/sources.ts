// Owns sources and sinks in memory: a source of numbered records in partitions, with positions in union state, and a
// sink that keeps what it gets.
import type {
  FunctionInitializationContext,
  FunctionSnapshotContext,
  ListState,
  SinkFunction,
  SinkWriter,
  SourceFunction,
  SourceReader,
  SubtaskContext
} from '../../../src/exactlyonce/functions.ts'
import { deferred } from '../../../src/runtime/index.ts'
import type { Deferred } from '../../../src/runtime/index.ts'

export interface NumberedRecord {
  readonly partition: number
  readonly offset: number
}

export interface NumbersOptions {
  readonly partitions?: number
  /** Of each partition; Infinity never ends. */
  readonly recordsMax?: number
  readonly arrayMax?: number
  /** Pause before each array, milliseconds; 0 answers at once. */
  readonly pauseMs?: number
  /** Told of every call, with the operator's name. */
  readonly log?: (entry: string) => void
  /** Where a partition begins that no state knows. */
  readonly startOffset?: () => number
}

/** Emits `{ partition, offset }`, each partition from 0 on; positions are kept as [partition, next offset]. */
export class NumbersSource implements SourceFunction<NumberedRecord> {
  readonly #options: NumbersOptions

  constructor(options: NumbersOptions = {}) {
    this.#options = options
  }

  createReader(context: SubtaskContext): SourceReader<NumberedRecord> {
    return new NumbersReader(context, this.#options)
  }
}

class NumbersReader implements SourceReader<NumberedRecord> {
  readonly #context: SubtaskContext
  readonly #options: NumbersOptions
  readonly #next = new Map<number, number>()
  #state: ListState<[number, number]> | undefined
  #wakeup: Deferred<void> | undefined

  constructor(context: SubtaskContext, options: NumbersOptions) {
    this.#context = context
    this.#options = options
  }

  initializeState(context: FunctionInitializationContext): void {
    this.#state = context.getUnionListState<[number, number]>('positions')
    const restored = new Map(this.#state.get())
    for (let partition = 0; partition < (this.#options.partitions ?? 1); partition++) {
      if (partition % this.#context.parallelism !== this.#context.subtaskIndex) continue
      this.#next.set(partition, restored.get(partition) ?? this.#options.startOffset?.() ?? 0)
    }
  }

  snapshotState({ checkpointId }: FunctionSnapshotContext): void {
    this.#state?.update([...this.#next])
    this.#log(`snapshot ${checkpointId}`)
  }

  notifyCheckpointComplete(checkpointId: number): void {
    this.#log(`notify ${checkpointId}`)
  }

  open(): Promise<void> {
    return Promise.resolve()
  }

  async poll(waitMs: number): Promise<readonly NumberedRecord[] | 'end'> {
    const { pauseMs = 0, arrayMax = 10, recordsMax = Infinity } = this.#options
    if (pauseMs > 0) await this.#wait(Math.min(pauseMs, waitMs))
    for (const [partition, next] of this.#next) {
      if (next >= recordsMax) continue
      const count = Math.min(arrayMax, recordsMax - next)
      this.#next.delete(partition) // so that partitions take turns
      this.#next.set(partition, next + count)
      return Array.from({ length: count }, (_, i) => ({ partition, offset: next + i }))
    }
    return 'end'
  }

  wake(): void {
    this.#wakeup?.resolve()
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  lag(): bigint | undefined {
    const { recordsMax = Infinity } = this.#options
    if (recordsMax === Infinity) return undefined
    return [...this.#next.values()].reduce((sum, next) => sum + BigInt(recordsMax - next), 0n)
  }

  async #wait(waitMs: number): Promise<void> {
    this.#wakeup = deferred()
    const timer = this.#context.runtime.setTimer(waitMs, () => this.#wakeup?.resolve())
    await this.#wakeup.promise
    timer.cancel()
  }

  #log(entry: string): void {
    this.#options.log?.(`${this.#context.operatorName}/${this.#context.subtaskIndex} ${entry}`)
  }
}

/** Keeps what it gets, without transactions. */
export class CollectSink<T> implements SinkFunction<T> {
  readonly values: T[] = []
  readonly #log: (entry: string) => void

  constructor(log: (entry: string) => void = () => undefined) {
    this.#log = log
  }

  createWriter(context: SubtaskContext): SinkWriter<T> {
    const where = `${context.operatorName}/${context.subtaskIndex}`
    return {
      open: () => Promise.resolve(),
      invoke: (values) => void this.values.push(...values),
      snapshotState: ({ checkpointId }) => this.#log(`${where} snapshot ${checkpointId}`),
      initializeState: () => undefined,
      notifyCheckpointComplete: (checkpointId) => this.#log(`${where} notify ${checkpointId}`),
      close: () => Promise.resolve()
    }
  }
}

export function isNumbered(value: unknown): value is NumberedRecord {
  return typeof value === 'object' && value !== null && 'partition' in value && 'offset' in value
}

/** What is wrong with an output that should hold each partition's records once and in order; undefined: nothing. */
export function faultOf(visible: readonly unknown[], partitions: number, recordsMax: number): string | undefined {
  const next = new Map<number, number>()
  for (const value of visible) {
    if (!isNumbered(value)) return 'something that is no record'
    const { partition, offset } = value
    const expected = next.get(partition) ?? 0
    if (offset !== expected) return `partition ${partition}: offset ${offset} where ${expected} was due`
    next.set(partition, expected + 1)
  }
  for (let partition = 0; partition < partitions; partition++) {
    const count = next.get(partition) ?? 0
    if (count !== recordsMax) return `partition ${partition}: ${count} records of ${recordsMax}`
  }
  return undefined
}
