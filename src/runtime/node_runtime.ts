// Owns the Runtime of a real process: Node's clocks, timers, randomness, zlib, sockets and files behind the contract in
// runtime.ts. It adds no policy: no retry, no default but Node's.

import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { onAbort } from './abort.ts'
import { nodeFiles } from './node_files.ts'
import { optionalPackage } from './node_packages.ts'
import { isProcessAlive, ownIdentity } from './node_process.ts'
import { listenOnSocket } from './node_server.ts'
import { connectSocket } from './node_socket.ts'
import { nodeZstd, zlibChunkBytes } from './node_zlib.ts'
import type { ProcessIdentity, ServerRuntime, Timer } from './runtime.ts'

/** What may be replaced in the real runtime. */
export interface NodeRuntimeOptions {
  /** Called at the places where a crash matters; for tests. */
  readonly faultPoint?: (name: string) => void | Promise<void>
  /** False: packages that are installed besides this one are left alone. Default true. */
  readonly optionalPackages?: boolean
}

/** That of the time when this module was loaded: a turn of the event loop is no time, which tests may hold still. */
const defer = setImmediate

/** Node fires timers with a longer delay at once. */
const delayMsMax = 0x7fffffff

const gunzipAsync = promisify(gunzip)
const gzipAsync = promisify(gzip)

/** The Runtime of this process. */
export function nodeRuntime(options: NodeRuntimeOptions = {}): ServerRuntime {
  let identity: ProcessIdentity | undefined
  const self = (): ProcessIdentity => (identity ??= ownIdentity())
  return Object.freeze({
    nowMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    setTimer,
    defer(fire) {
      defer(fire)
    },
    sleep,
    random: () => Math.random(),
    randomBytes: (length) => new Uint8Array(randomBytes(length)),
    connect: connectSocket,
    listen: listenOnSocket,
    files: nodeFiles,
    get process() {
      return self()
    },
    isAlive: (other) => isProcessAlive(other, self()),
    gunzip: (bytes, bytesMax) =>
      gunzipAsync(bytes, { maxOutputLength: Math.max(bytesMax, 1), chunkSize: zlibChunkBytes }),
    gzip: (bytes, level) => gzipAsync(bytes, { level, chunkSize: zlibChunkBytes }),
    zstd: nodeZstd,
    optionalPackage: (name) => (options.optionalPackages === false ? undefined : optionalPackage(name)),
    faultPoint: options.faultPoint ?? (() => undefined)
  } satisfies ServerRuntime)
}

function setTimer(delayMs: number, fire: () => void): Timer {
  if (delayMs <= delayMsMax) {
    const timeout = setTimeout(fire, delayMs)
    return { cancel: () => clearTimeout(timeout) }
  }
  let inner = setTimer(delayMsMax, () => {
    inner = setTimer(delayMs - delayMsMax, fire)
  })
  return { cancel: () => inner.cancel() }
}

function sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
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
