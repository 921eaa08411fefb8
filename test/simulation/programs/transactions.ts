// A program that uses transactions without the engine: it writes numbered transactions, saves the handle of each before
// it commits, and after a crash resumes the saved one. Each number must become visible exactly once. It keeps its place
// in one file, replaced by rename. Where told to, it also aborts transactions that are saved, and now and then asks what
// became of one that ended long ago.
import { Kafka } from 'kafka-once'
import type { PreparedTransaction, ResumedTransaction, TransactionalProducer, Verdict } from 'kafka-once'
import { parsePrepared } from 'kafka-once'
import type { Runtime } from 'kafka-once/runtime'
import { failureOf, tellingLogger } from '../../faults/pipeline_job.ts'
import type { RunningProgram, Tell } from '../supervisor.ts'

export interface TransactionsProgram {
  readonly brokers: readonly string[]
  readonly runtime: Runtime
  readonly tell: Tell
  readonly transactionalId: string
  readonly transactionTimeoutMs: number
  readonly lingerMs: number
  readonly topics: readonly string[]
  readonly partitions: number
  /** Of each transaction. */
  readonly records: number
  readonly transactions: number
  readonly pauseMs: number
  /** Where it keeps its place. */
  readonly folder: string
  /** Whether old handles are kept, and resumed again. */
  readonly asksAgain: boolean
}

/** The handle of a transaction whose outcome has been told. */
interface OldHandle {
  readonly number: number
  readonly saved: PreparedTransaction
  readonly isThere: boolean
}

/** What the program must not forget. */
interface Place {
  /** The number of the transaction that comes next, or of the saved one. */
  readonly next: number
  readonly saved: PreparedTransaction | null
  /** What was decided about the saved one; absent for a commit. */
  readonly isToAbort?: true
  /** The newest last. */
  readonly old?: readonly OldHandle[]
}

/** Before so many of the transactions, one is aborted. */
const abortedShare = 0.3
const savedAbortedShare = 0.5
/** After so many of them an old handle is resumed. A new process resumes all. */
const askedShare = 0.4
const oldMax = 3
const placeBytesMax = 1024 * 1024

export function launchTransactions(program: TransactionsProgram): RunningProgram {
  const { brokers, runtime, tell } = program
  const run = async (): Promise<void> => {
    const kafka = new Kafka({ brokers: [...brokers], logger: tellingLogger(tell), runtime })
    try {
      await new Writing(program, kafka).run()
      tell({ event: 'ended', outcome: 'finished' })
    } catch (error) {
      tell(failureOf(error))
    } finally {
      await kafka.close()
    }
  }
  return { done: run(), stop: () => undefined }
}

/** Sees to it that all markers are there: before that, nobody may begin with the id. */
async function prove(resumed: ResumedTransaction, verdict: Verdict): Promise<void> {
  const { kind } = verdict
  // What is not decided has no markers to come.
  if (kind === 'fenced' || kind === 'foreignHandle') return
  const proof = await resumed.prove()
  if (proof.kind === 'proven') return
  await resumed.repair(proof, isCommitted(verdict) ? 'commit' : 'abort')
}

function isCommitted({ kind }: Verdict): boolean {
  return kind === 'committed' || kind === 'alreadyCommitted'
}

class Writing {
  readonly #program: TransactionsProgram
  readonly #kafka: Kafka
  #attempts = 0

  constructor(program: TransactionsProgram, kafka: Kafka) {
    this.#program = program
    this.#kafka = kafka
  }

