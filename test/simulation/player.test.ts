// A player in a process of its own: it answers chunk by chunk, goes with its parent, and one that dies fails the chunk that
// it was playing.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ts from 'typescript'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { playerProcess } from './player.ts'

let folder = ''
let program = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kafka-once-player-'))
  const source = readFileSync(new URL('serve_parent.ts', import.meta.url), 'utf8')
  const { outputText } = ts.transpileModule(source, { compilerOptions: { module: ts.ModuleKind.ESNext } })
  writeFileSync(join(folder, 'serve_parent.mjs'), outputText)
  program = join(folder, 'player.mjs')
  // Hashes for results; a chunk from 13 on is its death, and one from 21 on its process's id.
  writeFileSync(
    program,
    `import { serveParent } from './serve_parent.mjs'
     serveParent(async ({ first, count }) => {
       if (first === 13) process.exit(5)
       if (first === 21) return { hashes: [String(process.pid)] }
       return { hashes: Array.from({ length: count }, (_, i) => process.argv[2] + (first + i)) }
     })`
  )
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe('a player in a process of its own', () => {
  test('answers one chunk after the other', async () => {
    const player = playerProcess(program, ['seed '])
    expect((await player.play({ first: 1, count: 2 })).hashes).toEqual(['seed 1', 'seed 2'])
    expect((await player.play({ first: 3, count: 1 })).hashes).toEqual(['seed 3'])
    player.end()
  })

  test('ends with its parent', async () => {
    const player = playerProcess(program, [])
    const [pid] = (await player.play({ first: 21, count: 1 })).hashes
    expect(isRunning(Number(pid))).toBe(true)
    player.end()
    await expect.poll(() => isRunning(Number(pid)), { timeout: 10_000 }).toBe(false)
  })

  test('that dies fails the chunk that it was playing, and says which', async () => {
    const { play } = playerProcess(program, ['seed '])
    await play({ first: 1, count: 1 })
    await expect(play({ first: 13, count: 20 })).rejects.toThrow(/20 seeds from 13 on ended: 5/)
  })
})
