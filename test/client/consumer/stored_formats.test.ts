// A consumer need not know in which format records are stored, nor what compaction and later versions of Kafka leave
// among them.
import { describe, expect, test } from 'vitest'
import { Consumer } from '../../../src/client/consumer/consumer.ts'
import type { ConsumerOptions } from '../../../src/client/consumer/options.ts'
import { fromHex, vectorNamed } from '../../protocol/record_vectors.ts'
import type { RecordDescription } from '../../protocol/record_vectors.ts'
import { FakeCluster } from './fake_cluster.ts'

type Seen = Pick<RecordDescription, 'offset' | 'timestamp' | 'key' | 'value'>

const hex = (bytes: Uint8Array | null): string | null => bytes && Buffer.from(bytes).toString('hex')

/** What Kafka's reader sees in the vector. */
function expected(name: string): Seen[] {
  return vectorNamed(name).batches.flatMap(({ records }) =>
    records.map(({ offset, timestamp, key, value }) => ({ offset, timestamp, key, value }))
  )
}

function clusterWith(...names: readonly string[]): FakeCluster {
  const cluster = new FakeCluster()
  const log = cluster.createTopic('t')
  for (const name of names) {
    const { bytes, batches } = vectorNamed(name)
    log.storeAsIs(fromHex(bytes), BigInt(String(batches.at(-1)!['lastOffset'])))
  }
  return cluster
}

/** All records from `position` on, and where the consumer stands then. */
async function read(cluster: FakeCluster, position = 0n, options: ConsumerOptions = {}) {
  await using consumer = new Consumer(cluster, { fetchWaitMs: 5, isolationLevel: 'read_committed', ...options })
  await consumer.assign([{ topic: 't', partition: 0, position }])
  const seen: Seen[] = []
  const counts: number[] = []
  while (consumer.position('t', 0)! < cluster.log('t').endOffset) {
    for (const batch of await consumer.poll({ waitMs: 500 })) {
      counts.push(batch.count)
      expect(batch.leaderEpoch).toBe(-1)
      expect(batch.lastOffset).toBe(batch.offsetAt(batch.count - 1))
      expect(batch.nextOffset).toBe(batch.lastOffset + 1n)
      for (const { offset, timestamp, key, value, headers } of batch.records()) {
        expect(headers).toEqual([])
        seen.push({ offset: String(offset), timestamp, key: hex(key), value: hex(value) })
      }
    }
  }
  return { seen, counts, position: consumer.position('t', 0), epoch: consumer.positionLeaderEpoch('t', 0) }
}

const oldFormats = ['none', 'gzip', 'snappy', 'lz4'].flatMap((codec) => [
  `format 0 ${codec}`,
  `format 1 ${codec}`,
  `format 1 ${codec} with log append time`
])

describe('a consumer reads messages of', () => {
  const names = oldFormats.filter((name) => !/format 0 .* time/.test(name))

  test.each(names)('%s, from any position', async (name) => {
    const cluster = clusterWith(name)
    const all = expected(name)
    for (let skipped = 0; skipped <= all.length; skipped++) {
      const position = 1000n + BigInt(skipped)
      const { seen, position: end, epoch } = await read(cluster, position)
      expect(seen).toEqual(all.slice(skipped))
      expect(end).toBe(1000n + BigInt(all.length))
      if (skipped < all.length) expect(epoch).toBe(-1)
    }
  })

  test('plain ones many at a time', async () => {
    expect((await read(clusterWith('format 1 none'))).counts).toEqual([12])
  })

  test('the highest offsets', async () => {
    const name = 'last offsets there are in format 1'
    const cluster = new FakeCluster()
    const log = cluster.createTopic('t')
    log.endOffset = 2n ** 63n - 3n
    // One record less, since no offset follows the last one there is.
    log.storeAsIs(fromHex(vectorNamed(name).bytes), 2n ** 63n - 2n)
    await using consumer = new Consumer(cluster, { fetchWaitMs: 5 })
    await consumer.assign([{ topic: 't', partition: 0, position: 2n ** 63n - 3n }])
    const [batch] = await consumer.poll({ waitMs: 2_000 })
    expect([batch!.baseOffset, batch!.lastOffset, batch!.count]).toEqual([2n ** 63n - 3n, 2n ** 63n - 1n, 3])
  })
})

test('a consumer stops at a damaged message, and tells where', async () => {
  const cluster = clusterWith('format 1 none')
  const [stored] = cluster.log('t').batches
  const last = stored!.bytes.length - 1
  stored!.bytes[last]! ^= 1
  await using consumer = new Consumer(cluster, { fetchWaitMs: 5 })
  await consumer.assign([{ topic: 't', partition: 0, position: 1000n }])
  const [batch] = await consumer.poll({ waitMs: 2_000 })
  expect(batch).toMatchObject({ count: 11, nextOffset: 1011n })
  await expect(consumer.poll({ waitMs: 2_000 })).rejects.toMatchObject({
    code: 'CORRUPT_BATCH',
    message: expect.stringContaining('offset 1011')
  })
})

describe('a consumer passes over', () => {
  test.each(['marker compacted to nothing', 'commit marker of version 3', 'snapshot footer', 'leader change'])(
    'a control batch: %s',
    async (name) => {
      const cluster = clusterWith(name)
      const { seen, position } = await read(cluster)
      expect(seen).toEqual([])
      expect(position).toBe(cluster.log('t').endOffset)
    }
  )

  test.each([7, 1234, -1])('control records of type %d, which it does not know', async (type) => {
    const cluster = clusterWith(`control record of type ${type}`)
    for (const isolationLevel of ['read_committed', 'read_uncommitted'] as const) {
      expect((await read(cluster, 0n, { isolationLevel })).position).toBe(13n)
    }
  })

  test('batches that compaction has emptied', async () => {
    expect(await read(clusterWith('emptied by compaction', 'compacted to nothing'), 100n)).toMatchObject({
      seen: [],
      position: 503n
    })
  })
})
