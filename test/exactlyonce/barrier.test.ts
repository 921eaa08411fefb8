import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isHeldBack, noBarrier, onBarrier } from '../../src/exactlyonce/barrier.ts'

describe('barriers of several inputs', () => {
  test('hold back each input until the last one has delivered', () => {
    const one = onBarrier(noBarrier(3), 1, 7)
    expect([0, 1, 2].map((input) => isHeldBack(one.alignment, input))).toEqual([false, true, false])
    const two = onBarrier(one.alignment, 0, 7)
    expect(two.alignedCheckpointId).toBeUndefined()
    expect([0, 1, 2].map((input) => isHeldBack(two.alignment, input))).toEqual([true, true, false])
    const three = onBarrier(two.alignment, 2, 7)
    expect(three.alignedCheckpointId).toBe(7)
    expect([0, 1, 2].map((input) => isHeldBack(three.alignment, input))).toEqual([false, false, false])
  })

  test('of one input pass at once', () => {
    expect(onBarrier(noBarrier(1), 0, 3)).toEqual({ alignment: noBarrier(1), alignedCheckpointId: 3 })
  })

  test('of another checkpoint, or twice from one input, are a bug', () => {
    const { alignment } = onBarrier(noBarrier(2), 0, 7)
    expect(() => onBarrier(alignment, 0, 7)).toThrow('held back')
    expect(() => onBarrier(alignment, 1, 8)).toThrow('7 is awaited')
  })

  test('pass once each and in order, however inputs interleave', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(fc.nat(), { maxLength: 60 }), (inputs, choices) => {
        let alignment = noBarrier(inputs)
        const next = Array.from({ length: inputs }, () => 0)
        const passed: number[] = []
        for (const choice of choices) {
          const open = next.map((_, input) => input).filter((input) => !isHeldBack(alignment, input))
          const input = open[choice % open.length] ?? 0
          const step = onBarrier(alignment, input, next[input] ?? 0)
          next[input] = (next[input] ?? 0) + 1
          alignment = step.alignment
          if (step.alignedCheckpointId !== undefined) passed.push(step.alignedCheckpointId)
        }
        expect(passed).toEqual(passed.map((_, i) => i))
        expect(passed).toHaveLength(Math.min(...next))
      })
    )
  })
})
