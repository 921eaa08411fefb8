// The two programs that the demo runs beside itself: the feeder, and the pipeline that is killed.
import { fork, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const program = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

export class Feeder {
  fed = 0
  readonly #child: ChildProcess

  constructor(args: readonly string[]) {
    this.#child = fork(program('./feeder.js'), args)
    this.#child.on('message', (message) => {
      if (typeof message === 'object' && 'fed' in message) this.fed = Number(message.fed)
    })
  }

  /** Lets it feed the rest; resolves when all is fed. */
  async finish(): Promise<void> {
    if (this.#child.exitCode === null) {
      this.#child.send('over')
      await once(this.#child, 'exit')
    }
    if (this.#child.exitCode !== 0) throw new Error('The feeder failed.')
  }

  async stop(): Promise<void> {
    await end(this.#child, 'SIGKILL')
  }
}

export class Pipeline {
  readonly #child: ChildProcess

  constructor(args: readonly string[], say: (line: string) => void) {
    this.#child = spawn(process.execPath, [program('../poc_pipeline.js'), ...args], {
      stdio: ['ignore', 'pipe', 'pipe']
    })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      if (stream !== null) createInterface({ input: stream }).on('line', say)
    }
  }

  get pid(): number | undefined {
    return this.#child.pid
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  kill(): Promise<void> {
    return end(this.#child, 'SIGKILL')
  }

  /** Asks it to end; its exit code. */
  async stop(): Promise<number | null> {
    await end(this.#child, 'SIGTERM')
    return this.#child.exitCode
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = once(child, 'exit')
  child.kill(signal)
  await exited
}
