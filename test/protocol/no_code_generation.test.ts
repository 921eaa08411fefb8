// Everything that the protocol layer promises holds in a process that may not make code from text, too: all other suites
// of this folder run once more in one.

import { readFileSync, rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { projectFolder } from '../broker/jars.ts'
import { run } from '../broker/processes.ts'
import { mayNotGenerate, noCodeGenerationFlag } from './code_generation.ts'

const timeoutMs = 10 * 60_000

interface Report {
  readonly numPassedTests: number
  readonly numFailedTests: number
  readonly success: boolean
}

describe.skipIf(mayNotGenerate())('a process that may not generate code', () => {
  test(
    'passes all suites of the protocol layer',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'kafka-once-no-code-generation-'))
      try {
        const report = join(folder, 'report.json')
        const vitest = join(projectFolder(), 'node_modules', 'vitest', 'vitest.mjs')
        const reporting = ['--reporter=json', `--outputFile.json=${report}`]
        const args = [vitest, 'run', '--project', 'unit', '--maxWorkers=1', ...reporting, 'test/protocol']
        const env = { ...process.env, NODE_OPTIONS: noCodeGenerationFlag }
        const { code, stdout, stderr } = await run(process.execPath, args, { timeoutMs, env })
        expect(code, `${stdout}\n${stderr}`).toBe(0)
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- vitest wrote it
        const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, 'utf8')) as Report
        expect(numFailedTests).toBe(0)
        expect(numPassedTests).toBeGreaterThan(250)
      } finally {
        rmSync(folder, { recursive: true })
      }
    },
    timeoutMs + 10_000
  )
})
