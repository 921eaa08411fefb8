import { describe, expect, test } from 'vitest'
import { BugError, KafkaError } from '../../src/client/index.ts'
import { memoryCheckpointStorage } from '../../src/exactlyonce/checkpoint/memory_storage.ts'
import { StreamExecutionEnvironment } from '../../src/exactlyonce/environment.ts'
import { JobError } from '../../src/exactlyonce/errors.ts'
import type { EnvironmentOptions } from '../../src/exactlyonce/options.ts'
import { deferred } from '../../src/runtime/index.ts'
import { keepingLogger } from './kit/checkpoints.ts'
import { startPipeline } from './kit/pipeline.ts'
import { SimulatedProcess } from './kit/process.ts'
import { CollectSink, faultOf, isNumbered, NumbersSource } from './kit/sources.ts'
import type { NumberedRecord } from './kit/sources.ts'
import { World, WorldSink } from './kit/world.ts'

const fastRestart: EnvironmentOptions = { restart: { attemptsMax: 3, delayMs: 1 } }

/** Resolves with the nth checkpoint that is proven. */
function nthCheckpoint(handle: Awaited<ReturnType<typeof startPipeline>>['handle'], nth: number): Promise<number> {
  const reached = deferred<number>()
  let count = 0
  handle.on('checkpoint', ({ checkpointId }) => {
    if (++count === nth) reached.resolve(checkpointId)
  })
  handle.done.catch(reached.reject)
  return reached.promise
}

describe('a job', () => {
  test('moves all records from sources that end to a sink, in order, without checkpoints', async () => {
    const sink = new CollectSink()
    const env = new StreamExecutionEnvironment()
    env.addSource(new NumbersSource({ recordsMax: 1000 })).addSink(sink)
    const { outcome, metrics } = await env.execute('copy')
    expect(outcome).toBe('finished')
    expect(faultOf(sink.values, 1, 1000)).toBeUndefined()
    expect(metrics).toMatchObject({ recordsIn: 1000, recordsOut: 1000, state: 'ended', checkpointsCompleted: 0 })
  })

  test('makes output visible by checkpoints, and all of it when it ends', async () => {
    const world = new World()
    const { handle } = await startPipeline({ worlds: [world], storage: memoryCheckpointStorage(), parallelism: 3 })
    const { outcome, metrics } = await handle.done
    expect(outcome).toBe('finished')
    expect(metrics.checkpointsCompleted).toBeGreaterThan(3)
    expect(faultOf(world.visible, 2, 200)).toBeUndefined()
    expect(world.transactions.filter(({ state }) => state !== 'committed')).toEqual([])
  })

  test('applies functions of every kind, and one stream may go to several places', async () => {
    const [odd, all] = [new CollectSink<number>(), new CollectSink<string>()]
    const env = new StreamExecutionEnvironment()
    const numbers = env.addSource(new NumbersSource({ recordsMax: 6 })).map(({ offset }) => offset)
    numbers.filter((n) => n % 2 === 1).addSink(odd)
    numbers
      .flatMap<string>((n, collect) => {
        if (n > 2) for (const letter of ['a', 'b']) collect(`${n}${letter}`)
      })
      .map((text) => Promise.resolve(text.toUpperCase()))
      .addSink(all)
    await env.execute('functions')
    expect(odd.values).toEqual([1, 3, 5])
    expect(all.values).toEqual(['3A', '3B', '4A', '4B', '5A', '5B'])
  })

  test('lets timers run while a source always has records', async () => {
    const env = new StreamExecutionEnvironment()
    env.addSource(new NumbersSource()).addSink({
      createWriter: () => ({ open: () => Promise.resolve(), invoke: () => undefined, close: () => Promise.resolve() })
    })
    const handle = await env.executeAsync('endless')
    await new Promise((resolve) => setTimeout(resolve, 50))
    await handle.stop()
    expect(handle.metrics().recordsIn).toBeGreaterThan(100)
  })

  test('takes its next record only when the sink has taken the last', async () => {
    let waiting = 0
    const env = new StreamExecutionEnvironment()
    env.addSource(new NumbersSource({ recordsMax: 50, arrayMax: 5 })).addSink({
      createWriter: () => ({
        open: () => Promise.resolve(),
        invoke: async () => {
          expect(++waiting).toBe(1)
          await new Promise((resolve) => setTimeout(resolve, 1))
          waiting--
        },
        close: () => Promise.resolve()
      })
    })
    expect((await env.execute('slow sink')).metrics.recordsOut).toBe(50)
  })
})

