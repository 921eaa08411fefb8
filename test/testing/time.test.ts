// Tests let time pass for the brokers: what is due by then happens at once, in its order and at its time.
import { Kafka } from 'kafka-once'
import { EmbeddedKafka } from 'kafka-once/testing'
import type { ServerRuntime } from 'kafka-once/testing'
import { nodeRuntime } from 'kafka-once/runtime'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { ClusterClock } from '../../src/testing/cluster/cluster_clock.ts'
import { Site } from './site.ts'

function newClock(): { clock: ClusterClock; runtime: ClusterClock['runtime'] } {
  const clock = new ClusterClock(nodeRuntime())
  return { clock, runtime: clock.runtime }
}

describe('a cluster clock', () => {
  test('fires what is due in the order of its time, and shows that time', async () => {
    const { clock, runtime } = newClock()
    const beganMs = runtime.nowMs()
    const fired: [name: string, afterS: number][] = []
    const note = (name: string) => () => {
      fired.push([name, Math.round((runtime.nowMs() - beganMs) / 1000)])
    }
    runtime.setTimer(50_000, note('later'))
    runtime.setTimer(20_000, note('sooner'))
    runtime.setTimer(20_000, note('after it'))
    const far = runtime.setTimer(100_000, note('far'))
    await clock.advance(60_000)
    expect(fired).toEqual([
      ['sooner', 20],
      ['after it', 20],
      ['later', 50]
    ])
    expect(Math.round((runtime.nowMs() - beganMs) / 1000)).toBe(60)
    far.cancel()
  })

  test('fires what is set by what fires, also a turn later', async () => {
    const { clock, runtime } = newClock()
    let count = 0
    const again = (): void => {
      count++
      void Promise.resolve().then(() => runtime.setTimer(1000, again))
    }
    const first = runtime.setTimer(1000, again)
    await clock.advance(10_500)
    expect(count).toBe(10)
    first.cancel()
  })

  test('leaves alone what was cancelled, and what is not due comes sooner by as much', async () => {
    const { clock, runtime } = newClock()
    const fired: string[] = []
    runtime.setTimer(10, () => fired.push('cancelled')).cancel()
    const soon = new Promise<void>((resolve) => runtime.setTimer(3_600_020, resolve))
    await Promise.all([clock.advance(1_600_000), clock.advance(2_000_000)])
    await soon
    expect(fired).toEqual([])
  })
})

describe('time that passes', () => {
  let kafka: EmbeddedKafka
  let client: Kafka
  beforeEach(async () => {
    kafka = await EmbeddedKafka.start({ brokers: 3, config: { 'group.initial.rebalance.delay.ms': 3000 } })
    client = new Kafka({ brokers: kafka.addresses })
    await client.admin().createTopics([{ topic: 'orders', partitionCount: 1 }])
  })
  afterEach(async () => {
    await client.close()
    await kafka.close()
  })

  test('aborts a transaction that nobody ends', async () => {
    const transaction = client
      .transactionalProducer({ transactionalId: 'slow', transactionTimeoutMs: 60_000 })
      .beginTransaction()
    await transaction.send({ topic: 'orders', value: 'tea' })
    await kafka.advanceTime(59_000)
    expect(kafka.log('orders', 0)).toMatchObject({ endOffset: 1n, lastStableOffset: 0n })
    await kafka.advanceTime(30_000)
    expect(kafka.log('orders', 0)).toMatchObject({ endOffset: 2n, lastStableOffset: 2n })
    expect(await kafka.records('orders')).toEqual([])
    await expect(transaction.commit()).rejects.toMatchObject({ code: 'TRANSACTION_ABORTABLE' })
  })

  test('puts a silent member out of its group, and forgets offsets after a week', async () => {
    using site = await Site.open(kafka.addresses[kafka.coordinatorOf('group', 'readers')! - 1]!)
    const member = { groupId: 'readers', sessionTimeoutMs: 30_000, rebalanceTimeoutMs: 30_000, memberId: '' }
    const offer = { ...member, protocolType: 'x', protocols: [{ name: 'x', metadata: new Uint8Array(0) }] }
    const joining = site.wire.request('JoinGroup', 5, { ...offer, groupInstanceId: 'i' })
    await expect.poll(() => kafka.group('readers')?.state).toBe('PreparingRebalance')
    await kafka.advanceTime(3000)
    const { memberId, generationId } = await joining
    await site.wire.request('SyncGroup', 3, { groupId: 'readers', generationId, memberId, assignments: [] })
    const offsets = [{ partitionIndex: 0, committedOffset: 7n, committedMetadata: '' }]
    const topics = [{ name: 'orders', partitions: offsets }]
    await site.wire.request('OffsetCommit', 7, {
      groupId: 'readers',
      memberId,
      generationIdOrMemberEpoch: generationId,
      topics
    })
    await kafka.advanceTime(29_000)
    expect(await kafka.untilStable('readers')).toMatchObject({ members: { length: 1 }, offsets: [{ offset: 7n }] })
    await kafka.advanceTime(2000)
    expect(kafka.group('readers')).toMatchObject({ state: 'Empty', members: [], offsets: [{ offset: 7n }] })
    await kafka.advanceTime(7 * 24 * 3_600_000 + 600_000)
    expect(kafka.group('readers')).toBeUndefined()
  })

  test('gives up a broker that is dead', async () => {
    kafka.moveLeader('orders', 0, 1)
    await kafka.kill(1)
    expect(kafka.leaderOf('orders', 0)).toBe(1)
    await kafka.advanceTime(9000)
    expect(kafka.leaderOf('orders', 0)).not.toBe(1)
  })

  test('is a number', () => {
    expect(() => kafka.advanceTime(-1)).toThrow('advanceTime takes a number of milliseconds, not -1')
    expect(() => kafka.advanceTime(Number.NaN)).toThrow('NaN')
  })
})

test('a group that does not get stable is told as it is', async () => {
  await using kafka = await EmbeddedKafka.start()
  await expect(kafka.untilStable('readers', { timeoutMs: 20 })).rejects.toThrow(
    'The group readers was to be stable within 20 ms, but is not there'
  )
})

test('brokers start, answer and end while all timers of the process stand still, and go on with them', async () => {
  vi.useFakeTimers()
  try {
    await using kafka = await EmbeddedKafka.start({ brokers: 3 })
    await using client = new Kafka({ brokers: kafka.addresses })
    await client.admin().createTopics([{ topic: 'still', partitionCount: 1 }])
    await client.producer().send({ topic: 'still', value: 'x' })
    expect(await kafka.records('still')).toHaveLength(1)
    const leader = kafka.leaderOf('still', 0)!
    await kafka.kill(leader)
    vi.advanceTimersByTime(8_999)
    expect(kafka.leaderOf('still', 0)).toBe(leader)
    vi.advanceTimersByTime(1)
    expect(kafka.leaderOf('still', 0)).not.toBe(leader)
  } finally {
    vi.useRealTimers()
  }
})

test('a runtime of its own has its own time', async () => {
  const runtime: ServerRuntime = { ...nodeRuntime(), nowMs: () => 1_000_000 }
  await using kafka = await EmbeddedKafka.start({ runtime })
  await kafka.advanceTime(500)
  expect(kafka.cluster.runtime.nowMs()).toBeGreaterThanOrEqual(1_000_500)
})
