// A checkpoint store over anything that keeps named blobs and can publish one under a name that must not be taken yet.
// Owns lineage, fencing by run records, and pruning; knows no file system.
import type { Logger } from '../../client/index.ts'
import type { Runtime } from '../../runtime/index.ts'
import { JobError } from '../errors.ts'
import { decodeCheckpoint, decodeRun, encodeCheckpoint, encodeRun } from './content.ts'
import type { Decoded } from './content.ts'
import { open, seal } from './envelope.ts'
import type { EnvelopeKind } from './envelope.ts'
import {
  byCheckpointId,
  checkpointNameOf,
  isOnLineage,
  parseCheckpointName,
  parseRunName,
  runNameOf
} from './lineage.ts'
import type { CheckpointName, Origin, RunName } from './lineage.ts'
import type {
  Checkpoint,
  CheckpointStore,
  CorruptCheckpoint,
  RunRecord,
  StorageContext,
  StoreContents
} from './storage.ts'

export interface Blobs {
  list(): Promise<readonly string[]>
  /**
   * The same, of names that outlive a power cut: whoever gave a file its name may have died, or met an error, before the
   * name was flushed.
   */
  listDurable(): Promise<readonly string[]>
  /** Undefined where there is none of that name (any more); `tooLarge` where it cannot be one of ours. */
  read(name: string): Promise<Uint8Array | 'tooLarge' | undefined>
  /** Durable when it resolves. `beforePublish` is called when all bytes are safe and only the name is missing. */
  publish(name: string, bytes: Uint8Array, beforePublish?: () => Promise<void>): Promise<'published' | 'taken'>
  /** Content with a name that is not there. */
  remove(name: string): Promise<void>
  close(): Promise<void>
}

export interface BlobStoreLimits {
  readonly retainedMax: number
  readonly checkpointBytesMax: number
}

interface Names {
  /** In order of id. */
  readonly checkpoints: readonly CheckpointName[]
  readonly runs: readonly RunName[]
}

/** Names may vanish while they are read, when an earlier run still prunes; then the list is asked for again. */
const listAttemptsMax = 5
/** Records of so many runs are kept even where no checkpoint is left that they cut off. */
const runsRetainedMax = 16

export class BlobCheckpointStore implements CheckpointStore {
  readonly #blobs: Blobs
  readonly #jobName: string
  readonly #runtime: Runtime
  readonly #logger: Logger
  readonly #limits: BlobStoreLimits
  /** Runs never change once they are published. */
  readonly #runs = new Map<number, Decoded<RunRecord>>()
  /** Of the run that publishes here. */
  #incarnation = -1

  constructor(blobs: Blobs, context: StorageContext, limits: BlobStoreLimits) {
    this.#blobs = blobs
    this.#jobName = context.jobName
    this.#runtime = context.runtime
    this.#logger = context.logger
    this.#limits = limits
  }

  async load(): Promise<StoreContents> {
    for (let attempt = 1; attempt <= listAttemptsMax; attempt++) {
      const contents = await this.#loadOnce()
      if (contents !== undefined) return contents
    }
    throw new JobError('CHECKPOINT_STORE', 'Checkpoints vanish while they are read.', {
      nextStep: 'See whether something else cleans up the checkpoint directory.'
    })
  }

  async publishRun(run: RunRecord, restored?: Checkpoint): Promise<'published' | 'taken'> {
    const copied = restored === undefined ? undefined : await this.#copy(restored, run)
    const bytes = await seal(this.#runtime, 'run', encodeRun(run))
    const outcome = await this.#blobs.publish(runNameOf(run.incarnation), bytes)
    if (outcome === 'published') this.#incarnation = run.incarnation
    else if (copied !== undefined) await this.#blobs.remove(copied)
    return outcome
  }

  // An earlier run prunes until it sees this one's record, perhaps what this one goes on from: so that is there a second
  // time, before the record is, under this run's own name, which only a later one removes.
  async #copy(restored: Checkpoint, { incarnation, runId }: RunRecord): Promise<string> {
    const copy = { ...restored, incarnation, runId }
    await this.#blobs.publish(nameOf(copy), await seal(this.#runtime, 'checkpoint', encodeCheckpoint(copy)))
    return nameOf(copy)
  }