describe('checkpoints of a job', () => {
  test('are snapshots of all operators before anybody is told, with increasing ids, also after a restore', async () => {
    const log: string[] = []
    const storage = memoryCheckpointStorage()
    const run = async (): Promise<void> => {
      const env = new StreamExecutionEnvironment({ parallelism: 2 })
      env.enableCheckpointing(3, { storage })
      const source = new NumbersSource({ pauseMs: 1, partitions: 2, log: (entry) => void log.push(entry) })
      env
        .addSource(source, { name: 'source' })
        .addSink(new CollectSink((entry) => void log.push(entry)), { name: 'sink' })
      const handle = await env.executeAsync('log')
      await nthCheckpoint(handle, 4)
      await handle.stop()
    }
    await run()
    await run()
    const entries = log.map((entry) => {
      const [who = '', what = '', id = ''] = entry.split(' ')
      return { who, what, id: Number(id) }
    })
    const ids = entries.filter(({ who, what }) => who === 'source/0' && what === 'snapshot').map(({ id }) => id)
    expect(ids.length).toBeGreaterThanOrEqual(10)
    expect(ids).toEqual([...new Set(ids)].toSorted((a, b) => a - b))
    for (const id of ids) {
      const snapshots = entries.flatMap((entry, i) => (entry.what === 'snapshot' && entry.id === id ? [i] : []))
      const notifies = entries.flatMap((entry, i) => (entry.what === 'notify' && entry.id === id ? [i] : []))
      expect(snapshots).toHaveLength(4)
      expect(Math.min(...notifies)).toBeGreaterThan(Math.max(...snapshots))
    }
    const told = entries.filter(({ who, what }) => who === 'sink/1' && what === 'notify').map(({ id }) => id)
    expect(told.at(-1)).toBe(ids.at(-1)) // the last checkpoint of all is told before the job ends
  })

  test('hold where a source begins before its first record, so that a replay begins there too', async () => {
    const storage = memoryCheckpointStorage()
    let end = 100 // a source that begins at the end of a log that grows
    const open = async (world: World, kill: boolean): Promise<boolean> => {
      const process = new SimulatedProcess((name, count, self) => {
        if (kill && name === 'checkpoint.beforeBarrier' && count === 2) self.kill()
      })
      const env = new StreamExecutionEnvironment({ runtime: process.runtime })
      env.enableCheckpointing(3, { storage })
      const source = new NumbersSource({ startOffset: () => end, recordsMax: 300, pauseMs: 1 })
      env.addSource(source, { name: 's' }).addSink(new WorldSink(world, process))
      const { done } = await env.executeAsync('latest')
      return Promise.race([done.then(() => true), process.stopped.promise.then(() => false)])
    }
    const world = new World()
    expect(await open(world, true)).toBe(false)
    end = 200
    expect(await open(world, false)).toBe(true)
    const shifted = world.visible.filter(isNumbered).map(({ offset }) => ({ partition: 0, offset: offset - 100 }))
    expect(faultOf(shifted, 1, 200)).toBeUndefined()
  })

  test('are aligned where streams come together: a snapshot holds as much as its sources have read', async () => {
    const storage = memoryCheckpointStorage()
    const snapshots: { id: number; seen: number[] }[] = []
    const env = new StreamExecutionEnvironment()
    env.enableCheckpointing(4, { storage })
    const fast = env.addSource(new NumbersSource({ recordsMax: 400, arrayMax: 7, pauseMs: 1 }), { name: 'fast' })
    // A barrier waits behind the record that is on its way, so that of the slow stream comes late.
    const slow = env
      .addSource(new NumbersSource({ recordsMax: 30, arrayMax: 1 }), { name: 'slow' })
      .map((record) => new Promise<NumberedRecord>((resolve) => setTimeout(() => resolve(record), 5)))
    const seen = [0, 0]
    fast
      .map(() => 0)
      .union(slow.map(() => 1))
      .map({
        map: (input: number) => {
          seen[input] = (seen[input] ?? 0) + 1
          return input
        },
        initializeState: () => undefined,
        snapshotState: ({ checkpointId }) => void snapshots.push({ id: checkpointId, seen: [...seen] })
      })
      .addSink(new CollectSink())
    const handle = await env.executeAsync('union')
    const positions = new Map<number, number[]>()
    const store = await storage.open({
      jobName: 'union',
      runtime: new SimulatedProcess().runtime,
      logger: keepingLogger()
    })
    handle.on('checkpoint', ({ checkpointId }) => {
      void store.load().then(({ checkpoints }) => {
        const kept = checkpoints.find((checkpoint) => checkpoint.checkpointId === checkpointId)
        if (kept === undefined) return
        const read = ['fast', 'slow'].map((name) => {
          return kept.operators.get(name)?.flatMap((state) => state.get('positions')?.elements ?? [])
        })
        positions.set(
          checkpointId,
          read.map((elements) => Number(JSON.stringify(elements).match(/,(\d+)/)?.[1]))
        )
      })
    })
    await handle.done
    expect(seen).toEqual([400, 30])
    const compared = snapshots.filter(({ id }) => positions.has(id))
    expect(compared.length).toBeGreaterThan(5)
    for (const { id, seen: inState } of compared) expect(inState).toEqual(positions.get(id))
  })

  test('let each partition be read once at any parallelism: 1, then 3, then 2', async () => {
    const storage = memoryCheckpointStorage()
    const world = new World()
    for (const parallelism of [1, 3, 2]) {
      const { handle } = await startPipeline({ worlds: [world], storage, parallelism, partitions: 5, recordsMax: 100 })
      if (parallelism === 2) await handle.done
      else {
        await nthCheckpoint(handle, 3)
        await handle.stop()
      }
    }
    expect(faultOf(world.visible, 5, 100)).toBeUndefined()
  })
})

