// One pipeline over records with everything that they may hold, killed twice on the way, and its output as four readers
// see it: the raw log, kcat, Kafka's own consumer, and ours. Each must see the transformed input, byte for byte. Needs
// nothing of a broker that Kafka 1.1 does not have.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Kafka } from 'kafka-once'
import type { KafkaVersion } from '../broker/jars.ts'
import { readCommitted, scanTopic } from '../broker/log_scan.ts'
import { readWithJava, readWithKcat } from '../broker/peers.ts'
import type { FaultOrder, PipelineSettings } from '../faults/orders.ts'
import { patienceMs, Pipeline } from '../faults/pipeline.ts'
import { hex, newTopic } from './contents.ts'
import type { ReadRecord } from './contents.ts'
import { corpus, transformed } from './corpus.ts'
import type { Content } from './corpus.ts'

const partitions = 2
const recordsEach = 300
/** Records per partition that are written at once, and the pause before the next ones. */
const chunkRecords = 10
const pauseMs = 50

export interface BytesOptions {
  readonly bootstrap: string
  readonly seed: number
  /** Of the Java consumer: Kafka 4's understands no broker before 2.1. */
  readonly javaVersion?: KafkaVersion
}

export interface BytesFindings {
  /** Readers whose records are not the transformed input, and what is wrong first. */
  readonly wrong: readonly string[]
  /** By partition and transaction, in the order of the log. */
  readonly outcomes: readonly string[]
}

/** Kills the first process with a prepared transaction, the second one when it has told the coordinator to commit. */
const orders: readonly (FaultOrder | undefined)[] = [
  { point: 'checkpoint.durable', phase: 'run', hit: 2, action: 'kill' },
  { point: 'wire.EndTxn.sent', phase: 'run', hit: 1, action: 'kill' },
  undefined
]

