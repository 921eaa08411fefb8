// A transaction moves as its table says and in no other way.
import { describe, expect, test } from 'vitest'
import { isFinal, transition, transitionTable } from '../../../src/client/transaction/states.ts'
import type { TransactionState } from '../../../src/client/transaction/states.ts'

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of the table are the states
const states = Object.keys(transitionTable) as TransactionState[]

describe('the states of a transaction', () => {
  test.each(states)('from %s lead where the table says, and nowhere else', (from) => {
    for (const to of states) {
      if (transitionTable[from].includes(to)) expect(transition(from, to, 'id')).toBe(to)
      else {
        expect(() => transition(from, to, 'payments')).toThrow(expect.objectContaining({ code: 'INVALID_STATE' }))
        expect(() => transition(from, to, 'payments')).toThrow(new RegExp(`payments .*${from} .*${to}`))
      }
    }
  })

  test('end in committed, aborted or failed, which each state can reach', () => {
    expect(states.filter(isFinal)).toEqual(['committed', 'aborted', 'failed'])
    for (const from of states) {
      const seen = new Set([from])
      for (const state of seen) for (const next of transitionTable[state]) seen.add(next)
      expect([...seen].some(isFinal), from).toBe(true)
    }
  })

  test('never lead from a sealed transaction back to one that can be written to', () => {
    const seen = new Set<TransactionState>(['prepared'])
    for (const state of seen) for (const next of transitionTable[state]) seen.add(next)
    expect(seen.has('open')).toBe(false)
    expect(seen.has('sealing')).toBe(false)
  })
})
