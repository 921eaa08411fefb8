import { describe, expect, test } from 'vitest'
import type { Checkpoint, CheckpointStore, RunRecord, StoreContents } from '../../src/exactlyonce/checkpoint/storage.ts'
import type {
  AbortOutcome,
  LedgerFinding,
  LostTransaction,
  PendingTransaction,
  RetainedCheckpoint,
  SettledTransaction,
  TransactionParticipant
} from '../../src/exactlyonce/participant.ts'
import { JobError } from '../../src/exactlyonce/errors.ts'
import { recover } from '../../src/exactlyonce/recovery.ts'
import type { RecoveryContext } from '../../src/exactlyonce/recovery.ts'
import { nodeRuntime } from '../../src/runtime/index.ts'
import { checkpointOf, keepingLogger, runOf } from './kit/checkpoints.ts'

type Outcome = 'committed' | 'lost' | 'torn' | 'undecided'

interface Script {
  readonly name?: string
  readonly kind?: 'losable' | 'durable'
  /** What became of the transaction of each checkpoint; committed where nothing is said. */
  readonly settled?: Readonly<Record<number, Outcome>>
  /** Checkpoints whose transaction turns out to be committed when it is to be aborted. */
  readonly visible?: readonly number[]
  /** One finding for each time it is asked; the last one from then on. */
  readonly findings?: readonly LedgerFinding[]
}

const consistent: LedgerFinding = { kind: 'consistent', checkpointIdMax: -1 }
const unexplained: LedgerFinding = { kind: 'unexplained', details: 'transaction x is committed' }

function lossAt(checkpointId: number): LostTransaction {
  const transactionalId = `job.0.${checkpointId}`
  const where = { topic: 'out', partition: 3, firstOffset: '42' }
  return {
    checkpointId,
    transactionalId,
    producerId: '7',
    producerEpoch: 4,
    partitions: [where],
    ageMs: 61_000,
    evidence: 'aborted'
  }
}

class Scripted implements TransactionParticipant {
  readonly name: string
  readonly kind: 'losable' | 'durable'
  readonly retained: (readonly RetainedCheckpoint[])[] = []
  readonly #script: Script
  readonly #log: string[]
  #verified = 0

  constructor(script: Script, log: string[]) {
    this.#script = script
    this.#log = log
    this.name = script.name ?? 'kafka'
    this.kind = script.kind ?? 'losable'
  }

  async recoverAndCommit({ checkpointId }: PendingTransaction): Promise<SettledTransaction> {
    this.#say(`commit ${checkpointId}`)
    const outcome = this.#script.settled?.[checkpointId] ?? 'committed'
    if (outcome === 'committed') return { kind: 'committed' }
    if (outcome === 'undecided') throw new JobError('TRANSACTION_UNDECIDED', 'Nothing tells.', { fatal: true })
    return { kind: 'lost', loss: lossAt(checkpointId), partlyCommitted: outcome === 'torn' }
  }

  async recoverAndAbort({ checkpointId }: PendingTransaction): Promise<AbortOutcome> {
    this.#say(`abort ${checkpointId}`)
    return this.#script.visible?.includes(checkpointId) === true ? 'committed' : 'aborted'
  }

  async fence(retained: readonly RetainedCheckpoint[]): Promise<void> {
    this.retained.push(retained)
    this.#say('fence')
  }