export async function copyBytes({ bootstrap, seed, javaVersion }: BytesOptions): Promise<BytesFindings> {
  const input = await newTopic(bootstrap, 'bytes-input', partitions)
  const output = await newTopic(bootstrap, 'bytes-output', partitions)
  const folder = await mkdtemp(join(tmpdir(), 'kafka-once-bytes-'))
  // Older than any record of the copy, and young enough for every broker.
  const firstTimestamp = Date.now() - recordsEach
  const contents = Array.from({ length: partitions }, (_, p) => corpus(seed + p, recordsEach, firstTimestamp))
  try {
    await pipe({ bootstrap, input, output, folder: join(folder, 'checkpoints') }, contents)
    const expected = contents.map((own) => own.map(transformed))
    const scans = await scanTopic(bootstrap, output)
    return {
      wrong: await compareAll(bootstrap, output, expected, javaVersion),
      outcomes: scans.flatMap(({ transactions }) => transactions.map(({ outcome }) => outcome))
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Writes one process's share of the input, while it runs. */
async function feed({ bootstrap, input: topic }: Places, contents: Contents, share: number): Promise<void> {
  await using kafka = new Kafka({ brokers: bootstrap.split(',') })
  const producers = (['gzip', 'none'] as const).map((compression) => kafka.producer({ compression }))
  const shareRecords = recordsEach / orders.length
  for (let from = share * shareRecords; from < (share + 1) * shareRecords; from += chunkRecords) {
    for (const [partition, own] of contents.entries()) {
      const chunk = own.slice(from, from + chunkRecords)
      await producers[partition % producers.length]?.send(chunk.map((one) => ({ topic, partition, ...one })))
    }
    await sleep(pauseMs)
  }
}

/** By partition. */
type Contents = readonly (readonly Content[])[]

interface Places {
  readonly bootstrap: string
  readonly input: string
  readonly output: string
  readonly folder: string
}

async function pipe(places: Places, contents: Contents): Promise<void> {
  const { bootstrap, input, output, folder } = places
  const settings: PipelineSettings = {
    brokers: bootstrap,
    jobName: 'bytes',
    input,
    outputs: [output],
    prefix: output,
    folder,
    parallelism: 2,
    intervalMs: 100,
    timeoutMs: 30_000,
    transactionTimeoutMs: 120_000,
    concurrentMax: 1,
    lingerMs: 5,
    lock: 'pid'
  }
  for (const [share, order] of orders.entries()) {
    const pipeline = new Pipeline({ ...settings, order }, 'bytes_pipeline')
    try {
      await pipeline.untilEvent('started')
      await feed(places, contents, share)
      if (order === undefined) {
        await pipeline.until('the end of the input', () => (hasCopiedAll(pipeline) ? true : undefined), 2 * patienceMs)
        await pipeline.stop()
      } else {
        await pipeline.untilGone(2 * patienceMs)
        if (pipeline.all('fault').length !== 1) throw new Error(`no kill: ${pipeline.story()}`)
      }
    } finally {
      await pipeline.kill()
    }
  }
}

function hasCopiedAll(pipeline: Pipeline): boolean {
  const copied = new Map<string, number>()
  for (const { counts } of pipeline.all('counts')) {
    for (const [partition, count] of Object.entries(counts)) {
      copied.set(partition, Math.max(copied.get(partition) ?? 0, count))
    }
  }
  return copied.size === partitions && [...copied.values()].every((count) => count >= recordsEach)
}

type Seen = ReadRecord & Partial<Pick<Content, 'headers' | 'timestamp'>>

async function compareAll(
  bootstrap: string,
  topic: string,
  expected: Contents,
  javaVersion: KafkaVersion | undefined
): Promise<string[]> {
  return [
    ...compare('the log', expected, await readCommitted(bootstrap, topic)),
    ...compare('kcat', expected, await readWithKcat(bootstrap, topic)),
    ...compare('the Java consumer', expected, await readWithJava(bootstrap, topic, javaVersion)),
    ...compare('our consumer', expected, await readWithOurs(bootstrap, topic, expected))
  ]
}

/** What is not told by a reader (kcat's headers) is not compared. */
function compare(reader: string, expected: Contents, seen: readonly Seen[]): string[] {
  return expected.flatMap((wanted, partition) => {
    const own = seen.filter((record) => record.partition === partition)
    const at = wanted.findIndex(
      (content, i) => own[i] === undefined || lineOf(own[i], content) !== lineOf(content, content)
    )
    const where = `${reader} sees ${own.length} of ${wanted.length} records in partition ${partition}`
    if (at >= 0) return [`${where}; number ${at} is ${summaryOf(own[at])}, not ${summaryOf(wanted[at])}`]
    return own.length === wanted.length ? [] : [where]
  })
}

/** Everything in one record that is told of it. */
function lineOf(record: Omit<Seen, 'partition' | 'offset'>, wanted: Content): string {
  const { key, value, headers = wanted.headers, timestamp = wanted.timestamp } = record
  const told = headers.map(([name, content]) => `${Buffer.from(name).toString('hex')}:${hex(content)}`)
  return [hex(key), hex(value), timestamp, ...told].join(' ')
}

function short(bytes: Uint8Array | null): string {
  return `${bytes?.length ?? 'null'}:${hex(bytes).slice(0, 40)}`
}

function summaryOf(record: Omit<Seen, 'partition' | 'offset'> | undefined): string {
  if (record === undefined) return 'missing'
  const { key, value, headers, timestamp } = record
  const names = headers?.map(([name]) => name).join(',')
  return `key ${short(key)}, value ${short(value)}, headers ${names?.slice(0, 100)}, timestamp ${timestamp}`
}

async function readWithOurs(bootstrap: string, topic: string, expected: Contents): Promise<Seen[]> {
  await using kafka = new Kafka({ brokers: bootstrap.split(',') })
  const consumer = kafka.consumer({ isolationLevel: 'read_committed' })
  await consumer.assign(expected.map((_, partition) => ({ topic, partition, position: 'earliest' as const })))
  const wanted = expected.reduce((sum, own) => sum + own.length, 0)
  const seen: Seen[] = []
  const signal = AbortSignal.timeout(patienceMs)
  for await (const batch of consumer.batches({ signal })) {
    for (const record of batch.records()) {
      const { partition, offset, key, value, headers, timestamp } = record.copy()
      seen.push({ partition, offset, key, value, headers, timestamp })
    }
    if (seen.length >= wanted) break
  }
  return seen
}
