// The life of one transactional id in the pool, as a table. An id is used again only when its last transaction is
// proven, since a new one could destroy what a missing marker still holds back (KAFKA-20734).

export type SlotState =
  /** Free to take the next transaction. */
  | 'idle'
  /** The running epoch writes into it. */
  | 'open'
  /** Prepared: it holds the output of a checkpoint and takes no more writes. */
  | 'sealed'
  /** EndTxn may have been sent. */
  | 'committing'
  /** The coordinator or the witness says committed. */
  | 'decided'
  /** Every partition has its marker. */
  | 'proven'

export const slotTransitions: Readonly<Record<SlotState, readonly SlotState[]>> = Object.freeze({
  idle: ['open'],
  // Back to idle: nothing was written, so nothing needs to be ended.
  open: ['sealed', 'idle'],
  sealed: ['committing'],
  committing: ['decided'],
  decided: ['proven'],
  proven: ['idle']
})

/** Whether a slot in this state holds output of a checkpoint that is not proven yet. */
export function isPending(state: SlotState): boolean {
  return state === 'sealed' || state === 'committing' || state === 'decided'
}
