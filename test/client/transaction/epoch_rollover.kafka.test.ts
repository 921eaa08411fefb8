// A producer id has 32,767 epochs. Where they end the coordinator gives out another id, and neither the producer nor the
// handles of its last transactions notice (FLINK-40689 is what happens otherwise).
import { Kafka } from 'kafka-once'
import type { Cluster } from 'kafka-once'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startBroker } from '../../broker/broker.ts'
import type { TestBroker } from '../../broker/broker.ts'
import { describeBrokers } from '../../broker/real_kafka.ts'
import { current, expectVerdict, newPlace, newProducer, prepareOne } from './settling.ts'

const epochsMax = 32_766

interface Numbers {
  readonly producerId: bigint
  readonly producerEpoch: number
}

// Uses up epochs as fast as the broker gives them out: by empty aborts in version 2, else by asking for the next one.
async function nextNumbers(cluster: Cluster, nodeId: number, transactionalId: string, from: Numbers): Promise<Numbers> {
  for (;;) {
    const answer =
      (await cluster.transactionVersion()) === 2
        ? await cluster.request({ nodeId }, 'EndTxn', { transactionalId, ...from, committed: false }, { versionMin: 5 })
        : await cluster.request(
            { nodeId },
            'InitProducerId',
            { transactionalId, transactionTimeoutMs: 60_000, ...from },
            { versionMax: 5 }
          )
    const { errorCode, producerId, producerEpoch } = answer
    if (errorCode === 0) return { producerId, producerEpoch }
    if (errorCode !== 51) throw new Error(`code ${errorCode} at epoch ${from.producerEpoch}`)
  }
}

describeBrokers('at the last epoch of a producer id', () => {
  describe.each([1, 2] as const)('on transaction version %i', (transactionVersion) => {
    let broker: TestBroker
    let kafka: Kafka

    beforeAll(async () => {
      broker = await startBroker({ transactionVersion })
      kafka = new Kafka({ brokers: [broker.bootstrap] })
    })
    afterAll(async () => {
      await kafka?.close()
      await broker?.[Symbol.asyncDispose]()
    })

    test('transactions go on under another id, and verdicts stay right', async () => {
      const it = await newPlace(broker.bootstrap, kafka, 'rollover')
      const { cluster } = kafka
      const { transactionalId } = it
      let numbers: Numbers = await newProducer(it).init()
      const nodeId = await cluster.coordinator('transaction', transactionalId)
      while (numbers.producerEpoch < epochsMax - 4) {
        numbers = await nextNumbers(cluster, nodeId, transactionalId, numbers)
      }
      const producer = newProducer(it)
      await producer.init()
      const seen = new Set<string>()
      let last = 0
      for (let n = 0; n < 8; n++) {
        const handle = await prepareOne(producer, it, `v${n}`)
        seen.add(handle.producerId)
        last = Math.max(last, handle.producerEpoch)
        // Its end comes from elsewhere, and the producer finds out.
        const resumed = kafka.resumeTransaction(handle)
        await expectVerdict(
          it,
          handle,
          n % 2 === 0 ? await resumed.commit() : await resumed.abort(),
          'committed',
          'aborted'
        )
        expect(await resumed.prove()).toEqual({ kind: 'proven' })
        await expectVerdict(it, handle, await resumed.commit(), 'alreadyCommitted', 'committed', 'lost')
        if (n % 2 === 0) await current(producer).commit()
        else await current(producer).abort()
      }
      expect([last, seen.size]).toEqual([epochsMax, 2])
    }, 240_000)
  })
})
