// The known bugs are patches of the sources: one that no longer applies would be found by nobody.
import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { projectFolder } from '../../broker/jars.ts'
import { changedFiles } from './mutant.ts'

const places = ['patches', 'survivors'].map((name) => join(projectFolder(), 'test/simulation/mutations', name))
const patches = places.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))

function applies(patch: string): boolean {
  try {
    execFileSync('git', ['apply', '--check', '--whitespace=nowarn', patch], { cwd: projectFolder(), stdio: 'pipe' })
    return true
  } catch {
    return false
  }
}

describe('the known bugs', () => {
  test('apply to the sources as they are', () => {
    expect(patches.filter((patch) => !applies(patch))).toEqual([])
  })

  test('are in the sources alone', () => {
    for (const patch of patches) expect(changedFiles(readFileSync(patch, 'utf8'))).not.toEqual([])
  })
})
