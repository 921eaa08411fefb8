// Reads the output as a reader of committed records sees it and compares it with what was fed.
import type { Kafka } from 'kafka-once'

export interface Verdict {
  readonly lost: number
  readonly duplicated: number
  readonly outOfOrder: number
  /** Records that were never fed. */
  readonly foreign: number
}

/** Record n was fed into partition n modulo `partitions`, in order, and must be in the same partition of the output. */
export async function judge(kafka: Kafka, output: string, partitions: number, records: number): Promise<Verdict> {
  const seen = new Uint8Array(records)
  const last = Array.from({ length: partitions }, () => -1)
  let [duplicated, outOfOrder, foreign] = [0, 0, 0]
  for await (const { partition, text } of readCommitted(kafka, output, partitions)) {
    const n = Number(/^RECORD (\d+)$/.exec(text)?.[1] ?? -1)
    if (n < 0 || n >= records || n % partitions !== partition) {
      foreign++
      continue
    }
    if (seen[n] === 1) duplicated++
    else if (n < last[partition]!) outOfOrder++
    seen[n] = 1
    last[partition] = Math.max(last[partition]!, n)
  }
  const lost = records - seen.reduce((sum, one) => sum + one, 0)
  return { lost, duplicated, outOfOrder, foreign }
}

async function* readCommitted(kafka: Kafka, topic: string, partitions: number) {
  const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }))
  const admin = kafka.admin()
  const ends = await admin.listOffsets(
    all.map((one) => ({ ...one, position: 'latest' as const })),
    { isolationLevel: 'read_committed' }
  )
  await using consumer = kafka.consumer({ isolationLevel: 'read_committed' })
  await consumer.assign(all.map((one) => ({ ...one, position: 'earliest' as const })))
  const isAtEnd = (): boolean =>
    all.every(
      ({ partition }) => (consumer.position(topic, partition) ?? 0n) >= ends.get(`${topic}:${partition}`)!.offset
    )
  while (!isAtEnd()) {
    for (const batch of await consumer.poll({ waitMs: 500 })) {
      for (let i = 0; i < batch.count; i++) {
        yield { partition: batch.partition, text: Buffer.from(batch.valueAt(i) ?? []).toString() }
      }
    }
  }
}
