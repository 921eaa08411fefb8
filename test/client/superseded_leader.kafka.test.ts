// What the leader of a partition answers when it goes on after a pause (SIGSTOP) in which another one took its place: for
// a moment as the leader that it was, then as a follower that lags. All of it is old, nothing of it is made up, and no
// write is acknowledged that its followers lack. The embedded Kafka does the same.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { Kafka } from 'kafka-once'
import { errorCode } from 'kafka-once/protocol'
import { quickRestart, startBroker } from '../broker/broker.ts'
import type { TestBroker, TestNode } from '../broker/broker.ts'
import { describeBrokers } from '../broker/real_kafka.ts'
import { Wire } from '../broker/wire.ts'
import { uniqueName } from './transaction/settling.ts'
import { batch } from '../testing/site.ts'

/** Brokers lose their session after 3 s, and then everything they led moves. */
const failoverMsMax = 60_000
/** Until a broker that goes on has the log of its successor, and to spare. */
const spanMs = 1_500
const { NONE, NOT_LEADER_OR_FOLLOWER, UNKNOWN_LEADER_EPOCH, FENCED_LEADER_EPOCH } = errorCode

interface Answer {
  readonly atMs: number
  readonly text: string
}

/** Asks on a connection of its own, again and again; what it was asked while it stood still is answered first. */
class Questions implements Disposable {
  readonly answers: Answer[] = []
  readonly #wire: Wire
  readonly #ask: (wire: Wire) => Promise<string>

  private constructor(wire: Wire, ask: (wire: Wire) => Promise<string>) {
    this.#wire = wire
    this.#ask = ask
  }

  static async open(address: string, ask: (wire: Wire) => Promise<string>): Promise<Questions> {
    const wire = await Wire.open(address)
    await wire.request('ApiVersions', 3, { clientSoftwareName: 'judge', clientSoftwareVersion: '1' })
    return new Questions(wire, ask)
  }

  /** For a span or, beside load, until the last answer has come. */
  async run(sinceMs: () => number, lastText?: string): Promise<void> {
    const isOver = (): boolean =>
      (sinceMs() >= spanMs && (lastText === undefined || this.answers.at(-1)?.text === lastText)) ||
      sinceMs() >= failoverMsMax
    while (!isOver()) {
      const text = await this.#ask(this.#wire)
      this.answers.push({ atMs: Math.round(sinceMs()), text })
      await sleep(1)
    }
  }

  get texts(): string[] {
    return [...new Set(this.answers.map(({ text }) => text))]
  }

  /** Every different answer, with the time until which it came. */
  toString(): string {
    return this.texts
      .map((text) => `'${text}' until ${this.answers.findLast((one) => one.text === text)?.atMs}`)
      .join(', ')
  }

  [Symbol.dispose](): void {
    this.#wire[Symbol.dispose]()
  }
}

const nowhere = { topicId: '', partitions: [] }

interface Place {
  readonly topic: string
  readonly topicId: string
  readonly partition: number
  readonly leaderEpoch: number
}

function fetching({ topicId, partition }: Place, isolationLevel: number, currentLeaderEpoch: number) {
  const partitions = [{ partition, fetchOffset: 0n, currentLeaderEpoch, partitionMaxBytes: 1_000_000 }]
  const limits = { maxWaitMs: 0, minBytes: 0, maxBytes: 1_000_000 }
  return async (wire: Wire): Promise<string> => {
    const reply = await wire.request('Fetch', 16, { ...limits, isolationLevel, topics: [{ topicId, partitions }] })
    const own = reply.responses[0]!.partitions[0]!
    return own.errorCode === NONE ? `${own.highWatermark}/${own.lastStableOffset}` : `code ${own.errorCode}`
  }
}

