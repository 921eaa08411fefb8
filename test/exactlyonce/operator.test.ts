import { describe, expect, test } from 'vitest'
import { checkDefinition, createOperator, isThenable, perSubtask } from '../../src/exactlyonce/operator.ts'
import type { OperatorKind } from '../../src/exactlyonce/operator.ts'
import { subtaskContextOf } from './kit/contexts.ts'

const context = subtaskContextOf({ operatorName: 'op' })

const run = (kind: OperatorKind, definition: unknown, values: unknown[]): unknown =>
  createOperator(kind, definition, context).process(values)

const later = async <T>(value: T, ms: number): Promise<T> => {
  await new Promise((resolve) => setTimeout(resolve, ms))
  return value
}

const duplicate = (value: number, collect: (value: number) => void): void => {
  for (let i = 0; i < value; i++) collect(value)
}

describe('a synchronous function', () => {
  test.each([
    ['map', (x: number) => x * 2, [2, 4, 6]],
    ['filter', (x: number) => x !== 2, [1, 3]],
    ['flatMap', duplicate, [1, 2, 2, 3, 3, 3]]
  ] as const)('%s works on a whole array without a promise', (kind, definition, expected) => {
    const result = run(kind, definition, [1, 2, 3])
    expect(isThenable(result)).toBe(false)
    expect(result).toEqual(expected)
  })

  test('may return undefined as a record', () => {
    expect(run('map', () => undefined, [1, 2])).toEqual([undefined, undefined])
  })
})

class Thenable {
  readonly #value: number

  constructor(value: number) {
    this.#value = value
  }

  // oxlint-disable-next-line unicorn/no-thenable -- that is what is tried
  then(resolve: (value: number) => void): void {
    resolve(this.#value)
  }
}

describe('a function that returns promises', () => {
  test.each([
    ['map', (x: number) => later(x * 2, 4 - x), [2, 4, 6]],
    ['filter', (x: number) => later(x !== 2, 4 - x), [1, 3]],
    [
      'flatMap',
      async (x: number, collect: (value: number) => void) => duplicate(await later(x, 4 - x), collect),
      [1, 2, 2, 3, 3, 3]
    ]
  ] as const)('keeps order: %s', async (kind, definition, expected) => {
    expect(await run(kind, definition, [1, 2, 3])).toEqual(expected)
  })

  test.each([
    ['map', (x: number) => (x === 2 ? later(20, 2) : x), [1, 20, 3]],
    ['filter', (x: number) => (x === 2 ? later(false, 2) : true), [1, 3]]
  ] as const)('only sometimes keeps order too: %s', async (kind, definition, expected) => {
    expect(await run(kind, definition, [1, 2, 3])).toEqual(expected)
  })

  test('is never called for two records at once', async () => {
    let active = 0
    const call = async (x: number): Promise<number> => {
      expect(++active).toBe(1)
      await later(undefined, 1)
      active--
      return x
    }
    expect(await run('map', call, [1, 2, 3])).toEqual([1, 2, 3])
  })

  test('of another kind of promise is awaited as well', async () => {
    expect(await run('map', (x: number) => new Thenable(x + 1), [1, 2])).toEqual([2, 3])
  })
})

describe('collect', () => {
  test('is refused after flatMap has returned', async () => {
    const kept: ((value: number) => void)[] = []
    run('flatMap', (_: number, collect: (value: number) => void) => void kept.push(collect), [1])
    expect(() => kept[0]?.(5)).toThrow('after its flatMap function had returned')
  })
})

describe('a function object', () => {
  test('is called on itself', () => {
    const object = {
      factor: 3,
      map(x: number) {
        return x * this.factor
      }
    }
    expect(run('map', object, [1, 2])).toEqual([3, 6])
  })

  test('is made for each subtask by perSubtask', () => {
    const made: number[] = []
    const definition = perSubtask((subtask) => {
      made.push(subtask.subtaskIndex)
      return { map: (x: number) => x + made.length }
    })
    expect(run('map', definition, [1])).toEqual([2])
    expect(createOperator('map', definition, { ...context, subtaskIndex: 1 }).process([1])).toEqual([3])
    expect(made).toEqual([0, 1])
  })

  test('with state is refused where several subtasks would share it, naming perSubtask', () => {
    const stateful = { map: (x: number) => x, initializeState: () => undefined, snapshotState: () => undefined }
    expect(() => checkDefinition('map', stateful, 'count', 2)).toThrow(/count.*perSubtask/)
    expect(() => checkDefinition('map', stateful, 'count', 1)).not.toThrow()
    expect(() => checkDefinition('map', { map: (x: number) => x }, 'count', 2)).not.toThrow()
    expect(() =>
      checkDefinition(
        'map',
        perSubtask(() => stateful),
        'count',
        2
      )
    ).not.toThrow()
  })

  test.each([5, undefined, null, {}, { filter: () => true }])('without the method is refused: %s', (definition) => {
    expect(() => checkDefinition('map', definition, 'op', 1)).toThrow(
      'op is neither a function nor an object with a method map'
    )
  })
})
