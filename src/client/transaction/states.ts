// The life of one transaction as a table. Pure: what makes it move is transaction.ts. KIP-98; `prepared` as in KIP-939.
import { KafkaError } from '../errors.ts'

export type TransactionState =
  /** Takes records and offsets. */
  | 'open'
  /** prepare() runs: the last acknowledgements and the witness are waited for. */
  | 'sealing'
  /** Complete and sealed: no write of it can leave any more. Only its end is missing. */
  | 'prepared'
  /** The decision to commit is being sent; its outcome may be unknown for a while. */
  | 'committing'
  | 'aborting'
  | 'committed'
  | 'aborted'
  /** It ended in a way that nothing here can tell or change; the producer's error says why. */
  | 'failed'

export const transitionTable: Readonly<Record<TransactionState, readonly TransactionState[]>> = Object.freeze({
  open: ['sealing', 'aborting', 'failed'],
  sealing: ['prepared', 'aborting', 'failed'],
  prepared: ['committing', 'aborting'],
  // Back to prepared where the broker refused the request itself, such as for a missing permission.
  committing: ['committed', 'prepared', 'aborting', 'aborted', 'failed'],
  aborting: ['aborted', 'committed', 'failed'],
  committed: [],
  aborted: [],
  failed: []
})

/** Nothing more will happen to it. */
export function isFinal(state: TransactionState): boolean {
  return transitionTable[state].length === 0
}

/** The next state. Throws KafkaError INVALID_STATE, naming both, where the table does not lead there. */
export function transition(from: TransactionState, to: TransactionState, transactionalId: string): TransactionState {
  if (transitionTable[from].includes(to)) return to
  const ways = transitionTable[from]
  throw new KafkaError('INVALID_STATE', `A transaction of ${transactionalId} that is ${from} cannot become ${to}.`, {
    nextStep: ways.length === 0 ? 'Begin another transaction.' : `From here it can become ${ways.join(', ')}.`
  })
}
