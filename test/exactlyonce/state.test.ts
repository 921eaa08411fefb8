import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { StateValue } from '../../src/exactlyonce/functions.ts'
import { decodeStateValue, encodeStateValue, OperatorStateBackend, redistribute } from '../../src/exactlyonce/state.ts'
import type { JsonValue, SubtaskState } from '../../src/exactlyonce/state.ts'

const throughJson = (value: StateValue): StateValue | undefined => {
  const json: JsonValue = JSON.parse(JSON.stringify(encodeStateValue(value, 'x')))
  return decodeStateValue(json)
}

describe('a value in state', () => {
  test('has this form in a checkpoint', () => {
    expect(JSON.stringify(encodeStateValue([5n, -0, NaN, { a: 1 }, 'x', null], 'x'))).toBe(
      '[{"$bigint":"5"},{"$number":"-0"},{"$number":"NaN"},{"a":1},"x",null]'
    )
  })

  test('comes back as it went in', () => {
    const numbers = fc.double({ noNaN: false })
    const leaf = fc.oneof(fc.constant(null), fc.boolean(), numbers, fc.string({ unit: 'binary' }), fc.bigInt())
    const name = fc.oneof(
      fc.string(),
      fc.constantFrom('$bigint', '$$bigint', '$number', '$$$number', '__proto__', 'then')
    )
    const { tree } = fc.letrec<{ tree: StateValue }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        leaf,
        fc.array(tie('tree')),
        fc.dictionary(name, tie('tree'), { noNullPrototype: true })
      )
    }))
    fc.assert(
      fc.property(tree, (value) => {
        expect(throughJson(value)).toStrictEqual(value)
      })
    )
  })

  test('is a copy: a later change does not reach the snapshot', () => {
    const value = { list: [1, 2] }
    const json = encodeStateValue(value, 'x')
    value.list.push(3)
    expect(decodeStateValue(json)).toEqual({ list: [1, 2] })
  })

  test.each([
    [undefined, 'is undefined'],
    [() => 1, 'is a function'],
    [Symbol('s'), 'is a symbol'],
    [new Date(), 'Date'],
    [new Map(), 'Map'],
    [new Uint8Array(1), 'Uint8Array']
  ])('that cannot be kept is refused by name: %s', (value, why) => {
    expect(() => encodeStateValue({ a: [value] }, "'seen' of counter")).toThrow("'seen' of counter.a[0] is ")
    expect(() => encodeStateValue({ a: [value] }, 'x')).toThrow(why)
  })

  test('may be nested, but not without end', () => {
    const nested = (depth: number): StateValue => (depth === 0 ? 1 : [nested(depth - 1)])
    expect(throughJson(nested(60))).toEqual(nested(60))
    expect(() => encodeStateValue(nested(70), 'x')).toThrow('nested')
    const circle: unknown[] = []
    circle.push(circle)
    expect(() => encodeStateValue(circle, 'x')).toThrow('nested')
    const json: JsonValue = JSON.parse('['.repeat(5000) + ']'.repeat(5000))
    expect(decodeStateValue(json)).toBeUndefined()
  })

  test.each([
    '{"$bigint":5}',
    '{"$bigint":"0x5"}',
    '{"$bigint":""}',
    '{"$number":"5"}',
    '{"$number":null}',
    '[[{"$bigint":[]}]]'
  ])('that nothing could have written is refused: %s', (text) => {
    const json: JsonValue = JSON.parse(text)
    expect(decodeStateValue(json)).toBeUndefined()
  })
})

describe('a list in state', () => {
  test('keeps what is added, updated and cleared', () => {
    const list = new OperatorStateBackend('op', undefined, new Map()).getListState<number>('list')
    list.add(1)
    list.add(2)
    expect(list.get()).toEqual([1, 2])
    list.update([7])
    expect(list.get()).toEqual([7])
    list.clear()
    expect(list.get()).toEqual([])
  })

  test('is the same list under the same name, and cannot be of two kinds', () => {
    const backend = new OperatorStateBackend('op', undefined, new Map())
    backend.getListState('a').add(1)
    expect(backend.getListState('a').get()).toEqual([1])
    expect(() => backend.getUnionListState('a')).toThrow(/op uses state 'a' both as split and as union/)
  })

  test('that nobody asked for is told', () => {
    const restored = new Map([['old', { redistribution: 'split' as const, elements: [1] }]])
    const backend = new OperatorStateBackend('op', 3, restored)
    expect(backend.restoredCheckpointId).toBe(3)
    expect(backend.unclaimed()).toEqual(['old'])
    expect(backend.getListState('old').get()).toEqual([1])
    expect(backend.unclaimed()).toEqual([])
  })
})

const state = (kind: 'split' | 'union', subtasks: number[][]): SubtaskState[] =>
  subtasks.map((elements) => new Map([['list', { redistribution: kind, elements }]]))
const elements = (shares: readonly SubtaskState[]): unknown[] => shares.map((share) => share.get('list')?.elements)

describe('after a change of parallelism', () => {
  test('each element of a split list goes to one subtask', () => {
    const shares = redistribute(state('split', [[1, 2, 3], [4], []]), 2)
    expect(elements(shares)).toEqual([
      [1, 3],
      [2, 4]
    ])
    expect(elements(redistribute(state('split', [[1, 2]]), 3))).toEqual([[1], [2], []])
  })

  test('a union list goes to every subtask as a whole', () => {
    expect(elements(redistribute(state('union', [[1], [2, 3]]), 3))).toEqual([
      [1, 2, 3],
      [1, 2, 3],
      [1, 2, 3]
    ])
    expect(elements(redistribute(state('union', [[1], [2]]), 2))).toEqual([
      [1, 2],
      [1, 2]
    ])
  })

  test('nothing moves where there is none', () => {
    expect(elements(redistribute(state('split', [[1, 2, 3], [4]]), 2))).toEqual([[1, 2, 3], [4]])
  })

  test('no element of a split list is lost or doubled, from any parallelism to any', () => {
    const subtasks = fc.array(fc.array(fc.nat()), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(subtasks, fc.integer({ min: 1, max: 8 }), (before, parallelism) => {
        const after = elements(redistribute(state('split', before), parallelism)).flat()
        expect(after).toHaveLength(before.flat().length)
        expect(new Set(after)).toEqual(new Set(before.flat()))
      })
    )
  })
})
