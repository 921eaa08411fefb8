// Owns the states of a group of the classic protocol and the ways between them.
// Source: org.apache.kafka.coordinator.group.classic.ClassicGroupState.

export type ClassicState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead'

const transitions: Readonly<Record<ClassicState, readonly ClassicState[]>> = {
  Empty: ['PreparingRebalance', 'Dead'],
  PreparingRebalance: ['CompletingRebalance', 'Empty', 'Dead'],
  CompletingRebalance: ['Stable', 'PreparingRebalance', 'Dead'],
  Stable: ['PreparingRebalance', 'Dead'],
  Dead: []
}

/** The next state, where the table allows it. */
export function classicTransition(from: ClassicState, to: ClassicState): ClassicState {
  if (!transitions[from].includes(to)) throw new Error(`A classic group does not go from ${from} to ${to}`)
  return to
}
