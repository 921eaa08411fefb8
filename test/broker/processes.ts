// Owns the child processes of tests: running a command to its end, starting a server that must not outlive the test,
// and clearing away what a killed test run left behind. A process is only ever signalled by its pid together with the
// start time recorded with it, so that a reused pid is never hit.
import { execFile, execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync
} from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export interface RunResult {
  /** Exit code; -1 where the command could not be started, was killed or ran into the timeout. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly timeoutMs?: number
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  readonly input?: string
}

/** A claim that is still empty after this long is one whose owner died while making it. */
const claimWriteMsMax = 10_000
const outputBytesMax = 256 * 1024 * 1024

/** Runs a command without a shell to its end. Never throws: the outcome is in `code`. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  return new Promise((resolve) => {
    const child = execFile(
      command,
      [...args],
      {
        timeout: options.timeoutMs ?? 60_000,
        killSignal: 'SIGKILL',
        maxBuffer: outputBytesMax,
        encoding: 'utf8',
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
        ...(options.env === undefined ? {} : { env: options.env })
      },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
        resolve({ code, stdout, stderr: error !== null && stderr === '' ? error.message : stderr })
      }
    )
    child.stdin?.on('error', () => undefined) // a command that ends without reading its input
    child.stdin?.end(options.input ?? '')
  })
}

/** What tells a process from an earlier or later one with its pid; undefined where no such process runs. */
export function processStartTime(pid: number): string | undefined {
  try {
    if (process.platform !== 'linux') {
      return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || undefined
    }
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ') // the name in parentheses may hold blanks
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined
    return `${readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${fields[19]}`
  } catch {
    return undefined
  }
}

/** A folder for what all test runs of this user on this machine must agree on: ports taken, servers started. */
export function machineFolder(name: string): string {
  const folder = join(tmpdir(), `kafka-once-tests-${userInfo().uid}`, name)
  mkdirSync(folder, { recursive: true })
  return folder
}

interface ServerRecord {
  readonly pid: number
  readonly startTime: string
  readonly ownerPid: number
  readonly ownerStartTime: string
  /** Removed with the server. */
  readonly folders: readonly string[]
}

/** A server that was started for a test. */
export interface Server {
  readonly pid: number
  /** Settles when the process is gone, by whatever cause. */
  readonly gone: Promise<void>
  isGone(): boolean
  /** False where the process is gone already. */
  signal(name: NodeJS.Signals): boolean
  /** SIGTERM, then SIGKILL when it has not ended within `graceMs`. */
  stop(graceMs: number): Promise<void>
  kill(): Promise<void>
}

export interface ServerOptions {
  readonly cwd: string
  /** Receives stdout and stderr, appended. */
  readonly logFile: string
  readonly env?: NodeJS.ProcessEnv
  /** Folders that a later run removes when this run was killed before it could. */
  readonly folders?: readonly string[]
}

const serversHere = new Set<Server>()
let exitHookSet = false

function killAllHere(): void {
  for (const server of serversHere) server.signal('SIGKILL')
}

/** Linux kills the child itself when the starter dies without a word (SIGKILL, out of memory). */
function guarded(command: string, args: readonly string[]): [string, string[]] {
  const setpriv = '/usr/bin/setpriv'
  if (process.platform === 'linux' && existsSync(setpriv)) {
    return [setpriv, ['--pdeathsig', 'KILL', '--', command, ...args]]
  }
  return [command, [...args]]
}

/** Starts a server that ends with this process at the latest. */
export function startServer(command: string, args: readonly string[], options: ServerOptions): Server {
  if (!exitHookSet) {
    exitHookSet = true
    process.once('exit', killAllHere)
  }
  const log = openSync(options.logFile, 'a')
  const [program, programArgs] = guarded(command, args)
  const child = spawn(program, programArgs, {
    cwd: options.cwd,
    stdio: ['ignore', log, log],
    ...(options.env === undefined ? {} : { env: options.env })
  })
  closeSync(log)
  return new ChildServer(child, options.folders ?? [])
}

class ChildServer implements Server {
  readonly pid: number
  readonly gone: Promise<void>
  readonly #child: ChildProcess
  readonly #recordFile: string | undefined
  #isGone = false

  constructor(child: ChildProcess, folders: readonly string[]) {
    this.#child = child
    this.pid = child.pid ?? -1
    this.#recordFile = child.pid === undefined ? undefined : recordServer(child.pid, folders)
    serversHere.add(this)
    this.gone = new Promise((resolve) => {
      const end = (): void => {
        this.#isGone = true
        serversHere.delete(this)
        if (this.#recordFile !== undefined) rmSync(this.#recordFile, { force: true })
        resolve()
      }
      child.once('exit', end)
      child.once('error', end)
    })
  }

  isGone(): boolean {
    return this.#isGone
  }

  signal(name: NodeJS.Signals): boolean {
    return !this.#isGone && this.#child.kill(name)
  }

  async stop(graceMs: number): Promise<void> {
    this.signal('SIGCONT') // a paused process cannot hear SIGTERM
    this.signal('SIGTERM')
    const late = new AbortController()
    await Promise.race([this.gone, sleep(graceMs, undefined, { signal: late.signal }).catch(() => undefined)])
    late.abort()
    await this.kill()
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.gone
  }
}

function recordServer(pid: number, folders: readonly string[]): string | undefined {
  const startTime = processStartTime(pid)
  if (startTime === undefined) return undefined
  const record: ServerRecord = {
    pid,
    startTime,
    ownerPid: process.pid,
    ownerStartTime: processStartTime(process.pid) ?? '',
    folders
  }
  const file = join(machineFolder('servers'), `${pid}.json`)
  writeFileSync(file, JSON.stringify(record))
  return file
}

/** Ends servers whose starter is gone, and removes their data. Touches nothing that tests did not record. */
export function clearLeftovers(): void {
  const folder = machineFolder('servers')
  for (const name of readdirSync(folder)) {
    const file = join(folder, name)
    const record = readRecord(file)
    if (record === undefined) continue
    if (processStartTime(record.ownerPid) === record.ownerStartTime) continue
    if (processStartTime(record.pid) === record.startTime) process.kill(record.pid, 'SIGKILL')
    for (const data of record.folders) rmSync(data, { recursive: true, force: true })
    rmSync(file, { force: true })
  }
}

function readRecord(file: string): ServerRecord | undefined {
  try {
    const record: ServerRecord = JSON.parse(readFileSync(file, 'utf8'))
    return record
  } catch {
    return undefined // another run removes or writes it at this moment
  }
}

/**
 * Runs `action` while no other test process on this machine runs one under the same file. A holder that is gone is
 * replaced. Two that replace it at once may both go on: what the lock guards must end in an atomic rename.
 */
export async function withFileLock<T>(file: string, action: () => Promise<T>): Promise<T> {
  while (!claimFile(file)) {
    if (claimIsStale(file)) rmSync(file, { force: true })
    else await sleep(100)
  }
  try {
    return await action()
  } finally {
    rmSync(file, { force: true })
  }
}

/** Creates a file that names this process as its owner; false where the file is there already. */
export function claimFile(file: string): boolean {
  const owner = { pid: process.pid, startTime: processStartTime(process.pid) }
  try {
    writeFileSync(file, JSON.stringify(owner), { flag: 'wx' })
    return true
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
    return false
  }
}

/** Whether a claimed file names a process that is gone. One that is being written or removed right now is not stale. */
export function claimIsStale(file: string): boolean {
  try {
    const text = readFileSync(file, 'utf8')
    if (text === '') return Date.now() - statSync(file).mtimeMs > claimWriteMsMax
    const owner: { pid: number; startTime: string } = JSON.parse(text)
    return processStartTime(owner.pid) !== owner.startTime
  } catch {
    return false
  }
}

/** Node's code of a failed system call. */
export function errnoOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
