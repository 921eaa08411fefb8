// The Kafka sink on a real broker: nothing is visible before its checkpoint commits, then all of it at once; what waits
// to be committed survives and is proven; and settings under which the promise cannot be kept are refused.
import { describe, expect, it } from 'vitest'
import type { Kafka } from 'kafka-once'
import { KafkaSink, SimpleStringSchema } from 'kafka-once/exactlyonce'
import type { ParticipantContext, RetainedCheckpoint, StateValue } from 'kafka-once/exactlyonce'
import { readCommitted } from '../../broker/log_scan.ts'
import { describeKafka } from '../../broker/real_kafka.ts'
import { newTopic, numbered, openKafka, uniqueName, until } from '../kafka_fixture.ts'
import { subtaskContextOf } from '../kit/contexts.ts'
import { checkpointing, isNewest, schema, SinkHarness, sinkOf } from '../kit/sink_harness.ts'

const ids = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, slot) => `${prefix}.0.${slot}`)

async function statesOf(kafka: Kafka, prefix: string): Promise<Map<string, string>> {
  const listed = await kafka.admin().listTransactions({ transactionalIdPrefix: `${prefix}.` })
  const described = await kafka.admin().describeTransactions(listed.map(({ transactionalId }) => transactionalId))
  return new Map([...described].map(([id, { state }]) => [id, state]))
}

const visible = async (bootstrap: string, topic: string): Promise<string[]> => {
  const records = await readCommitted(bootstrap, topic)
  return records.map(({ value }) => (value === null ? '' : Buffer.from(value).toString()))
}

async function ends(kafka: Kafka, topic: string): Promise<{ stable: bigint; end: bigint }> {
  const query = [{ topic, partition: 0, position: 'latest' as const }]
  const key = `${topic}:0`
  const [stable, end] = [
    await kafka.admin().listOffsets(query, { isolationLevel: 'read_committed' }),
    await kafka.admin().listOffsets(query, { isolationLevel: 'read_uncommitted' })
  ]
  return { stable: stable.get(key)!.offset, end: end.get(key)!.offset }
}

const refusal = async (sinks: readonly KafkaSink<string>[], settings: Partial<ParticipantContext> = {}) => {
  try {
    await new SinkHarness(sinks, settings).participant.checkStart()
  } catch (error) {
    expect(error).toMatchObject({ name: 'JobError', code: 'INVALID_JOB', fatal: true })
    return error instanceof Error ? error.message : ''
  }
  return 'nothing was refused'
}

