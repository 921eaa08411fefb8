// One process of the pipeline program as the harness holds it: started, watched by its events, paused, woken, ended.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { projectFolder } from '../broker/jars.ts'
import { parseEvent } from './orders.ts'
import type { PipelineEvent, PipelineSettings } from './orders.ts'

/** How long a process may take to do what it is waited for, milliseconds. A loaded machine is slow. */
export const patienceMs = 60_000

const tailLines = 20

type EventOf<N extends PipelineEvent['event']> = Extract<PipelineEvent, { readonly event: N }>

export class Pipeline {
  readonly settings: PipelineSettings
  readonly pid: number
  readonly events: PipelineEvent[] = []
  /** From its start until its first run had recovered, milliseconds; undefined where it did not come to that. */
  startedAfterMs: number | undefined
  readonly #child: ChildProcess
  readonly #startMs = performance.now()
  readonly #exited: Promise<void>
  readonly #listeners = new Set<() => void>()
  /** What it printed that is no event. */
  readonly #tail: string[] = []
  #isGone = false

  /** `program` is the name of one in test/programs. */
  constructor(settings: PipelineSettings, program = 'fault_pipeline') {
    this.settings = settings
    const file = join(projectFolder(), 'build', 'test', 'programs', `${program}.js`)
    this.#child = spawn(process.execPath, ['--enable-source-maps', file, JSON.stringify(settings)], {
      stdio: ['ignore', 'pipe', 'pipe']
    })
    this.pid = this.#child.pid ?? -1
    live.add(this)
    this.#exited = once(this.#child, 'close').then(() => {
      live.delete(this)
      this.#isGone = true
      this.#wake()
    })
    this.#exited.catch(() => undefined)
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on('line', (line) => this.#take(line))
    }
  }

  /** It has ended and everything that it told is known. */
  get isGone(): boolean {
    return this.#isGone
  }

  /** The one of them that ends first. */
  static async firstGone(pipelines: readonly Pipeline[]): Promise<Pipeline> {
    const deadline = AbortSignal.timeout(patienceMs)
    const late = once(deadline, 'abort').then(() => {
      throw new Error(`all still run after ${patienceMs} ms: ${pipelines.map((one) => one.story()).join('\n')}`)
    })
    return Promise.race([late, ...pipelines.map((pipeline) => pipeline.#exited.then(() => pipeline))])
  }

  get exitCode(): number | null {
    return this.#child.exitCode
  }

  get signalCode(): NodeJS.Signals | null {
    return this.#child.signalCode
  }

  has(name: PipelineEvent['event']): boolean {
    return this.events.some(({ event }) => event === name)
  }

  all<N extends PipelineEvent['event']>(name: N): EventOf<N>[] {
    return this.events.filter((event): event is EventOf<N> => event.event === name)
  }

  /** Resolves with what `look` answers as soon as that is not undefined; throws when the process ends before. */
  async until<T>(what: string, look: () => T | undefined, timeoutMs = patienceMs): Promise<T> {
    const deadline = AbortSignal.timeout(timeoutMs)
    for (;;) {
      const found = look()
      if (found !== undefined) return found
      if (this.isGone) throw new Error(`the pipeline ended before ${what}: ${this.story()}`)
      if (deadline.aborted) throw new Error(`no ${what} within ${timeoutMs} ms: ${this.story()}`)
      await this.#nextEvent(deadline)
    }
  }

  untilEvent<N extends PipelineEvent['event']>(name: N, timeoutMs?: number): Promise<EventOf<N>> {
    return this.until(`'${name}'`, () => this.all(name).at(0), timeoutMs)
  }

  /** Resolves when the process and all its output have ended. */
  async untilGone(timeoutMs = patienceMs): Promise<void> {
    const deadline = AbortSignal.timeout(timeoutMs)
    const late = once(deadline, 'abort').then(() => {
      throw new Error(`the pipeline still runs after ${timeoutMs} ms: ${this.story()}`)
    })
    await Promise.race([this.#exited, late])
  }

  /** True where there was somebody to signal. */
  signal(name: NodeJS.Signals): boolean {
    return this.#child.kill(name)
  }

  async kill(): Promise<void> {
    this.signal('SIGKILL')
    await this.#exited
  }

  /** Asks for an orderly end; throws where it was none. */
  async stop(): Promise<void> {
    this.signal('SIGTERM')
    await this.untilGone()
    if (this.exitCode !== 0 || !this.has('ended'))
      throw new Error(`the pipeline did not stop in order: ${this.story()}`)
  }

  /** What it told last, for messages. */
  story(): string {
    const { order } = this.settings
    const told = this.events
      .filter(({ event }) => event !== 'counts' && event !== 'passed')
      .slice(-tailLines)
      .map((event) => JSON.stringify(event))
    const end = this.isGone ? `ended with ${this.exitCode ?? this.signalCode}` : 'is running'
    return [`pid ${this.pid} ${end}; order ${JSON.stringify(order)}`, ...told, ...this.#tail].join('\n    ')
  }

  #take(line: string): void {
    const event = parseEvent(line)
    if (event?.event === 'started') this.startedAfterMs ??= performance.now() - this.#startMs
    if (event !== undefined) this.events.push(event)
    else if (this.#tail.push(line) > tailLines) this.#tail.shift()
    this.#wake()
  }

  #wake(): void {
    for (const listener of this.#listeners) listener()
  }

  async #nextEvent(deadline: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        this.#listeners.delete(done)
        deadline.removeEventListener('abort', done)
        resolve()
      }
      this.#listeners.add(done)
      deadline.addEventListener('abort', done)
      if (this.isGone || deadline.aborted) done()
    })
  }
}

const live = new Set<Pipeline>()

process.once('exit', () => {
  for (const pipeline of live) pipeline.signal('SIGKILL')
})
