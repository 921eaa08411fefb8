// A program that uses transactions without the engine: it writes numbered transactions, saves the handle of each before
// it commits, and after a crash resumes the saved one. Each number must become visible exactly once. It keeps its place
// in one file, replaced by rename.
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
}

/** What the program must not forget. */
interface Place {
  /** The number of the transaction that comes next, or of the saved one. */
  readonly next: number
  readonly saved: PreparedTransaction | null
}

/** Before so many of the transactions, one is aborted. */
const abortedShare = 0.3
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
async function prove(resumed: ResumedTransaction, { kind }: Verdict): Promise<void> {
  // What is not decided has no markers to come.
  if (kind === 'fenced' || kind === 'foreignHandle') return
  const proof = await resumed.prove()
  if (proof.kind === 'proven') return
  await resumed.repair(proof, kind === 'committed' || kind === 'alreadyCommitted' ? 'commit' : 'abort')
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
    const { transactionalId, transactionTimeoutMs, lingerMs, transactions, runtime, tell } = this.#program
    let place = await this.#load()
    if (place.saved !== null) {
      const resumed = this.#kafka.resumeTransaction(place.saved)
      const verdict = await resumed.commit()
      this.#tell(place.saved, place.next, verdict)
      await prove(resumed, verdict)
      place = await this.#passed(place, verdict)
    }
    await using producer = this.#kafka.transactionalProducer({ transactionalId, transactionTimeoutMs, lingerMs })
    await producer.init()
    tell({ event: 'started', incarnation: 0, restoredCheckpointId: place.next })
    while (place.next < transactions) {
      place = await this.#write(producer, place.next)
      await runtime.sleep(this.#program.pauseMs)
    }
  }

  async #write(producer: TransactionalProducer, number: number): Promise<Place> {
    if (this.#program.runtime.random() < abortedShare) {
      const changedMind = producer.beginTransaction()
      await changedMind.send(this.#messages(number))
      await changedMind.abort()
    }
    const transaction = producer.beginTransaction()
    const messages = this.#messages(number)
    await transaction.send(messages)
    const saved = await transaction.prepare()
    const place = { next: number, saved }
    await this.#save(place)
    const verdict = await transaction.commit()
    this.#tell(saved, number, verdict)
    await prove(this.#kafka.resumeTransaction(saved), verdict)
    return this.#passed(place, verdict)
  }

  /** Goes on after a verdict: to the next number, or once more with the same one. */
  async #passed({ next }: Place, { kind }: Verdict): Promise<Place> {
    if (kind === 'fenced' || kind === 'foreignHandle') throw Object.assign(new Error(kind), { code: 'UNDECIDED' })
    const isThere = kind === 'committed' || kind === 'alreadyCommitted'
    const place = { next: isThere ? next + 1 : next, saved: null }
    await this.#save(place)
    if (isThere) this.#program.tell({ event: 'counts', subtaskIndex: 0, counts: { 0: place.next } })
    return place
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

  #tell(handle: PreparedTransaction, checkpointId: number, { kind }: Verdict): void {
    const { transactionalId, producerId, producerEpoch, partitions } = handle
    this.#program.tell({
      event: 'verdict',
      transactionalId,
      producerId,
      producerEpoch,
      partitions,
      checkpointId,
      verdict: kind
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
      return { next: place.next, saved: place.saved === null ? null : parsePrepared(place.saved) }
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
