// The names of the transactional ids of a job's Kafka sinks: `<prefix>.<task>.<slot>`. Recovery ends transactions by
// their names alone, so reading a name back is as exact as writing it: whatever does not parse to the same name again
// belongs to somebody else.

/** One place in the pool of transactional ids of a task. */
export interface TransactionName {
  readonly prefix: string
  /** Which task of the job; a job in one process has only task 0. */
  readonly task: number
  /** Position in the task's pool. */
  readonly slot: number
}

/** Keeps an id and the name of its ledger group far below what Kafka allows. */
export const prefixLengthMax = 200

/** Prefixes are free text of Kafka's own name characters, so that they can be shown and searched for anywhere. */
export const prefixPattern = /^[a-zA-Z0-9._-]+$/

/** The transactional id. */
export function formatTransactionName(name: TransactionName): string {
  return `${name.prefix}.${name.task}.${name.slot}`
}

/** The name that stands behind an id of this prefix; undefined where the id is another's. */
export function parseTransactionName(prefix: string, transactionalId: string): TransactionName | undefined {
  if (!transactionalId.startsWith(`${prefix}.`)) return undefined
  const numbers = /^(\d{1,9})\.(\d{1,9})$/.exec(transactionalId.slice(prefix.length + 1))
  if (numbers === null) return undefined
  const name = { prefix, task: Number(numbers[1]), slot: Number(numbers[2]) }
  return formatTransactionName(name) === transactionalId ? name : undefined
}

/** Slot of an id that belongs to this very task; undefined for every other id. */
export function slotOfTask(prefix: string, task: number, transactionalId: string): number | undefined {
  const name = parseTransactionName(prefix, transactionalId)
  return name?.task === task ? name.slot : undefined
}

/** What all ids of a task begin with; others may too. */
export function namePrefixOfTask(prefix: string, task: number): string {
  return `${prefix}.${task}.`
}