describe('the end of a job', () => {
  test('by stop comes with a last checkpoint: all that was read is visible, and a next run goes on behind it', async () => {
    const storage = memoryCheckpointStorage()
    const world = new World()
    const first = await startPipeline({ worlds: [world], storage })
    await nthCheckpoint(first.handle, 2)
    await first.handle.stop()
    const { outcome, metrics } = await first.handle.done
    expect(outcome).toBe('stopped')
    expect(world.visible).toHaveLength(metrics.recordsIn)
    const second = await startPipeline({ worlds: [world], storage })
    await second.handle.done
    expect(faultOf(world.visible, 2, 200)).toBeUndefined()
    expect(second.handle.metrics().recordsIn).toBe(400 - metrics.recordsIn)
  })

  test('by cancel comes at once: the open transaction is aborted, nothing more becomes visible', async () => {
    const storage = memoryCheckpointStorage()
    const world = new World()
    const { handle } = await startPipeline({ worlds: [world], storage, recordsMax: 100_000 })
    await nthCheckpoint(handle, 2)
    await handle.cancel()
    expect(await handle.done).toMatchObject({ outcome: 'cancelled' })
    expect(world.transactions.filter(({ state }) => state === 'open')).toEqual([])
    const { length } = world.visible
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(world.visible).toHaveLength(length)
  })

  test('by a signal is a cancel, and await using is one too', async () => {
    const controller = new AbortController()
    const env = new StreamExecutionEnvironment()
    env.addSource(new NumbersSource({ pauseMs: 1 })).addSink(new CollectSink())
    const executing = env.execute('signalled', { signal: controller.signal })
    await new Promise((resolve) => setTimeout(resolve, 10))
    controller.abort()
    expect(await executing).toMatchObject({ outcome: 'cancelled' })
    expect(await env.execute('too late', { signal: controller.signal })).toMatchObject({ outcome: 'cancelled' })
    let done: Promise<unknown>
    {
      await using handle = await env.executeAsync('disposed')
      done = handle.done
    }
    expect(await done).toMatchObject({ outcome: 'cancelled' })
  })

  test('by cancel before stop is done is told to who waits for stop', async () => {
    const env = new StreamExecutionEnvironment()
    env.addSource(new NumbersSource({ pauseMs: 1 })).addSink(new CollectSink())
    const handle = await env.executeAsync('both')
    const stopping = handle.stop()
    stopping.catch(() => undefined)
    await handle.cancel()
    await expect(stopping).rejects.toThrow('cancelled')
  })

  test.each(['finish', 'stop', 'cancel', 'fail', 'stop without checkpoints'])(
    'by %s leaves no timer behind and no listener on the signal',
    async (how) => {
      const timers = new Set<object>()
      const base = new SimulatedProcess()
      const controller = new AbortController()
      let listeners = 0
      controller.signal.addEventListener = () => void listeners++
      controller.signal.removeEventListener = () => void listeners--
      const setTimer: typeof base.runtime.setTimer = (delayMs, fire) => {
        const timer = base.runtime.setTimer(delayMs, () => {
          timers.delete(timer)
          fire()
        })
        timers.add(timer)
        return { cancel: () => (timers.delete(timer), timer.cancel()) }
      }
      const runtime = { ...base.runtime, setTimer }
      const env = new StreamExecutionEnvironment({ runtime, restart: { attemptsMax: 0 } })
      if (how !== 'stop without checkpoints') env.enableCheckpointing(3, { storage: memoryCheckpointStorage() })
      env
        .addSource(new NumbersSource({ pauseMs: 1, recordsMax: how === 'finish' ? 50 : Infinity }))
        .map((record) => {
          if (how === 'fail' && record.offset > 50) throw new Error('as planned')
          return record
        })
        .addSink(new CollectSink())
      const handle = await env.executeAsync('timers', { signal: controller.signal })
      await new Promise((resolve) => setTimeout(resolve, 15))
      if (how.startsWith('stop')) await handle.stop()
      if (how === 'cancel') await handle.cancel()
      await handle.done.catch(() => undefined)
      expect({ timers: timers.size, listeners }).toEqual({ timers: 0, listeners: 0 })
    }
  )

  test('closes every reader and writer once, in the order in which nothing is missing', async () => {
    const closed: string[] = []
    const env = new StreamExecutionEnvironment({ parallelism: 2 })
    const numbers = new NumbersSource({ recordsMax: 10, partitions: 2 })
    env
      .addSource({
        createReader: (context) => {
          const reader = numbers.createReader(context)
          const close = async (): Promise<void> => void closed.push(`reader ${context.subtaskIndex}`)
          return Object.assign(reader, { close })
        }
      })
      .addSink({
        createWriter: (context) => ({
          open: () => Promise.resolve(),
          invoke: () => undefined,
          close: async () => void closed.push(`writer ${context.subtaskIndex}`)
        })
      })
    await env.execute('close')
    expect(closed.toSorted()).toEqual(['reader 0', 'reader 1', 'writer 0', 'writer 1'])
    expect(closed.indexOf('writer 0')).toBeLessThan(closed.indexOf('reader 0'))
  })
})

