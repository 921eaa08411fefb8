import { expect, test } from 'vitest'
import { Chance } from '../../src/testing/simulation/chance.ts'
import { EventQueue } from '../../src/testing/simulation/event_queue.ts'

function runAll(queue: EventQueue): void {
  for (let event = queue.next(); event !== undefined; event = queue.next()) event.fire?.()
}

test('events come by their time, and those of one time as they were asked for', () => {
  const chance = new Chance(1)
  const queue = new EventQueue()
  const told: [atMs: number, order: number][] = []
  for (let i = 0; i < 5000; i++) {
    const atMs = chance.between(0, 300)
    queue.at(atMs, 'timer', undefined, () => told.push([queue.nowMs, i]))
  }
  runAll(queue)
  expect(told).toHaveLength(5000)
  expect(told).toEqual(told.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]))
})

test('a cancelled event does not come, however many there are', () => {
  const chance = new Chance(2)
  const queue = new EventQueue()
  const expected: number[] = []
  const told: number[] = []
  for (let i = 0; i < 20_000; i++) {
    const timer = queue.after(chance.within(0, 100), 'timer', undefined, () => told.push(i))
    if (chance.is(0.9)) timer.cancel()
    else expected.push(i)
  }
  runAll(queue)
  expect(told.toSorted((a, b) => a - b)).toEqual(expected)
})

test('time never goes back', () => {
  const queue = new EventQueue()
  queue.after(10, 'timer', undefined, () => queue.at(3, 'timer', undefined, () => expect(queue.nowMs).toBe(10)))
  runAll(queue)
  expect(queue.nowMs).toBe(10)
})
