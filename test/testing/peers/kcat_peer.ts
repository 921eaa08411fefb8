// kcat as a writer and as a member of a group: it says on stderr which partitions it has, and commits when it leaves.
import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'

/** Values, one a line, to one partition. `settings` are librdkafka's, as name=value. */
export async function produceWithKcat(
  bootstrap: string,
  topic: string,
  partition: number,
  values: readonly string[],
  settings: readonly string[] = []
): Promise<void> {
  const args = ['-P', '-b', bootstrap, '-t', topic, '-p', String(partition), ...settings.flatMap((one) => ['-X', one])]
  const child = spawn('kcat', args, { stdio: ['pipe', 'ignore', 'pipe'], timeout: 60_000 })
  child.stdin.end(values.map((value) => `${value}\n`).join(''))
  const [told, [code]] = await Promise.all([text(child.stderr), once(child, 'close')])
  if (code !== 0) throw new Error(`kcat ended with ${String(code)}: ${told.slice(0, 2000)}`)
}

export class KcatMember {
  readonly values: string[] = []
  readonly #child: ChildProcessByStdio<null, Readable, Readable>
  #told = ''

  constructor(bootstrap: string, group: string, topic: string) {
    const settings = ['auto.offset.reset=earliest', 'heartbeat.interval.ms=200', 'fetch.wait.max.ms=100']
    const args = ['-b', bootstrap, '-u', ...settings.flatMap((one) => ['-X', one]), '-G', group, topic]
    this.#child = spawn('kcat', args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 110_000 })
    let rest = ''
    this.#child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      this.values.push(...lines)
    })
    this.#child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      this.#told += chunk
    })
  }

  /** The partitions of the last rebalance: `% Group G rebalanced (memberid M): assigned: orders [0], orders [1]`. */
  assigned(): number[] {
    const last = this.#told.split('\n').findLast((line) => /rebalanced.*: (assigned|revoked)/.test(line)) ?? ''
    if (!last.includes(': assigned')) return []
    return [...last.matchAll(/ \[(\d+)\]/g)].map(([, partition]) => Number(partition)).toSorted((a, b) => a - b)
  }

  async leave(): Promise<void> {
    this.#child.kill('SIGTERM')
    await once(this.#child, 'close')
  }
}
