// The operators of one subtask that hand arrays to each other by a call, from a source or a union down to sinks and to
// the next unions. Owns how they are made, restored, asked for snapshots, told of proven checkpoints and closed; the
// task around it says when. Calls never overlap.
import type { Logger } from '../client/index.ts'
import { BugError, KafkaError } from '../client/index.ts'
import { JobError } from './errors.ts'
import type { SinkWriter, SourceReader, SubtaskContext } from './functions.ts'
import type { SinkNode, SourceNode, StreamNode, UnionNode } from './graph.ts'
import { createOperator, isThenable } from './operator.ts'
import type { ArrayFunction, StatefulFunction } from './operator.ts'
import type { TransactionParticipant } from './participant.ts'
import { OperatorStateBackend } from './state.ts'
import type { SubtaskState } from './state.ts'

/** Hands an array on. The answer is a promise only where somebody has to wait. */
export type Push = (values: readonly unknown[]) => void | Promise<void>

/** One input of a union in this subtask. */
export interface UnionInput {
  readonly push: Push
  readonly pushBarrier: (checkpointId: number) => void
}

export interface JobCounters {
  recordsIn: number
  recordsOut: number
}

export interface ChainContext {
  readonly logger: Logger
  readonly counters: JobCounters
  subtaskContext(operatorName: string): SubtaskContext
  participantOf(node: SinkNode): TransactionParticipant | undefined
  /** One more input of the union in this subtask. */
  unionInput(node: UnionNode): UnionInput
  /** This subtask's share of the operator's state; undefined where nothing is restored. */
  restoredState(operatorName: string): SubtaskState | undefined
  readonly restoredCheckpointId: number | undefined
}

interface ChainOperator {
  readonly name: string
  readonly subtaskIndex: number
  readonly stateful: StatefulFunction
  readonly reader: SourceReader<unknown> | undefined
  readonly writer: SinkWriter<unknown> | undefined
}

export class Chain {
  /** Where the source or union puts its arrays. */
  readonly push: Push
  readonly reader: SourceReader<unknown> | undefined
  readonly #context: ChainContext
  readonly #operators: ChainOperator[] = []
  readonly #backends = new Map<string, OperatorStateBackend>()
  readonly #unions: UnionInput[] = []

  constructor(head: SourceNode | UnionNode, context: ChainContext) {
    this.#context = context
    if (head.kind === 'source') {
      const subtask = context.subtaskContext(head.name)
      this.reader = head.source.createReader(subtask)
      this.#operators.push(operatorOf(subtask, this.reader, { reader: this.reader }))
    }
    this.push = this.#broadcast(head.outputs)
  }

  /** Gives every operator its state and opens sinks, then the source. */
  async open(): Promise<void> {
    for (const operator of this.#operators) {
      await this.#guarded(operator, async () => this.#initialize(operator))
    }
    for (const operator of this.#operators) await this.#guarded(operator, () => operator.writer?.open())
    for (const operator of this.#operators) await this.#guarded(operator, () => operator.reader?.open())
  }

  /** The source's next array. Rejects where there is no source. */
  async poll(waitMs: number): Promise<readonly unknown[] | 'end'> {
    const [head] = this.#operators
    if (head?.reader === undefined) throw new BugError('This chain has no source')
    try {
      return await head.reader.poll(waitMs)
    } catch (error) {
      throw operatorError(error, head)
    }
  }

  /** Everything pushed so far belongs to this checkpoint. Returns the state of each operator that has one. */
  async passBarrier(checkpointId: number): Promise<ReadonlyMap<string, SubtaskState>> {
    for (const operator of this.#operators) {
      await this.#guarded(operator, async () => {
        await operator.writer?.passBarrier?.(checkpointId)
        await operator.stateful.snapshotState?.({ checkpointId })
      })
    }
    const states = new Map<string, SubtaskState>()
    for (const [name, backend] of this.#backends) states.set(name, backend.snapshot())
    this.forwardBarrier(checkpointId)
    return states
  }

  /** Passes a barrier on to the unions that follow, without a snapshot. */
  forwardBarrier(checkpointId: number): void {
    for (const union of this.#unions) union.pushBarrier(checkpointId)
  }

  async notifyCheckpointComplete(checkpointId: number): Promise<void> {
    for (const operator of this.#operators) {
      await this.#guarded(operator, () => operator.stateful.notifyCheckpointComplete?.(checkpointId))
    }
  }

  /** Closes all, also when some cannot be; rejects with the first failure. */
  async close(): Promise<void> {
    let failure: { readonly error: unknown } | undefined
    for (const operator of this.#operators.toReversed()) {
      try {
        await this.#guarded(operator, async () => {
          await operator.writer?.close()
          await operator.reader?.close()
        })
      } catch (error) {
        failure ??= { error }
      }
    }
    if (failure !== undefined) throw failure.error
  }

