// Functions that users put into a stream, and how each works on whole arrays: a synchronous function costs no promise
// and no await per record; one that returns promises is awaited record by record, so that order is kept.
import { JobError } from './errors.ts'
import type {
  CheckpointedFunction,
  CheckpointListener,
  FilterFunction,
  FlatMapFunction,
  MapFunction,
  SubtaskContext
} from './functions.ts'

/** What a function with state may have besides the method that the operator calls. */
export interface StatefulFunction extends Partial<CheckpointedFunction>, Partial<CheckpointListener> {}

export interface MapOperator<In, Out> extends StatefulFunction {
  map: MapFunction<In, Out>
}

export interface FilterOperator<In> extends StatefulFunction {
  filter: FilterFunction<In>
}

export interface FlatMapOperator<In, Out> extends StatefulFunction {
  flatMap: FlatMapFunction<In, Out>
}

/** Makes one function object for each subtask of each run, so that none shares state with another. */
export class PerSubtask<F> {
  readonly create: (context: SubtaskContext) => F

  constructor(create: (context: SubtaskContext) => F) {
    this.create = create
  }
}

/**
 * Gives every subtask a function object of its own: `stream.map(perSubtask(() => new Counter()))`. `create` is called
 * anew when the job restarts; state comes back through `initializeState`.
 */
export function perSubtask<F extends object>(create: (context: SubtaskContext) => F): PerSubtask<F> {
  return new PerSubtask(create)
}

export type MapDefinition<In, Out> =
  | MapFunction<In, Out>
  | MapOperator<In, Out>
  | PerSubtask<MapFunction<In, Out> | MapOperator<In, Out>>
export type FilterDefinition<In> =
  | FilterFunction<In>
  | FilterOperator<In>
  | PerSubtask<FilterFunction<In> | FilterOperator<In>>
export type FlatMapDefinition<In, Out> =
  | FlatMapFunction<In, Out>
  | FlatMapOperator<In, Out>
  | PerSubtask<FlatMapFunction<In, Out> | FlatMapOperator<In, Out>>

/** What an operator does to an array of records; the answer is a promise only where the user's function gave one. */
export type ArrayFunction = (values: readonly unknown[]) => readonly unknown[] | Promise<readonly unknown[]>

/** An operator's function in one subtask. */
export interface OperatorInstance {
  readonly process: ArrayFunction
  /** The user's object where it has state or listens. */
  readonly stateful: StatefulFunction
}

export type OperatorKind = 'map' | 'filter' | 'flatMap'

/** Makes one subtask's instance. The definition was checked by `checkDefinition`. */
export function createOperator(kind: OperatorKind, definition: unknown, context: SubtaskContext): OperatorInstance {
  const own: unknown = definition instanceof PerSubtask ? definition.create(context) : definition
  const call = methodOf(kind, own, context.operatorName)
  const stateful: StatefulFunction = typeof own === 'object' && own !== null ? own : {}
  return { process: arrayFunctions[kind](call), stateful }
}

/** Refuses what cannot be called, and an object with state that several subtasks would share. */
export function checkDefinition(kind: OperatorKind, definition: unknown, name: string, parallelism: number): void {
  if (definition instanceof PerSubtask) return
  methodOf(kind, definition, name)
  if (parallelism > 1 && typeof definition === 'object' && definition !== null && hasState(definition)) {
    throw new JobError('INVALID_JOB', `${parallelism} subtasks of ${name} would share one object with state.`, {
      fatal: true,
      nextStep: `Give each its own: .${kind}(perSubtask(() => new MyFunction())).`
    })
  }
}

function hasState(object: object): boolean {
  return ['initializeState', 'snapshotState', 'notifyCheckpointComplete'].some((name) => name in object)
}

type UserFunction = (value: unknown, collect?: (value: unknown) => void) => unknown

function methodOf(kind: OperatorKind, definition: unknown, name: string): UserFunction {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the stream's types have checked what it takes
  if (typeof definition === 'function') return definition as UserFunction
  const method: unknown =
    typeof definition === 'object' && definition !== null ? Reflect.get(definition, kind) : undefined
  if (typeof method !== 'function') {
    throw new JobError('INVALID_JOB', `${name} is neither a function nor an object with a method ${kind}.`, {
      fatal: true,
      nextStep: `Pass a function, an object with ${kind}, or perSubtask(() => ...) that makes one.`
    })
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
  return method.bind(definition) as UserFunction
}

const arrayFunctions: Readonly<Record<OperatorKind, (call: UserFunction) => ArrayFunction>> = {
  map: (call) => (values) => {
    const results: unknown[] = []
    for (let i = 0; i < values.length; i++) {
      const result = call(values[i])
      if (isThenable(result)) return mapRest(call, values, results, i, result)
      results.push(result)
    }
    return results
  },
  filter: (call) => (values) => {
    const kept: unknown[] = []
    for (let i = 0; i < values.length; i++) {
      const result = call(values[i])
      if (isThenable(result)) return filterRest(call, values, kept, i, result)
      if (result) kept.push(values[i])
    }
    return kept
  },
  flatMap: (call) => (values) => {
    const collector = new Collector()
    for (let i = 0; i < values.length; i++) {
      const result = call(values[i], collector.collect)
      if (isThenable(result)) return flatMapRest(call, values, collector, i, result)
    }
    return collector.close()
  }
}

export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

async function mapRest(
  call: UserFunction,
  values: readonly unknown[],
  results: unknown[],
  from: number,
  pending: PromiseLike<unknown>
): Promise<readonly unknown[]> {
  results.push(await pending)
  for (let i = from + 1; i < values.length; i++) {
    const result = call(values[i])
    results.push(isThenable(result) ? await result : result)
  }
  return results
}

async function filterRest(
  call: UserFunction,
  values: readonly unknown[],
  kept: unknown[],
  from: number,
  pending: PromiseLike<unknown>
): Promise<readonly unknown[]> {
  if (await pending) kept.push(values[from])
  for (let i = from + 1; i < values.length; i++) {
    const result = call(values[i])
    if (isThenable(result) ? await result : result) kept.push(values[i])
  }
  return kept
}

async function flatMapRest(
  call: UserFunction,
  values: readonly unknown[],
  collector: Collector,
  from: number,
  pending: PromiseLike<unknown>
): Promise<readonly unknown[]> {
  await pending
  for (let i = from + 1; i < values.length; i++) {
    const result = call(values[i], collector.collect)
    if (isThenable(result)) await result
  }
  return collector.close()
}

/** Takes what a flatMap function collects, and refuses what comes after the function has returned. */
class Collector {
  readonly #collected: unknown[] = []
  #isClosed = false

  readonly collect = (value: unknown): void => {
    if (this.#isClosed) throw new Error('collect was called after its flatMap function had returned')
    this.#collected.push(value)
  }

  close(): readonly unknown[] {
    this.#isClosed = true
    return this.#collected
  }
}
