// The ledger of a job: for each transactional id the witness of its last committed transaction, kept by the cluster as
// an offset of a group of its own. What a checkpoint remembers of it, reading it, and telling whether a checkpoint
// explains what stands there: this is what makes two incarnations of a job safe.
import { assert, ledgerGroupOf, readSettledLedger } from '../../client/index.ts'
import type { Cluster } from '../../client/index.ts'
import { JobError } from '../errors.ts'
import type { StateValue } from '../functions.ts'
import type { LedgerFinding, RetainedCheckpoint } from '../participant.ts'
import { unpackHandle } from './packed_handle.ts'
import { formatTransactionName } from './transaction_names.ts'

/** Where witnesses stand: the topic must exist, the partition need not. */
export interface LedgerPlace {
  readonly topic: string
  readonly partition: number
}

/** What a checkpoint keeps besides pending transactions. */
export interface Recorded {
  readonly clusterId: string
  readonly place: LedgerPlace
  /** By slot: random id of the last proven witness, null where there never was one. */
  readonly witnesses: ReadonlyMap<number, string | null>
}

export function encodeRecorded({ clusterId, place, witnesses }: Recorded): StateValue {
  return { clusterId, ledger: [place.topic, place.partition], witnesses: [...witnesses] }
}

/** Throws JobError CHECKPOINT_CORRUPT. */
export function decodeRecorded(value: StateValue): Recorded {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw notOurs()
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- isArray does not exclude readonly arrays
  const { clusterId, ledger, witnesses } = value as { readonly [name: string]: StateValue }
  if (typeof clusterId !== 'string' || !isPair(ledger) || !Array.isArray(witnesses)) throw notOurs()
  const [topic, partition] = ledger
  if (typeof topic !== 'string' || !isCount(partition)) throw notOurs()
  const bySlot = new Map<number, string | null>()
  for (const entry of witnesses) {
    if (!isPair(entry) || !isCount(entry[0]) || !isRandomId(entry[1])) throw notOurs()
    bySlot.set(entry[0], entry[1])
  }
  return { clusterId, place: { topic, partition }, witnesses: bySlot }
}

function isPair(value: unknown): value is readonly [unknown, unknown] {
  return Array.isArray(value) && value.length === 2
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function isRandomId(value: unknown): value is string | null {
  return value === null || (typeof value === 'string' && /^[0-9a-f]{32}$/.test(value))
}

function notOurs(): JobError {
  return new JobError('CHECKPOINT_CORRUPT', 'What the checkpoint records of the Kafka sinks cannot be read.', {
    fatal: true
  })
}

/** One witness in the ledger. */
export interface FoundWitness {
  readonly transactionalId: string
  readonly place: LedgerPlace
  readonly checkpointId: number
  readonly randomId: string
}

export interface ReadOptions {
  readonly deadlineMs: number
  readonly signal: AbortSignal
}

/** The witnesses of these ids, once no transaction of theirs is pending; an id without one is not in the result. */
export async function readWitnesses(
  cluster: Cluster,
  transactionalIds: readonly string[],
  places: readonly LedgerPlace[],
  options: ReadOptions
): Promise<FoundWitness[]> {
  const reads = transactionalIds.flatMap((id) => places.map((place) => readWitness(cluster, id, place, options)))
  const found = await Promise.all(reads)
  return found.filter((witness) => witness !== undefined)
}

// Read behind a write of our own, so that a coordinator that was superseded cannot answer with what it remembers.
async function readWitness(
  cluster: Cluster,
  transactionalId: string,
  place: LedgerPlace,
  options: ReadOptions
): Promise<FoundWitness | undefined> {
  const groupId = ledgerGroupOf(transactionalId)
  const entry = await readSettledLedger(cluster, { groupId, ...place }, options)
  assert(entry.kind !== 'unstable', `the ledger ${groupId} was to be settled and is not`)
  if (entry.kind === 'unreadable') throw unreadable(groupId, entry.errorCode)
  if (entry.kind === 'empty') return undefined
  return { transactionalId, place, checkpointId: Number(entry.offset), randomId: entry.randomId }
}

function unreadable(groupId: string, errorCode: number): JobError {
  return new JobError('INVALID_JOB', `The ledger group ${groupId} cannot be read or written (code ${errorCode}).`, {
    fatal: true,
    nextStep:
      'The principal needs READ on the ledger groups, which are named <transactionalIdPrefix>.<task>.<slot>.ledger.'
  })
}

/** Whether the checkpoint contains every witness that was found, as its own transaction or as recorded. */
export function explainWitnesses(
  found: readonly FoundWitness[],
  chosen: RetainedCheckpoint | undefined,
  name: { readonly prefix: string; readonly task: number }
): LedgerFinding {
  const known = knownRandomIds(chosen, name)
  const unexplained = found.filter(({ transactionalId, randomId }) => !known.has(`${transactionalId} ${randomId}`))
  if (unexplained.length === 0) {
    return { kind: 'consistent', checkpointIdMax: Math.max(-1, ...found.map(({ checkpointId }) => checkpointId)) }
  }
  const details = unexplained.map(
    ({ transactionalId, checkpointId, randomId }) =>
      `${transactionalId} has committed checkpoint ${checkpointId} (witness ${randomId.slice(0, 8)})`
  )
  const store = chosen === undefined ? 'the store is empty' : `the newest usable checkpoint is ${chosen.checkpointId}`
  return { kind: 'unexplained', details: `${details.join(', ')}, but ${store}` }
}

function knownRandomIds(
  chosen: RetainedCheckpoint | undefined,
  { prefix, task }: { readonly prefix: string; readonly task: number }
): Set<string> {
  const known = new Set<string>()
  if (chosen?.snapshot === undefined) return known
  for (const { handle } of chosen.snapshot.pending) {
    const { transactionalId, witness } = unpackHandle(handle)
    if (witness !== null) known.add(`${transactionalId} ${witness.randomId}`)
  }
  for (const [slot, randomId] of decodeRecorded(chosen.snapshot.recorded).witnesses) {
    if (randomId !== null) known.add(`${formatTransactionName({ prefix, task, slot })} ${randomId}`)
  }
  return known
}