function listing(
  { topic: name, partition: partitionIndex }: Place,
  isolationLevel: number,
  currentLeaderEpoch: number
) {
  const topics = [{ name, partitions: [{ partitionIndex, currentLeaderEpoch, timestamp: -1n }] }]
  return async (wire: Wire): Promise<string> => {
    const reply = await wire.request('ListOffsets', 7, { replicaId: -1, isolationLevel, topics })
    const own = reply.topics[0]!.partitions[0]!
    return own.errorCode === NONE ? String(own.offset) : `code ${own.errorCode}`
  }
}

function describing({ topic: name, partition }: Place) {
  return async (wire: Wire): Promise<string> => {
    const reply = await wire.request('DescribeProducers', 0, { topics: [{ name, partitionIndexes: [partition] }] })
    const own = reply.topics[0]!.partitions[0]!
    const open = own.activeProducers.map(({ currentTxnStartOffset }) => currentTxnStartOffset).filter((at) => at >= 0n)
    return own.errorCode === NONE ? `open ${open.join(' ')}` : `code ${own.errorCode}`
  }
}

function producing({ topic: name, partition: index }: Place, acks: number) {
  return async (wire: Wire): Promise<string> => {
    const topicData = [{ name, partitionData: [{ index, records: batch() }] }]
    const reply = await wire.request('Produce', 11, { transactionalId: null, acks, timeoutMs: 10_000, topicData })
    return `code ${reply.responses[0]!.partitionResponses[0]!.errorCode}`
  }
}

