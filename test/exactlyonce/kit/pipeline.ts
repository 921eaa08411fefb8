// Owns the job that crash tests run again and again: numbered records from a source into one or two worlds, in a process
// that may stop at any fault point, over a store that outlives it.
import type { CheckpointStorage } from '../../../src/exactlyonce/checkpoint/storage.ts'
import { StreamExecutionEnvironment } from '../../../src/exactlyonce/environment.ts'
import type { JobHandle } from '../../../src/exactlyonce/job.ts'
import type { EnvironmentOptions } from '../../../src/exactlyonce/options.ts'
import { SimulatedProcess } from './process.ts'
import type { FaultPlan } from './process.ts'
import { NumbersSource } from './sources.ts'
import type { NumberedRecord } from './sources.ts'
import type { World } from './world.ts'
import { WorldSink } from './world.ts'

export interface PipelineOptions {
  readonly worlds: readonly World[]
  readonly storage: CheckpointStorage
  readonly plan?: FaultPlan
  readonly parallelism?: number
  readonly partitions?: number
  readonly recordsMax?: number
  readonly concurrentMax?: number
  readonly environment?: EnvironmentOptions
  readonly map?: (record: NumberedRecord) => NumberedRecord
}

export interface Pipeline {
  readonly process: SimulatedProcess
  readonly handle: JobHandle
}

export async function startPipeline(options: PipelineOptions): Promise<Pipeline> {
  const { worlds, storage, plan, parallelism = 1, partitions = 2, recordsMax = 200, concurrentMax = 1 } = options
  const process = new SimulatedProcess(plan)
  const env = new StreamExecutionEnvironment({ parallelism, runtime: process.runtime, ...options.environment })
  env.enableCheckpointing(3, { storage, concurrentMax })
  const source = new NumbersSource({ partitions, recordsMax, arrayMax: 5, pauseMs: 1 })
  let records = env.addSource(source, { name: 'numbers' })
  if (options.map !== undefined) records = records.map(options.map)
  for (const world of worlds) records.addSink(new WorldSink(world, process), { name: `to ${world.name}` })
  return { process, handle: await env.executeAsync('pipeline') }
}

/** Runs until the process stops or the job ends, whatever comes first. */
export async function runPipeline(options: PipelineOptions): Promise<Pipeline & { readonly ended: boolean }> {
  const pipeline = await startPipeline(options)
  const ended = await Promise.race([
    pipeline.handle.done.then(() => true),
    pipeline.process.stopped.promise.then(() => false)
  ])
  return { ...pipeline, ended }
}
