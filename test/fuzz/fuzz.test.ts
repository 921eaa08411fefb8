// A small part of the whole fuzzing run finds nothing, and the fuzzer would notice if there were something.

import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ProtocolError } from '../../src/protocol/protocol_error.ts'
import { buildPrograms } from '../broker/build_programs.ts'
import { projectFolder } from '../broker/jars.ts'
import { run } from '../broker/processes.ts'
import { Fuzzer } from './fuzzer.ts'
import { allocatedBytesMax, CostError, executionMsMax, meteredOutcome } from './meter.ts'
import { minimized } from './minimize.ts'
import { fixedMarks } from './seed.ts'
import { SystematicInputs } from './systematic.ts'
import type { Target } from './target.ts'

/** FUZZ_EXECUTIONS and FUZZ_SEED replace them; CI runs 500,000. */
const executions = Number(process.env['FUZZ_EXECUTIONS'] ?? 20_000)
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

/** Several times the limit: what else is freed while it is measured here would hide a little more than the limit. */
function inside(): unknown {
  return Array.from({ length: allocatedBytesMax / 4 }, () => ({}))
}

function fails(bytes: Uint8Array): Promise<boolean> {
  return Promise.resolve(bytes.includes(77) && bytes.includes(200))
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

function drawn(fuzzer: Fuzzer): (readonly [target: string, input: string])[] {
  return Array.from({ length: 200 }, (_, i) => {
    const { target: chosen, bytes } = fuzzer.draw(i)
    return [chosen.name, hex(bytes)]
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

  test('spoils each seed in every way, once', () => {
    const bytes = Uint8Array.of(1, 2, 3, 4, 0, 0, 0, 2, 8, 9)
    const seed = { bytes, marks: fixedMarks(bytes, [[4, 4]]) }
    const targets = [0, 1].map((i) => ({ ...target(() => i), name: String(i), seeds: [seed] }))
    const inputs = new SystematicInputs([{ name: 'a group', share: 1, targets }])
    const met = Array.from({ length: inputs.count }, (_, i) => {
      const { target: chosen, bytes: input } = inputs.input(i)
      return `${chosen.name} ${hex(input.subarray(0, 20))} ${input.length}`
    })
    const cuts = Array.from({ length: 10 }, (_, i) => hex(bytes.subarray(0, i)))
    const flips = Array.from({ length: 10 }, (_, i) => bytes.with(i, bytes[i]! ^ (1 << (i & 7)))).map(hex)
    const numbers = ['ffffffff', 'fffffffe', '80000000', '7fffffff', '00000003', '00000004']
    const wrong = numbers.map((number) => `01020304${number}0809`)
    for (const name of ['0', '1']) {
      for (const input of [...cuts, ...flips, ...wrong]) expect(met).toContain(`${name} ${input} ${input.length / 2}`)
    }
    // Many tags with two counts, and four parts repeated up to the largest input.
    expect(met).toHaveLength(2 * (10 + 10 + 6 + 2 + 4))
    expect(met.filter((line) => line.length > 40)).toHaveLength(2 * 6)
  })

  test('reaches every message in every version, every codec, and all else that reads bytes', async () => {
    const names = new Set((await Fuzzer.create(1)).targets.map(({ name }) => name))
    const codecs = ['gzip', 'snappy', 'lz4', 'zstd']
    const reports = ['captured frame', 'captured frame after requests', 'layout']
    const records = ['record batches', 'control record', 'old message sets', 'old compressed sets']
    for (const name of [...codecs, ...reports, ...records, 'frame splitter']) expect(names).toContain(name)
    expect([...names].filter((name) => /(Request|Response|Header) v\d+$/.test(name))).toHaveLength(2 * 285 + 4)
  })
})
