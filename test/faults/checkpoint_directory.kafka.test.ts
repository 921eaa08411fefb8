// What a job does when its checkpoint directory is not what it left: it goes on only where that is right, and otherwise
// stops with an error that says what is wrong, harming nothing. All on one pipeline, which is judged at the end.
import { cp, mkdir, readdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startBroker } from '../broker/broker.ts'
import type { TestBroker } from '../broker/broker.ts'
import { describeBrokers } from '../broker/real_kafka.ts'
import type { Pipeline } from './pipeline.ts'
import { Site } from './site.ts'
import type { RunOptions } from './site.ts'

const checkpointName = /^checkpoint-/

async function flipByte(file: string): Promise<void> {
  const bytes = await readFile(file)
  const at = bytes.length >> 1
  bytes[at] = (bytes[at] ?? 0) ^ 0x10
  await writeFile(file, bytes)
}

describeBrokers('a checkpoint directory', () => {
  let broker: TestBroker
  let site: Site

  beforeAll(async () => {
    broker = await startBroker()
    site = await Site.open({ bootstrap: broker.bootstrap, name: 'directory', partitions: 2 })
    await runTo('checkpoint.proven')
  })
  afterAll(async () => {
    await site?.close()
    await broker?.[Symbol.asyncDispose]()
  })

  /** Lets a process take a few checkpoints and die at this point of the next one. */
  async function runTo(point: string): Promise<void> {
    const pipeline = site.start({ order: { point, hit: 3, phase: 'run', action: 'kill' } })
    await pipeline.untilGone()
    expect(pipeline.all('fault'), pipeline.story()).toMatchObject([{ point }])
  }

  /** A process that is to stop by itself, with these words. */
  async function refused(options: RunOptions, expected: { readonly code: string; readonly name?: string }) {
    const pipeline = site.start(options)
    try {
      await pipeline.untilGone()
    } finally {
      await pipeline.kill()
    }
    expect(pipeline.exitCode, pipeline.story()).toBe(1)
    const failure = pipeline.all('failed').at(-1)
    expect(failure).toMatchObject(expected)
    return failure?.message ?? ''
  }

  async function goesOn(): Promise<Pipeline> {
    const pipeline = site.start()
    await pipeline.untilEvent('checkpoint')
    await pipeline.kill()
    return pipeline
  }

  async function newestFile(): Promise<string> {
    const names = (await readdir(site.folder)).filter((name) => checkpointName.test(name))
    const newest = names.toSorted((left, right) => left.localeCompare(right)).at(-1)
    return join(site.folder, newest ?? '')
  }

  /** Does something to the directory while `action` runs, then puts back what was there. */
  async function withDamage(damage: () => Promise<void>, action: () => Promise<void>): Promise<void> {
    const kept = `${site.folder}-kept`
    await cp(site.folder, kept, { recursive: true })
    try {
      await damage()
      await action()
    } finally {
      await rm(site.folder, { recursive: true })
      await rename(kept, site.folder)
    }
  }

  test('that was emptied is refused with LedgerMismatchError', async () => {
    await withDamage(emptied, async () => {
      const message = await refused({}, { code: 'LEDGER_MISMATCH', name: 'LedgerMismatchError' })
      expect(message).toMatch(/directory\.0\.\d has committed checkpoint \d+ .*the store is empty/)
    })
    await goesOn()
  })

  test('that was set back to an older copy is refused with LedgerMismatchError', async () => {
    const old = `${site.folder}-old`
    await cp(site.folder, old, { recursive: true })
    await runTo('checkpoint.proven')
    const setBack = async (): Promise<void> => {
      await rm(site.folder, { recursive: true })
      await rename(old, site.folder)
    }
    await withDamage(setBack, async () => {
      const message = await refused({}, { code: 'LEDGER_MISMATCH', name: 'LedgerMismatchError' })
      expect(message).toMatch(/has committed checkpoint \d+ .*the newest usable checkpoint is \d+/)
    })
    await goesOn()
  })

  test('whose newest file is gone is refused where that checkpoint was committed', async () => {
    await runTo('transaction.endTxnAnswered')
    await withDamage(
      async () => rm(await newestFile()),
      async () => void (await refused({}, { code: 'LEDGER_MISMATCH' }))
    )
    await goesOn()
  })

  test.each(['has another byte', 'is cut in half', 'is empty'])(
    'whose newest file %s is refused where that checkpoint was committed',
    async (what) => {
      await runTo('transaction.endTxnAnswered')
      await withDamage(
        () => damageNewest(what),
        async () => void (await refused({}, { code: 'LEDGER_MISMATCH' }))
      )
      await goesOn()
    }
  )

  test.each(['has another byte', 'is cut in half', 'is empty'])(
    'whose newest file %s is good enough where that checkpoint was not committed yet',
    async (what) => {
      await runTo('checkpoint.durable')
      await damageNewest(what)
      const pipeline = await goesOn()
      expect(pipeline.all('log')).toMatchObject([{ level: 'warn', message: expect.stringContaining('Damaged files') }])
    }
  )

  async function emptied(): Promise<void> {
    await rm(site.folder, { recursive: true })
    await mkdir(site.folder)
  }

  async function damageAll(): Promise<void> {
    for (const name of await readdir(site.folder)) {
      if (checkpointName.test(name)) await flipByte(join(site.folder, name))
    }
  }

  async function damageNewest(what: string): Promise<void> {
    const file = await newestFile()
    if (what === 'has another byte') await flipByte(file)
    else await truncate(file, what === 'is empty' ? 0 : (await readFile(file)).length >> 1)
  }

  test('of which no checkpoint can be read is refused', async () => {
    await withDamage(damageAll, async () => void (await refused({}, { code: 'CHECKPOINT_CORRUPT' })))
    await goesOn()
  })

  test('of another job is refused', async () => {
    const message = await refused({ jobName: 'stranger' }, { code: 'INVALID_JOB' })
    expect(message).toMatch(/belongs to job 'directory-job', not to 'stranger'/)
    await goesOn()
  })

  test('of a job of this name with other transactional ids is refused', async () => {
    await refused({ prefix: 'directory-2' }, { code: 'INVALID_JOB' })
    await goesOn()
  })

  test('that belongs to another cluster is refused', async () => {
    await runTo('checkpoint.durable')
    await using other = await startBroker()
    const there = await Site.open({ bootstrap: other.bootstrap, name: 'directory', partitions: 2 })
    try {
      const pipeline = there.start({ folder: site.folder })
      await pipeline.untilGone()
      expect(pipeline.exitCode).toBe(1)
      expect(pipeline.all('failed')).toMatchObject([
        { code: 'INVALID_JOB', message: expect.stringContaining('cluster') }
      ])
    } finally {
      await there.close()
    }
    await goesOn()
  })

  test('that a living process holds is refused, and the living one goes on', async () => {
    const holder = site.start()
    await holder.untilEvent('checkpoint')
    const message = await refused({}, { code: 'CHECKPOINT_STORE_HELD' })
    expect(message).toContain(`process ${holder.pid}`)
    const count = holder.all('checkpoint').length
    await holder.until('another checkpoint', () => (holder.all('checkpoint').length > count ? true : undefined))
    await holder.kill()
  })

  test('that was refused or damaged in all these ways has cost nothing', async () => {
    await site.finish()
    expect((await site.judge()).faults).toEqual([])
  })
})
