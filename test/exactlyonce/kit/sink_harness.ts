// Kafka sinks of one job with their participant and without an engine: the test plays the coordinator, one call at a time.
import { expect, onTestFinished } from 'vitest'
import type { Kafka } from 'kafka-once'
import { KafkaSink, SimpleStringSchema } from 'kafka-once/exactlyonce'
import type {
  CheckpointingSettings,
  KafkaSinkOptions,
  ParticipantContext,
  RetainedCheckpoint,
  SinkWriter,
  TransactionParticipant
} from 'kafka-once/exactlyonce'
import { uniqueName } from '../kafka_fixture.ts'
import { participantContextOf, subtaskContextOf } from './contexts.ts'

export const schema = new SimpleStringSchema()
export const checkpointing: CheckpointingSettings = {
  intervalMs: 1000,
  timeoutMs: 5000,
  minPauseMs: 0,
  concurrentMax: 3
}

/** No other run publishes anything in these tests. */
export const isNewest = (): Promise<boolean> => Promise.resolve(true)

/** The sinks of one job with their participant. */
export class SinkHarness {
  readonly sinks: readonly KafkaSink<string>[]
  readonly participant: TransactionParticipant
  readonly writers: SinkWriter<string>[] = []
  readonly #ending = new AbortController()

  constructor(sinks: readonly KafkaSink<string>[], settings: Partial<ParticipantContext> = {}) {
    this.sinks = sinks
    const { signal } = this.#ending
    const own = { runId: uniqueName('run'), sinks, writersCount: sinks.length, recoveryDeadlineMs: 20_000, signal }
    this.participant = sinks[0]!.participant!.create(participantContextOf({ checkpointing, ...own, ...settings }))
    onTestFinished(() => this.close())
  }

  /** Recovery as the engine does it, and the writers after it. */
  async start(retained: readonly RetainedCheckpoint[] = [], firstCheckpointId = 0): Promise<this> {
    const chosen = retained.at(-1)
    await this.participant.checkStart()
    for (const pending of chosen?.snapshot?.pending ?? []) {
      expect(await this.participant.recoverAndCommit(pending)).toEqual({ kind: 'committed' })
    }
    await this.participant.fence(retained)
    expect(await this.participant.verify(chosen, isNewest)).toMatchObject({ kind: 'consistent' })
    await this.participant.begin(chosen, firstCheckpointId)
    const context = subtaskContextOf({ signal: this.#ending.signal })
    for (const sink of this.sinks) this.writers.push(sink.createWriter(context, this.participant))
    return this
  }

  async write(...values: string[]): Promise<void> {
    for (const writer of this.writers) await writer.invoke(values)
  }

  async preCommit(checkpointId: number): Promise<RetainedCheckpoint> {
    for (const writer of this.writers) await writer.passBarrier?.(checkpointId)
    return { checkpointId, snapshot: await this.participant.preCommit(checkpointId) }
  }

  async close(): Promise<void> {
    this.#ending.abort(new Error('the test is over'))
    await this.participant.close()
  }
}

export function sinkOf(kafka: Kafka, topic: string, prefix: string, options: Partial<KafkaSinkOptions<string>> = {}) {
  return new KafkaSink({
    kafka,
    topic,
    schema,
    transactionalIdPrefix: prefix,
    transactionTimeoutMs: 60_000,
    ...options
  })
}
