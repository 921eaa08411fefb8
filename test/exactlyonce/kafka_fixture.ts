// What the suites of the Kafka source and sink share: names of their own on a shared broker, records to read, and a
// harness that plays the engine's part towards source readers, one call at a time.
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { onTestFinished } from 'vitest'
import { Kafka } from 'kafka-once'
import type { ProducerMessage } from 'kafka-once'
import type { StateValue, SubtaskContext, SubtaskEvent } from 'kafka-once/exactlyonce'
import type { KafkaSource } from '../../src/exactlyonce/source/kafka_source.ts'
import type { KafkaSourceReader } from '../../src/exactlyonce/source/source_reader.ts'
import { subtaskContextOf } from './kit/contexts.ts'

/** A name that no other suite on the broker has. */
export function uniqueName(what: string): string {
  return `eo-${what}-${randomBytes(6).toString('hex')}`
}

/** A client that is closed when the test ends. */
export function openKafka(bootstrap: string): Kafka {
  const kafka = new Kafka({ brokers: bootstrap.split(',') })
  onTestFinished(() => kafka.close())
  return kafka
}

export async function newTopic(
  kafka: Kafka,
  what: string,
  partitionCount = 1,
  configs: Readonly<Record<string, string>> = {}
): Promise<string> {
  const topic = uniqueName(what)
  await kafka.admin().createTopics([{ topic, partitionCount, replicationFactor: 1, configs }])
  return topic
}

/** Writes values into one partition, in order, outside any transaction. */
export async function feed(
  kafka: Kafka,
  topic: string,
  values: readonly string[],
  options: Partial<ProducerMessage> = {}
): Promise<void> {
  const producer = kafka.producer()
  await producer.send(values.map((value) => ({ topic, partition: 0, ...options, value })))
  await producer.close()
}

export const numbered = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, i) => `record ${from + i}`)

/** Waits until it is so, or fails. */
export async function until(isSo: () => boolean | Promise<boolean>, what: string, patienceMs = 20_000): Promise<void> {
  const endMs = Date.now() + patienceMs
  while (!(await isSo())) {
    if (Date.now() > endMs) throw new Error(`Not so after ${patienceMs} ms: ${what}`)
    await sleep(20)
  }
}

/** The state of all subtasks in a checkpoint. */
export type SourceState = readonly StateValue[]

/** All subtasks of one source, without an engine. */
export class SourceHarness<T> {
  readonly readers: KafkaSourceReader<T>[]
  readonly events: SubtaskEvent[] = []
  readonly #ending = new AbortController()
  readonly #states: StateValue[][] = []

  /** `restored` is a snapshot of another harness. */
  constructor(source: KafkaSource<T>, parallelism: number, restored?: SourceState) {
    this.readers = Array.from({ length: parallelism }, (_, subtaskIndex) => {
      const reader = source.createReader(this.#context(subtaskIndex, parallelism))
      let own: StateValue[] = [...(restored ?? [])]
      this.#states[subtaskIndex] = own
      const listState = {
        get: () => own,
        add: (value: StateValue) => void own.push(value),
        clear: () => void (own = []),
        update: (values: readonly StateValue[]) => {
          own = [...values]
          this.#states[subtaskIndex] = own
        }
      }
      reader.initializeState({
        restoredCheckpointId: restored === undefined ? undefined : 1,
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a list of whatever the source keeps
        getListState: () => listState as never,
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as above
        getUnionListState: () => listState as never
      })
      return reader
    })
    onTestFinished(() => this.close())
  }

  static async open<T>(source: KafkaSource<T>, parallelism = 1, restored?: SourceState): Promise<SourceHarness<T>> {
    const harness = new SourceHarness(source, parallelism, restored)
    await Promise.all(harness.readers.map((reader) => reader.open()))
    return harness
  }

  #context(subtaskIndex: number, parallelism: number): SubtaskContext {
    const report = (event: SubtaskEvent): void => void this.events.push(event)
    return subtaskContextOf({ operatorName: 'source', subtaskIndex, parallelism, signal: this.#ending.signal, report })
  }

  /** Polls all subtasks in turn until so many elements have come; throws where more come. */
  async take(count: number, patienceMs = 15_000): Promise<T[]> {
    const elements: T[] = []
    const endMs = Date.now() + patienceMs
    while (elements.length < count) {
      if (Date.now() > endMs) throw new Error(`Only ${elements.length} of ${count} elements came`)
      for (const reader of this.readers) {
        const polled = await reader.poll(100)
        if (polled !== 'end') elements.push(...polled)
      }
    }
    if (elements.length > count) throw new Error(`${elements.length} elements came where ${count} were expected`)
    return elements
  }

  /** What comes within a while. */
  async takeFor(waitMs: number): Promise<T[]> {
    const elements: T[] = []
    const endMs = Date.now() + waitMs
    while (Date.now() < endMs) {
      for (const reader of this.readers) {
        const polled = await reader.poll(50)
        if (polled !== 'end') elements.push(...polled)
      }
    }
    return elements
  }

  snapshot(checkpointId: number): SourceState {
    for (const reader of this.readers) reader.snapshotState({ checkpointId })
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what was written is read back
    return JSON.parse(JSON.stringify(this.#states.flat())) as StateValue[]
  }

  async close(): Promise<void> {
    this.#ending.abort(new Error('the test is over'))
    await Promise.all(this.readers.map((reader) => reader.close()))
  }
}
