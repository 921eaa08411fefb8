// A process is told from every other, dead or alive, and no death is claimed that cannot be known.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { describe, expect, test } from 'vitest'
import { nodeRuntime } from 'kafka-once/runtime'
import type { ProcessIdentity } from 'kafka-once/runtime'

const runtime = nodeRuntime()
const self = runtime.process

function identityOf(pid: number): ProcessIdentity {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return { ...self, pid, startTime: stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '' }
}

describe.runIf(process.platform === 'linux')('on Linux a process', () => {
  test('knows itself', async () => {
    expect(self).toMatchObject({ host: hostname(), pid: process.pid })
    expect(self.bootId).toBe(readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim())
    expect(self).toEqual(identityOf(process.pid))
    expect(nodeRuntime().process).toEqual(self)
    expect(await runtime.isAlive(self)).toBe(true)
  })

  test('that runs is alive, and is gone when it has ended', async () => {
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'])
    const identity = identityOf(child.pid ?? 0)
    expect(await runtime.isAlive(identity)).toBe(true)
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
    expect(await runtime.isAlive(identity)).toBe(false)
  })

  test('that nobody has buried is gone', async () => {
    // The shell becomes a sleep that never asks how its child ended.
    const parent = spawn('sh', ['-c', 'sleep 0.2 & echo $!; exec sleep 30'])
    try {
      const printed = await new Promise<Buffer>((resolve) => parent.stdout.once('data', resolve))
      const identity = identityOf(Number(printed.toString()))
      expect(await runtime.isAlive(identity)).toBe(true)
      while (!/\) Z /.test(readFileSync(`/proc/${identity.pid}/stat`, 'utf8'))) await runtime.sleep(20)
      expect(await runtime.isAlive(identity)).toBe(false)
    } finally {
      parent.kill('SIGKILL')
    }
  })

  test('is not another one that got its number', async () => {
    expect(await runtime.isAlive({ ...self, startTime: '1' })).toBe(false)
  })

  test('is alive as far as known when nobody knows its start', async () => {
    expect(await runtime.isAlive({ ...self, startTime: 'unknown' })).toBe(true)
  })

  test.each([0, -1, 1.5, Number.NaN, 2 ** 40])('never has the number %d', async (pid) => {
    expect(await runtime.isAlive({ ...self, pid })).toBe(false)
  })

  test('of another host or boot may be alive or not', async () => {
    expect(await runtime.isAlive({ ...self, host: 'elsewhere' })).toBeUndefined()
    expect(await runtime.isAlive({ ...self, bootId: 'an earlier one' })).toBeUndefined()
  })
})