const failingOnce = (failures: number): ((record: NumberedRecord) => NumberedRecord) => {
  let left = failures
  return (record) => {
    if (record.offset >= 50 && left-- > 0) throw new RangeError('bad luck')
    return record
  }
}

describe('a job that fails', () => {
  test('restarts from its newest checkpoint, and its output is exactly once', async () => {
    const world = new World()
    const { handle } = await startPipeline({
      worlds: [world],
      storage: memoryCheckpointStorage(),
      environment: fastRestart,
      map: failingOnce(2)
    })
    const restarts: unknown[] = []
    handle.on('restarting', ({ error }) => void restarts.push(error))
    const { metrics } = await handle.done
    expect(metrics).toMatchObject({ restarts: 2 })
    expect(restarts).toMatchObject([{ code: 'JOB_FAILED', message: 'map-1, subtask 0: bad luck' }, {}])
    expect(faultOf(world.visible, 2, 200)).toBeUndefined()
  })

  test('gives up after as many failures in a row as allowed, with the cause', async () => {
    const env = new StreamExecutionEnvironment(fastRestart)
    const cause = new RangeError('always')
    env
      .addSource(new NumbersSource())
      .map(() => {
        throw cause
      })
      .addSink(new CollectSink())
    const handle = await env.executeAsync('fails')
    const delays: number[] = []
    handle.on('restarting', ({ delayMs }) => void delays.push(delayMs))
    await expect(handle.done).rejects.toMatchObject({ code: 'JOB_FAILED', cause })
    expect(delays).toEqual([1, 2, 4])
    await expect(handle.stop()).rejects.toMatchObject({ cause })
    await handle.cancel()
  })

  test.each([
    ['a fatal error of its own', new JobError('SOURCE_LOST', 'gone', { fatal: true }), { code: 'SOURCE_LOST' }],
    ['a bug', new BugError('impossible'), { name: 'BugError' }],
    ['a fatal error of the client', new KafkaError('SPEAKS_TLS', 'tls'), { code: 'JOB_FAILED', fatal: true }]
  ])('by %s is not restarted', async (_, thrown, expected) => {
    const logger = keepingLogger()
    const env = new StreamExecutionEnvironment({ ...fastRestart, logger })
    env
      .addSource(new NumbersSource())
      .map(() => {
        throw thrown
      })
      .addSink(new CollectSink())
    const handle = await env.executeAsync('fatal')
    const failed: unknown[] = []
    handle.on('failed', ({ error }) => void failed.push(error))
    await expect(handle.done).rejects.toMatchObject(expected)
    expect(failed).toMatchObject([expected])
    expect(handle.metrics()).toMatchObject({ restarts: 0, state: 'ended' })
    expect(logger.said.filter((line) => line.startsWith('error'))).toHaveLength(1)
  })

  test.each(['open', 'seal', 'commit', 'begin', 'fence', 'verify', 'recoverAndCommit', 'write', 'checkStart'])(
    'because its participant fails in %s, goes on exactly once',
    async (call) => {
      const world = new World()
      const storage = memoryCheckpointStorage()
      const calls = new Map<string, number>()
      world.onCall = (name) => {
        const count = (calls.get(name) ?? 0) + 1
        calls.set(name, count)
        if (name === call && (count === 1 || count === 4)) throw new KafkaError('DEADLINE_EXCEEDED', 'no answer')
        if (call === 'recoverAndCommit' && name === 'commit' && count === 3)
          throw new Error('so that there is something to recover')
      }
      const { handle } = await startPipeline({ worlds: [world], storage, environment: fastRestart })
      expect((await handle.done).metrics.restarts).toBeGreaterThan(0)
      expect(faultOf(world.visible, 2, 200)).toBeUndefined()
    }
  )

  test('is told with what made it fail, also where its store cannot be closed', async () => {
    const env = new StreamExecutionEnvironment({ restart: { attemptsMax: 0 } })
    const memory = memoryCheckpointStorage()
    env.enableCheckpointing(1000, {
      storage: {
        open: async (context) =>
          Object.assign(await memory.open(context), { close: () => Promise.reject(new Error('unlock')) })
      }
    })
    env
      .addSource(new NumbersSource())
      .map(() => {
        throw new Error('bad luck')
      })
      .addSink(new CollectSink())
    await expect(env.execute('fails')).rejects.toThrow('bad luck')
  })

  test('because a transaction is lost while it runs replays it, and says so', async () => {
    const world = new World()
    let lost = 0
    world.loseOnCommit = ({ checkpointId }) => checkpointId > 2 && ++lost === 1
    const { handle } = await startPipeline({
      worlds: [world],
      storage: memoryCheckpointStorage(),
      environment: fastRestart
    })
    const told: unknown[] = []
    handle.on(
      'transactionLost',
      ({ loss, restoredCheckpointId }) => void told.push([loss.checkpointId, restoredCheckpointId])
    )
    const { metrics } = await handle.done
    expect(told).toEqual([[3, 2]])
    expect(metrics).toMatchObject({ transactionsLost: 1, restarts: 1 })
    expect(faultOf(world.visible, 2, 200)).toBeUndefined()
  })

  test('outside of any call, by its participant, ends the run', async () => {
    const env = new StreamExecutionEnvironment({ restart: { attemptsMax: 0 } })
    env.enableCheckpointing(1000, { storage: memoryCheckpointStorage() })
    const process = new SimulatedProcess()
    const sink = new WorldSink<NumberedRecord>(new World(), process)
    const failure = new JobError('TRANSACTION_LOST', 'timed out')
    const { participant } = sink
    env.addSource(new NumbersSource({ pauseMs: 1 })).addSink({
      participant: {
        name: participant.name,
        create: (context) => {
          setTimeout(() => context.fail(failure), 20)
          return participant.create(context)
        }
      },
      createWriter: (context, created) => sink.createWriter(context, created)
    })
    await expect(env.execute('told')).rejects.toBe(failure)
  })

  test('while its subtasks wait for each other ends all the same', async () => {
    const env = new StreamExecutionEnvironment({ restart: { attemptsMax: 0 } })
    const [one, two] = [env.addSource(new NumbersSource()), env.addSource(new NumbersSource())]
    const stuck = deferred<void>()
    let invoked = 0
    one.union(two).addSink({
      createWriter: () => ({
        open: () => Promise.resolve(),
        invoke: async () => {
          if (++invoked > 5) await stuck.promise.then(() => Promise.reject(new Error('stuck')))
        },
        close: () => Promise.resolve()
      })
    })
    const handle = await env.executeAsync('stuck')
    await new Promise((resolve) => setTimeout(resolve, 20))
    expect(handle.metrics().recordsIn).toBeLessThan(400) // the inputs of a union hold so much and no more
    stuck.resolve()
    await expect(handle.done).rejects.toThrow('stuck')
  })
})

