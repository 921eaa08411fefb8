// One pipeline's world in a proof: its topics on a broker, the input that keeps arriving, the checkpoint folder, and all
// processes that ever ran there with everything they told. Ends with the judgement over all of it.
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { silentLogger } from 'kafka-once'
import { fileCheckpointStorage } from 'kafka-once/exactlyonce'
import type { Checkpoint } from 'kafka-once/exactlyonce'
import { nodeRuntime } from 'kafka-once/runtime'
import { scanTopic } from '../broker/log_scan.ts'
import type { PartitionScan } from '../broker/log_scan.ts'
import { createTopic } from '../broker/probe.ts'
import { Wire } from '../broker/wire.ts'
import { Feeder } from './feeder.ts'
import { auditState, auditTransactions, auditVerdicts, findingNames, judgeOutput } from './judge.ts'
import type { OutputFindings } from './judge.ts'
import type { FaultOrder, PipelineSettings, ToldVerdict } from './orders.ts'
import { patienceMs, Pipeline } from './pipeline.ts'

export interface SiteOptions {
  /** Of a single node. */
  readonly bootstrap: string
  /** Begins the names of topics and ids; unique on the broker. */
  readonly name: string
  readonly partitions: number
  /** Topics that every record goes to. Default 1. */
  readonly outputs?: number
  readonly lock?: 'pid' | 'none'
  /** Records per partition and 20 ms. Default 2. */
  readonly batchRecords?: number
  readonly transactionTimeoutMs?: number
  readonly timeoutMs?: number
}

/** What one process is given besides what belongs to the site. */
export interface RunOptions {
  readonly order?: FaultOrder
  readonly parallelism?: number
  readonly intervalMs?: number
  readonly concurrentMax?: number
  readonly lingerMs?: number
  readonly traces?: boolean
  readonly jobName?: string
  readonly prefix?: string
  readonly folder?: string
  readonly onLostTransaction?: 'stop' | 'acceptLoss'
}

export interface Judgement {
  /** One per output. */
  readonly outputs: readonly OutputFindings[]
  /** How many verdicts of each kind were compared with control records. */
  readonly verdicts: ReadonlyMap<string, number>
  /** Of each process that came so far: from its start, Node's own included, until its records flowed, milliseconds. */
  readonly startMs: readonly number[]
  /** Everything that is not as it must be; empty where all is well. */
  readonly faults: readonly string[]
}

export class Site {
  readonly options: SiteOptions
  readonly folder: string
  readonly input: string
  readonly outputs: readonly string[]
  readonly feeder: Feeder
  readonly pipelines: Pipeline[] = []
  readonly #root: string

  private constructor(options: SiteOptions, root: string) {
    this.options = options
    this.#root = root
    this.folder = join(root, 'checkpoints')
    this.input = `${options.name}-input`
    this.outputs = Array.from({ length: options.outputs ?? 1 }, (_, i) => `${options.name}-output-${i}`)
    this.feeder = new Feeder({
      address: options.bootstrap,
      topic: this.input,
      partitions: options.partitions,
      batchRecords: options.batchRecords ?? 2
    })
  }

  static async open(options: SiteOptions): Promise<Site> {
    const { bootstrap, name, partitions, outputs = 1 } = options
    const topics = [`${name}-input`, ...Array.from({ length: outputs }, (_, i) => `${name}-output-${i}`)]
    for (const topic of topics) {
      const code = await createTopic(bootstrap, { name: topic, partitions })
      if (code !== 0) throw new Error(`${topic} could not be created: code ${code}`)
    }
    await untilLed(bootstrap, topics)
    return new Site(options, await mkdtemp(join(tmpdir(), 'kafka-once-faults-')))
  }

  start(options: RunOptions = {}): Pipeline {
    const { bootstrap, name, lock = 'pid', timeoutMs = 20_000, transactionTimeoutMs = 60_000 } = this.options
    const settings: PipelineSettings = {
      brokers: bootstrap,
      jobName: options.jobName ?? `${name}-job`,
      input: this.input,
      outputs: this.outputs,
      prefix: options.prefix ?? name,
      folder: options.folder ?? this.folder,
      parallelism: options.parallelism ?? 1,
      intervalMs: options.intervalMs ?? 100,
      timeoutMs,
      transactionTimeoutMs,
      concurrentMax: options.concurrentMax ?? 1,
      lingerMs: options.lingerMs ?? 5,
      lock,
      onLostTransaction: options.onLostTransaction,
      order: options.order,
      traces: options.traces
    }
    const pipeline = new Pipeline(settings)
    this.pipelines.push(pipeline)
    return pipeline
  }

