// An id goes round: from idle to proven and back, and no transition is left out on the way.
import { describe, expect, it } from 'vitest'
import { isPending, slotTransitions } from '../../../src/exactlyonce/sink/slot_states.ts'
import type { SlotState } from '../../../src/exactlyonce/sink/slot_states.ts'

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the names of the table
const states = Object.keys(slotTransitions) as SlotState[]

describe('slot states', () => {
  it('never opens an id whose last transaction is not proven', () => {
    for (const from of states) {
      expect(slotTransitions[from].includes('open'), from).toBe(from === 'idle')
    }
  })

  it('frees an id only after the proof, or where nothing was sealed', () => {
    expect(states.filter((from) => slotTransitions[from].includes('idle')).toSorted()).toEqual(['open', 'proven'])
  })

  it('counts as pending whatever a checkpoint has to keep', () => {
    expect(states.filter(isPending)).toEqual(['sealed', 'committing', 'decided'])
  })

  it('reaches every state from idle, and idle from every state', () => {
    for (const from of states) {
      const reached = new Set<SlotState>([from])
      for (const state of reached) for (const next of slotTransitions[state]) reached.add(next)
      expect(reached.size, from).toBe(states.length)
    }
  })
})