  async run(): Promise<void> {
    const { transactionalId, transactionTimeoutMs, lingerMs, transactions, asksAgain, runtime, tell } = this.#program
    let place = await this.#load()
    if (place.saved !== null) {
      const resumed = this.#kafka.resumeTransaction(place.saved)
      const verdict = await (place.isToAbort === true ? resumed.abort() : resumed.commit())
      place = await this.#settled(place, place.saved, verdict)
    }
    for (const one of place.old ?? []) await this.#askAgain(one)
    await using producer = this.#kafka.transactionalProducer({ transactionalId, transactionTimeoutMs, lingerMs })
    await producer.init()
    tell({ event: 'started', incarnation: 0, restoredCheckpointId: place.next })
    while (place.next < transactions) {
      place = await this.#write(producer, place)
      if (asksAgain && runtime.random() < askedShare) await this.#askAgain(this.#oneOf(place.old ?? []))
      await runtime.sleep(this.#program.pauseMs)
    }
  }

  async #write(producer: TransactionalProducer, before: Place): Promise<Place> {
    let place = before
    if (this.#program.runtime.random() < (this.#program.asksAgain ? savedAbortedShare : abortedShare)) {
      const changedMind = producer.beginTransaction()
      await changedMind.send(this.#messages(place.next))
      if (this.#program.asksAgain) {
        const saved = await changedMind.prepare()
        place = { ...place, saved, isToAbort: true }
        await this.#save(place)
        await changedMind.abort()
        place = await this.#settled(place, saved, { kind: 'aborted' })
      } else await changedMind.abort()
    }
    const transaction = producer.beginTransaction()
    await transaction.send(this.#messages(place.next))
    const saved = await transaction.prepare()
    place = { ...place, saved }
    await this.#save(place)
    return this.#settled(place, saved, await transaction.commit())
  }

  /** Goes on after a verdict: to the next number, or once more with the same one. */
  async #settled(place: Place, saved: PreparedTransaction, verdict: Verdict): Promise<Place> {
    const { kind } = verdict
    this.#tell(saved, place.next, kind)
    await prove(this.#kafka.resumeTransaction(saved), verdict)
    if (kind === 'fenced' || kind === 'foreignHandle') throw Object.assign(new Error(kind), { code: 'UNDECIDED' })
    const isThere = isCommitted(verdict)
    const next = isThere ? place.next + 1 : place.next
    const old = [...(place.old ?? []), { number: place.next, saved, isThere }].slice(-oldMax)
    const passed: Place = { next, saved: null, ...(this.#program.asksAgain ? { old } : {}) }
    await this.#save(passed)
    if (isThere) this.#program.tell({ event: 'counts', subtaskIndex: 0, counts: { 0: passed.next } })
    return passed
  }

  /** Resumes a handle that is older than what came after it: the answer must be what it was before. */
  async #askAgain(one: OldHandle | undefined): Promise<void> {
    if (one === undefined) return
    // The id is in use by the producer beside, which must not be fenced.
    const { kind } = await this.#kafka.resumeTransaction(one.saved).commit({ mayInitProducerId: false })
    this.#tell(one.saved, one.number, kind === 'lost' && !one.isThere ? 'aborted' : kind)
  }

  #oneOf(old: readonly OldHandle[]): OldHandle | undefined {
    return old[Math.floor(this.#program.runtime.random() * old.length)]
  }

  #messages(number: number) {
    const { topics, partitions, records } = this.#program
    const attempt = ++this.#attempts
    return Array.from({ length: records }, (_, i) => ({
      topic: topics[i % topics.length] ?? '',
      partition: (number + i) % partitions,
      value: `${number}.${i} of ${records}, attempt ${attempt}`
    }))
  }

  #tell(handle: PreparedTransaction, checkpointId: number, verdict: Verdict['kind']): void {
    const { transactionalId, producerId, producerEpoch, partitions } = handle
    this.#program.tell({
      event: 'verdict',
      transactionalId,
      producerId,
      producerEpoch,
      partitions,
      checkpointId,
      verdict
    })
  }

  async #load(): Promise<Place> {
    const { runtime, folder } = this.#program
    await runtime.files.mkdir(folder)
    for (let at = folder; at !== ''; at = at.slice(0, at.lastIndexOf('/'))) {
      await runtime.files.syncFolder(at.slice(0, at.lastIndexOf('/')) || '/')
    }
    try {
      const place: Place = JSON.parse(
        Buffer.from(await runtime.files.read(`${folder}/place`, placeBytesMax)).toString()
      )
      return { ...place, saved: place.saved === null ? null : parsePrepared(place.saved) }
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { next: 0, saved: null }
      throw error
    }
  }

  async #save(place: Place): Promise<void> {
    const { runtime, folder } = this.#program
    const temporary = `${folder}/${Buffer.from(runtime.randomBytes(8)).toString('hex')}`
    const file = await runtime.files.create(temporary, 0o600)
    await file.write(Buffer.from(JSON.stringify(place)))
    await file.sync()
    await file.close()
    await runtime.files.rename(temporary, `${folder}/place`)
    await runtime.files.syncFolder(folder)
  }
}