  /** Ends the input and lets a last process, or the given one, copy the rest of it and stop in order. */
  async finish(running?: Pipeline): Promise<void> {
    await this.feeder.stop()
    const last = running ?? this.start()
    try {
      await last.until('the end of the input', () => (this.#hasCopiedAll(last) ? true : undefined), 2 * patienceMs)
      await last.stop()
    } finally {
      await last.kill()
    }
  }

  #hasCopiedAll(pipeline: Pipeline): boolean {
    const copied = new Map<string, number>()
    for (const { counts } of pipeline.all('counts')) {
      for (const [partition, count] of Object.entries(counts)) {
        copied.set(partition, Math.max(copied.get(partition) ?? 0, count))
      }
    }
    return this.feeder.counts.every((count, partition) => (copied.get(String(partition)) ?? 0) >= count)
  }

  /** After `finish`: what came out, and whether everything that was told is true. */
  async judge(): Promise<Judgement> {
    const { bootstrap } = this.options
    const input = await scanTopic(bootstrap, this.input)
    const outputs: PartitionScan[][] = []
    for (const topic of this.outputs) outputs.push(await scanTopic(bootstrap, topic))
    const all = outputs.flat()
    const findings = outputs.map((scans) => judgeOutput(input, scans))
    const verdicts = auditVerdicts(this.verdicts(), all)
    const wrongOutputs = findings.flatMap((found, i) => {
      const isRight = findingNames.every((name) => name === 'records' || found[name] === 0)
      return isRight ? [] : [`${this.outputs[i] ?? ''}: ${JSON.stringify(found)}`]
    })
    const startMs = this.pipelines.flatMap(({ startedAfterMs }) => startedAfterMs ?? [])
    const faults = [
      ...wrongOutputs,
      ...verdicts.wrong,
      ...auditTransactions(all),
      ...(await this.#leftovers()),
      ...auditState(await this.newestCheckpoint(), input)
    ]
    return { outputs: findings, verdicts: verdicts.checked, startMs, faults }
  }

  /** What must not happen where processes only die: warnings, errors, restarts within a process, lost transactions. */
  complaints(): string[] {
    return this.pipelines.flatMap((pipeline) => {
      const told = [...pipeline.all('log'), ...pipeline.all('restarting'), ...pipeline.all('transactionLost')]
      return told.map((event) => `pid ${pipeline.pid}: ${JSON.stringify(event)}`)
    })
  }

  /** What the last processes told, one after the other, for messages. */
  async history(processesMax = 40): Promise<string> {
    const files = await readdir(this.folder).catch(() => [])
    const numbered = this.pipelines.map((pipeline, i) => ({ pipeline, number: i + 1 })).slice(-processesMax)
    const stories = numbered.map(({ pipeline, number }) => `process ${number}: ${pipeline.story()}`)
    return [
      ...stories,
      `checkpoint folder: ${files.toSorted((left, right) => left.localeCompare(right)).join(' ')}`
    ].join('\n')
  }

  verdicts(): ToldVerdict[] {
    return this.pipelines.flatMap((pipeline) => pipeline.all('verdict'))
  }

  /** The newest checkpoint of the folder. */
  async newestCheckpoint(folder = this.folder): Promise<Checkpoint | undefined> {
    const storage = fileCheckpointStorage(folder, { lock: 'none' })
    const store = await storage.open({
      jobName: `${this.options.name}-job`,
      runtime: nodeRuntime(),
      logger: silentLogger
    })
    try {
      return (await store.load()).checkpoints.at(-1)
    } finally {
      await store.close()
    }
  }

  async close(): Promise<void> {
    for (const pipeline of this.pipelines) await pipeline.kill()
    await this.feeder.stop().catch(() => undefined)
    await rm(this.#root, { recursive: true, force: true })
  }

  /** Transactions of this site that have not ended, by the coordinators and by the partitions. */
  async #leftovers(): Promise<string[]> {
    using wire = await Wire.open(this.options.bootstrap)
    const states = ['Ongoing', 'PrepareCommit', 'PrepareAbort']
    const listed = await wire.request('ListTransactions', 0, { stateFilters: states, producerIdFilters: [] })
    const ongoing = listed.transactionStates
      .filter(({ transactionalId }) => transactionalId.startsWith(`${this.options.name}.`))
      .map(({ transactionalId, transactionState }) => `${transactionalId} is left ${transactionState}`)
    const partitionIndexes = Array.from({ length: this.options.partitions }, (_, partition) => partition)
    const topics = this.outputs.map((name) => ({ name, partitionIndexes }))
    const described = await wire.request('DescribeProducers', 0, { topics })
    const open = described.topics.flatMap(({ name, partitions }) =>
      partitions.flatMap(({ partitionIndex, activeProducers }) =>
        activeProducers
          .filter(({ currentTxnStartOffset }) => currentTxnStartOffset >= 0n)
          .map(({ producerId }) => `${producerId} still holds ${name}-${partitionIndex} open`)
      )
    )
    return [...ongoing, ...open]
  }
}

async function untilLed(bootstrap: string, topics: readonly string[]): Promise<void> {
  using wire = await Wire.open(bootstrap)
  const deadlineMs = performance.now() + patienceMs
  for (;;) {
    const { topics: described } = await wire.request('Metadata', 1, { topics: topics.map((name) => ({ name })) })
    const isLed = described.every(({ errorCode, partitions }) => {
      return errorCode === 0 && partitions.every((partition) => partition.leaderId >= 0 && partition.errorCode === 0)
    })
    if (isLed) return
    if (performance.now() > deadlineMs) throw new Error(`no leaders for ${topics.join(', ')}`)
    await sleep(20)
  }
}
