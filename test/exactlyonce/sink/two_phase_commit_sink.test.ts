import { describe, expect, test, vi } from 'vitest'
import { memoryCheckpointStorage } from '../../../src/exactlyonce/checkpoint/memory_storage.ts'
import { StreamExecutionEnvironment } from '../../../src/exactlyonce/environment.ts'
import type { AbortOutcome } from '../../../src/exactlyonce/participant.ts'
import { TwoPhaseCommitSinkFunction } from '../../../src/exactlyonce/sink/two_phase_commit_sink.ts'
import type { RecoveredTransaction, TransactionContext } from '../../../src/exactlyonce/sink/two_phase_commit_sink.ts'
import type { NumberedRecord } from '../kit/sources.ts'
import { faultOf, NumbersSource } from '../kit/sources.ts'
import { SimulatedProcess } from '../kit/process.ts'
import { World, WorldSink } from '../kit/world.ts'

/** A database with prepared transactions by name, as PostgreSQL has them; rows of committed ones are visible. */
class Database {
  readonly rows: NumberedRecord[] = []
  readonly prepared = new Map<string, NumberedRecord[]>()
  readonly committed = new Set<string>()
  readonly rolledBack: string[] = []

  commit(gid: string): void {
    this.rows.push(...(this.prepared.get(gid) ?? []))
    this.prepared.delete(gid)
    this.committed.add(gid)
  }
}

interface Open {
  readonly gid: string
  readonly rows: NumberedRecord[]
}

class DatabaseSink extends TwoPhaseCommitSinkFunction<NumberedRecord, Open, string> {
  readonly log: string[] = []
  readonly #database: Database
  readonly #process: SimulatedProcess
  failing: (call: string, gid: string) => boolean = () => false

  constructor(database: Database, process: SimulatedProcess) {
    super('database')
    this.#database = database
    this.#process = process
  }

  async beginTransaction(checkpointId: number, context: TransactionContext): Promise<Open> {
    const gid = `${context.runId}/${checkpointId}/${context.operatorName}/${context.subtaskIndex}`
    await this.#say('begin', gid)
    return { gid, rows: [] }
  }

  invoke(open: Open, values: readonly NumberedRecord[]): void {
    open.rows.push(...values)
  }

  async preCommit({ gid, rows }: Open): Promise<string | undefined> {
    await this.#say('preCommit', gid)
    this.#database.prepared.set(gid, rows)
    return gid
  }

  async commit(gid: string): Promise<void> {
    await this.#say('commit', gid)
    this.#database.commit(gid)
  }

  async abort({ gid }: Open): Promise<void> {
    await this.#say('abort', gid)
  }

