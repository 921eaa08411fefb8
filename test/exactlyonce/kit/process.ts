// Owns a process that can be killed or paused inside the test: everything it asks of the outside goes through its
// runtime, so that after a kill nothing of it ever continues, and after a pause all of it does.
import { deferred, nodeRuntime } from '../../../src/runtime/index.ts'
import type { Deferred, FileHandle, Files, Runtime } from '../../../src/runtime/index.ts'

/** Called at each fault point with its name and how often it has been met; may kill or pause the process. */
export type FaultPlan = (name: string, count: number, process: SimulatedProcess) => void

export class SimulatedProcess {
  readonly runtime: Runtime
  /** How often each fault point was met. */
  readonly met = new Map<string, number>()
  /** Resolves when the process is killed or paused. */
  readonly stopped: Deferred<void> = deferred()
  readonly #openFiles = new Set<FileHandle>()
  #isDead = false
  #pause: Deferred<void> | undefined

  constructor(plan: FaultPlan = () => undefined, base: Runtime = nodeRuntime()) {
    const faultPoint = (name: string): void | Promise<void> => {
      const count = (this.met.get(name) ?? 0) + 1
      this.met.set(name, count)
      plan(name, count, this)
      return this.isRunning ? undefined : this.pass(undefined)
    }
    const guard = (fire: () => void) => (): void => void this.pass(undefined).then(fire)
    this.runtime = {
      nowMs: () => base.nowMs(),
      monotonicMs: () => base.monotonicMs(),
      setTimer: (delayMs, fire) => {
        let isCancelled = false
        const run = (): void => {
          if (!isCancelled) fire()
        }
        const timer = base.setTimer(delayMs, guard(run))
        const cancel = (): void => {
          isCancelled = true
          timer.cancel()
        }
        return { cancel }
      },
      defer: (fire) => base.defer(guard(fire)),
      sleep: (delayMs, signal) => this.pass(base.sleep(delayMs, signal)),
      random: () => base.random(),
      randomBytes: (length) => base.randomBytes(length),
      connect: (options, handler) => base.connect(options, handler),
      files: this.#files(base.files),
      process: base.process,
      isAlive: (identity) => base.isAlive(identity),
      gunzip: (bytes, bytesMax) => this.pass(base.gunzip(bytes, bytesMax)),
      gzip: (bytes, level) => this.pass(base.gzip(bytes, level)),
      faultPoint
    }
  }

  get isRunning(): boolean {
    return !this.#isDead && this.#pause === undefined
  }

  kill(): void {
    this.#isDead = true
    for (const handle of this.#openFiles) handle.close().catch(() => undefined) // as the system does
    this.stopped.resolve()
  }

  /** As SIGSTOP. */
  pause(): void {
    this.#pause ??= deferred()
    this.stopped.resolve()
  }

  /** As SIGCONT. */
  wake(): void {
    this.#pause?.resolve()
    this.#pause = undefined
  }

  /** The answer of the outside, once the process runs; never when it is dead. */
  async pass<T>(answer: Promise<T> | T): Promise<T> {
    let outcome: { readonly value: T } | { readonly error: unknown }
    try {
      outcome = { value: await answer }
    } catch (error) {
      outcome = { error }
    }
    while (this.#pause !== undefined) await this.#pause.promise
    if (this.#isDead) await new Promise(() => undefined)
    if ('error' in outcome) throw outcome.error
    return outcome.value
  }

  #files(base: Files): Files {
    // What a stopped process has not asked for yet does not happen; what it has asked for does.
    const call = async <T>(action: () => Promise<T>): Promise<T> => {
      await this.pass(undefined)
      return this.pass(action())
    }
    return {
      mkdir: (path, mode) => call(() => base.mkdir(path, mode)),
      list: (path) => call(() => base.list(path)),
      read: (path, bytesMax) => call(() => base.read(path, bytesMax)),
      create: (path, mode) =>
        call(async (): Promise<FileHandle> => {
          const handle = await base.create(path, mode)
          // What a process asked for before it died is closed by the system, too.
          if (this.#isDead) await handle.close()
          else this.#openFiles.add(handle)
          return {
            write: (bytes) => call(() => handle.write(bytes)),
            sync: () => call(() => handle.sync()),
            close: () => call(() => (this.#openFiles.delete(handle), handle.close()))
          }
        }),
      link: (from, to) => call(() => base.link(from, to)),
      rename: (from, to) => call(() => base.rename(from, to)),
      remove: (path) => call(() => base.remove(path)),
      syncFolder: (path) => call(() => base.syncFolder(path))
    }
  }
}
