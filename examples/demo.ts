// The demo: a pipeline copies 100,000 numbered records from one topic to another while it is killed with SIGKILL again
// and again, at random moments and at the worst ones. At the end the output is read and counted: every record must be
// there once, in order. What the kills have met is told by the broker and the checkpoint folder, not by the pipeline.
//
//   npm run demo                                  on the embedded Kafka, in this process, over TCP
//   npm run demo -- --brokers 127.0.0.1:9092      on yours; KAFKA_BROKERS does the same
//   KAFKA_VIA=jars npm run demo                   on a real one that is started for it (or KAFKA_VIA=container)
import { randomBytes } from 'node:crypto'
import { watch } from 'node:fs'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Kafka } from 'kafka-once'
import { findKafka } from '../test/broker/find.ts'
import { Kills } from './demo/kills.ts'
import type { Aim } from './demo/kills.ts'
import { Observer } from './demo/observer.ts'
import type { FolderView } from './demo/observer.ts'
import { Feeder, Pipeline } from './demo/processes.ts'
import { judge } from './demo/verdict.ts'

const records = 100_000
const partitions = 3
/** Of what is left to be fed. */
const sharePerSecond = 0.06
const intervalMs = 150
const jobName = 'flink-kafka-poc'
/** How long one process may take to begin or to reach the moment it is to be killed at, milliseconds. */
const patienceMs = 60_000
const killsMax = 300

interface Setup {
  readonly kafka: Kafka
  readonly brokers: string
  /** Of the checkpoints. */
  readonly folder: string
  readonly input: string
  readonly output: string
  readonly group: string
  readonly prefix: string
}

const ending = new AbortController()
process.once('SIGTERM', () => ending.abort()).once('SIGINT', () => ending.abort())
process.exitCode = await main()

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { brokers: { type: 'string' } } })
  if (values.brokers !== undefined) process.env['KAFKA_BROKERS'] = values.brokers
  const found = await findKafka('demo')
  if (found.via === 'none') return 1
  const root = await mkdtemp(join(tmpdir(), 'kafka-once-demo-'))
  const kafka = new Kafka({ brokers: found.bootstrap.split(',') })
  // On somebody's cluster the names must be nobody's.
  const suffix = found.via === 'brokers' ? `-${randomBytes(3).toString('hex')}` : ''
  const setup: Setup = {
    kafka,
    brokers: found.bootstrap,
    folder: join(root, 'checkpoints'),
    input: `flink_kafka_poc_input${suffix}`,
    output: `flink_kafka_poc_output${suffix}`,
    group: `flink_poc_k110_consumer${suffix}`,
    prefix: `flink-kafka-poc${suffix}`
  }
  try {
    return await runDemo(setup)
  } catch (error) {
    console.error(ending.signal.aborted ? 'stopped' : error)
    return 1
  } finally {
    if (found.via === 'brokers') await removeTraces(setup).catch(() => undefined)
    await kafka.close()
    await found.stop()
    await rm(root, { recursive: true, force: true })
  }
}

async function runDemo(setup: Setup): Promise<number> {
  const { kafka, brokers, folder, input, output, prefix } = setup
  const admin = kafka.admin()
  await mkdir(folder, { mode: 0o700 })
  await admin.createTopics([input, output].map((topic) => ({ topic, partitionCount: partitions })))
  const observer = new Observer({ admin, jobName, folder, prefix, output, partitions })
  const feeder = new Feeder([
    '--brokers',
    brokers,
    '--topic',
    input,
    '--partitions',
    String(partitions),
    '--records',
    String(records),
    '--share-per-second',
    String(sharePerSecond)
  ])
  const kills = new Kills()
  try {
    while (!kills.areEnough || feeder.fed < records / 2) {
      if (kills.total >= killsMax) throw new Error(`The kills did not meet what they should: ${counts(kills)}`)
      await killOne(setup, observer, kills)
      console.log(`${feeder.fed} of ${records} fed, ${counts(kills)}`)
    }
    await finish(setup, feeder)
  } finally {
    await feeder.stop()
  }
  const { lost, duplicated, outOfOrder, foreign } = await judge(kafka, output, partitions, records)
  const found = `lost ${lost}, duplicated ${duplicated}, out of order ${outOfOrder}${foreign === 0 ? '' : `, ${foreign} never fed`}`
  console.log(`${found} of ${records} records ${counts(kills)}`)
  return lost + duplicated + outOfOrder + foreign === 0 ? 0 : 1
}