// What a program without types may pass.
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- on purpose
const untyped = (options: object): never => options as never

const numbers = (): NumbersSource => new NumbersSource({ recordsMax: 1 })

describe('a job that contradicts itself', () => {
  test('has no source or no sink', async () => {
    await expect(new StreamExecutionEnvironment().execute('x')).rejects.toThrow(/no source.*addSource/)
    const env = new StreamExecutionEnvironment()
    env.addSource(numbers()).map((x) => x)
    await expect(env.execute('x')).rejects.toMatchObject({ code: 'INVALID_JOB', message: /no sink.*addSink/ })
  })

  test('has an exactly-once sink and no checkpoints: the line to add is shown', async () => {
    const env = new StreamExecutionEnvironment()
    env.addSource(numbers()).addSink(new WorldSink(new World(), new SimulatedProcess()), { name: 'out' })
    await expect(env.execute('x')).rejects.toThrow(
      /Sink 'out' is EXACTLY_ONCE, but checkpointing is off.*env\.enableCheckpointing\(10_000, \{ storage: fileCheckpointStorage\('\.\/checkpoints'\) \}\)/
    )
  })

  test('has two sinks whose transactions may each be lost: both are named', async () => {
    const process = new SimulatedProcess()
    const env = new StreamExecutionEnvironment(fastRestart)
    env.enableCheckpointing(100, { storage: memoryCheckpointStorage() })
    const stream = env.addSource(numbers())
    stream.addSink(new WorldSink(new World('kafka:a'), process))
    stream.addSink(new WorldSink(new World('kafka:b'), process))
    await expect(env.execute('x')).rejects.toThrow(/'kafka:a' and 'kafka:b'/)
  })

  test('gives one name twice', () => {
    const env = new StreamExecutionEnvironment()
    env.addSource(numbers(), { name: 'a' })
    expect(() => env.addSource(numbers(), { name: 'a' })).toThrow(/named 'a'/)
    expect(() => env.addSource(numbers()).addSink(new CollectSink(), { name: 'source-3' })).toThrow(/named 'source-3'/)
  })

  test('shares an object with state among subtasks', async () => {
    const env = new StreamExecutionEnvironment({ parallelism: 2 })
    env
      .addSource(numbers())
      .map({ map: (x: NumberedRecord) => x, snapshotState: () => undefined, initializeState: () => undefined })
      .addSink(new CollectSink())
    await expect(env.execute('x')).rejects.toThrow('perSubtask')
  })

  test.each([
    [() => new StreamExecutionEnvironment({ paralelism: 2 } as object), /paralelism.*parallelism/],
    [() => new StreamExecutionEnvironment({ parallelism: 0 }), /parallelism is 0/],
    [() => new StreamExecutionEnvironment({ restart: { attempts: 3 } as object }), /attempts/],
    [() => new StreamExecutionEnvironment(untyped({ onLostTransaction: 'ignore' })), /'stop', 'acceptLoss'/],
    [() => new StreamExecutionEnvironment(untyped({ logger: {} })), /logger/],
    [
      () => new StreamExecutionEnvironment().enableCheckpointing(0, { storage: memoryCheckpointStorage() }),
      /intervalMs is 0/
    ],
    [() => new StreamExecutionEnvironment().enableCheckpointing(10, untyped({})), /storage is missing/],
    [
      () =>
        new StreamExecutionEnvironment().enableCheckpointing(
          10,
          untyped({ storage: memoryCheckpointStorage(), maxConcurrent: 2 })
        ),
      /maxConcurrent.*concurrentMax/
    ]
  ])('is given options that are none: %#', (make, message) => {
    expect(make).toThrow(message)
    expect(make).toThrow(KafkaError)
  })

  test('has streams of two environments', () => {
    const [a, b] = [new StreamExecutionEnvironment(), new StreamExecutionEnvironment()]
    expect(() => a.addSource(numbers()).union(b.addSource(numbers()))).toThrow('different environments')
  })
})

