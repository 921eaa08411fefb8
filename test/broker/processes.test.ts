// Nothing that a test starts outlives it, and nothing that a test did not start is ever touched.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import {
  claimFile,
  claimIsStale,
  clearLeftovers,
  machineFolder,
  processStartTime,
  run,
  startServer,
  withFileLock
} from './processes.ts'

const folder = mkdtempSync(join(tmpdir(), 'kafka-once-processes-'))
const sleepers: ChildProcess[] = []

afterEach(() => {
  for (const sleeper of sleepers.splice(0)) sleeper.kill('SIGKILL')
})

function sleeper(): { readonly pid: number; readonly gone: Promise<unknown> } {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' })
  sleepers.push(child)
  return { pid: child.pid ?? -1, gone: once(child, 'exit') }
}

async function pidOfTheDead(): Promise<number> {
  const child = spawn('true', { stdio: 'ignore' })
  await once(child, 'exit')
  return child.pid ?? -1
}

function record(pid: number, fields: object): string {
  const file = join(machineFolder('servers'), `${pid}.json`)
  writeFileSync(file, JSON.stringify({ pid, folders: [], ...fields }))
  return file
}

describe('a command', () => {
  test('is told apart by its exit code', async () => {
    expect(await run('sh', ['-c', 'echo out; echo err >&2; exit 3'])).toEqual({
      code: 3,
      stdout: 'out\n',
      stderr: 'err\n'
    })
  })

  test('that is not installed is an outcome and no exception', async () => {
    expect(await run('no-such-command', [])).toMatchObject({ code: -1 })
  })

  test('that hangs is killed', async () => {
    expect(await run('sleep', ['60'], { timeoutMs: 100 })).toMatchObject({ code: -1 })
  })
})

describe('leftovers of a killed run', () => {
  test('are ended and their folders removed', async () => {
    const data = join(folder, 'data')
    mkdirSync(data)
    const { pid, gone } = sleeper()
    const owner = { ownerPid: await pidOfTheDead(), ownerStartTime: 'long ago' }
    const file = record(pid, { ...owner, startTime: processStartTime(pid), folders: [data] })
    clearLeftovers()
    await gone
    expect(existsSync(data)).toBe(false)
    expect(existsSync(file)).toBe(false)
  })

  test('are not another process that has got their pid', async () => {
    const { pid } = sleeper()
    const file = record(pid, { ownerPid: await pidOfTheDead(), ownerStartTime: 'long ago', startTime: 'another' })
    clearLeftovers()
    expect(processStartTime(pid)).toBeDefined()
    expect(existsSync(file)).toBe(false)
  })

  test('are not servers whose starter lives', () => {
    const { pid } = sleeper()
    const owner = { ownerPid: process.pid, ownerStartTime: processStartTime(process.pid) }
    const file = record(pid, { ...owner, startTime: processStartTime(pid) })
    clearLeftovers()
    expect(processStartTime(pid)).toBeDefined()
    rmSync(file)
  })
})

describe('a server', () => {
  test('is stopped, and killed where it will not stop', async () => {
    const stubborn = startServer('sh', ['-c', "trap '' TERM; while :; do sleep 0.1; done"], {
      cwd: folder,
      logFile: join(folder, 'stubborn.log')
    })
    await new Promise((resolve) => setTimeout(resolve, 200))
    await stubborn.stop(300)
    expect(stubborn.isGone()).toBe(true)
    expect(processStartTime(stubborn.pid)).toBeUndefined()
    expect(existsSync(join(machineFolder('servers'), `${stubborn.pid}.json`))).toBe(false)
  })

  test('that cannot be started is gone', async () => {
    const missing = startServer('no-such-command', [], { cwd: folder, logFile: join(folder, 'missing.log') })
    await missing.gone
    expect(missing.isGone()).toBe(true)
    expect(missing.signal('SIGTERM')).toBe(false)
  })
})

describe('a lock', () => {
  test('lets one in at a time', async () => {
    let inside = 0
    let most = 0
    const enter = () =>
      withFileLock(join(folder, 'lock'), async () => {
        most = Math.max(most, ++inside)
        await new Promise((resolve) => setTimeout(resolve, 20))
        inside--
      })
    await Promise.all([enter(), enter(), enter()])
    expect(most).toBe(1)
  })

  test('of a dead process is taken over', async () => {
    const file = join(folder, 'stale')
    writeFileSync(file, JSON.stringify({ pid: await pidOfTheDead(), startTime: 'long ago' }))
    expect(claimIsStale(file)).toBe(true)
    expect(await withFileLock(file, async () => 'in')).toBe('in')
    expect(claimFile(file)).toBe(true)
    expect(claimIsStale(file)).toBe(false)
  })
})
