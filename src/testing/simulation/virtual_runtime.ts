// Owns the Runtime of a simulated process: the whole contract of src/runtime, over virtual time, chance from the seed, the
// simulated network and disk. Every call is a place where the process may die, pause or fail; whoever watches decides.

import { gunzipNow, gzipNow, onAbort } from '../../runtime/index.ts'
import type { FileHandle, Files, ProcessIdentity, ServerRuntime, Timer } from '../../runtime/index.ts'
import type { Chance } from './chance.ts'
import type { Disk, OpenFile } from './disk.ts'
import type { EventQueue } from './event_queue.ts'
import type { VirtualNetwork } from './network.ts'
import type { UnderWay, VirtualProcess } from './process.ts'

/** Sees calls through the Runtime before and after they take effect; both may end or pause the process, or throw. */
export interface CallWatcher {
  calls(process: VirtualProcess, call: string): void
  called(process: VirtualProcess, call: string): void
  /** A named point of the engine. May return a promise for the program to wait for. */
  passes(process: VirtualProcess, point: string): void | Promise<void>
}

/** What a runtime is made from. */
export interface RuntimeParts {
  readonly process: VirtualProcess
  readonly queue: EventQueue
  readonly network: VirtualNetwork
  readonly disk: Disk
  readonly chance: Chance
  /** Milliseconds since 1970 at the beginning. */
  readonly epochMs: number
  readonly isAlive: (identity: ProcessIdentity) => boolean | undefined
  readonly watcher: () => CallWatcher | undefined
}

/** Most calls of a file system take less than this, and some take `slowFileMs`. */
const fileMs = 0.3
const slowFileMs = 8
const otherThreadMs = 0.05
/** So much of what is packed gets smaller, the rest is held as it is; packing is dear, and both must be gone through. */
const smallerShare = 0.25

export function virtualRuntime(parts: RuntimeParts): ServerRuntime {
  const { process, queue, network, chance } = parts
  const begin = (call: string): void => network.calls(process, call)
  const end = (call: string): void => network.called(process, call)
  const setTimer = (delayMs: number, fire: () => void): Timer => queue.after(delayMs, 'timer', process, fire)
  return Object.freeze({
    nowMs: () => Math.floor(parts.epochMs + queue.nowMs + process.clockOffsetMs),
    monotonicMs: () => queue.nowMs,
    setTimer,
    defer(fire) {
      queue.after(0, 'io', process, fire)
    },
    sleep(delayMs, signal) {
      begin('sleep')
      return sleep(setTimer, delayMs, signal)
    },
    random: () => chance.next(),
    randomBytes: (length) => chance.bytes(length),
    connect(options, handler) {
      begin('connect')
      return new Promise((resolve, reject) => {
        process.whenRunning(() => void network.connect(process, options, handler).then(resolve, reject))
        end('connect')
      })
    },
    listen: (options, accept) => later(parts, () => network.listen(process, options, accept), otherThreadMs),
    files: virtualFiles(parts),
    process: process.identity,
    isAlive: (identity) => later(parts, () => parts.isAlive(identity), fileMs),
    gunzip: (bytes, bytesMax) => later(parts, () => gunzipNow(bytes, bytesMax), otherThreadMs),
    gzip: (bytes, level) => later(parts, () => gzipNow(bytes, chance.is(smallerShare) ? level : 0), otherThreadMs),
    faultPoint(name) {
      process.calls++
      const wait = parts.watcher()?.passes(process, name)
      if (process.state === 'running') return wait
      // Dead: it never comes back. Paused: when it wakes.
      return new Promise((resolve) => process.whenRunning(() => resolve(wait)))
    }
  } satisfies ServerRuntime)
}

function sleep(
  setTimer: (delayMs: number, fire: () => void) => Timer,
  delayMs: number,
  signal: AbortSignal | undefined
): Promise<void> {
  if (signal?.aborted === true) return Promise.reject(signal.reason)
  return new Promise((resolve, reject) => {
    const timer = setTimer(delayMs, () => {
      forget?.()
      resolve()
    })
    const forget =
      signal &&
      onAbort(signal, () => {
        timer.cancel()
        reject(signal.reason)
      })
  })
}

/** Does something on another thread: it takes a while, and its result is an event. */
function later<T>({ process, queue }: RuntimeParts, action: () => T, delayMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    process.whenRunning(() => {
      queue.after(delayMs, 'io', process, () => {
        try {
          resolve(action())
        } catch (error) {
          reject(error)
        }
      })
    })
  })
}

/** File calls of one process. One that dies during a call has done it, or has not, or has written a part. */
function virtualFiles({ process, queue, network, chance, disk }: RuntimeParts): Files {
  const run = <T>(name: string, effect: () => T, onlyPart: () => unknown = () => undefined): Promise<T> => {
    network.calls(process, name)
    return new Promise((resolve, reject) => {
      process.whenRunning(() => {
        const underWay: UnderWay = {
          onDeath() {
            try {
              chance.pick([effect, onlyPart, () => undefined])()
            } catch {
              // Nobody is left to be told.
            }
          }
        }
        process.underWay.add(underWay)
        const delayMs = chance.is(0.05) ? chance.within(fileMs, slowFileMs) : chance.within(0, fileMs)
        queue.after(delayMs, 'io', process, () => {
          process.underWay.delete(underWay)
          try {
            resolve(effect())
          } catch (error) {
            reject(error)
          }
        })
      })
      network.called(process, name)
    })
  }
  const handleOf = (file: OpenFile): FileHandle => ({
    write(bytes) {
      const copy = bytes.slice()
      return run(
        'files.write',
        () => file.write(copy),
        () => file.tear(copy, chance.between(0, copy.length))
      )
    },
    sync: () => run('files.sync', () => file.sync()),
    close: () => run('files.close', () => file.close())
  })
  return Object.freeze({
    mkdir: (path) => run('files.mkdir', () => disk.mkdir(path)),
    list: (path) => run('files.list', () => disk.list(path)),
    read: (path, bytesMax) => run('files.read', () => disk.read(path, bytesMax)),
    create: async (path) => handleOf(await run('files.create', () => disk.create(path))),
    link: (from, to) => run('files.link', () => disk.link(from, to)),
    rename: (from, to) => run('files.rename', () => disk.rename(from, to)),
    remove: (path) => run('files.remove', () => disk.remove(path)),
    syncFolder: (path) => run('files.syncFolder', () => disk.syncFolder(path))
  } satisfies Files)
}