/** Feeds the rest, lets the pipeline copy all of it, and ends it in order. */
async function finish(setup: Setup, feeder: Feeder): Promise<void> {
  console.log('no more kills; the rest is fed and copied')
  const last = new Pipeline(pipelineArguments(setup), tell)
  try {
    await feeder.finish()
    await copied(setup, last)
    if ((await last.stop()) !== 0) throw new Error('The pipeline did not end in order.')
  } finally {
    await last.kill()
  }
}

/** Starts the pipeline, waits for the moment, kills it, and looks at what that met. */
async function killOne(setup: Setup, observer: Observer, kills: Kills): Promise<void> {
  const before = await observer.folder()
  const aim = kills.nextAim()
  const pipeline = new Pipeline(pipelineArguments(setup), tell)
  try {
    if (aim === 'recovering') await until(() => observer.holdsFolder(pipeline.pid), pipeline)
    else await until(() => hasWritten(observer, before), pipeline)
    await moment(aim, setup.folder)
  } finally {
    await pipeline.kill()
  }
  // What was on its way to the broker arrives or not.
  await sleep(30)
  kills.add(await observer.met(pipeline.pid, before), aim !== 'recovering')
}

/** This process has recovered, and what lies uncommitted in the output is therefore its own. */
async function hasWritten(observer: Observer, before: FolderView): Promise<boolean> {
  return (await observer.folder()).runs > before.runs && (await observer.hasUncommittedRecords())
}

async function moment(aim: Aim, folder: string): Promise<void> {
  if (aim === 'recovering') await sleep(Math.random() * 60)
  else if (aim === 'random') await sleep(Math.random() * 3 * intervalMs)
  else await nextCheckpoint(folder)
}

/** Resolves as soon as a checkpoint has got its name, which is when it counts. */
async function nextCheckpoint(folder: string): Promise<void> {
  const watcher = watch(folder)
  try {
    await new Promise<void>((resolve, reject) => {
      watcher.on('change', (_, name) => {
        if (String(name).startsWith('checkpoint-')) resolve()
      })
      ending.signal.addEventListener('abort', () => reject(new Error('stopped')), { once: true })
      setTimeout(() => reject(new Error('no checkpoint came')), patienceMs).unref()
    })
  } finally {
    watcher.close()
  }
}

async function until(isSo: () => Promise<boolean>, pipeline: Pipeline): Promise<void> {
  const endMs = Date.now() + patienceMs
  while (!(await isSo())) {
    ending.signal.throwIfAborted()
    if (!pipeline.isRunning) throw new Error('The pipeline ended by itself.')
    if (Date.now() > endMs) throw new Error(`Nothing happened in ${patienceMs} ms.`)
    await sleep(20)
  }
}

/** Resolves when the group's offsets, which follow completed checkpoints, are at the end of the input. */
async function copied({ kafka, input, group }: Setup, pipeline: Pipeline): Promise<void> {
  const admin = kafka.admin()
  const all = Array.from({ length: partitions }, (_, partition) => ({ topic: input, partition }))
  const ends = await admin.listOffsets(all.map((one) => ({ ...one, position: 'latest' as const })))
  await until(async () => {
    const offsets = await admin.fetchOffsets({ groupId: group, partitions: all })
    return [...ends].every(([key, { offset }]) => offsets.get(key)?.offset === offset)
  }, pipeline)
}

function pipelineArguments({ brokers, input, output, group, prefix, folder }: Setup): string[] {
  return [
    '--brokers',
    brokers,
    '--input',
    input,
    '--output',
    output,
    '--group',
    group,
    '--prefix',
    prefix,
    '--checkpoints',
    folder,
    '--interval-ms',
    String(intervalMs)
  ]
}

function tell(line: string): void {
  console.log(`  | ${line}`)
}

function counts({ total, open, prepared, recovering }: Kills): string {
  return `after ${total} kills (open ${open}, prepared ${prepared}, recovering ${recovering})`
}

async function removeTraces({ kafka, input, output, group, prefix }: Setup): Promise<void> {
  const admin = kafka.admin()
  await admin.deleteTopics([input, output])
  await admin.deleteGroups([group, ...[0, 1, 2].map((slot) => `${prefix}.0.${slot}.ledger`)])
}