  async recoverAndCommit(gid: string): Promise<RecoveredTransaction> {
    await this.#say('recoverAndCommit', gid)
    if (this.#database.prepared.has(gid)) this.#database.commit(gid)
    if (this.#database.committed.has(gid)) return { kind: 'committed' }
    return { kind: 'lost', evidence: `no prepared transaction ${gid}` }
  }

  async recoverAndAbort(gid: string): Promise<AbortOutcome> {
    await this.#say('recoverAndAbort', gid)
    if (this.#database.committed.has(gid)) return 'committed'
    this.#database.prepared.delete(gid)
    return 'aborted'
  }

  // What is in no checkpoint was prepared just before a crash.
  override fence(): void {
    this.#database.prepared.clear()
  }

  async #say(call: string, gid: string): Promise<void> {
    await this.#process.pass(undefined)
    this.log.push(`${call} ${gid}`)
    if (this.failing(call, gid)) throw new Error(`${call} fails`)
  }
}

interface Started {
  readonly ended: boolean
  readonly sink: DatabaseSink
  readonly process: SimulatedProcess
}

async function run(
  database: Database,
  storage: ReturnType<typeof memoryCheckpointStorage>,
  given: { readonly killAt?: readonly [string, number]; readonly parallelism?: number; readonly world?: World } = {}
): Promise<Started> {
  const process = new SimulatedProcess((name, count, self) => {
    if (given.killAt?.[0] === name && given.killAt[1] === count) self.kill()
  })
  const sink = new DatabaseSink(database, process)
  const env = new StreamExecutionEnvironment({ parallelism: given.parallelism ?? 2, runtime: process.runtime })
  env.enableCheckpointing(3, { storage })
  const records = env.addSource(new NumbersSource({ partitions: 3, recordsMax: 100, arrayMax: 4, pauseMs: 1 }), {
    name: 's'
  })
  records.addSink(sink)
  if (given.world !== undefined) records.addSink(new WorldSink(given.world, process))
  const { done } = await env.executeAsync('rows')
  const ended = await Promise.race([done.then(() => true), process.stopped.promise.then(() => false)])
  return { ended, sink, process }
}

describe('a sink of a user', () => {
  test('gets the verbs in order: begin, preCommit, commit, for each subtask and checkpoint', async () => {
    const database = new Database()
    const { sink } = await run(database, memoryCheckpointStorage())
    expect(faultOf(database.rows, 3, 100)).toBeUndefined()
    const calls = new Map<string, string[]>()
    for (const [call = '', gid = ''] of sink.log.map((line) => line.split(' '))) {
      calls.set(gid, [...(calls.get(gid) ?? []), call])
    }
    expect(calls.size).toBeGreaterThan(4)
    for (const sequence of calls.values()) expect(sequence).toEqual(['begin', 'preCommit', 'commit'])
    expect(database.prepared.size).toBe(0)
  })

  const points = ['barrierPassed', 'preCommitted', 'durable', 'proven'].map((name) => `checkpoint.${name}`)
  test.each(points.flatMap((point) => [2, 3, 5].map((hit) => [point, hit] as const)))(
    'killed at %s (%d) has each row once, also when subtasks become more or fewer',
    async (point, hit) => {
      const database = new Database()
      const storage = memoryCheckpointStorage()
      await run(database, storage, { killAt: [point, hit], parallelism: 2 })
      await run(database, storage, { killAt: [point, 2], parallelism: 3 })
      expect((await run(database, storage, { parallelism: 1 })).ended).toBe(true)
      expect(faultOf(database.rows, 3, 100)).toBeUndefined()
      expect(database.prepared.size).toBe(0)
    }
  )

  test.each(points)('beside a losable one, killed at %s while that one is lost: both replay', async (point) => {
    const [database, world, storage] = [new Database(), new World('kafka'), memoryCheckpointStorage()]
    await run(database, storage, { killAt: [point, 3], world })
    world.loseOpen()
    expect((await run(database, storage, { world })).ended).toBe(true)
    expect(faultOf(database.rows, 3, 100)).toBeUndefined()
    expect(faultOf(world.visible, 3, 100)).toBeUndefined()
  })

  test('of which one subtask can no longer be committed while another was stops the job', async () => {
    const [database, storage] = [new Database(), memoryCheckpointStorage()]
    await run(database, storage, { killAt: ['checkpoint.durable', 3] })
    const [, second = ''] = database.prepared.keys()
    expect(second).not.toBe('')
    database.prepared.delete(second)
    await expect(run(database, storage)).rejects.toMatchObject({
      code: 'COMMITTED_DATA_LOST',
      message: /a part of its checkpoint is visible already/
    })
  })

  test('whose seal fails in one subtask undoes what the others have sealed', async () => {
    const [database, storage, process] = [new Database(), memoryCheckpointStorage(), new SimulatedProcess()]
    const sink = new DatabaseSink(database, process)
    let seals = 0
    sink.failing = (call) => call === 'preCommit' && ++seals === 4
    const env = new StreamExecutionEnvironment({ parallelism: 2, restart: { attemptsMax: 1, delayMs: 1 } })
    env.enableCheckpointing(3, { storage })
    env.addSource(new NumbersSource({ partitions: 2, recordsMax: 100, arrayMax: 4, pauseMs: 1 })).addSink(sink)
    const { metrics } = await env.execute('rows')
    expect(metrics.restarts).toBe(1)
    expect(faultOf(database.rows, 2, 100)).toBeUndefined()
    expect(sink.log.filter((line) => line.startsWith('recoverAndAbort'))).toHaveLength(1)
  })

  test('ends the transactions of all subtasks, also when that of one cannot be ended', async () => {
    const [database, process] = [new Database(), new SimulatedProcess()]
    const sink = new DatabaseSink(database, process)
    sink.failing = (call) => call === 'abort'
    const env = new StreamExecutionEnvironment({ parallelism: 3 })
    env.enableCheckpointing(60_000, { storage: memoryCheckpointStorage() })
    const source = new NumbersSource({ partitions: 3, recordsMax: 1_000, arrayMax: 4, pauseMs: 1 })
    env.addSource(source, { name: 's' }).addSink(sink)
    const job = await env.executeAsync('rows')
    const begun = () => sink.log.filter((line) => line.startsWith('begin'))
    await vi.waitFor(() => expect(begun()).toHaveLength(3), { timeout: 20_000 })
    await job.cancel()
    const aborted = sink.log.filter((line) => line.startsWith('abort'))
    expect(new Set(aborted.map((line) => line.at(-1)))).toEqual(new Set(['0', '1', '2']))
  })

  test('may have nothing to commit', async () => {
    class Nothing extends DatabaseSink {
      override preCommit(): Promise<undefined> {
        return Promise.resolve(undefined)
      }
    }
    const [database, storage] = [new Database(), memoryCheckpointStorage()]
    const env = new StreamExecutionEnvironment()
    env.enableCheckpointing(3, { storage })
    env
      .addSource(new NumbersSource({ recordsMax: 30, pauseMs: 1 }))
      .addSink(new Nothing(database, new SimulatedProcess()))
    const handle = await env.executeAsync('nothing')
    const pending: number[] = []
    handle.on('checkpoint', (event) => void pending.push(event.pending))
    await handle.done
    expect(new Set(pending)).toEqual(new Set([0]))
  })
})
