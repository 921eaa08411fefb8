// Somebody who reads committed records all the time, with our own consumer, while everything else goes wrong. What it saw
// must be what the logs say in the end: nothing that was aborted, nothing too early, nothing twice, nothing left out.
import { Kafka, silentLogger } from 'kafka-once'
import type { Runtime } from 'kafka-once/runtime'
import { committedRecords } from '../../broker/log_scan.ts'
import type { PartitionScan } from '../../broker/log_scan.ts'

export interface Reading {
  /** Waits until it has seen as much as there is, then answers what differs. */
  compare(scans: readonly PartitionScan[]): Promise<string[]>
}

const patienceMs = 60_000
const lookMs = 20

/** Begins to read all partitions of these topics. */
export function readAlong(
  brokers: readonly string[],
  runtime: Runtime,
  topics: readonly string[],
  partitions: number
): Reading {
  const seen = new Map<string, string[]>()
  const failures: string[] = []
  const kafka = new Kafka({ brokers: [...brokers], logger: silentLogger, runtime })
  const consumer = kafka.consumer({ isolationLevel: 'read_committed' })
  const read = async (): Promise<void> => {
    const all = topics.flatMap((topic) => Array.from({ length: partitions }, (_, partition) => ({ topic, partition })))
    await consumer.assign(all.map((place) => ({ ...place, position: 'earliest' as const })))
    for await (const batch of consumer.batches()) {
      const place = `${batch.topic}-${batch.partition}`
      const found = seen.get(place) ?? []
      seen.set(place, found)
      for (const { offset, value } of batch.records()) found.push(`${offset} ${Buffer.from(value ?? []).toString()}`)
    }
  }
  read().catch((error: unknown) => {
    failures.push(`the reader failed: ${error instanceof Error ? error.message : String(error)}`)
  })
  return {
    async compare(scans) {
      const expected = new Map(scans.map((scan) => [`${scan.topic}-${scan.partition}`, textsOf(scan)]))
      const isThrough = (): boolean => [...expected].every(([at, texts]) => (seen.get(at)?.length ?? 0) >= texts.length)
      for (let waitedMs = 0; waitedMs < patienceMs && !isThrough() && failures.length === 0; waitedMs += lookMs) {
        await runtime.sleep(lookMs)
      }
      await consumer.close()
      await kafka.close()
      if (failures.length > 0) return failures
      return [...expected].flatMap(([place, texts]) => {
        const found = seen.get(place) ?? []
        const at = Array.from({ length: Math.max(texts.length, found.length) }, (_, i) => i)
        const first = at.find((i) => texts[i] !== found[i])
        if (first === undefined) return []
        return [`a reader of ${place} saw as number ${first} '${found[first]}', and there is '${texts[first]}'`]
      })
    }
  }
}

function textsOf(scan: PartitionScan): string[] {
  return committedRecords(scan).map(({ offset, value }) => `${offset} ${Buffer.from(value ?? []).toString()}`)
}