  async publishCheckpoint(checkpoint: Checkpoint): Promise<{ readonly bytes: number }> {
    const text = encodeCheckpoint(checkpoint)
    const textBytes = Buffer.byteLength(text)
    if (textBytes > this.#limits.checkpointBytesMax) {
      throw new JobError(
        'CHECKPOINT_STORE',
        `Checkpoint ${checkpoint.checkpointId} has ${textBytes} bytes, more than ${this.#limits.checkpointBytesMax}.`,
        { fatal: true, nextStep: 'Keep less state, or raise checkpointBytesMax of the checkpoint storage.' }
      )
    }
    const bytes = await seal(this.#runtime, 'checkpoint', text)
    const name = nameOf(checkpoint)
    const outcome = await this.#blobs.publish(name, bytes, () => this.#checkNotFenced())
    if (outcome === 'taken') {
      throw new JobError('CHECKPOINT_STORE', `There is a checkpoint ${name} already.`, { fatal: true })
    }
    // A run that took over in this very moment does not count this checkpoint, so its transactions must not be
    // committed from here.
    await this.#checkNotFenced()
    return { bytes: bytes.length }
  }

  async prune(provenCheckpointId: number): Promise<void> {
    const { checkpoints, runs } = await this.#names()
    if ([...runs, ...checkpoints].some(({ incarnation }) => incarnation > this.#incarnation)) return
    const origins = await this.#origins(runs)
    const counting = checkpoints.filter((name) => isOnLineage(name, origins))
    const proven = counting.filter(({ checkpointId }) => checkpointId <= provenCheckpointId)
    const provenIds = [...new Set(proven.map(({ checkpointId }) => checkpointId))]
    const keptFrom = provenIds.at(-this.#limits.retainedMax) ?? 0
    const isCutOffKnown = ![...origins.values()].includes('unreadable')
    const removed = checkpoints.filter((name) => {
      return isOnLineage(name, origins) ? name.checkpointId < keptFrom : isCutOffKnown
    })
    for (const { name } of removed) await this.#blobs.remove(name)
    const kept = checkpoints.filter((name) => !removed.includes(name))
    await this.#pruneRuns(runs, Math.min(...kept.map(({ incarnation }) => incarnation)))
  }

  async close(): Promise<void> {
    await this.#blobs.close()
  }

  // A record is of use as long as a checkpoint of an earlier run is there, and a while longer for one that comes late.
  async #pruneRuns(runs: readonly RunName[], incarnationMin: number): Promise<void> {
    const latestFirst = runs.toSorted((left, right) => right.incarnation - left.incarnation)
    for (const { name, incarnation } of latestFirst.slice(runsRetainedMax)) {
      if (incarnation > incarnationMin) continue
      await this.#blobs.remove(name)
      this.#runs.delete(incarnation)
    }
  }

  async #checkNotFenced(): Promise<void> {
    const { runs } = await this.#names()
    const later = runs.find(({ incarnation }) => incarnation > this.#incarnation)
    if (later === undefined) return
    throw new JobError(
      'JOB_FENCED',
      `Another run of ${this.#jobName} (incarnation ${later.incarnation}) has taken over from this one (${this.#incarnation}).`,
      { fatal: true, nextStep: 'Run one process of a job at a time; this one has stopped and changed nothing more.' }
    )
  }

  async #names(): Promise<Names> {
    return namesIn(await this.#blobs.list())
  }

  async #origins(runs: readonly RunName[]): Promise<ReadonlyMap<number, Origin>> {
    const origins = new Map<number, Origin>()
    for (const run of runs) {
      const decoded = await this.#run(run)
      if (decoded === undefined) continue
      origins.set(run.incarnation, 'value' in decoded ? decoded.value : 'unreadable')
    }
    return origins
  }

  /** Undefined where something vanished on the way. */
  async #loadOnce(): Promise<StoreContents | undefined> {
    // What is found here is acted on at once: its transactions are committed.
    const { checkpoints: names, runs } = namesIn(await this.#blobs.listDurable())
    const origins = await this.#origins(runs)
    if (origins.size < runs.length) return undefined
    const checkpoints: Checkpoint[] = []
    const abandoned: Checkpoint[] = []
    const corrupt = this.#unreadableRuns()
    for (const name of names) {
      const decoded = await this.#checkpoint(name)
      if (decoded === undefined) return undefined
      const counts = isOnLineage(name, origins)
      if ('value' in decoded) (counts ? checkpoints : abandoned).push(decoded.value)
      else if (counts) corrupt.push({ name: name.name, checkpointId: name.checkpointId, reason: decoded.corrupt })
    }
    const incarnationMax = incarnationMaxOf(runs, names)
    const latest = this.#runs.get(incarnationMax)
    return {
      checkpoints,
      abandoned,
      corrupt,
      latestRun: latest !== undefined && 'value' in latest ? latest.value : undefined,
      incarnationMax,
      checkpointIdMax: names.at(-1)?.checkpointId ?? -1
    }
  }

  #unreadableRuns(): CorruptCheckpoint[] {
    const unreadable: CorruptCheckpoint[] = []
    for (const [incarnation, decoded] of this.#runs) {
      if ('corrupt' in decoded)
        unreadable.push({ name: runNameOf(incarnation), checkpointId: -1, reason: decoded.corrupt })
    }
    return unreadable
  }

  async #run({ name, incarnation }: RunName): Promise<Decoded<RunRecord> | undefined> {
    const known = this.#runs.get(incarnation)
    if (known !== undefined) return known
    const text = await this.#text('run', name)
    if (text === undefined) return undefined
    let decoded = 'corrupt' in text ? text : decodeRun(text.value)
    if ('value' in decoded && decoded.value.incarnation !== incarnation) {
      decoded = { corrupt: 'its content belongs to another name' }
    }
    if ('value' in decoded) this.#checkJob(decoded.value)
    this.#runs.set(incarnation, decoded)
    return decoded
  }

