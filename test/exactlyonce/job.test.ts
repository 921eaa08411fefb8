import { describe, expect, test } from 'vitest'
import { StreamExecutionEnvironment } from '../../src/exactlyonce/environment.ts'
import { CollectSink, NumbersSource, faultOf } from './kit/sources.ts'
import { memoryCheckpointStorage } from '../../src/exactlyonce/checkpoint/memory_storage.ts'
import { SimulatedProcess } from './kit/process.ts'
import { World, WorldSink } from './kit/world.ts'

describe('a job', () => {
  test('moves all records from a source that ends to a sink, in order', async () => {
    const sink = new CollectSink()
    const env = new StreamExecutionEnvironment()
    env.addSource(new NumbersSource({ recordsMax: 1000 })).addSink(sink)
    const { outcome, metrics } = await env.execute('copy')
    expect(outcome).toBe('finished')
    expect(faultOf(sink.values, 1, 1000)).toBeUndefined()
    expect(metrics).toMatchObject({ recordsIn: 1000, recordsOut: 1000, state: 'ended' })
  })

  test('makes output visible by checkpoints, all of it when it ends', async () => {
    const process = new SimulatedProcess()
    const world = new World()
    const env = new StreamExecutionEnvironment({ runtime: process.runtime, parallelism: 2 })
    env.enableCheckpointing(5, { storage: memoryCheckpointStorage() })
    env
      .addSource(new NumbersSource({ recordsMax: 500, partitions: 3, pauseMs: 1 }))
      .addSink(new WorldSink(world, process))
    const { outcome, metrics } = await env.execute('copy')
    expect(outcome).toBe('finished')
    expect(metrics.checkpointsCompleted).toBeGreaterThan(3)
    expect(faultOf(world.visible, 3, 500)).toBeUndefined()
  })
})
