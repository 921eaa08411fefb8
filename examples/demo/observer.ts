// What the demo can see of the pipeline without asking it: the broker's view of its transactions, and the files in its
// checkpoint folder. Says what a kill has met.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { silentLogger } from 'kafka-once'
import type { Admin } from 'kafka-once'
import { fileCheckpointStorage, pendingKafkaTransactions } from 'kafka-once/exactlyonce'
import { nodeRuntime } from 'kafka-once/runtime'

export interface ObserverOptions {
  readonly admin: Admin
  readonly jobName: string
  readonly folder: string
  readonly prefix: string
  readonly output: string
  readonly partitions: number
}

/** What is in the checkpoint folder. */
export interface FolderView {
  /** Counts the runs that came as far as to read records; 0 before the first. */
  readonly runs: number
  readonly checkpointId: number | undefined
  /** Transactions that the newest checkpoint waits for, as `id producerId epoch`. */
  readonly pending: ReadonlySet<string>
}

/** What a kill has met; several may be true. */
export interface Met {
  /** A transaction that no checkpoint knows. */
  readonly open: boolean
  /** A transaction that the newest checkpoint holds and that was not committed. */
  readonly prepared: boolean
  /** A process that held the folder and was settling what the one before had prepared. */
  readonly recovering: boolean
}

export class Observer {
  readonly #options: ObserverOptions

  constructor(options: ObserverOptions) {
    this.#options = options
  }

  async folder(): Promise<FolderView> {
    const { folder, jobName } = this.#options
    const storage = fileCheckpointStorage(folder, { lock: 'none' })
    const store = await storage.open({ jobName, runtime: nodeRuntime(), logger: silentLogger })
    try {
      const { checkpoints, latestRun } = await store.load()
      const newest = checkpoints.at(-1)
      const handles = newest === undefined ? [] : pendingKafkaTransactions(newest)
      const pending = handles.map((one) => `${one.transactionalId} ${one.producerId} ${one.producerEpoch}`)
      return {
        runs: latestRun === undefined ? 0 : latestRun.incarnation + 1,
        checkpointId: newest?.checkpointId,
        pending: new Set(pending)
      }
    } finally {
      await store.close()
    }
  }

  /** Whether this process holds the folder. */
  async holdsFolder(pid: number | undefined): Promise<boolean> {
    try {
      const text = await readFile(join(this.#options.folder, 'lock'), 'utf8')
      const lock: unknown = JSON.parse(text)
      return isRecord(lock) && isRecord(lock['owner']) && lock['owner']['pid'] === pid
    } catch {
      return false
    }
  }

  /** Whether records lie in the output that are not committed. */
  async hasUncommittedRecords(): Promise<boolean> {
    const { admin, output, partitions } = this.#options
    const all = Array.from({ length: partitions }, (_, partition) => ({ topic: output, partition }))
    const producers = await admin.describeProducers(all)
    return [...producers.values()].flat().some(({ currentTxnStartOffset }) => currentTxnStartOffset >= 0n)
  }

  /** Looks at what the kill of this process has left. `before` is the folder as it was when the process started. */
  async met(pid: number | undefined, before: FolderView): Promise<Met> {
    const [now, isHolder, ongoing] = [await this.folder(), await this.holdsFolder(pid), await this.#ongoing()]
    return {
      open: ongoing.some((one) => !now.pending.has(one)),
      prepared: ongoing.some((one) => now.pending.has(one)),
      recovering: isHolder && now.runs === before.runs && before.pending.size > 0
    }
  }

  async #ongoing(): Promise<string[]> {
    const { admin, prefix } = this.#options
    const listed = await admin.listTransactions({ transactionalIdPrefix: `${prefix}.`, states: ['Ongoing'] })
    const described = await admin.describeTransactions(listed.map(({ transactionalId }) => transactionalId))
    return [...described.values()]
      .filter(({ state }) => state === 'Ongoing')
      .map(({ transactionalId, producerId, producerEpoch }) => `${transactionalId} ${producerId} ${producerEpoch}`)
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
