// Owns what a client that is not ours is asked to do with a Kafka, and what must come out: topics, records, a group that
// gains and loses a member and is resumed from its committed offsets, transactions that are committed and aborted. The
// same on every Kafka and with every client; programs in Java print the same report. Knows no client and no broker.
import { setTimeout as sleep } from 'node:timers/promises'

export const partitionCount = 4

/** A member of a group. Reads as long as it is one. */
export interface PeerMember {
  /** The partitions that it has at the moment. */
  assigned(): readonly number[]
  /** What it has read. */
  readonly values: readonly string[]
  /** Commits what it has read. */
  commit(): Promise<void>
  leave(): Promise<void>
}

/** A client that is not ours. */
export interface Peer {
  /** Answers how many partitions its metadata shows. */
  createTopic(topic: string, partitions: number): Promise<number>
  /** Value i goes to partition i modulo the number of partitions. */
  produce(topic: string, values: readonly string[]): Promise<void>
  join(group: string, topic: string): Promise<PeerMember>
  /** Values of a transaction, all to partition 0. */
  transact(topic: string, values: readonly string[], outcome: 'commit' | 'abort'): Promise<void>
  /** Reads a topic from its beginning until `last` was read. */
  read(topic: string, isolation: 'read_committed' | 'read_uncommitted', last: string): Promise<string[]>
  close(): Promise<void>
}

/** What the client saw. */
export interface PeerReport {
  readonly partitions: number
  /** Partitions of the first member when it is alone, when there are two, and when the second one has left. */
  readonly alone: readonly number[]
  readonly shared: readonly [first: number, second: number, both: readonly number[]]
  readonly left: readonly number[]
  /** What the group has read. */
  readonly read: readonly string[]
  /** What a later member of the group read. */
  readonly resumed: readonly string[]
  readonly committed: readonly string[]
  readonly uncommitted: readonly string[]
}

const patienceMs = 30_000
const pollMs = 20
/** A record that should not come is waited for this long. */
const quietMs = 300

const allPartitions = Array.from({ length: partitionCount }, (_, partition) => partition)
const first = named('first', 40)
const later = named('later', 8)
const transactions = [
  { values: named('kept', 5), outcome: 'commit' },
  { values: named('dropped', 5), outcome: 'abort' },
  { values: named('kept too', 5), outcome: 'commit' }
] as const

/** What a right client sees of a right Kafka. */
export const expectedReport: PeerReport = {
  partitions: partitionCount,
  alone: allPartitions,
  shared: [2, 2, allPartitions],
  left: allPartitions,
  read: first.toSorted(),
  resumed: later.toSorted(),
  committed: transactions.filter(({ outcome }) => outcome === 'commit').flatMap(({ values }) => values),
  uncommitted: transactions.flatMap(({ values }) => values)
}

/** `name` is in front of the names of topics, groups and ids. */
export async function play(peer: Peer, name: string): Promise<PeerReport> {
  const orders = `${name}-orders`
  const partitions = await peer.createTopic(orders, partitionCount)
  await peer.produce(orders, first)
  const group = `${name}-group`
  const grouped = await playGroup(peer, group, orders)
  await peer.produce(orders, later)
  const resumed = await peer.join(group, orders)
  await until('the later records', () => resumed.values.length >= later.length)
  await sleep(quietMs)
  const payments = `${name}-payments`
  await resumed.leave()
  await peer.createTopic(payments, 1)
  for (const { values, outcome } of transactions) await peer.transact(payments, values, outcome)
  const last = expectedReport.committed.at(-1) ?? ''
  return {
    partitions,
    ...grouped,
    resumed: resumed.values.toSorted(),
    committed: await peer.read(payments, 'read_committed', last),
    uncommitted: await peer.read(payments, 'read_uncommitted', last)
  }
}

type GroupReport = Pick<PeerReport, 'alone' | 'shared' | 'left' | 'read'>

async function playGroup(peer: Peer, group: string, topic: string): Promise<GroupReport> {
  const a = await peer.join(group, topic)
  await until('the first member to have all partitions', () => a.assigned().length === partitionCount)
  const alone = sorted(a.assigned())
  const b = await peer.join(group, topic)
  await until('each member to have two partitions', () => a.assigned().length === 2 && b.assigned().length === 2)
  const shared = [a.assigned().length, b.assigned().length, sorted([...a.assigned(), ...b.assigned()])] as const
  await until('all records', () => [a, b].every(hasReadAll))
  await a.commit()
  await b.commit()
  await b.leave()
  await until('the first member to have all partitions again', () => a.assigned().length === partitionCount)
  const left = sorted(a.assigned())
  await a.leave()
  return { alone, shared, left, read: [...new Set([...a.values, ...b.values])].toSorted() }
}

/** Whether a member has read its own partitions, whoever has read them before. */
function hasReadAll(member: PeerMember): boolean {
  const assigned = member.assigned()
  return first.every((value, i) => !assigned.includes(i % partitionCount) || member.values.includes(value))
}

async function until(what: string, isTrue: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + patienceMs
  while (!isTrue()) {
    if (performance.now() > deadlineMs) throw new Error(`waited ${patienceMs} ms for ${what}`)
    await sleep(pollMs)
  }
}

function sorted(numbers: readonly number[]): number[] {
  return numbers.toSorted((a, b) => a - b)
}

function named(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${name} ${i}`)
}
