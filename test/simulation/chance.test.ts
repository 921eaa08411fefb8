import { expect, test } from 'vitest'
import { Chance } from '../../src/testing/simulation/chance.ts'

const draw = (chance: Chance): number[] => Array.from({ length: 100 }, () => chance.next32())

test('the same seed and stream draw the same numbers, others do not', () => {
  expect(draw(new Chance(7, 'network'))).toEqual(draw(new Chance(7, 'network')))
  expect(draw(new Chance(7, 'network'))).toEqual(draw(new Chance(7).stream('network')))
  expect(draw(new Chance(7, 'network'))).not.toEqual(draw(new Chance(7, 'disk')))
  expect(draw(new Chance(7, 'network'))).not.toEqual(draw(new Chance(8, 'network')))
  expect(draw(new Chance(7))).not.toEqual(draw(new Chance(7 + 2 ** 32)))
})

test('all numbers of a range come about equally often', () => {
  const chance = new Chance(3)
  const counts = [0, 0, 0, 0, 0]
  for (let i = 0; i < 50_000; i++) counts[chance.between(0, 4)]!++
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500)
  const mean = Array.from({ length: 50_000 }, () => chance.exponential(3)).reduce((sum, one) => sum + one, 0) / 50_000
  expect(mean).toBeCloseTo(3, 0)
})
