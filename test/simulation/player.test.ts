// A player in a process of its own: it answers chunk by chunk, and one that dies fails the chunk that it was playing.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { playerProcess } from './player.ts'

let folder = ''
let program = ''

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kafka-once-player-'))
  program = join(folder, 'player.mjs')
  // What serveParent does, with hashes for results; a chunk from 13 on is its death.
  writeFileSync(
    program,
    `process.on('message', ({ first, count }) => {
       if (first === 13) process.exit(5)
       process.send({ hashes: Array.from({ length: count }, (_, i) => process.argv[2] + (first + i)) })
     })
     process.on('disconnect', () => process.exit())`
  )
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('a player in a process of its own', () => {
  test('answers one chunk after the other', async () => {
    const player = playerProcess(program, ['seed '])
    expect((await player.play({ first: 1, count: 2 })).hashes).toEqual(['seed 1', 'seed 2'])
    expect((await player.play({ first: 3, count: 1 })).hashes).toEqual(['seed 3'])
    player.end()
  })

  test('that dies fails the chunk that it was playing, and says which', async () => {
    const { play } = playerProcess(program, ['seed '])
    await play({ first: 1, count: 1 })
    await expect(play({ first: 13, count: 20 })).rejects.toThrow(/20 seeds from 13 on ended: 5/)
  })
})