  async verify(chosen: RetainedCheckpoint | undefined): Promise<LedgerFinding> {
    this.#say(`verify ${chosen?.checkpointId}`)
    const { findings = [consistent] } = this.#script
    return findings[Math.min(this.#verified++, findings.length - 1)] ?? consistent
  }

  async begin(chosen: RetainedCheckpoint | undefined, firstCheckpointId: number): Promise<void> {
    this.#say(`begin ${chosen?.checkpointId} ${firstCheckpointId}`)
  }

  checkStart = (): Promise<void> => Promise.resolve()
  preCommit = (): Promise<never> => Promise.reject(new Error('not part of recovery'))
  commit = (): Promise<never> => Promise.reject(new Error('not part of recovery'))
  close = (): Promise<void> => Promise.resolve()

  #say(what: string): void {
    this.#log.push(`${this.name} ${what}`)
  }
}

const empty: StoreContents = {
  checkpoints: [],
  abandoned: [],
  corrupt: [],
  latestRun: undefined,
  incarnationMax: -1,
  checkpointIdMax: -1
}

function contentsOf(checkpoints: readonly Checkpoint[], given: Partial<StoreContents> = {}): StoreContents {
  const checkpointIdMax = checkpoints.at(-1)?.checkpointId ?? -1
  return { ...empty, latestRun: runOf(), incarnationMax: 0, checkpoints, checkpointIdMax, ...given }
}

/** A checkpoint whose participants have these transactions pending. */
function withPending(
  checkpointId: number,
  previousCheckpointId: number | undefined,
  pending: Readonly<Record<string, readonly number[]>>
): Checkpoint {
  const participants = Object.entries(pending).map(([name, ids]) => {
    return [name, { pending: ids.map((id) => ({ checkpointId: id, handle: id })), recorded: null }] as const
  })
  return checkpointOf({ checkpointId, previousCheckpointId, participants: new Map(participants) })
}

interface Bench {
  readonly context: RecoveryContext
  readonly log: string[]
  readonly said: string[]
  readonly participants: readonly Scripted[]
  readonly runs: RunRecord[]
}

/** Recovery over contents that the store shows one after the other, the last ones from then on. */
function bench(
  scripts: readonly Script[],
  shown: readonly StoreContents[],
  given: Partial<RecoveryContext> = {}
): Bench {
  const log: string[] = []
  const runs: RunRecord[] = []
  let loads = 0
  const store: CheckpointStore = {
    load: async () => shown[Math.min(loads++, shown.length - 1)] ?? empty,
    publishRun: async (run) => {
      log.push(`run ${run.incarnation}`)
      runs.push(run)
      return 'published'
    },
    publishCheckpoint: () => Promise.reject(new Error('not part of recovery')),
    prune: () => Promise.reject(new Error('not part of recovery')),
    close: () => Promise.resolve()
  }
  const participants = scripts.map((script) => new Scripted(script, log))
  const logger = keepingLogger()
  const context: RecoveryContext = {
    jobName: 'job',
    runId: 'ffffffffffffffff',
    formerIncarnationMax: -1,
    store,
    participants,
    operatorNames: new Set(['source']),
    concurrentMax: 1,
    onLostTransaction: 'stop',
    runtime: { ...nodeRuntime(), faultPoint: (name) => void log.push(name) },
    logger,
    signal: new AbortController().signal,
    onPublishing: () => undefined,
    onTransactionLost: (loss, restored) => void log.push(`lost ${loss.checkpointId}, replay from ${restored}`),
    ...given
  }
  return { context, log, said: logger.said, participants, runs }
}

describe('recovery', () => {
  test('of an empty store fences, verifies, and begins with checkpoint 0', async () => {
    const { context, log, runs } = bench([{}], [empty])
    expect(await recover(context)).toMatchObject({ chosen: undefined, incarnation: 0, firstCheckpointId: 0 })
    expect(log).toEqual([
      'recovery.loaded',
      'kafka fence',
      'recovery.fenced',
      'kafka verify undefined',
      'recovery.verified',
      'run 0',
      'kafka begin undefined 0',
      'recovery.began'
    ])
    expect(runs).toMatchObject([{ restoredCheckpointId: undefined, firstCheckpointId: 0, incarnation: 0 }])
  })

  test('settles in order of checkpoint id, the losable participant first, before it fences', async () => {
    const newest = withPending(7, 6, { pg: [5, 6, 7], kafka: [6, 7] })
    const { context, log } = bench([{ name: 'kafka' }, { name: 'pg', kind: 'durable' }], [contentsOf([newest])])
    const recovered = await recover(context)
    expect(recovered).toMatchObject({ chosen: { checkpointId: 7 }, incarnation: 1, settledTransactions: 5 })
    expect(log.filter((entry) => !entry.startsWith('recovery'))).toEqual([
      'pg commit 5',
      'kafka commit 6',
      'pg commit 6',
      'kafka commit 7',
      'pg commit 7',
      'kafka fence',
      'pg fence',
      'kafka verify 7',
      'pg verify 7',
      'run 1',
      'kafka begin 7 9',
      'pg begin 7 9'
    ])
  })

  test('passes over the ids that the last run may have had in use', async () => {
    const latestRun = runOf({ incarnation: 3, firstCheckpointId: 20, concurrentMax: 3 })
    const at = async (contents: StoreContents): Promise<number> =>
      (await recover(bench([{}], [contents]).context)).firstCheckpointId
    // Nothing of run 3 is durable: 20, 21, 22 may have been begun.
    expect(await at(contentsOf([checkpointOf({ checkpointId: 11 })], { latestRun, incarnationMax: 3 }))).toBe(23)
    // 25 is durable: 26, 27, 28 may have been begun.
    expect(await at(contentsOf([checkpointOf({ checkpointId: 25 })], { latestRun, incarnationMax: 3 }))).toBe(29)
    // The ledger knows of more than the store.
    const ahead = bench([{ findings: [{ kind: 'consistent', checkpointIdMax: 90 }] }], [contentsOf([checkpointOf()])])
    expect((await recover(ahead.context)).firstCheckpointId).toBe(92)
  })

  test('gives every readable checkpoint to the fence, also those that were cut off', async () => {
    const kept = withPending(4, 3, { kafka: [] })
    const cutOff = withPending(6, 4, { kafka: [6] })
    const { context, participants } = bench([{}], [contentsOf([kept], { abandoned: [cutOff] })])
    await recover(context)
    expect(participants[0]?.retained[0]).toMatchObject([{ checkpointId: 4 }, { checkpointId: 6 }])
  })
})

const both = (lost: Script['settled'], more: Partial<Script> = {}): Script[] => [
  { name: 'kafka', ...(lost === undefined ? {} : { settled: lost }) },
  { name: 'pg', kind: 'durable', ...more }
]

describe('a lost transaction', () => {
  const before = withPending(5, 4, { kafka: [5] })
  const newest = withPending(7, 6, { kafka: [6, 7], pg: [6, 7] })
  const middle = withPending(6, 5, { kafka: [6], pg: [6] })

  test('ends what comes after it, and the job goes on from the checkpoint right before it', async () => {
    const { context, log } = bench(both({ 6: 'lost' }), [contentsOf([before, middle, newest])])
    const recovered = await recover(context)
    expect(recovered.chosen?.checkpointId).toBe(5)
    expect(log.filter((entry) => /commit|abort|lost|verify|begin/.test(entry))).toEqual([
      'kafka commit 6',
      'pg abort 6',
      'kafka abort 7',
      'pg abort 7',
      'lost 6, replay from 5',
      'kafka verify 5',
      'pg verify 5',
      'kafka begin 5 9',
      'pg begin 5 9'
    ])
  })

  test('of which the checkpoint before is gone stops the job and names what is lost', async () => {
    const { context, log } = bench(both({ 7: 'lost' }), [contentsOf([before, newest])])
    const recovering = recover(context)
    await expect(recovering).rejects.toMatchObject({
      name: 'CommittedDataLostError',
      code: 'COMMITTED_DATA_LOST',
      fatal: true,
      loss: { checkpointId: 7, transactionalId: 'job.0.7', producerId: '7', producerEpoch: 4 }
    })
    await expect(recovering).rejects.toThrow(/out-3 from offset 42.*acceptLoss/)
    expect(log.filter((entry) => /fence|abort|run/.test(entry))).toEqual([])
  })

  test('is never replayed from an older checkpoint than the one right before: its output is visible', async () => {
    const old = withPending(4, 3, { kafka: [] })
    const { context } = bench(both({ 7: 'lost' }), [contentsOf([old, before, newest])])
    await expect(recover(context)).rejects.toMatchObject({ code: 'COMMITTED_DATA_LOST' })
  })

  test('can be accepted by an option: the rest is committed, and the job goes on without it', async () => {
    const { context, log } = bench(both({ 6: 'lost' }), [contentsOf([newest])], { onLostTransaction: 'acceptLoss' })
    expect((await recover(context)).chosen?.checkpointId).toBe(7)
    expect(log.filter((entry) => /commit|abort|lost/.test(entry))).toEqual([
      'kafka commit 6',
      'lost 6, replay from undefined',
      'pg commit 6',
      'kafka commit 7',
      'pg commit 7'
    ])
  })

  test('of which a part is visible stops the job', async () => {
    const { context } = bench(both({ 6: 'torn' }), [contentsOf([before, middle, newest])])
    await expect(recover(context)).rejects.toThrow(/a part of its checkpoint is visible already/)
  })

  test('whose durable participant turns out to have committed stops the job', async () => {
    const { context } = bench(both({ 6: 'lost' }, { visible: [6] }), [contentsOf([before, middle, newest])])
    await expect(recover(context)).rejects.toThrow(/checkpoint 6 of pg is visible already/)
  })

  test('whose durable participant has committed can be accepted', async () => {
    const contents = contentsOf([before, middle, newest])
    const { context, log } = bench(both({ 6: 'lost' }, { visible: [6] }), [contents], {
      onLostTransaction: 'acceptLoss'
    })
    expect((await recover(context)).chosen?.checkpointId).toBe(7)
    expect(log.filter((entry) => /commit|abort|lost/.test(entry))).toEqual([
      'kafka commit 6',
      'pg abort 6',
      'lost 6, replay from undefined',
      'kafka commit 7',
      'pg commit 7'
    ])
  })

  test('of a durable participant, beside a losable one that committed, stops the job', async () => {
    const scripts = [{ name: 'kafka' }, { name: 'pg', kind: 'durable' as const, settled: { 7: 'lost' as const } }]
    const { context } = bench(scripts, [contentsOf([before, middle, newest])])
    await expect(recover(context)).rejects.toMatchObject({ code: 'COMMITTED_DATA_LOST' })
  })

  test('of a durable participant alone is replayed', async () => {
    const scripts = [{ name: 'kafka' }, { name: 'pg', kind: 'durable' as const, settled: { 7: 'lost' as const } }]
    const alone = withPending(7, 6, { kafka: [], pg: [7] })
    const { context } = bench(scripts, [contentsOf([middle, alone])])
    expect((await recover(context)).chosen?.checkpointId).toBe(6)
  })

  test('of a durable participant whose losable neighbour may have been proven long ago stops the job', async () => {
    const scripts = [{ name: 'kafka' }, { name: 'pg', kind: 'durable' as const, settled: { 6: 'lost' as const } }]
    const late = withPending(7, 6, { kafka: [7], pg: [6, 7] })
    const { context } = bench(scripts, [contentsOf([before, middle, late])])
    await expect(recover(context)).rejects.toMatchObject({ code: 'COMMITTED_DATA_LOST' })
  })
})

describe('a ledger that knows better', () => {
  test('stops the job where no checkpoint explains it', async () => {
    const { context, log } = bench([{ findings: [unexplained] }], [contentsOf([withPending(5, 4, { kafka: [5] })])])
    const recovering = recover(context)
    await expect(recovering).rejects.toMatchObject({ name: 'LedgerMismatchError', fatal: true })
    await expect(recovering).rejects.toThrow('kafka: transaction x is committed')
    expect(log.filter((entry) => /run|begin/.test(entry))).toEqual([])
  })

  test('stops the job over an empty store', async () => {
    const { context } = bench([{ findings: [unexplained] }], [empty])
    await expect(recover(context)).rejects.toMatchObject({ code: 'LEDGER_MISMATCH' })
  })

  test('begins recovery again with a checkpoint that came meanwhile', async () => {
    const [old, late] = [withPending(5, 4, { kafka: [5] }), withPending(6, 5, { kafka: [6] })]
    const { context, log } = bench(
      [{ findings: [unexplained, consistent] }],
      [contentsOf([old]), contentsOf([old, late])]
    )
    expect((await recover(context)).chosen?.checkpointId).toBe(6)
    expect(log.filter((entry) => !entry.startsWith('recovery'))).toEqual([
      'kafka commit 5',
      'kafka fence',
      'kafka verify 5',
      'kafka commit 6',
      'kafka fence',
      'kafka verify 6',
      'run 1',
      'kafka begin 6 8'
    ])
  })

  test('does not keep recovery busy for ever', async () => {
    const shown = Array.from({ length: 20 }, (_, i) => contentsOf([withPending(i, i - 1, { kafka: [] })]))
    const { context } = bench([{ findings: [unexplained] }], shown)
    await expect(recover(context)).rejects.toMatchObject({ code: 'JOB_FENCED', fatal: true })
  })
})

describe('another run that recovers at the same time', () => {
  test('makes this one begin again when it was faster', async () => {
    const { context, log } = bench(
      [{}],
      [contentsOf([checkpointOf()]), contentsOf([checkpointOf({ checkpointId: 4 })])]
    )
    const first = ['taken'] as const
    let calls = 0
    const publish = context.store.publishRun.bind(context.store)
    context.store.publishRun = async (run) => first[calls++] ?? publish(run)
    expect((await recover(context)).chosen?.checkpointId).toBe(4)
    expect(log.filter((entry) => entry.includes('fence '))).toEqual([])
    expect(log.filter((entry) => entry === 'kafka fence')).toHaveLength(2)
    expect(log.filter((entry) => entry.includes('begin'))).toEqual(['kafka begin 4 6'])
  })

  test('and is always faster makes this one give way', async () => {
    const { context } = bench([{}], [contentsOf([checkpointOf()])])
    context.store.publishRun = () => Promise.resolve('taken')
    await expect(recover(context)).rejects.toMatchObject({ code: 'JOB_FENCED', fatal: true })
  })
})

describe('a run that cannot tell how a transaction ended', () => {
  const stuck = withPending(5, 4, { kafka: [5] })
  const later = contentsOf([stuck], { latestRun: runOf({ incarnation: 1 }), incarnationMax: 1 })
  const settled = { 5: 'undecided' as const }

  test('says so where it is alone', async () => {
    const { context } = bench([{ settled }], [contentsOf([stuck])])
    await expect(recover(context)).rejects.toMatchObject({ code: 'TRANSACTION_UNDECIDED' })
  })

  test('is fenced where another one has taken over meanwhile', async () => {
    const { context, log } = bench([{ settled }], [contentsOf([stuck]), later])
    await expect(recover(context)).rejects.toMatchObject({ code: 'JOB_FENCED', fatal: true })
    expect(log.filter((entry) => /fence|begin|run/.test(entry))).toEqual([])
  })

  test('says so where it has fenced the other one itself before', async () => {
    const first = withPending(4, 3, { kafka: [] })
    const { context } = bench(
      [{ settled, findings: [unexplained] }],
      [contentsOf([first]), contentsOf([first, stuck]), later]
    )
    await expect(recover(context)).rejects.toMatchObject({ code: 'TRANSACTION_UNDECIDED' })
  })
})

describe('a run that failed', () => {
  const latestRun = runOf({ incarnation: 4 })
  const shown = [contentsOf([checkpointOf({ checkpointId: 7 })], { latestRun, incarnationMax: 4 })]

  test('and finds that another process has gone on since stops before anything is sent', async () => {
    const { context, log } = bench([{}], shown, { formerIncarnationMax: 3 })
    await expect(recover(context)).rejects.toMatchObject({ code: 'JOB_FENCED', fatal: true })
    expect(log).toEqual([])
  })

  test('and has fenced another one that took over in that moment goes on, so that one is left', async () => {
    const own = runOf({ incarnation: 3 })
    const before = contentsOf([checkpointOf({ checkpointId: 7 })], { latestRun: own, incarnationMax: 3 })
    const { context, log } = bench([{}], [before, ...shown], { formerIncarnationMax: 3 })
    const outcomes = ['taken'] as const
    let calls = 0
    const publish = context.store.publishRun.bind(context.store)
    context.store.publishRun = async (run) => outcomes[calls++] ?? publish(run)
    expect(await recover(context)).toMatchObject({ incarnation: 5 })
    expect(log.filter((entry) => entry === 'kafka fence')).toHaveLength(2)
  })

  test.each([
    ['the last run is its own', 4],
    ['the record of the last run was to be its own, and could not be written', 5],
    ['it never came to write a record', -1]
  ])('recovers where %s', async (_, formerIncarnationMax) => {
    expect(await recover(bench([{}], shown, { formerIncarnationMax }).context)).toMatchObject({ incarnation: 5 })
  })
})

describe('a store that is damaged, or of another job', () => {
  const corrupt = [{ name: 'checkpoint-x', checkpointId: 9, reason: 'its checksum does not match' }]

  test('with nothing readable stops the job before anything is sent', async () => {
    const { context, log } = bench([{}], [{ ...empty, corrupt }])
    const recovering = recover(context)
    await expect(recovering).rejects.toMatchObject({ code: 'CHECKPOINT_CORRUPT', fatal: true })
    await expect(recovering).rejects.toThrow('checkpoint-x: its checksum does not match')
    expect(log).toEqual(['recovery.loaded'])
  })

  test('with an older checkpoint that can be read goes on from it with a warning, if the ledger agrees', async () => {
    const { context, said } = bench([{}], [contentsOf([checkpointOf({ checkpointId: 8 })], { corrupt })])
    expect((await recover(context)).chosen?.checkpointId).toBe(8)
    expect(said).toEqual(['warn: Damaged files in the checkpoint store are left out'])
  })

  test('that lacks the checkpoint from which the last run went on stops the job', async () => {
    const latestRun = runOf({ incarnation: 2, restoredCheckpointId: 5 })
    const { context, log } = bench([], [contentsOf([], { latestRun, incarnationMax: 2 })])
    await expect(recover(context)).rejects.toMatchObject({ code: 'CHECKPOINT_CORRUPT' })
    expect(log).not.toContain('run 3')
  })

  test('with transactions of a sink that the job no longer has stops the job before anything is sent', async () => {
    const { context, log } = bench([{ name: 'kafka:b' }], [contentsOf([withPending(5, 4, { 'kafka:a': [5] })])])
    await expect(recover(context)).rejects.toThrow(/Checkpoint 5 holds sink transactions of 'kafka:a' \(1 pending\)/)
    expect(log).toEqual(['recovery.loaded'])
  })

  test('with state of an operator that the job no longer has stops the job', async () => {
    const list = { redistribution: 'union' as const, elements: [1] }
    const operators = new Map([['renamed', [new Map([['positions', list]])]]])
    const { context } = bench([], [contentsOf([checkpointOf({ operators })])])
    await expect(recover(context)).rejects.toMatchObject({ code: 'INVALID_JOB', fatal: true })
    const without = new Map([['renamed', [new Map([['positions', { ...list, elements: [] }]])]]])
    expect(await recover(bench([], [contentsOf([checkpointOf({ operators: without })])]).context)).toBeDefined()
  })
})