  async #initialize({ name, stateful, reader }: ChainOperator): Promise<void> {
    const restored = this.#context.restoredState(name) ?? new Map()
    const backend = new OperatorStateBackend(name, this.#context.restoredCheckpointId, restored)
    await stateful.initializeState?.(backend)
    if (stateful.initializeState !== undefined || reader !== undefined) this.#backends.set(name, backend)
    const unclaimed = backend.unclaimed()
    if (unclaimed.length > 0) {
      this.#context.logger.warn(`${name} has not asked for all of its state: it is dropped`, { lists: unclaimed })
    }
  }

  async #guarded(operator: ChainOperator, call: () => unknown): Promise<void> {
    try {
      await call()
    } catch (error) {
      throw operatorError(error, operator)
    }
  }

  #broadcast(nodes: readonly StreamNode[]): Push {
    const pushes = nodes.map((node) => this.#pushInto(node))
    const [only] = pushes
    if (only === undefined) return () => undefined
    return pushes.length === 1 ? only : (values) => pushAll(pushes, values, 0)
  }

  #pushInto(node: StreamNode): Push {
    switch (node.kind) {
      case 'union': {
        const input = this.#context.unionInput(node)
        this.#unions.push(input)
        return input.push
      }
      case 'sink':
        return this.#sink(node)
      case 'source':
        throw new BugError(`Source ${node.name} has an input`)
      default: {
        const subtask = this.#context.subtaskContext(node.name)
        const { process, stateful } = createOperator(node.kind, node.definition, subtask)
        const operator = operatorOf(subtask, stateful, {})
        this.#operators.push(operator)
        return pushThrough(process, this.#broadcast(node.outputs), operator)
      }
    }
  }

  #sink(node: SinkNode): Push {
    const subtask = this.#context.subtaskContext(node.name)
    const writer = node.sink.createWriter(subtask, this.#context.participantOf(node))
    const operator = operatorOf(subtask, writer, { writer })
    this.#operators.push(operator)
    const { counters } = this.#context
    return (values) => {
      counters.recordsOut += values.length
      try {
        const written = writer.invoke(values)
        if (isThenable(written)) return rejectingAs(written, operator)
      } catch (error) {
        throw operatorError(error, operator)
      }
      return undefined
    }
  }
}

function operatorOf(
  { operatorName, subtaskIndex }: SubtaskContext,
  stateful: StatefulFunction,
  ends: { readonly reader?: SourceReader<unknown>; readonly writer?: SinkWriter<unknown> }
): ChainOperator {
  return { name: operatorName, subtaskIndex, stateful, reader: ends.reader, writer: ends.writer }
}

function pushThrough(process: ArrayFunction, next: Push, operator: ChainOperator): Push {
  return (values) => {
    let results: readonly unknown[] | Promise<readonly unknown[]>
    try {
      results = process(values)
    } catch (error) {
      throw operatorError(error, operator)
    }
    if (isThenable(results)) return pushLater(results, next, operator)
    return results.length === 0 ? undefined : next(results)
  }
}

async function pushLater(results: Promise<readonly unknown[]>, next: Push, operator: ChainOperator): Promise<void> {
  let values: readonly unknown[]
  try {
    values = await results
  } catch (error) {
    throw operatorError(error, operator)
  }
  if (values.length > 0) await next(values)
}

/** To each in turn; a promise is made only from the first one on that has to wait. */
function pushAll(pushes: readonly Push[], values: readonly unknown[], from: number): void | Promise<void> {
  for (let i = from; i < pushes.length; i++) {
    const pushed = pushes[i]?.(values)
    if (isThenable(pushed)) return pushed.then(() => pushAll(pushes, values, i + 1))
  }
  return undefined
}

async function rejectingAs(call: PromiseLike<void>, operator: ChainOperator): Promise<void> {
  try {
    await call
  } catch (error) {
    throw operatorError(error, operator)
  }
}

/** Says in which operator something was thrown; errors that say enough themselves stay as they are. */
function operatorError(error: unknown, { name, subtaskIndex }: ChainOperator): unknown {
  if (error instanceof JobError || error instanceof KafkaError || error instanceof BugError) return error
  const what = error instanceof Error ? error.message : String(error)
  return new JobError('JOB_FAILED', `${name}, subtask ${subtaskIndex}: ${what}`, { cause: error })
}
