// The states of a transactional id in its coordinator, as a table of what may come before what. Pure. KIP-98, KIP-890.
// Source: org.apache.kafka.coordinator.transaction.TransactionState of Kafka 4.4.0.

/** Kafka's names, as DescribeTransactions tells them. */
export type TransactionState =
  /** Nothing was ever written under this epoch. */
  | 'Empty'
  | 'Ongoing'
  /** Decided, and in the log of the coordinator; markers are on their way. */
  | 'PrepareCommit'
  | 'PrepareAbort'
  /** Every marker is written. */
  | 'CompleteCommit'
  | 'CompleteAbort'
  /** Expired; only ever pending, until its tombstone is in the log. */
  | 'Dead'
  /** The epoch is raised in order to abort; only ever pending. */
  | 'PrepareEpochFence'

/** 0 and 1 keep the epoch when a transaction ends; 2 raises it (KIP-890). 1 only changes the form of the log. */
export type TransactionVersion = 0 | 1 | 2

/** From which states each one may be entered. */
export const previousStates: Readonly<Record<TransactionState, readonly TransactionState[]>> = Object.freeze({
  Empty: ['Empty', 'CompleteCommit', 'CompleteAbort'],
  Ongoing: ['Ongoing', 'Empty', 'CompleteCommit', 'CompleteAbort'],
  PrepareCommit: ['Ongoing'],
  // Version 2 may abort what never began: only the epoch moves.
  PrepareAbort: ['Ongoing', 'PrepareEpochFence', 'Empty', 'CompleteCommit', 'CompleteAbort'],
  CompleteCommit: ['PrepareCommit'],
  CompleteAbort: ['PrepareAbort'],
  Dead: ['Empty', 'CompleteCommit', 'CompleteAbort'],
  PrepareEpochFence: ['Ongoing']
})

export function isTransactionState(name: string): name is TransactionState {
  return Object.hasOwn(previousStates, name)
}

/** Whether `transactional.id.expiration.ms` applies: never to a transaction that is open or unfinished. */
export function mayExpire(state: TransactionState): boolean {
  return state === 'Empty' || state === 'CompleteCommit' || state === 'CompleteAbort'
}

/** The decision is made, the markers are not yet all written. */
export function isPrepared(state: TransactionState): boolean {
  return state === 'PrepareCommit' || state === 'PrepareAbort'
}