  async #checkpoint(name: CheckpointName): Promise<Decoded<Checkpoint> | undefined> {
    const text = await this.#text('checkpoint', name.name)
    if (text === undefined || 'corrupt' in text) return text
    const decoded = decodeCheckpoint(text.value)
    if ('corrupt' in decoded) return decoded
    if (nameOf(decoded.value) !== name.name) {
      return { corrupt: 'its content belongs to another name' }
    }
    this.#checkJob(decoded.value)
    return decoded
  }

  async #text(kind: EnvelopeKind, name: string): Promise<Decoded<string> | undefined> {
    const bytes = await this.#blobs.read(name)
    if (bytes === undefined) return undefined
    if (bytes === 'tooLarge') return { corrupt: `it is larger than ${this.#limits.checkpointBytesMax} bytes` }
    const opened = await open(this.#runtime, kind, bytes, this.#limits.checkpointBytesMax)
    if (opened.kind === 'content') return { value: opened.text }
    if (opened.kind === 'corrupt') {
      this.#logger.debug('A checkpoint file is damaged', { name, reason: opened.reason })
      return { corrupt: opened.reason }
    }
    throw new JobError('CHECKPOINT_STORE', `${name} has format ${opened.format}, which this version does not know.`, {
      fatal: true,
      nextStep: 'It was written by a later version of kafka-once: run that version.'
    })
  }

  #checkJob({ jobName }: { readonly jobName: string }): void {
    if (jobName === this.#jobName) return
    throw new JobError('INVALID_JOB', `The checkpoint store belongs to job '${jobName}', not to '${this.#jobName}'.`, {
      fatal: true,
      nextStep: 'Give each job a directory of its own, and keep the name of a job.'
    })
  }
}

// Runs that begin at the same time must want the same incarnation, of which one gets the record. So the copy that a run has
// made before it has a record does not count: it is of the incarnation behind the last one.
function incarnationMaxOf(runs: readonly RunName[], names: readonly CheckpointName[]): number {
  const recorded = Math.max(-1, ...runs.map(({ incarnation }) => incarnation))
  const traced = Math.max(-1, ...names.map(({ incarnation }) => incarnation))
  return traced > recorded + 1 ? traced : recorded
}

function nameOf({ checkpointId, incarnation, runId }: Checkpoint): string {
  return checkpointNameOf(checkpointId, incarnation, runId)
}

function namesIn(names: readonly string[]): Names {
  const checkpoints = names.map(parseCheckpointName).filter((name) => name !== undefined)
  return {
    checkpoints: checkpoints.toSorted(byCheckpointId),
    runs: names.map(parseRunName).filter((name) => name !== undefined)
  }
}
