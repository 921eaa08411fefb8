// Transactions that follow each other have producers of their own, between which a broker keeps no order: what keeps it
// is that a subtask goes on behind a barrier only when its records before it are acknowledged.
import { expect, test } from 'vitest'
import type { Kafka, Transaction } from '../../../src/client/index.ts'
import { nodeRuntime } from '../../../src/runtime/index.ts'
import type { SinkWriter, SubtaskContext } from '../../../src/exactlyonce/functions.ts'
import { SimpleStringSchema } from '../../../src/exactlyonce/schemas.ts'
import { KafkaTransactionParticipant } from '../../../src/exactlyonce/sink/kafka_participant.ts'
import { KafkaSink } from '../../../src/exactlyonce/sink/kafka_sink.ts'

interface Scripted {
  readonly writer: SinkWriter<string>
  /** What reached transactions and participant, in order. */
  readonly calls: string[]
  readonly acknowledge: () => void
}

function scripted(): Scripted {
  const calls: string[] = []
  let acknowledge: (() => void) | undefined
  const fake = {
    append: (_topic: string, _partition: unknown, _key: unknown, value: Uint8Array) => {
      calls.push(`append ${Buffer.from(value).toString()}`)
    },
    flush: () => {
      calls.push('flush')
      return new Promise<void>((resolve) => {
        acknowledge = resolve
      })
    }
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the writer uses these two methods
  const transaction = fake as unknown as Transaction
  const participant: KafkaTransactionParticipant = Object.assign(Object.create(KafkaTransactionParticipant.prototype), {
    cleanTopic: () => undefined,
    createTransactionWriter: () => ({
      current: () => ({ transaction }),
      passBarrier: (checkpointId: number) => calls.push(`barrier ${checkpointId}`)
    })
  })
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- nothing is asked of the cluster
  const kafka = { cluster: {} } as unknown as Kafka
  const sink = new KafkaSink({ kafka, topic: 'out', schema: new SimpleStringSchema(), transactionalIdPrefix: 'p' })
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a writer in a transaction needs none of it
  const context = { runtime: nodeRuntime() } as unknown as SubtaskContext
  return { writer: sink.createWriter(context, participant), calls, acknowledge: () => acknowledge?.() }
}

test('a subtask waits at a barrier until its records are acknowledged', async () => {
  const { writer, calls, acknowledge } = scripted()
  await writer.invoke(['a', 'b'])
  const passed = writer.passBarrier?.(7)
  await new Promise((resolve) => setImmediate(resolve))
  expect(calls).toEqual(['append a', 'append b', 'flush'])
  acknowledge()
  await passed
  expect(calls.at(-1)).toBe('barrier 7')
})

test('a subtask that wrote nothing passes at once', async () => {
  const { writer, calls } = scripted()
  await writer.passBarrier?.(7)
  await writer.invoke([])
  await writer.passBarrier?.(8)
  expect(calls).toEqual(['barrier 7', 'barrier 8'])
})
