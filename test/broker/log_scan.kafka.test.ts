// The judge of exactly-once is itself judged: by Kafka's own clients, by kcat, and by transactions whose end is known.
import { beforeAll, expect, test, vi } from 'vitest'
import { committedRecords, firstOpenOffset, readCommitted, scanPartition } from './log_scan.ts'
import { kcatMissing, leaveTransaction, readWithJava, readWithKcat, runJava } from './peers.ts'
import type { PeerRecord } from './peers.ts'
import { createTopic } from './probe.ts'
import { describeKafka } from './real_kafka.ts'
import { Wire } from './wire.ts'

function text(bytes: Uint8Array | null): string {
  return bytes === null ? 'null' : Buffer.from(bytes).toString()
}

function asText(records: readonly PeerRecord[]): string[] {
  return records.map(({ partition, offset, key, value }) => `${partition} ${offset} ${text(key)} ${text(value)}`)
}

describeKafka('the scan of control records', ({ bootstrap }) => {
  const address = bootstrap.split(',')[0] ?? ''
  const run = `scan-${process.pid}-${Date.now()}`

  beforeAll(async () => {
    expect(await createTopic(address, { name: `${run}-mixed`, partitions: 1 })).toBe(0)
    expect(await createTopic(address, { name: `${run}-open`, partitions: 2 })).toBe(0)
    await runJava('peer/InterleaveTransactions.java', [bootstrap, `${run}-mixed`, run, '120', '7'])
    // The last end was answered before its marker was written.
    const hasEnded = async () => firstOpenOffset(await scanPartition(bootstrap, `${run}-mixed`, 0)) === undefined
    await vi.waitUntil(hasEnded, { timeout: 20_000, interval: 50 })
  })

  test('knows how interleaved transactions of several producers ended', async () => {
    const scan = await scanPartition(bootstrap, `${run}-mixed`, 0)
    const outcomes = new Set(scan.transactions.map(({ outcome }) => outcome))
    expect(outcomes).toEqual(new Set(['COMMIT', 'ABORT']))
    for (const { value, transaction } of scan.records) {
      const outcome = transaction === undefined ? 'plain' : scan.transactions[transaction]?.outcome
      const told = Buffer.from(value ?? '')
        .toString()
        .split(' ')[0]
      expect(told).toBe({ COMMIT: 'committed', ABORT: 'aborted', plain: 'plain', open: 'open' }[outcome ?? 'open'])
    }
    for (const { ranges, recordCount, marker } of scan.transactions) {
      const inRanges = ranges.reduce((sum, { firstOffset, lastOffset }) => sum + lastOffset - firstOffset + 1n, 0n)
      expect(inRanges).toBe(BigInt(recordCount))
      expect(marker?.offset).toBeGreaterThan(ranges.at(-1)?.lastOffset ?? -1n)
    }
  })

  test('agrees with the Java consumer', async () => {
    const ours = asText(await readCommitted(bootstrap, `${run}-mixed`))
    expect(ours.length).toBeGreaterThan(50)
    expect(asText(await readWithJava(bootstrap, `${run}-mixed`))).toEqual(ours)
  })

  test('agrees with kcat', async (context) => {
    const missing = await kcatMissing()
    if (missing !== undefined) context.skip(missing)
    const ours = asText(await readCommitted(bootstrap, `${run}-mixed`))
    expect(asText(await readWithKcat(bootstrap, `${run}-mixed`))).toEqual(ours)
  })

  test('sees a transaction that a killed producer left open, and how it was ended by another client', async () => {
    const topic = `${run}-open`
    const left = await leaveTransaction(bootstrap, { topic, transactionalId: `${run}-left`, recordCount: 10 })
    const open = await scanPartition(bootstrap, topic, 1)
    expect(open.transactions).toMatchObject([{ producerId: left.producerId, recordCount: 5, outcome: 'open' }])
    expect(open.transactions[0]?.producerEpochs).toEqual([left.producerEpoch])
    expect(firstOpenOffset(open)).toBe(0n)
    expect(open.lastStableOffset).toBe(0n)
    expect(committedRecords(open)).toEqual([])

    await commit(left)
    await expect.poll(async () => (await readCommitted(bootstrap, topic)).length, { timeout: 20_000 }).toBe(10)
    const ended = await scanPartition(bootstrap, topic, 1)
    expect(ended.transactions).toMatchObject([{ outcome: 'COMMIT', marker: { offset: 5n } }])
    expect(asText(await readWithJava(bootstrap, topic))).toEqual(asText(await readCommitted(bootstrap, topic)))
  })

  async function commit(left: Awaited<ReturnType<typeof leaveTransaction>>): Promise<void> {
    using any = await Wire.open(address)
    const found = await any.request('FindCoordinator', 1, { key: left.transactionalId, keyType: 1 })
    using coordinator = await Wire.open(`${found.host}:${found.port}`)
    const { errorCode } = await coordinator.request('EndTxn', left.transactionVersion === 2 ? 5 : 4, {
      transactionalId: left.transactionalId,
      producerId: left.producerId,
      producerEpoch: left.producerEpoch,
      committed: true
    })
    expect(errorCode).toBe(0)
  }
})