describe('what is told of a job', () => {
  test('events come in order, and a listener that throws changes nothing', async () => {
    const logger = keepingLogger()
    const { handle } = await startPipeline({
      worlds: [new World()],
      storage: memoryCheckpointStorage(),
      environment: { logger }
    })
    const events: string[] = []
    for (const name of ['started', 'restored', 'checkpoint', 'stopped', 'failed'] as const) {
      handle.on(name, () => void events.push(name))
    }
    handle.on('started', () => {
      throw new Error('listener')
    })
    const remove = handle.on('started', () => void events.push('removed'))
    remove()
    await handle.done
    expect(events.slice(0, 2)).toEqual(['checkpoint', 'started'])
    expect(new Set(events.slice(2, -1))).toEqual(new Set(['checkpoint']))
    expect(events.at(-1)).toBe('stopped')
    expect(logger.said.filter((line) => line.startsWith('warn'))).toEqual(["warn: A listener of 'started' threw"])
  })

  test('metrics show lag, transactions and checkpoints while it runs', async () => {
    const { handle } = await startPipeline({ worlds: [new World()], storage: memoryCheckpointStorage() })
    await nthCheckpoint(handle, 2)
    await new Promise((resolve) => setTimeout(resolve, 3))
    const { state, lag, transactions, lastCheckpointId, lastCheckpointBytes } = handle.metrics()
    expect(state).toBe('running')
    expect(lag).toBeGreaterThan(0n)
    expect(lastCheckpointId).toBeGreaterThanOrEqual(1)
    expect(lastCheckpointBytes).toBeGreaterThan(50)
    expect(transactions.length).toBeGreaterThanOrEqual(0)
    await handle.done
  })

  test('a report of a subtask reaches listeners with its name', async () => {
    const env = new StreamExecutionEnvironment()
    env.addSource(new NumbersSource({ recordsMax: 1 })).addSink(
      {
        createWriter: (context) => ({
          open: () => Promise.resolve(),
          invoke: () => context.report({ kind: 'written', count: 1 }),
          close: () => Promise.resolve()
        })
      },
      { name: 'out' }
    )
    const handle = await env.executeAsync('reports')
    const told: unknown[] = []
    handle.on('subtask', (event) => void told.push(event))
    await handle.done
    expect(told).toEqual([{ operatorName: 'out', subtaskIndex: 0, event: { kind: 'written', count: 1 } }])
  })
})