describeBrokers('a leader that stood still while another one took its place', () => {
  let cluster: TestBroker

  beforeAll(async () => {
    cluster = await startBroker({ nodes: 3, config: quickRestart })
  })
  afterAll(async () => cluster?.[Symbol.asyncDispose]())

  /** A partition, and the node that leads it, which coordinates nothing of the test. */
  async function newPlace(): Promise<Place & { readonly old: TestNode }> {
    await using kafka = new Kafka({ brokers: cluster.bootstrap.split(',') })
    const topic = uniqueName('old-log')
    await kafka.admin().createTopics([{ topic, partitionCount: 6, replicationFactor: 3 }], { deadlineMs: 30_000 })
    const coordinator = await kafka.cluster.coordinator('transaction', topic)
    // A broker that has just gone on may still count as gone: what it led has no leader until it is back.
    const leading = async () => {
      const { topicId, partitions } = (await kafka.cluster.topics([topic], { refresh: true })).get(topic) ?? nowhere
      const free = partitions.find(({ leaderId }) => leaderId >= 0 && leaderId !== coordinator)
      const old = cluster.nodes.find(({ id }) => id === free?.leaderId)
      return free && old && { topic, topicId, partition: free.partition, leaderEpoch: free.leaderEpoch, old }
    }
    return await vi.waitUntil(leading, { timeout: failoverMsMax, interval: 50 })
  }

  /** A client that knows nothing of this node. */
  function without({ id: node }: TestNode): Kafka {
    const others = cluster.nodes.filter(({ id }) => id !== node)
    return new Kafka({ brokers: others.map(({ address }) => address), requestTimeoutMs: 1_000 })
  }

  /** The old leader stands still, until another one leads. */
  async function supersede(kafka: Kafka, { topic, partition, old }: Place & { readonly old: TestNode }): Promise<void> {
    cluster.pause(old.id)
    const hasMoved = async (): Promise<boolean> => {
      const leader = (await kafka.cluster.topics([topic], { refresh: true })).get(topic)?.partitions[partition]
      return leader !== undefined && leader.leaderId >= 0 && leader.leaderId !== old.id
    }
    await expect.poll(hasMoved, { timeout: failoverMsMax, interval: 100 }).toBe(true)
  }

  test('does not make a position wrong that was read from its successor', { timeout: 120_000 }, async () => {
    const place = await newPlace()
    const { topic, partition, old } = place
    await using kafka = without(old)
    await kafka.producer().send({ topic, partition, value: 'before' })
    await supersede(kafka, place)
    for (const value of ['read', 'next']) await kafka.producer().send({ topic, partition, value })
    const { leaderEpoch } = kafka.cluster.cachedLeader(topic, partition)!
    expect(leaderEpoch).toBeGreaterThan(place.leaderEpoch)
    await using late = new Kafka({ brokers: [old.address] })
    const consumer = late.consumer()
    const assigned = consumer.assign([{ topic, partition, position: 2n, leaderEpoch }])
    await sleep(50)
    cluster.resume(old.id)
    await assigned
    for await (const read of consumer.batches()) {
      for (const { value } of read.records()) expect(Buffer.from(value ?? []).toString()).toBe('next')
      break
    }
  })

  test('answers out of its old log for a moment, and acknowledges nothing', { timeout: 120_000 }, async () => {
    const place = await newPlace()
    const { topic, partition, leaderEpoch, old } = place
    await using kafka = without(old)
    const producer = kafka.transactionalProducer({ transactionalId: topic })
    const first = producer.beginTransaction()
    await first.send({ topic, partition, value: 'open' }) // 0
    const handle = await first.prepare()

    const ask = (how: (wire: Wire) => Promise<string>) => Questions.open(old.address, how)
    using uncommitted = await ask(fetching(place, 0, -1))
    using committed = await ask(fetching(place, 1, -1))
    using inOldEpoch = await ask(fetching(place, 0, leaderEpoch))
    using inNewEpoch = await ask(fetching(place, 0, leaderEpoch + 1))
    using end = await ask(listing(place, 0, -1))
    using stableEnd = await ask(listing(place, 1, -1))
    using endInNewEpoch = await ask(listing(place, 0, leaderEpoch + 1))
    using producers = await ask(describing(place))
    using written = await ask(producing(place, -1))
    await supersede(kafka, place)
    expect(await kafka.resumeTransaction(handle).commit({ deadlineMs: failoverMsMax })).toEqual({ kind: 'committed' }) // 1
    await using later = kafka.transactionalProducer({ transactionalId: `${topic}-later` })
    const open = later.beginTransaction()
    await open.send({ topic, partition, value: 'later' }) // 2

    let resumedMs = Infinity
    const sinceMs = (): number => performance.now() - resumedMs
    const all = { uncommitted, committed, inOldEpoch, inNewEpoch, end, stableEnd, endInNewEpoch, producers, written }
    const [before, now] = ['1/0', '3/2']
    const last = new Map([uncommitted, committed].map((one) => [one, now])).set(producers, 'open 2')
    const running = Object.values(all).map((one) => one.run(sinceMs, last.get(one)))
    await sleep(50)
    resumedMs = performance.now()
    cluster.resume(old.id)
    await Promise.all(running)
    for (const [name, questions] of Object.entries(all)) console.log(`${name}: ${questions.toString()}`)
    // The high watermark and the last stable offset come one after the other.
    for (const text of [...uncommitted.texts, ...committed.texts]) expect([before, '3/0', now]).toContain(text)
    expect([uncommitted.texts.at(-1), committed.texts.at(-1)]).toEqual([now, now])
    expect([before, `code ${FENCED_LEADER_EPOCH}`]).toEqual(expect.arrayContaining(inOldEpoch.texts))
    expect([before, '3/0', now, `code ${UNKNOWN_LEADER_EPOCH}`]).toEqual(expect.arrayContaining(inNewEpoch.texts))
    const refused = `code ${NOT_LEADER_OR_FOLLOWER}`
    expect(['1', refused]).toEqual(expect.arrayContaining(end.texts))
    expect(['0', refused]).toEqual(expect.arrayContaining(stableEnd.texts))
    expect([`code ${UNKNOWN_LEADER_EPOCH}`, refused]).toEqual(expect.arrayContaining(endInNewEpoch.texts))
    expect(['open 0', 'open ', 'open 2']).toEqual(expect.arrayContaining(producers.texts))
    expect(producers.texts.at(-1)).toBe('open 2')
    expect(written.texts).toEqual([refused])
    await open.commit()
  })
})
