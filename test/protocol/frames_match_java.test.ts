// Frames are those that Kafka's own classes write, to the byte, in both directions: committed ones of a client's APIs,
// and, where Java and the jars are, freshly drawn ones of every message in every version.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { apis } from '../../src/protocol/apis.ts'
import { classPath, findJars, javaCommand, projectFolder } from '../broker/jars.ts'
import { run } from '../broker/processes.ts'
import { expectAgreement, parseMessageVectors, type MessageVector } from './message_vectors.ts'

const committed = readFileSync(new URL('vectors/messages.jsonl', import.meta.url), 'utf8')
const framesPerMessage = 5
const jarsTimeoutMs = 11 * 60_000

async function freshFrames(): Promise<{ readonly vectors: MessageVector[] } | { readonly reason: string }> {
  const jars = await findJars('4.4.0')
  if ('reason' in jars) return jars
  const program = join(projectFolder(), 'test', 'java', 'vectors', 'MessageVectors.java')
  const args = ['-XX:TieredStopAtLevel=1', '-cp', classPath(jars), program, 'all', String(framesPerMessage)]
  const { code, stdout, stderr } = await run(javaCommand(), args, { timeoutMs: 5 * 60_000 })
  if (code !== 0) throw new Error(`Java could not write frames: ${stderr}`)
  return { vectors: parseMessageVectors(stdout) }
}

describe('frames', () => {
  test.each(groups(parseMessageVectors(committed)))('of %s are those that Java wrote', (_name, vectors) => {
    for (const vector of vectors) expectAgreement(vector)
  })

  test(
    'of every API in every version are those that Java writes',
    async (context) => {
      const fresh = await freshFrames()
      if ('reason' in fresh) context.skip(`not run: ${fresh.reason}`)
      else expectAllAgree(fresh.vectors)
    },
    jarsTimeoutMs
  )
})

function expectAllAgree(vectors: readonly MessageVector[]): void {
  for (const vector of vectors) expectAgreement(vector)
  const seen = new Set(vectors.map(({ kind, api, version }) => `${kind} ${api} ${version}`))
  for (const { name, versions } of Object.values(apis)) {
    for (let version = versions[0]; version <= versions[1]; version++) {
      expect(seen).toContain(`request ${name} ${version}`)
      expect(seen).toContain(`response ${name} ${version}`)
    }
  }
  expect(vectors.length).toBeGreaterThanOrEqual(285 * 2 * framesPerMessage)
}

function groups(vectors: readonly MessageVector[]): [string, MessageVector[]][] {
  const byApi = new Map<string, MessageVector[]>()
  for (const vector of vectors) byApi.set(vector.api, [...(byApi.get(vector.api) ?? []), vector])
  return [...byApi]
}
