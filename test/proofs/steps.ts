// Transactions whose steps are taken by different processes: one prepares and is killed, another one resumes. Each
// process is the program transaction_steps.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { ForeignTransaction, PreparedTransaction, Verdict } from 'kafka-once'
import { projectFolder } from '../broker/jars.ts'
import { run } from '../broker/processes.ts'

export interface PreparingOptions {
  readonly brokers: string
  readonly topic: string
  readonly partitions: number
  readonly transactionalId: string
  readonly transactionTimeoutMs: number
  /** Record i goes to partition i modulo their number. */
  readonly values: readonly string[]
}

const stepTimeoutMs = 90_000

function programOf(step: string, settings: object): string[] {
  const program = join(projectFolder(), 'build', 'test', 'programs', 'transaction_steps.js')
  return ['--enable-source-maps', program, step, JSON.stringify(settings)]
}

/** Lets a process prepare a transaction, kills it with SIGKILL, and answers the handle that it printed. */
export async function prepareAndDie(options: PreparingOptions): Promise<PreparedTransaction> {
  const child = spawn(process.execPath, programOf('prepare', options), { stdio: ['ignore', 'pipe', 'inherit'] })
  const timeout = setTimeout(() => child.kill('SIGKILL'), stepTimeoutMs)
  const ended = once(child, 'exit')
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const handle: PreparedTransaction = JSON.parse(line)
      return handle
    }
    throw new Error('the process that was to prepare a transaction ended without a handle')
  } finally {
    clearTimeout(timeout)
    child.kill('SIGKILL')
    await ended
  }
}

export interface Settled {
  readonly verdict: Verdict
  readonly proof: 'proven' | 'hanging'
}

/** Lets a fresh process resume the transaction and end it. */
export async function settleElsewhere(
  step: 'commit' | 'abort',
  brokers: string,
  handle: PreparedTransaction | ForeignTransaction
): Promise<Settled> {
  const args = programOf(step, { brokers, handle })
  const { code, stdout, stderr } = await run(process.execPath, args, { timeoutMs: stepTimeoutMs })
  if (code !== 0) throw new Error(`the process that was to ${step} ended with ${code}: ${stderr}`)
  const settled: Settled = JSON.parse(stdout)
  return settled
}
