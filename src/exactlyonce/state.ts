// State of operators: lists that a function fills while it runs, how their elements stand in a checkpoint, and how they
// are dealt out again when the parallelism has changed. Names are Flink's (ListState, union and split redistribution).
import { JobError } from './errors.ts'
import type { FunctionInitializationContext, ListState, StateValue } from './functions.ts'

/** A value as JSON can hold it. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | { readonly [name: string]: JsonValue }

/** How elements go to the subtasks of a run with another parallelism: each to one, or all to each. */
export type Redistribution = 'split' | 'union'

/** One list as a subtask's snapshot has it. */
export interface ListSnapshot {
  readonly redistribution: Redistribution
  readonly elements: readonly JsonValue[]
}

/** The lists of one operator in one subtask, by name. */
export type SubtaskState = ReadonlyMap<string, ListSnapshot>

/** An operator's state in a checkpoint: one entry per subtask. */
export type OperatorState = readonly SubtaskState[]

/** Deeper values than this are refused, going in and coming out. */
const stateDepthMax = 64

// JSON has neither bigint nor the numbers that are not finite. They stand as an object with one of these names, and a
// user's object with such a name gets one more $.
const tagged = /^\$+(?:bigint|number)$/

/** The JSON form of a value; a copy, so that the value may change afterwards. */
export function encodeStateValue(value: unknown, where: string, depth = 0): JsonValue {
  if (depth > stateDepthMax) throw unfit(where, `is nested more than ${stateDepthMax} deep`)
  switch (typeof value) {
    case 'boolean':
    case 'string':
      return value
    case 'number':
      if (Number.isFinite(value) && !Object.is(value, -0)) return value
      return { $number: Object.is(value, -0) ? '-0' : String(value) }
    case 'bigint':
      return { $bigint: value.toString() }
    case 'object':
      if (value === null) return null
      if (Array.isArray(value)) {
        return Array.from(value, (item: unknown, i) => encodeStateValue(item, `${where}[${i}]`, depth + 1))
      }
      return encodeObject(value, where, depth)
    default:
      throw unfit(where, `is ${value === undefined ? 'undefined' : `a ${typeof value}`}`)
  }
}

function encodeObject(value: object, where: string, depth: number): JsonValue {
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) {
    throw unfit(where, `is a ${value.constructor?.name ?? 'object'} and not a plain object`)
  }
  const entries = Object.entries(value).map(
    ([name, item]) => [name, encodeStateValue(item, `${where}.${name}`, depth + 1)] as const
  )
  const only = entries.length === 1 ? entries[0] : undefined
  return only !== undefined && tagged.test(only[0]) ? { [`$${only[0]}`]: only[1] } : Object.fromEntries(entries)
}

function unfit(where: string, what: string): JobError {
  return new JobError('INVALID_JOB', `State ${where} ${what}.`, {
    fatal: true,
    nextStep: 'State may hold null, booleans, numbers, strings, bigints, and arrays and plain objects of these.'
  })
}

/** The inverse of `encodeStateValue`; undefined where it could not have come from there. */
export function decodeStateValue(json: JsonValue, depth = 0): StateValue | undefined {
  if (depth > stateDepthMax) return undefined
  if (typeof json !== 'object' || json === null) return json
  if (isJsonArray(json)) return decodeArray(json, depth)
  const entries: [string, StateValue][] = []
  for (const [name, item] of Object.entries(json)) {
    const value = decodeStateValue(item, depth + 1)
    if (value === undefined) return undefined
    entries.push([name, value])
  }
  const only = entries.length === 1 ? entries[0] : undefined
  if (only === undefined || !tagged.test(only[0])) return Object.fromEntries(entries)
  const [name, value] = only
  if (name.startsWith('$$')) return { [name.slice(1)]: value }
  return name === '$bigint' ? decodeBigint(value) : decodeNumber(value)
}

function decodeArray(json: readonly JsonValue[], depth: number): StateValue | undefined {
  const values: StateValue[] = []
  for (const item of json) {
    const value = decodeStateValue(item, depth + 1)
    if (value === undefined) return undefined
    values.push(value)
  }
  return values
}

function decodeBigint(value: StateValue): bigint | undefined {
  return typeof value === 'string' && /^-?\d+$/.test(value) ? BigInt(value) : undefined
}