describeKafka('the Kafka sink', ({ bootstrap }) => {
  it('shows nothing between the snapshot and the commit: readers wait at the first open offset', async () => {
    const kafka = openKafka(bootstrap)
    const topic = await newTopic(kafka, 'invisible')
    const harness = await new SinkHarness([sinkOf(kafka, topic, topic)]).start()
    await harness.write(...numbered(3))
    await harness.preCommit(0)
    expect(await ends(kafka, topic)).toEqual({ stable: 0n, end: 3n })
    expect(await visible(bootstrap, topic)).toEqual([])
    await harness.participant.commit(0)
    expect(await visible(bootstrap, topic)).toEqual(numbered(3))
    expect(await ends(kafka, topic)).toEqual({ stable: 4n, end: 4n })
  })

  it('takes the transaction from Ongoing to CompleteCommit, and not before the commit', async () => {
    const kafka = openKafka(bootstrap)
    const topic = await newTopic(kafka, 'phase-two')
    const harness = await new SinkHarness([sinkOf(kafka, topic, topic)]).start()
    await harness.write('one')
    await harness.preCommit(0)
    const [id] = ids(topic, 1)
    expect((await statesOf(kafka, topic)).get(id!)).toBe('Ongoing')
    await harness.participant.commit(0)
    expect((await statesOf(kafka, topic)).get(id!)).toBe('CompleteCommit')
  })

  it('holds three checkpoints in three ids while none is confirmed, and commits them in order', async () => {
    const kafka = openKafka(bootstrap)
    const topic = await newTopic(kafka, 'in-flight')
    const harness = await new SinkHarness([sinkOf(kafka, topic, topic)]).start()
    for (const checkpointId of [0, 1, 2]) {
      await harness.write(`of checkpoint ${checkpointId}`)
      const { snapshot } = await harness.preCommit(checkpointId)
      expect(snapshot!.pending.map((pending) => pending.checkpointId)).toEqual(
        Array.from({ length: checkpointId + 1 }, (_, i) => i)
      )
    }
    const ongoing = [...(await statesOf(kafka, topic))].filter(([, state]) => state === 'Ongoing')
    expect(ongoing.map(([id]) => id).toSorted()).toEqual(ids(topic, 3))
    for (const checkpointId of [0, 1, 2]) await harness.participant.commit(checkpointId)
    expect([...(await statesOf(kafka, topic)).values()]).not.toContain('Ongoing')
    expect((await visible(bootstrap, topic)).toSorted()).toEqual([0, 1, 2].map((id) => `of checkpoint ${id}`))
  })

  it('uses the same few ids over and over', async () => {
    const kafka = openKafka(bootstrap)
    const topic = await newTopic(kafka, 'ids')
    const harness = await new SinkHarness([sinkOf(kafka, topic, topic)]).start()
    for (let checkpointId = 0; checkpointId < 30; checkpointId++) {
      await harness.write(`record ${checkpointId}`)
      await harness.preCommit(checkpointId)
      await harness.participant.commit(checkpointId)
    }
    expect([...(await statesOf(kafka, topic)).keys()].toSorted()).toEqual(ids(topic, checkpointing.concurrentMax + 2))
    expect(await visible(bootstrap, topic)).toEqual(numbered(30))
  })

  it('makes writers wait while every id holds a transaction that is not proven', async () => {
    const kafka = openKafka(bootstrap)
    const topic = await newTopic(kafka, 'pressure')
    const settings = { checkpointing: { ...checkpointing, concurrentMax: 1 } }
    const harness = await new SinkHarness([sinkOf(kafka, topic, topic)], settings).start()
    for (const checkpointId of [0, 1, 2]) {
      await harness.write(`record ${checkpointId}`)
      await harness.preCommit(checkpointId)
    }
    let isWritten = false
    const write = harness.write('record 3').then(() => (isWritten = true))
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(isWritten).toBe(false)
    await harness.participant.commit(0)
    await write
    expect(isWritten).toBe(true)
  })

  it('keeps at most 512 bytes of a pending transaction and 32 more of each partition', async () => {
    const kafka = openKafka(bootstrap)
    const topic = await newTopic(kafka, 'size', 6)
    let next = 0
    const spread = Object.assign(new SimpleStringSchema(), { partition: () => next++ % 6 })
    const harness = await new SinkHarness([sinkOf(kafka, topic, topic, { schema: spread })]).start()
    await harness.write(...numbered(60))
    const { snapshot } = await harness.preCommit(0)
    const [pending] = snapshot!.pending
    expect(JSON.stringify(pending).length).toBeLessThanOrEqual(512 + 32 * 6)
  })

  it('opens no transaction for a checkpoint without records', async () => {
    const kafka = openKafka(bootstrap)
    const topic = await newTopic(kafka, 'empty')
    const harness = await new SinkHarness([sinkOf(kafka, topic, topic)]).start()
    await harness.write()
    expect((await harness.preCommit(0)).snapshot!.pending).toEqual([])
    await harness.participant.commit(0)
    expect([...new Set((await statesOf(kafka, topic)).values())]).toEqual(['Empty'])
  })

  it('shows the records of two sinks together', async () => {
    const kafka = openKafka(bootstrap)
    const prefix = uniqueName('two')
    const topics = [await newTopic(kafka, 'left'), await newTopic(kafka, 'right')]
    const harness = await new SinkHarness(topics.map((topic) => sinkOf(kafka, topic, prefix))).start()
    await harness.write('both')
    const { snapshot } = await harness.preCommit(0)
    expect(snapshot!.pending).toHaveLength(1)
    for (const topic of topics) expect(await visible(bootstrap, topic)).toEqual([])
    await harness.participant.commit(0)
    for (const topic of topics) expect(await visible(bootstrap, topic)).toEqual(['both'])
  })

  it('writes into topics that the records choose', async () => {
    const kafka = openKafka(bootstrap)
    const topics = [await newTopic(kafka, 'a'), await newTopic(kafka, 'b')]
    const topicFor = (value: string): string | undefined => topics[Number(value)]
    const harness = await new SinkHarness([sinkOf(kafka, topics[0]!, topics[0]!, { topicFor })]).start()
    await harness.write('0', '1', '2')
    await harness.preCommit(0)
    await harness.participant.commit(0)
    expect(await visible(bootstrap, topics[0]!)).toEqual(['0', '2'])
    expect(await visible(bootstrap, topics[1]!)).toEqual(['1'])
  })

  describe('recovery', () => {
    it('commits what a checkpoint holds and ends what no checkpoint knows', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await newTopic(kafka, 'recovery')
      const first = await new SinkHarness([sinkOf(kafka, topic, topic)]).start()
      await first.write('kept')
      const retained = await first.preCommit(0)
      await first.write('not kept')
      await until(async () => (await ends(kafka, topic)).end === 2n, 'the second record is written')
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what was written is read back
      const saved = JSON.parse(JSON.stringify(retained)) as RetainedCheckpoint
      const second = await new SinkHarness([sinkOf(openKafka(bootstrap), topic, topic)]).start([saved], 2)
      expect(await visible(bootstrap, topic)).toEqual(['kept'])
      await second.write('new')
      await second.preCommit(2)
      await second.participant.commit(2)
      expect(await visible(bootstrap, topic)).toEqual(['kept', 'new'])
      // The first run is shut out, and says so.
      await expect(first.preCommit(1)).rejects.toMatchObject({ code: 'PRODUCER_FENCED' })
    })

    it('settles the same transaction again without harm', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await newTopic(kafka, 'again')
      const first = await new SinkHarness([sinkOf(kafka, topic, topic)]).start()
      await first.write('once')
      const retained = await first.preCommit(0)
      await first.participant.commit(0)
      await first.close()
      for (const _ of [1, 2]) {
        const next = await new SinkHarness([sinkOf(kafka, topic, topic)]).start([retained], 2)
        await next.close()
      }
      expect(await visible(bootstrap, topic)).toEqual(['once'])
    })

    it('finds a lost transaction lost, with its place and its age', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await newTopic(kafka, 'lost')
      const first = await new SinkHarness([sinkOf(kafka, topic, topic)]).start()
      await first.write('lost')
      const { snapshot } = await first.preCommit(0)
      const [pending] = snapshot!.pending
      const producer = kafka.transactionalProducer({ transactionalId: `${topic}.0.0` })
      await producer.init()
      await producer.close()
      const second = new SinkHarness([sinkOf(kafka, topic, topic)])
      const settled = await second.participant.recoverAndCommit(pending!)
      expect(settled).toMatchObject({
        kind: 'lost',
        loss: {
          checkpointId: 0,
          transactionalId: `${topic}.0.0`,
          partitions: [{ topic, partition: 0, firstOffset: '0' }]
        }
      })
      expect(await visible(bootstrap, topic)).toEqual([])
    })

    it('finds its own transaction lost while it runs, and never takes it for committed', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await newTopic(kafka, 'lost')
      const running = await new SinkHarness([sinkOf(kafka, topic, topic)]).start()
      await running.write('lost')
      await running.preCommit(0)
      const producer = kafka.transactionalProducer({ transactionalId: `${topic}.0.0` })
      await producer.init()
      await producer.close()
      const committing = running.participant.commit(0)
      await expect(committing).rejects.toMatchObject({ code: 'TRANSACTION_LOST', fatal: false })
      expect(await visible(bootstrap, topic)).toEqual([])
    })

    it('does not believe a store that knows less than the ledger', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await newTopic(kafka, 'ledger')
      const first = await new SinkHarness([sinkOf(kafka, topic, topic)]).start()
      await first.write('a')
      const older = await first.preCommit(0)
      await first.participant.commit(0)
      await first.write('b')
      const newer = await first.preCommit(1)
      await first.participant.commit(1)
      await first.close()
      const second = new SinkHarness([sinkOf(kafka, topic, topic)])
      await second.participant.fence([older, newer])
      expect(await second.participant.verify(newer, isNewest)).toEqual({ kind: 'consistent', checkpointIdMax: 1 })
      expect(await second.participant.verify(older, isNewest)).toMatchObject({ kind: 'unexplained' })
      expect(await second.participant.verify(undefined, isNewest)).toMatchObject({ kind: 'unexplained' })
    })

    it('does not go on at another cluster than the one its checkpoints belong to', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await newTopic(kafka, 'cluster')
      const first = await new SinkHarness([sinkOf(kafka, topic, topic)]).start()
      const { checkpointId, snapshot } = await first.preCommit(0)
      await first.close()
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- an object with one field changed
      const recorded = { ...Object(snapshot!.recorded), clusterId: 'another' } as StateValue
      const second = new SinkHarness([sinkOf(kafka, topic, topic)])
      const fencing = second.participant.fence([{ checkpointId, snapshot: { pending: [], recorded } }])
      await expect(fencing).rejects.toMatchObject({ code: 'INVALID_JOB', fatal: true })
    })

    it('shuts out ids of an earlier, larger pool, and goes on knowing their witnesses', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await newTopic(kafka, 'shrunk')
      const first = await new SinkHarness([sinkOf(kafka, topic, topic)]).start()
      let retained: RetainedCheckpoint | undefined
      for (const checkpointId of [0, 1, 2, 3]) {
        await first.write(`record ${checkpointId}`)
        retained = await first.preCommit(checkpointId)
      }
      for (const checkpointId of [0, 1, 2, 3]) await first.participant.commit(checkpointId)
      await first.write('left open in the fifth id')
      await until(async () => (await ends(kafka, topic)).end > (await ends(kafka, topic)).stable, 'a record is open')
      const settings = { checkpointing: { ...checkpointing, concurrentMax: 1 } }
      const second = await new SinkHarness([sinkOf(kafka, topic, topic)], settings).start([retained!], 5)
      expect([...(await statesOf(kafka, topic)).values()]).not.toContain('Ongoing')
      const next = await second.preCommit(5)
      await second.close()
      const third = await new SinkHarness([sinkOf(kafka, topic, topic)], settings).start([next], 7)
      await third.close()
      expect(await visible(bootstrap, topic)).toEqual(numbered(4))
    })

    it('touches no id of another task or prefix', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await newTopic(kafka, 'foreign')
      const prefix = uniqueName('mine')
      const strangers = [`${prefix}.1.0`, `${prefix}.0.x`, `${prefix}.0.0.0`, `${prefix}-2.0.0`]
      const transactions = await Promise.all(
        strangers.map(async (transactionalId) => {
          const transaction = kafka.transactionalProducer({ transactionalId }).beginTransaction()
          await transaction.send({ topic, partition: 0, value: transactionalId })
          return transaction
        })
      )
      await new SinkHarness([sinkOf(kafka, topic, prefix)]).start()
      for (const transaction of transactions) expect(await transaction.commit()).toEqual({ kind: 'committed' })
      // A commit is decided at once, its markers follow.
      await until(async () => (await visible(bootstrap, topic)).length >= strangers.length, 'all that was committed')
      expect((await visible(bootstrap, topic)).toSorted()).toEqual([...strangers].toSorted())
    })
  })

  describe('refuses to start', () => {
    it('with a timeout above the broker’s, and names both', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await newTopic(kafka, 'refused')
      const message = await refusal([sinkOf(kafka, topic, topic, { transactionTimeoutMs: 900_001 })])
      expect(message).toMatch(/900001.*transaction\.max\.timeout\.ms.*900000/)
    })

    it('with a timeout that ends before a checkpoint may, and names the three numbers', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await newTopic(kafka, 'refused')
      const message = await refusal([sinkOf(kafka, topic, topic, { transactionTimeoutMs: 5999 })])
      expect(message).toMatch(/5999.*1000.*5000/)
    })

    it('without its topic', async () => {
      const kafka = openKafka(bootstrap)
      const topic = uniqueName('nowhere')
      expect(await refusal([sinkOf(kafka, topic, topic)])).toMatch(topic)
    })

    it('with sinks that contradict each other', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await newTopic(kafka, 'refused')
      const sink = sinkOf(kafka, topic, topic)
      expect(await refusal([sink, sinkOf(openKafka(bootstrap), topic, topic)])).toMatch(/different objects/)
      expect(await refusal([sink, sinkOf(kafka, topic, topic, { transactionTimeoutMs: 70_000 })])).toMatch(
        /60000.*70000/
      )
      expect(await refusal([sink, sinkOf(kafka, topic, topic, { producer: { lingerMs: 1 } })])).toMatch(
        /producer options/
      )
    })
  })

  describe('without transactions', () => {
    it('AT_LEAST_ONCE has everything acknowledged when the snapshot is taken', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await newTopic(kafka, 'at-least-once')
      const sink = new KafkaSink<string>({
        kafka,
        topic,
        schema,
        semantic: 'AT_LEAST_ONCE',
        producer: { lingerMs: 1000 }
      })
      expect(sink.participant).toBeUndefined()
      const writer = sink.createWriter(subtaskContextOf(), undefined)
      for (let i = 0; i < 100; i++) await writer.invoke(numbered(10, i * 10))
      await writer.snapshotState?.({ checkpointId: 1 })
      expect((await visible(bootstrap, topic)).toSorted()).toEqual(numbered(1000).toSorted())
      await writer.close()
    })

    const small = { requestBytesMax: 1024, batchBytesMax: 512 }
    const tooLarge = 'x'.repeat(2000)

    it('AT_LEAST_ONCE ends the job with the first record that could not be written', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await newTopic(kafka, 'refusing')
      const sink = new KafkaSink<string>({ kafka, topic, schema, semantic: 'AT_LEAST_ONCE', producer: small })
      const writer = sink.createWriter(subtaskContextOf(), undefined)
      await writer.invoke([tooLarge])
      await expect(writer.snapshotState?.({ checkpointId: 1 })).rejects.toMatchObject({ code: 'RECORD_TOO_LARGE' })
      // Without checkpoints, the end is the first to tell.
      await expect(writer.close()).rejects.toMatchObject({ code: 'RECORD_TOO_LARGE' })
    })

    it('NONE goes on and reports what was not written', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await newTopic(kafka, 'refusing')
      const events: unknown[] = []
      const sink = new KafkaSink<string>({ kafka, topic, schema, semantic: 'NONE', producer: small })
      const writer = sink.createWriter({ ...subtaskContextOf(), report: (event) => void events.push(event) }, undefined)
      await writer.invoke([tooLarge])
      await writer.invoke(['fine'])
      await writer.snapshotState?.({ checkpointId: 1 })
      await writer.close()
      expect(events).toMatchObject([{ kind: 'recordsNotWritten', count: 1 }])
      expect(await visible(bootstrap, topic)).toEqual(['fine'])
    })
  })
})
