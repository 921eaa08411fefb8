// How proofs look at records that were read by whomever: as text, as one comparable line each.
import { createTopic } from '../broker/probe.ts'

export interface ReadRecord {
  readonly partition: number
  readonly offset: bigint
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
}

export function hex(bytes: Uint8Array | null): string {
  return bytes === null ? 'null' : Buffer.from(bytes).toString('hex')
}

/** A line for each record: equal lines, equal records. */
export function linesOf(records: readonly ReadRecord[]): string[] {
  return records.map(({ partition, offset, key, value }) => `${partition} ${offset} ${hex(key)} ${hex(value)}`)
}

/** Values as text. */
export function textsOf(records: readonly Pick<ReadRecord, 'value'>[]): string[] {
  return records.map(({ value }) => Buffer.from(value ?? []).toString())
}

let topicsMade = 0

/** Makes a topic with a name that no other suite of this run has, and answers the name. */
export async function newTopic(bootstrap: string, what: string, partitions: number): Promise<string> {
  const name = `proof-${what}-${process.pid}-${Date.now()}-${topicsMade++}`
  const [address = ''] = bootstrap.split(',')
  const code = await createTopic(address, { name, partitions, replicationFactor: bootstrap.split(',').length })
  if (code !== 0) throw new Error(`${name} could not be created: code ${code}`)
  return name
}
