// Buffers of batches are used again, but never while an earlier attempt may still be reading them.
import type { ApiName, EncodableRequestOf, ResponseOf } from 'kafka-once/protocol'
import { describe, expect, test } from 'vitest'
import type { RequestOptions, Target } from '../../../src/client/cluster.ts'
import { BufferPool } from '../../../src/client/producer/buffer_pool.ts'
import { Producer } from '../../../src/client/producer/index.ts'
import { FakeCluster, fine } from './fake_cluster.ts'
import { seededRandom, VirtualTime } from './virtual_runtime.ts'

/** Remembers whose memory the batches of each Produce request lie in. */
class WatchedCluster extends FakeCluster {
  readonly buffers: ArrayBufferLike[] = []

  override request<A extends ApiName>(
    target: Target,
    api: A,
    body: EncodableRequestOf<A> | ((version: number) => EncodableRequestOf<A>),
    options?: RequestOptions
  ): Promise<ResponseOf<A>> {
    const full: object = typeof body === 'function' ? body(13) : body
    if ('topicData' in full) this.watch(full.topicData)
    return super.request(target, api, body, options)
  }

  private watch(topicData: unknown): void {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only Produce has this field
    for (const { partitionData } of topicData as EncodableRequestOf<'Produce'>['topicData']) {
      for (const { records } of partitionData) if (records instanceof Uint8Array) this.buffers.push(records.buffer)
    }
  }
}

function world() {
  const time = new VirtualTime(seededRandom(1))
  const cluster = new WatchedCluster(time.runtime, { a: 1 })
  return { time, cluster, producer: new Producer(cluster) }
}

const message = { topic: 'a', partition: 0, value: 'v' }

describe('buffers', () => {
  test('are taken again after their batch was acknowledged', async () => {
    const { time, cluster, producer } = world()
    for (let i = 0; i < 10; i++) await time.run(producer.send(message))
    expect(cluster.buffers).toHaveLength(10)
    expect(new Set(cluster.buffers.slice(1)).size).toBeLessThan(5)
  })

  test('of a batch that was sent twice are not taken again', async () => {
    const { time, cluster, producer } = world()
    await time.run(producer.send(message))
    for (const kind of ['lostReply', 'lostRequest', 'lateRequest'] as const) {
      let isFirst = true
      cluster.fateOf = () => {
        const fate = isFirst ? { kind, delayMs: 1 } : fine
        isFirst = false
        return fate
      }
      cluster.buffers.length = 0
      await time.run(producer.send(message))
      const [lost, ...repeated] = cluster.buffers
      expect(repeated).toContain(lost)
      cluster.buffers.length = 0
      for (let i = 0; i < 10; i++) await time.run(producer.send(message))
      expect(cluster.buffers).not.toContain(lost)
    }
    expect(cluster.partition('a', 0).values).toHaveLength(34)
  })

  test('are kept up to a limit, and only given where they are large enough', () => {
    const pool = new BufferPool(250)
    const [small, large, tooMuch] = [100, 120, 100].map((size) => new Uint8Array(size))
    for (const buffer of [small!, large!, tooMuch!]) pool.give(buffer)
    expect(pool.take(110)).toBe(large)
    expect(pool.take(110)).toBeUndefined()
    expect(pool.take(1)).toBe(small)
    expect(pool.take(1)).toBeUndefined()
  })
})
