// A lock on a folder by a file that names the process that holds it. A lock whose process is gone is taken over. It
// catches mistakes such as starting a job twice; what makes two runs safe is the fencing in Kafka and in the store.

import { join } from 'node:path'
import { linked, unlessMissing } from './file_calls.ts'
import type { Files, ProcessIdentity, Runtime } from './runtime.ts'

/** Says that somebody else has a folder, or may have it: the message tells who, `nextStep` what to do. */
export class FolderHeldError extends Error {
  override readonly name = 'FolderHeldError'
  readonly nextStep: string

  constructor(message: string, nextStep: string) {
    super(message)
    this.nextStep = nextStep
  }
}

interface LockRecord {
  /** Random: tells this lock from every other. */
  readonly token: string
  readonly owner: ProcessIdentity
}

export interface FolderLock {
  release(): Promise<void>
}

const lockName = 'lock'
const lockBytesMax = 4096
/** Others may take and release the lock while we look; after so many times we give up. */
const attemptsMax = 20
/** So many processes in a row may have died while taking over one dead lock. */
const takeoversMax = 20

type LockRuntime = Pick<Runtime, 'files' | 'process' | 'isAlive' | 'randomBytes'>

/** Rejects with FolderHeldError where a process that lives, or may live, holds the folder; with NoLinksError. */
export async function lockFolder(runtime: LockRuntime, folder: string): Promise<FolderLock> {
  const token = Buffer.from(runtime.randomBytes(16)).toString('hex')
  const own = join(folder, `lock-${token}`)
  const lock = join(folder, lockName)
  const { files } = runtime
  await writeRecord(files, own, { token, owner: runtime.process })
  try {
    if (!(await acquired(runtime, folder, own))) throw held(folder, 'it changes hands all the time.')
  } finally {
    await unlessMissing(files.remove(own))
  }
  await sweep(runtime, folder)
  return {
    async release() {
      const holder = await readRecord(files, lock)
      if (holder?.token === token) await unlessMissing(files.remove(lock))
    }
  }
}

async function acquired(runtime: LockRuntime, folder: string, own: string): Promise<boolean> {
  const lock = join(folder, lockName)
  for (let attempt = 1; attempt <= attemptsMax; attempt++) {
    if (await linked(runtime.files, own, lock)) return true
    const holder = await readRecord(runtime.files, lock)
    if (holder === undefined) continue // released just now
    await refuseIfHeld(runtime, folder, holder)
    if (await takeOver(runtime, folder, own, holder.token)) return true
  }
  return false
}

/** Removes what processes that died on the way to a lock have left. */
async function sweep(runtime: LockRuntime, folder: string): Promise<void> {
  for (const name of await runtime.files.list(folder)) {
    if (!name.startsWith('lock-')) continue
    const record = await readRecord(runtime.files, join(folder, name)).catch(() => undefined)
    if (record !== undefined && (await isGone(runtime, record)))
      await unlessMissing(runtime.files.remove(join(folder, name)))
  }
}

/**
 * Replaces a dead lock. Only who links the claim to exactly this dead lock may do so, so of several that try one wins,
 * and none can replace a lock that is already the winner's. A claim whose process has died is claimed in turn.
 */
async function takeOver(runtime: LockRuntime, folder: string, own: string, deadToken: string): Promise<boolean> {
  const { files } = runtime
  const claims: string[] = []
  let token = deadToken
  while (claims.length < takeoversMax) {
    const claim = join(folder, `lock-claim-${token}`)
    claims.push(claim)
    if (await linked(files, own, claim)) break
    const claimant = await readRecord(files, claim)
    if (claimant === undefined) return false // the winner is done
    await refuseIfHeld(runtime, folder, claimant)
    token = claimant.token
  }
  const holder = await readRecord(files, join(folder, lockName))
  const isStillDead = holder?.token === deadToken
  if (isStillDead) {
    // A name of its own, since rename takes it away.
    const replacement = `${own}-replacement`
    await files.link(own, replacement)
    await files.rename(replacement, join(folder, lockName))
  }
  for (const claim of claims) await unlessMissing(files.remove(claim))
  return isStillDead
}

async function refuseIfHeld(runtime: LockRuntime, folder: string, record: LockRecord): Promise<void> {
  const gone = await isGone(runtime, record)
  if (gone === true) return
  const who = `process ${record.owner.pid} on ${record.owner.host}`
  if (gone === false) throw held(folder, `${who} holds it and is running.`)
  throw held(folder, `${who} holds it, and whether that still runs cannot be seen from here.`)
}

/** Undefined where this cannot be known. A process of an earlier boot of this machine is gone. */
async function isGone(runtime: LockRuntime, { owner }: LockRecord): Promise<boolean | undefined> {
  const self = runtime.process
  if (owner.host === self.host && owner.bootId !== self.bootId) return true
  const isAlive = await runtime.isAlive(owner)
  return isAlive === undefined ? undefined : !isAlive
}

function held(folder: string, why: string): FolderHeldError {
  return new FolderHeldError(
    `The folder ${folder} is in use: ${why}`,
    `Stop what uses it, or choose another folder. If that is surely gone, remove ${lockName} there.`
  )
}

async function writeRecord(files: Files, path: string, record: LockRecord): Promise<void> {
  const handle = await files.create(path, 0o600)
  try {
    await handle.write(new TextEncoder().encode(JSON.stringify(record)))
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Undefined where there is none. */
async function readRecord(files: Files, path: string): Promise<LockRecord | undefined> {
  const bytes = await unlessMissing(files.read(path, lockBytesMax))
  if (bytes === undefined) return undefined
  const record = parseRecord(new TextDecoder().decode(bytes))
  if (record !== undefined) return record
  throw new FolderHeldError(
    `The lock file ${path} cannot be understood.`,
    'Make sure that no process uses the folder, then remove the lock file.'
  )
}

function parseRecord(text: string): LockRecord | undefined {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return undefined
  }
  const token = property(json, 'token')
  const owner = property(json, 'owner')
  const [host, bootId, pid, startTime] = ['host', 'bootId', 'pid', 'startTime'].map((name) => property(owner, name))
  if (typeof token !== 'string' || !/^[0-9a-f]{32}$/.test(token) || typeof pid !== 'number') return undefined
  if (typeof host !== 'string' || typeof bootId !== 'string' || typeof startTime !== 'string') return undefined
  return { token, owner: { host, bootId, pid, startTime } }
}

function property(json: unknown, name: string): unknown {
  return typeof json === 'object' && json !== null ? Reflect.get(json, name) : undefined
}
