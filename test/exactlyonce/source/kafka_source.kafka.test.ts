// The Kafka source on a real broker: every record once, positions that tell exactly what was emitted, restored positions
// that win over everything, and a stop where the log no longer holds what comes next.
import { describe, expect, it } from 'vitest'
import type { Kafka } from 'kafka-once'
import { RawBytesSchema, SimpleStringSchema } from 'kafka-once/exactlyonce'
import { KafkaSource } from '../../../src/exactlyonce/source/kafka_source.ts'
import type { KafkaSourceOptions } from '../../../src/exactlyonce/source/kafka_source_options.ts'
import { describeKafka } from '../../broker/real_kafka.ts'
import { feed, newTopic, numbered, openKafka, SourceHarness, uniqueName, until } from '../kafka_fixture.ts'
import type { SourceState } from '../kafka_fixture.ts'

const schema = new SimpleStringSchema()

function sourceOf(kafka: Kafka, options: Partial<KafkaSourceOptions<string>>): KafkaSource<string> {
  return new KafkaSource({ kafka, schema, startupMode: 'EARLIEST', ...options })
}

function offsetsOf(harness: SourceHarness<unknown>): Map<string, bigint> {
  const states = harness.readers.flatMap((reader) => reader.partitionStates())
  return new Map(states.map(({ topic, partition, offset }) => [`${topic}:${partition}`, offset]))
}

async function topicWithTimes(kafka: Kafka): Promise<string> {
  // A broker would throw away records that claim to be so old.
  const topic = await newTopic(kafka, 'startup', 1, { 'retention.ms': '-1' })
  for (let i = 0; i < 5; i++) await feed(kafka, topic, [`record ${i}`], { timestamp: 1_700_000_000_000 + i * 1000 })
  return topic
}

const firstOf = async (kafka: Kafka, topic: string, options: Partial<KafkaSourceOptions<string>>) => {
  const harness = await SourceHarness.open(sourceOf(kafka, { topics: [topic], ...options }))
  return offsetsOf(harness).get(`${topic}:0`)! + 1n
}

const committed = async (kafka: Kafka, groupId: string, topic: string): Promise<bigint | undefined> => {
  const offsets = await kafka.admin().fetchOffsets({ groupId, partitions: [{ topic, partition: 0 }] })
  return offsets.get(`${topic}:0`)?.offset
}