function decodeNumber(value: StateValue): number | undefined {
  return value === 'NaN' || value === 'Infinity' || value === '-Infinity' || value === '-0' ? Number(value) : undefined
}

export function isJsonArray(json: JsonValue | undefined): json is readonly JsonValue[] {
  return Array.isArray(json)
}

/** A list that a function holds while it runs. */
class RunningListState implements ListState<StateValue> {
  readonly redistribution: Redistribution
  #values: StateValue[]

  constructor(redistribution: Redistribution, values: readonly StateValue[]) {
    this.redistribution = redistribution
    this.#values = [...values]
  }

  get(): readonly StateValue[] {
    return [...this.#values]
  }

  add(value: StateValue): void {
    this.#values.push(value)
  }

  update(values: readonly StateValue[]): void {
    this.#values = [...values]
  }

  clear(): void {
    this.#values = []
  }
}

/** All state of one operator in one subtask. */
export class OperatorStateBackend implements FunctionInitializationContext {
  readonly restoredCheckpointId: number | undefined
  readonly #operatorName: string
  readonly #restored: SubtaskState
  readonly #lists = new Map<string, RunningListState>()

  /** `restored` is this subtask's share, see `redistribute`. */
  constructor(operatorName: string, restoredCheckpointId: number | undefined, restored: SubtaskState) {
    this.#operatorName = operatorName
    this.restoredCheckpointId = restoredCheckpointId
    this.#restored = restored
  }

  getListState<T extends StateValue>(name: string): ListState<T> {
    return this.#list(name, 'split')
  }

  getUnionListState<T extends StateValue>(name: string): ListState<T> {
    return this.#list(name, 'union')
  }

  /** Names of restored lists that hold something and that nobody has asked for. */
  unclaimed(): readonly string[] {
    return [...this.#restored]
      .filter(([name, list]) => !this.#lists.has(name) && list.elements.length > 0)
      .map(([name]) => name)
  }

  /** What the lists hold now, as a copy. */
  snapshot(): SubtaskState {
    const lists = new Map<string, ListSnapshot>()
    for (const [name, list] of this.#lists) {
      const where = `'${name}' of ${this.#operatorName}`
      const elements = list.get().map((value, i) => encodeStateValue(value, `${where}[${i}]`))
      lists.set(name, { redistribution: list.redistribution, elements })
    }
    return lists
  }

  #list<T extends StateValue>(name: string, redistribution: Redistribution): ListState<T> {
    let list = this.#lists.get(name)
    if (list === undefined) {
      list = new RunningListState(redistribution, this.#restoredValues(name))
      this.#lists.set(name, list)
    }
    if (list.redistribution !== redistribution) {
      throw new JobError('INVALID_JOB', `${this.#operatorName} uses state '${name}' both as split and as union.`, {
        fatal: true,
        nextStep: 'Give the two lists different names.'
      })
    }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the type of what was saved is the caller's claim
    return list as unknown as ListState<T>
  }

  #restoredValues(name: string): readonly StateValue[] {
    return (this.#restored.get(name)?.elements ?? []).map((json, i) => {
      const value = decodeStateValue(json)
      if (value !== undefined) return value
      throw new JobError(
        'CHECKPOINT_CORRUPT',
        `State '${name}' of ${this.#operatorName}: element ${i} is not a value.`,
        {
          fatal: true
        }
      )
    })
  }
}

/**
 * The share of each of `parallelism` subtasks. With the parallelism unchanged each gets its own again; otherwise the
 * elements of split lists are dealt out in turn. Union lists go to each as a whole, always.
 */
export function redistribute(state: OperatorState, parallelism: number): OperatorState {
  const shares = Array.from({ length: parallelism }, () => new Map<string, ListSnapshot>())
  for (const name of new Set(state.flatMap((subtask) => [...subtask.keys()]))) {
    const lists = state.map((subtask) => subtask.get(name))
    const redistribution = lists.find((list) => list !== undefined)?.redistribution ?? 'split'
    const all = lists.flatMap((list) => list?.elements ?? [])
    for (const [i, share] of shares.entries()) {
      share.set(name, { redistribution, elements: elementsOf(i) })
    }
    function elementsOf(subtask: number): readonly JsonValue[] {
      if (redistribution === 'union') return all
      if (state.length === parallelism) return lists[subtask]?.elements ?? []
      return all.filter((_, i) => i % parallelism === subtask)
    }
  }
  return shares
}
