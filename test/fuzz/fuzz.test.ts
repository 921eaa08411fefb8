// A twentieth of the whole fuzzing run finds nothing, and the fuzzer would notice if there were something.

import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ProtocolError } from '../../src/protocol/protocol_error.ts'
import { buildPrograms } from '../broker/build_programs.ts'
import { projectFolder } from '../broker/jars.ts'
import { run } from '../broker/processes.ts'
import { Fuzzer } from './fuzzer.ts'
import { allocatedBytesMax, CostError, executionMsMax, meteredOutcome } from './meter.ts'
import { minimized } from './minimize.ts'
import type { Target } from './target.ts'

/** FUZZ_EXECUTIONS and FUZZ_SEED replace them. */
const executions = Number(process.env['FUZZ_EXECUTIONS'] ?? 250_000)
const seed = Number(process.env['FUZZ_SEED'] ?? 4_400)
const runTimeoutMs = 15 * 60_000

const target = (read: (bytes: Uint8Array) => unknown): Target => ({ name: 'a target', seeds: [], read })
const someBytes = Uint8Array.from({ length: 300 }, (_, i) => i & 0xff)

const refusal = new ProtocolError('MALFORMED', 'no')

function refuse(): never {
  throw refusal
}

function fail(): never {
  throw new TypeError('x is not a function')
}

function idle(): void {
  for (const start = process.cpuUsage(); ;) {
    const { user, system } = process.cpuUsage(start)
    if (user + system > (executionMsMax + 10) * 1000) return
  }
}

function outside(): unknown {
  return new Uint8Array(allocatedBytesMax + 1)
}

function inside(): unknown {
  return Array.from({ length: allocatedBytesMax / 32 }, () => ({}))
}

function fails(bytes: Uint8Array): Promise<boolean> {
  return Promise.resolve(bytes.includes(77) && bytes.includes(200))
}

function drawn(fuzzer: Fuzzer): (readonly [target: string, input: string])[] {
  return Array.from({ length: 200 }, (_, i) => {
    const { target: chosen, bytes } = fuzzer.draw(i)
    return [chosen.name, Buffer.from(bytes).toString('hex')]
  })
}

describe('whatever bytes come', () => {
  test(
    `reading ends with a value or a refusal, soon and at little cost: ${executions} inputs, seed ${seed}`,
    async () => {
      await buildPrograms()
      const program = join(projectFolder(), 'build', 'test', 'programs', 'fuzz.js')
      const args = [program, `--executions=${executions}`, `--seed=${seed}`]
      const { code, stdout, stderr } = await run(process.execPath, args, { timeoutMs: runTimeoutMs })
      expect(code, stdout + stderr).toBe(0)
      expect(stdout).toMatch(new RegExp(`seed ${seed}: ${executions} executions`))
    },
    runTimeoutMs
  )
})

describe('the fuzzer', { timeout: 120_000 }, () => {
  test('takes a value and a refusal for what they are', async () => {
    expect(
      await meteredOutcome(
        target(() => 7),
        someBytes
      )
    ).toEqual({ value: 7 })
    expect(await meteredOutcome(target(refuse), someBytes)).toEqual({ refusal })
    expect(
      await meteredOutcome(
        target(() => Promise.reject(refusal)),
        someBytes
      )
    ).toEqual({ refusal })
  })

  test('notices every other error, also a late one', async () => {
    await expect(meteredOutcome(target(fail), someBytes)).rejects.toThrow(TypeError)
    await expect(
      meteredOutcome(
        target(() => Promise.reject(new RangeError('far'))),
        someBytes
      )
    ).rejects.toThrow('far')
  })

  test('notices what takes too long, every time', async () => {
    await expect(meteredOutcome(target(idle), someBytes)).rejects.toThrow(CostError)
  })

  test('notices what allocates too much, inside of the heap or outside', async () => {
    await expect(meteredOutcome(target(outside), someBytes)).rejects.toThrow(CostError)
    await expect(meteredOutcome(target(inside), someBytes)).rejects.toThrow(CostError)
  })

  test('makes a failing input as small as what fails in it', async () => {
    expect([...(await minimized(someBytes, fails))]).toEqual([77, 200])
  })

  test('makes each input again from the seed and its number, and others from other seeds', async () => {
    const [first, again, other] = await Promise.all([Fuzzer.create(1), Fuzzer.create(1), Fuzzer.create(2)])
    expect(drawn(again)).toEqual(drawn(first))
    expect(drawn(other)).not.toEqual(drawn(first))
  })

  test('reaches every message in every version, every codec, and all else that reads bytes', async () => {
    const names = new Set((await Fuzzer.create(1)).targets.map(({ name }) => name))
    for (const name of ['gzip', 'snappy', 'lz4', 'zstd', 'record batches', 'control record', 'frame splitter']) {
      expect(names).toContain(name)
    }
    expect([...names].filter((name) => /(Request|Response|Header) v\d+$/.test(name))).toHaveLength(2 * 285 + 4)
  })
})
