// The engine's pipeline as it is played: records keep arriving in its input, and its outputs must hold the state after
// each of them once and in order.
import { silentLogger } from 'kafka-once'
import { fileCheckpointStorage } from 'kafka-once/exactlyonce'
import type { Checkpoint } from 'kafka-once/exactlyonce'
import { apis, decodeRequest } from 'kafka-once/protocol'
import type { Exchange } from 'kafka-once/testing'
import { auditState, auditTransactions, auditVerdicts, findingNames, judgeOutput } from '../faults/judge.ts'
import type { PipelineEvent, PipelineSettings } from '../faults/orders.ts'
import type { PartitionScan } from '../broker/log_scan.ts'
import { inputTopic } from './plan.ts'
import type { Plan } from './plan.ts'
import type { Play, PlayParts } from './play.ts'
import { launchPipeline } from './programs/pipeline.ts'
import { readAlong } from './programs/reader.ts'
import type { Reading } from './programs/reader.ts'
import type { Launch } from './supervisor.ts'

const input = inputTopic
const offsetCommitKey = apis.OffsetCommit.key

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
  /** Records of each partition of the input that functions were told of. */
  readonly #copied = new Map<number, number>()
  /** Records per partition of the input, once it has ended. */
  #expected: readonly number[] | undefined

  constructor(parts: PlayParts) {
    const { plan } = parts
    this.#parts = parts
    this.#outputs = outputsOf(plan.shape.outputs)
    this.launch = (runtime, tell) => {
      const { retainedMax } = plan.shape
      return launchPipeline({ settings: this.#settings(), retainedMax, runtime, tell })
    }
    if (!plan.shape.isRead) return
    this.#reading = this.#read()
  }

  #read(): Reading {
    const { plan, site, world } = this.#parts
    const { runtime } = world.spawn('elsewhere', 'reader')
    return readAlong(site.kafka.bootstrap.split(','), runtime, this.#outputs, plan.shape.partitions)
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

  isThrough(): boolean {
    if (this.#expected === undefined) return false
    return this.#expected.every((count, partition) => (this.#copied.get(partition) ?? 0) >= count)
  }

  /** Offsets of the source's group may be committed only when the output of what lies before them is. */
  sent({ apiKey, bytes }: Exchange): readonly string[] {
    const { groupId } = this.#parts.plan.shape
    if (groupId === undefined || apiKey !== offsetCommitKey) return []
    const request = decodeRequest(bytes.subarray(4))
    if (request.api !== 'OffsetCommit' || request.body.groupId !== groupId) return []
    return request.body.topics.flatMap(({ partitions }) => {
      return partitions.flatMap(({ partitionIndex, committedOffset }) => {
        const count = this.#parts.site.committedBy(input, partitionIndex, committedOffset)
        return this.#missing(
          partitionIndex,
          count,
          () => `group offset ${committedOffset} of ${input}-${partitionIndex} was sent`
        )
      })
    })
  }

  /** Functions are told of a checkpoint only when its output is committed. */
  told(event: PipelineEvent): readonly string[] {
    if (event.event !== 'counts') return []
    return Object.entries(event.counts).flatMap(([text, count]) => {
      const partition = Number(text)
      this.#copied.set(partition, Math.max(this.#copied.get(partition) ?? 0, count))
      return this.#missing(partition, count, () => `functions were told of ${count} records of ${input}-${partition}`)
    })
  }

  #missing(partition: number, count: number, what: () => string): string[] {
    const { site } = this.#parts
    return this.#outputs.flatMap((topic) => {
      const committed = site.committedBy(topic, partition)
      return committed >= count
        ? []
        : [`${what()} before their output was committed: ${topic} has ${committed} of ${count}`]
    })
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
    if (this.#reading === undefined) return faults
    faults.push(...(await this.#reading.compare(all.flat())))
    // One that comes when all is over sees the whole log in a few large replies.
    faults.push(...(await this.#read().compare(all.flat())))
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
      brokers: site.addressesFor(shape).join(','),
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
      groupId: shape.groupId,
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