describeKafka('the Kafka source', ({ bootstrap }) => {
  describe('positions', () => {
    it('after three records the offset is 2, before the first it is one less than the start', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await newTopic(kafka, 'positions')
      await feed(kafka, topic, numbered(3))
      const harness = await SourceHarness.open(sourceOf(kafka, { topics: [topic] }))
      expect(offsetsOf(harness).get(`${topic}:0`)).toBe(-1n)
      expect(await harness.take(3)).toEqual(numbered(3))
      expect(harness.readers[0]!.partitionStates()).toMatchObject([{ offset: 2n, committedOffset: undefined }])
    })

    it('a snapshot between two arrays never holds a record that was not emitted, and lacks none that was', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await newTopic(kafka, 'atomic', 2)
      // Many small batches, so that there is a snapshot between them.
      const producer = kafka.producer({ batchBytesMax: 1000 })
      for (const partition of [0, 1]) {
        await producer.send(numbered(5000).map((text) => ({ topic, partition, value: text })))
      }
      const source = sourceOf(kafka, { topics: [topic], recordsPerPollMax: 100 })
      const harness = await SourceHarness.open(source)
      const [reader] = harness.readers
      let emitted = 0
      let snapshots = 0
      while (emitted < 10_000) {
        const polled = await reader!.poll(200)
        emitted += polled.length
        harness.snapshot(++snapshots)
        const covered = [...offsetsOf(harness).values()].reduce((sum, offset) => sum + offset + 1n, 0n)
        expect(covered).toBe(BigInt(emitted))
      }
      expect(snapshots).toBeGreaterThan(10)
    })

    it('go on right after the snapshot: the first record after offset 3 is the one at 4', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await newTopic(kafka, 'seek')
      await feed(kafka, topic, numbered(4))
      const first = await SourceHarness.open(sourceOf(kafka, { topics: [topic] }))
      await first.take(4)
      const state = first.snapshot(1)
      await first.close()
      await feed(kafka, topic, numbered(3, 4))
      const second = await SourceHarness.open(sourceOf(kafka, { topics: [topic] }), 1, state)
      expect(offsetsOf(second).get(`${topic}:0`)).toBe(3n)
      expect(await second.take(3)).toEqual(numbered(3, 4))
    })

    it('pass over what readers do not see, so that its removal is no loss', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await newTopic(kafka, 'unseen')
      const producer = kafka.transactionalProducer({ transactionalId: uniqueName('tx') })
      for (const end of ['commit', 'abort'] as const) {
        const transaction = producer.beginTransaction()
        await transaction.send({ topic, partition: 0, value: end })
        await transaction[end]()
      }
      await producer.close()
      const first = await SourceHarness.open(sourceOf(kafka, { topics: [topic] }))
      expect(await first.take(1)).toEqual(['commit'])
      // commit at 0, its marker, abort at 2, its marker at 3.
      await until(async () => {
        await first.takeFor(50)
        first.snapshot(1)
        return offsetsOf(first).get(`${topic}:0`) === 3n
      }, 'the position is past the last marker')
      const state = first.snapshot(2)
      await kafka.admin().deleteRecords([{ topic, partition: 0, before: 'all' }])
      await feed(kafka, topic, ['next'])
      const second = await SourceHarness.open(sourceOf(kafka, { topics: [topic] }), 1, state)
      expect(await second.take(1)).toEqual(['next'])
    })

    it('tell the lag', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await newTopic(kafka, 'lag')
      await feed(kafka, topic, numbered(10))
      const harness = await SourceHarness.open(sourceOf(kafka, { topics: [topic] }))
      await harness.take(10)
      expect(harness.readers[0]!.lag()).toBe(0n)
    })
  })

  describe('parallelism', () => {
    it('changes from 1 to 3 to 2 and each partition is read once', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await newTopic(kafka, 'rescale', 7)
      const write = async (round: number): Promise<string[]> => {
        const all: string[] = []
        for (let partition = 0; partition < 7; partition++) {
          const values = numbered(10).map((one) => `${round}/${partition}/${one}`)
          await feed(kafka, topic, values, { partition })
          all.push(...values)
        }
        return all.toSorted()
      }
      let state: SourceState | undefined
      for (const [round, parallelism] of [1, 3, 2].entries()) {
        const written = await write(round)
        const harness = await SourceHarness.open(sourceOf(kafka, { topics: [topic] }), parallelism, state)
        const states = harness.readers.flatMap((reader) => reader.partitionStates())
        expect(states.map(({ partition }) => partition).toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6])
        expect((await harness.take(70)).toSorted()).toEqual(written)
        expect(await harness.takeFor(200)).toEqual([])
        state = harness.snapshot(round)
        await harness.close()
      }
    })
  })

  describe('restore', () => {
    it('wins over the offsets of the group, and partitions that the state lacks begin at their beginning', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await newTopic(kafka, 'restore')
      const groupId = uniqueName('group')
      await feed(kafka, topic, numbered(6))
      const options = { topics: [topic], groupId, startupMode: 'LATEST' } as const
      const first = await SourceHarness.open(sourceOf(kafka, { ...options, startupMode: 'EARLIEST' }))
      await first.take(6)
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the snapshot with one offset changed
      const state = JSON.parse(JSON.stringify(first.snapshot(1)).replace('"5"', '"2"')) as SourceState
      await first.close()
      await kafka.admin().commitOffsets({ groupId, offsets: [{ topic, partition: 0, offset: 5n }] })
      await kafka.admin().createPartitions([{ topic, partitionCount: 2 }])
      await feed(kafka, topic, ['of the new partition'], { partition: 1 })
      const second = await SourceHarness.open(sourceOf(kafka, options), 1, state)
      expect((await second.take(4)).toSorted()).toEqual(['of the new partition', ...numbered(3, 3)])
    })

    it('stops with SOURCE_LOST where the log begins later', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await newTopic(kafka, 'retention')
      await feed(kafka, topic, numbered(3))
      const first = await SourceHarness.open(sourceOf(kafka, { topics: [topic] }))
      await first.take(3)
      const state = first.snapshot(1)
      await first.close()
      await feed(kafka, topic, numbered(4, 3))
      await kafka.admin().deleteRecords([{ topic, partition: 0, before: 5n }])
      const read = async (): Promise<unknown> => {
        const second = await SourceHarness.open(sourceOf(kafka, { topics: [topic] }), 1, state)
        return second.take(1)
      }
      await expect(read()).rejects.toMatchObject({ name: 'JobError', code: 'SOURCE_LOST', fatal: true })
      await expect(read()).rejects.toThrow(new RegExp(`${topic}-0@3`))
    })

    it('stops with SOURCE_LOST where the topic is gone, or another one of the same name', async () => {
      const kafka = openKafka(bootstrap)
      const admin = kafka.admin()
      const topic = await newTopic(kafka, 'recreated', 2)
      await feed(kafka, topic, numbered(3))
      const first = await SourceHarness.open(sourceOf(kafka, { topics: [topic] }))
      await first.take(3)
      const state = first.snapshot(1)
      await first.close()
      await admin.deleteTopics([topic])
      await expect.poll(() => admin.listTopics()).not.toContain(topic) // brokers hear of it a little later
      const restore = (): Promise<unknown> =>
        SourceHarness.open(sourceOf(openKafka(bootstrap), { topicPattern: new RegExp(topic) }), 1, state)
      await expect(restore()).rejects.toMatchObject({ code: 'SOURCE_LOST' })
      await until(async () => {
        await admin.createTopics([{ topic, partitionCount: 2, replicationFactor: 1 }])
        return true
      }, 'the topic is made again')
      await feed(openKafka(bootstrap), topic, numbered(9))
      await expect(restore()).rejects.toThrow(/deleted and created again/)
    })

    it('drops positions of topics that it was told not to read any more', async () => {
      const kafka = openKafka(bootstrap)
      const [left, right] = [await newTopic(kafka, 'left'), await newTopic(kafka, 'right')]
      await feed(kafka, left, ['l'])
      await feed(kafka, right, ['r'])
      const first = await SourceHarness.open(sourceOf(kafka, { topics: [left, right] }))
      await first.take(2)
      const second = await SourceHarness.open(sourceOf(kafka, { topics: [right] }), 1, first.snapshot(1))
      expect([...offsetsOf(second)]).toEqual([[`${right}:0`, 0n]])
    })
  })

  describe('startup modes', () => {
    it('EARLIEST, LATEST, a time, given offsets and the group each begin where they say', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await topicWithTimes(kafka)
      const groupId = uniqueName('group')
      await kafka.admin().commitOffsets({ groupId, offsets: [{ topic, partition: 0, offset: 3n }] })
      expect(await firstOf(kafka, topic, { startupMode: 'EARLIEST' })).toBe(0n)
      expect(await firstOf(kafka, topic, { startupMode: 'LATEST' })).toBe(5n)
      expect(await firstOf(kafka, topic, { startupMode: { timestampMs: 1_700_000_001_500 } })).toBe(2n)
      expect(await firstOf(kafka, topic, { startupMode: { timestampMs: 1_800_000_000_000 } })).toBe(5n)
      expect(await firstOf(kafka, topic, { startupMode: { specificOffsets: { [topic]: { 0: 4n } } } })).toBe(4n)
      expect(await firstOf(kafka, topic, { startupMode: 'GROUP_OFFSETS', groupId })).toBe(3n)
      expect(await firstOf(kafka, topic, { startupMode: { specificOffsets: {} }, groupId })).toBe(3n)
    })

    it('a group without an offset begins at the beginning, so that nothing is passed over', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await topicWithTimes(kafka)
      expect(await firstOf(kafka, topic, { startupMode: 'GROUP_OFFSETS', groupId: uniqueName('group') })).toBe(0n)
      expect(await firstOf(kafka, topic, { startupMode: { specificOffsets: {} } })).toBe(0n)
    })

    it('an offset of a partition that is not there is refused', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await topicWithTimes(kafka)
      const startupMode = { specificOffsets: { [topic]: { 7: 4n } } }
      const refused = firstOf(kafka, topic, { startupMode })
      await expect(refused).rejects.toMatchObject({ code: 'INVALID_JOB', message: expect.stringContaining('-7') })
    })

    it('an offset that the partition does not hold is refused before anything is written down', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await topicWithTimes(kafka)
      const startupMode = { specificOffsets: { [topic]: { 0: 6n } } }
      await expect(firstOf(kafka, topic, { startupMode })).rejects.toMatchObject({
        code: 'INVALID_JOB',
        fatal: true,
        message: expect.stringContaining(`startupMode gives offset 6 of ${topic}-0, which holds offsets 0 to 4.`)
      })
      expect(await firstOf(kafka, topic, { startupMode: { specificOffsets: { [topic]: { 0: 5n } } } })).toBe(5n)
      const groupId = uniqueName('group')
      await kafka.admin().commitOffsets({ groupId, offsets: [{ topic, partition: 0, offset: 2n }] })
      await kafka.admin().deleteRecords([{ topic, partition: 0, before: 3n }])
      await expect(firstOf(kafka, topic, { startupMode: 'GROUP_OFFSETS', groupId })).rejects.toMatchObject({
        code: 'SOURCE_LOST',
        fatal: true,
        message: expect.stringContaining(
          `Group ${groupId} has committed offset 2 of ${topic}-0, which holds offsets 3 to 4.`
        )
      })
    })

    it('LATEST of a topic with an open transaction begins before its records', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await topicWithTimes(kafka)
      const producer = kafka.transactionalProducer({ transactionalId: uniqueName('tx') })
      const transaction = producer.beginTransaction()
      await transaction.send({ topic, partition: 0, value: 'not committed yet' })
      const harness = await SourceHarness.open(sourceOf(kafka, { topics: [topic], startupMode: 'LATEST' }))
      await transaction.commit()
      await producer.close()
      expect(await harness.take(1)).toEqual(['not committed yet'])
    })

    it('are written down before the first record: LATEST means the end at the first start', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await topicWithTimes(kafka)
      const options = { topics: [topic], startupMode: 'LATEST' } as const
      const first = await SourceHarness.open(sourceOf(kafka, options))
      const state = first.snapshot(0)
      await first.close()
      await feed(kafka, topic, ['later'])
      const second = await SourceHarness.open(sourceOf(kafka, options), 1, state)
      expect(await second.take(1)).toEqual(['later'])
    })
  })

  describe('offsets of the group', () => {
    it('a snapshot at offset 3 commits 4, and only when the checkpoint is complete', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await newTopic(kafka, 'commit')
      const groupId = uniqueName('group')
      await feed(kafka, topic, numbered(4))
      const harness = await SourceHarness.open(sourceOf(kafka, { topics: [topic], groupId }))
      await harness.take(4)
      const [reader] = harness.readers
      harness.snapshot(1)
      expect(reader!.partitionStates()[0]!.committedOffset).toBeUndefined()
      expect([undefined, -1n]).toContain(await committed(kafka, groupId, topic))
      reader!.notifyCheckpointComplete(1)
      await until(async () => (await committed(kafka, groupId, topic)) === 4n, 'offset 4 is committed')
      await until(() => reader!.partitionStates()[0]!.committedOffset === 4n, 'the state knows')
    })

    it('notify(5) forgets 5 and all before; a skipped notify(4) is harmless', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await newTopic(kafka, 'pending')
      const groupId = uniqueName('group')
      await feed(kafka, topic, numbered(2))
      const harness = await SourceHarness.open(sourceOf(kafka, { topics: [topic], groupId }))
      const [reader] = harness.readers
      await harness.take(2)
      for (const id of [4, 5]) harness.snapshot(id)
      await feed(kafka, topic, numbered(1, 2))
      await harness.take(1)
      harness.snapshot(6)
      expect([...reader!.pendingOffsetsToCommit.keys()]).toEqual([4, 5, 6])
      reader!.notifyCheckpointComplete(5)
      expect([...reader!.pendingOffsetsToCommit.keys()]).toEqual([6])
      await until(async () => (await committed(kafka, groupId, topic)) === 2n, 'offsets of checkpoint 5 are committed')
    })

    it('by the clock they follow what was emitted, without any checkpoint', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await newTopic(kafka, 'periodic')
      const groupId = uniqueName('group')
      await feed(kafka, topic, numbered(3))
      const mode = { offsetCommitMode: 'KAFKA_PERIODIC', offsetCommitIntervalMs: 100 } as const
      const harness = await SourceHarness.open(sourceOf(kafka, { topics: [topic], groupId, ...mode }))
      await harness.take(3)
      await until(async () => {
        await harness.takeFor(50)
        return (await committed(kafka, groupId, topic)) === 3n
      }, 'offset 3 is committed')
    })

    it('DISABLED commits nothing', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await newTopic(kafka, 'disabled')
      const groupId = uniqueName('group')
      await feed(kafka, topic, numbered(3))
      const source = sourceOf(kafka, { topics: [topic], groupId, offsetCommitMode: 'DISABLED' })
      const harness = await SourceHarness.open(source)
      await harness.take(3)
      harness.snapshot(1)
      harness.readers[0]!.notifyCheckpointComplete(1)
      await harness.takeFor(200)
      expect([undefined, -1n]).toContain(await committed(kafka, groupId, topic))
    })
  })

  describe('discovery', () => {
    it('finds partitions that are added while it runs, and reads them from their beginning', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await newTopic(kafka, 'discovery')
      await feed(kafka, topic, ['0'])
      const source = sourceOf(kafka, { topics: [topic], discoveryIntervalMs: 100, startupMode: 'LATEST' })
      const harness = await SourceHarness.open(source, 2)
      await kafka.admin().createPartitions([{ topic, partitionCount: 4 }])
      const other = openKafka(bootstrap)
      for (const partition of [1, 2, 3]) await feed(other, topic, numbered(50), { partition })
      expect(await harness.take(150)).toHaveLength(150)
      expect(offsetsOf(harness)).toEqual(
        new Map([0, 1, 2, 3].map((partition) => [`${topic}:${partition}`, partition === 0 ? 0n : 49n]))
      )
      const restored = await SourceHarness.open(source, 1, harness.snapshot(1))
      expect(await restored.takeFor(300)).toEqual([])
    })

    it('finds topics that match and come later', async () => {
      const kafka = openKafka(bootstrap)
      const prefix = uniqueName('pattern')
      const source = sourceOf(kafka, { topicPattern: new RegExp(`${prefix}-\\d`), discoveryIntervalMs: 100 })
      const harness = await SourceHarness.open(source)
      expect(await harness.takeFor(100)).toEqual([])
      for (const name of [`${prefix}-1`, `x-${prefix}-1`, `${prefix}-12`]) {
        await kafka.admin().createTopics([{ topic: name, partitionCount: 1, replicationFactor: 1 }])
        await feed(kafka, name, [name])
      }
      expect(await harness.take(1)).toEqual([`${prefix}-1`])
      expect(await harness.takeFor(300)).toEqual([])
    })

    it('refuses to start without its topic', async () => {
      const kafka = openKafka(bootstrap)
      const topic = uniqueName('nowhere')
      await expect(SourceHarness.open(sourceOf(kafka, { topics: [topic] }))).rejects.toMatchObject({
        code: 'INVALID_JOB',
        message: expect.stringMatching(topic)
      })
    })
  })

  describe('bounded', () => {
    it('ends after what was there at the first start, also after a restore', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await newTopic(kafka, 'bounded', 3)
      for (const partition of [0, 1]) await feed(kafka, topic, numbered(20), { partition })
      const source = sourceOf(kafka, { topics: [topic], bounded: true })
      const first = await SourceHarness.open(source)
      const state = first.snapshot(0)
      await feed(kafka, topic, ['too late'])
      for (const restored of [undefined, state]) {
        const harness = restored === undefined ? first : await SourceHarness.open(source, 2, restored)
        expect(await harness.take(40)).toHaveLength(40)
        for (const reader of harness.readers) {
          await until(async () => (await reader.poll(50)) === 'end', 'the reader is at its end')
        }
        await harness.close()
      }
    })

    it('ends where the last records are not seen by anybody', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await newTopic(kafka, 'bounded-tx')
      const producer = kafka.transactionalProducer({ transactionalId: uniqueName('tx') })
      for (const end of ['commit', 'abort'] as const) {
        const transaction = producer.beginTransaction()
        await transaction.send({ topic, partition: 0, value: end })
        await transaction[end]()
      }
      await producer.close()
      const harness = await SourceHarness.open(sourceOf(kafka, { topics: [topic], bounded: true }))
      expect(await harness.take(1)).toEqual(['commit'])
      await until(async () => (await harness.readers[0]!.poll(50)) === 'end', 'the reader is at its end')
    })
  })

  describe('records that cannot be read', () => {
    const bad = Uint8Array.of(0xff, 0xfe)

    async function topicWithBad(kafka: Kafka): Promise<string> {
      const topic = await newTopic(kafka, 'bad')
      const producer = kafka.producer()
      const values = ['a', bad, 'b', null, 'c']
      await producer.send(values.map((value) => ({ topic, partition: 0, key: 'k', value })))
      await producer.close()
      return topic
    }

    it('end the job with the place of the record', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await topicWithBad(kafka)
      const harness = await SourceHarness.open(sourceOf(kafka, { topics: [topic] }))
      await expect(harness.take(5)).rejects.toMatchObject({ code: 'JOB_FAILED', fatal: true })
      await expect(SourceHarness.open(sourceOf(kafka, { topics: [topic] })).then((one) => one.take(5))).rejects.toThrow(
        `${topic}-0@1`
      )
    })

    it('are left out and reported', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await topicWithBad(kafka)
      const harness = await SourceHarness.open(sourceOf(kafka, { topics: [topic], onBadRecord: 'skip' }))
      expect(await harness.take(3)).toEqual(['a', 'b', 'c'])
      expect(harness.events).toMatchObject([
        { kind: 'badRecord', topic, partition: 0, offset: 1n },
        { kind: 'badRecord', topic, partition: 0, offset: 3n }
      ])
      expect(offsetsOf(harness).get(`${topic}:0`)).toBe(4n)
    })

    it('become elements of their own, in their place', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await topicWithBad(kafka)
      const harness = await SourceHarness.open(
        sourceOf(kafka, {
          topics: [topic],
          onBadRecord: ({ offset, key, value }) => (value === null ? undefined : `bad ${offset} ${key?.length}`)
        })
      )
      expect(await harness.take(4)).toEqual(['a', 'bad 1 1', 'b', 'c'])
    })

    it('do not exist for raw bytes', async () => {
      const kafka = openKafka(bootstrap)
      const topic = await topicWithBad(kafka)
      const source = new KafkaSource({ kafka, topics: [topic], schema: new RawBytesSchema(), startupMode: 'EARLIEST' })
      const harness = await SourceHarness.open(source)
      const values = await harness.take(5)
      expect(values[1]).toEqual(bad)
      expect(values[3]).toBeNull()
    })
  })
})
