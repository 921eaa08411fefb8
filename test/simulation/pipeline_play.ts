// The engine's pipeline as it is played: records keep arriving in its input, and its outputs must hold the state after
// each of them once and in order.
import { silentLogger } from 'kafka-once'
import { fileCheckpointStorage } from 'kafka-once/exactlyonce'
import type { Checkpoint } from 'kafka-once/exactlyonce'
import { auditState, auditTransactions, auditVerdicts, findingNames, judgeOutput } from '../faults/judge.ts'
import type { PipelineEvent, PipelineSettings } from '../faults/orders.ts'
import type { PartitionScan } from '../broker/log_scan.ts'
import type { Plan } from './plan.ts'
import type { Play, PlayParts } from './play.ts'
import { launchPipeline } from './programs/pipeline.ts'
import { readAlong } from './programs/reader.ts'
import type { Reading } from './programs/reader.ts'
import type { Launch } from './supervisor.ts'

const input = 'in'

export function pipelineTopics({ shape }: Plan): string[] {
  return [input, ...outputsOf(shape.outputs)]
}

function outputsOf(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `out-${i}`)
}

export class PipelinePlay implements Play {
  readonly launch: Launch
  readonly #parts: PlayParts
  readonly #outputs: readonly string[]
  readonly #reading: Reading | undefined
  #fed = 0
  /** Records per partition of the input, once it has ended. */
  #expected: readonly number[] | undefined

  constructor(parts: PlayParts) {
    const { plan, site, world } = parts
    this.#parts = parts
    this.#outputs = outputsOf(plan.shape.outputs)
    this.launch = (runtime, tell) => launchPipeline({ settings: this.#settings(), runtime, tell })
    if (!plan.shape.isRead) return
    const { runtime } = world.spawn('elsewhere', 'reader')
    this.#reading = readAlong(site.kafka.bootstrap.split(','), runtime, this.#outputs, plan.shape.partitions)
  }

  feed(): void {
    const { plan, site } = this.#parts
    for (let partition = 0; partition < site.partitionsOf(input); partition++) {
      const texts = Array.from({ length: plan.shape.batchRecords }, () => `${partition}.${this.#fed++}`)
      site.feed(input, partition, texts)
    }
  }

  ended(): void {
    const { site } = this.#parts
    const length = site.partitionsOf(input)
    this.#expected = Array.from({ length }, (_, partition) => site.countOf(input, partition))
  }

  isThrough(events: readonly PipelineEvent[]): boolean {
    const copied = new Map<number, number>()
    for (const event of events) {
      if (event.event !== 'counts') continue
      for (const [partition, count] of Object.entries(event.counts)) {
        copied.set(Number(partition), Math.max(copied.get(Number(partition)) ?? 0, count))
      }
    }
    if (this.#expected === undefined) return false
    return this.#expected.every((count, partition) => (copied.get(partition) ?? 0) >= count)
  }

  async judge(events: readonly PipelineEvent[], isWhole: boolean): Promise<readonly string[]> {
    const { site } = this.#parts
    const inputs = site.scan(input)
    const all = this.#outputs.map((topic) => site.scan(topic))
    const verdicts = events.flatMap((event) => (event.event === 'verdict' ? [event] : []))
    const faults = [...this.#wrongOutputs(inputs, all, isWhole), ...auditVerdicts(verdicts, all.flat()).wrong]
    faults.push(...auditTransactions(all.flat()).filter((fault) => isWhole || !fault.endsWith('is open')))
    if (faults.length > 0 || !isWhole) return faults
    faults.push(...auditState(await this.#newestCheckpoint(), inputs))
    if (this.#reading !== undefined) faults.push(...(await this.#reading.compare(all.flat())))
    return faults
  }

  #wrongOutputs(
    inputs: readonly PartitionScan[],
    outputs: readonly (readonly PartitionScan[])[],
    isWhole: boolean
  ): string[] {
    return outputs.flatMap((scans, i) => {
      const found = judgeOutput(inputs, scans)
      const isRight = findingNames.every((name) => {
        return name === 'records' || (name === 'lost' && !isWhole) || found[name] === 0
      })
      return isRight ? [] : [`${this.#outputs[i] ?? ''}: ${JSON.stringify(found)}`]
    })
  }

  #settings(): PipelineSettings {
    const { plan, site, folder } = this.#parts
    const { shape } = plan
    return {
      brokers: site.kafka.bootstrap,
      jobName: 'job',
      input,
      outputs: this.#outputs,
      prefix: 'id',
      folder,
      parallelism: shape.parallelism,
      intervalMs: shape.intervalMs,
      timeoutMs: shape.checkpointTimeoutMs,
      transactionTimeoutMs: shape.transactionTimeoutMs,
      concurrentMax: shape.concurrentMax,
      lingerMs: shape.lingerMs,
      lock: shape.lock,
      discoveryIntervalMs: 500
    }
  }

  async #newestCheckpoint(): Promise<Checkpoint | undefined> {
    const { world, machine, folder } = this.#parts
    const { runtime } = world.spawn(machine, 'judge')
    const storage = fileCheckpointStorage(folder, { lock: 'none' })
    const store = await storage.open({ jobName: 'job', runtime, logger: silentLogger })
    const { checkpoints } = await store.load()
    await store.close()
    return checkpoints.at(-1)
  }
}
