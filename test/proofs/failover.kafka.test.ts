// The transaction coordinator dies by kill -9 while it is told to commit: before it has seen the request, and after it
// has answered it, with the answer lost. The client finds its successor, the transaction is committed once, and the
// verdict says so.
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { Kafka } from 'kafka-once'
import { apis } from 'kafka-once/protocol'
import { quickRestart } from '../broker/broker.ts'
import { readCommitted, scanTopic } from '../broker/log_scan.ts'
import { describeBrokers } from '../broker/real_kafka.ts'
import { startProxiedBroker } from '../proxy/tcp_proxy.ts'
import type { Direction, ProxiedBroker } from '../proxy/tcp_proxy.ts'
import { newTopic, textsOf } from './contents.ts'

const partitions = 3
/** Brokers lose their session after 3 s, and then everything they led moves. */
const failoverMsMax = 60_000

describeBrokers('the death of the transaction coordinator of three nodes', () => {
  let cluster: ProxiedBroker

  beforeAll(async () => {
    cluster = await startProxiedBroker({ nodes: 3, config: quickRestart })
  })
  // Whatever a test has killed and how it ended: without two of the three nodes there is no cluster.
  afterEach(async () => cluster.broker.start())
  afterAll(async () => cluster?.[Symbol.asyncDispose]())

  test.for<[string, Direction]>([
    ['before it takes the commit', 'request'],
    ['after it has answered the commit, with the answer lost', 'response']
  ])('%s ends in a committed transaction and a right verdict', async ([, direction]) => {
    const { broker, bootstrap, proxies } = cluster
    await using kafka = new Kafka({ brokers: bootstrap.split(',') })
    const topic = await newTopic(bootstrap, 'failover', partitions)
    const transaction = kafka.transactionalProducer({ transactionalId: topic }).beginTransaction()
    const values = Array.from({ length: 30 }, (_, i) => `record ${i}`)
    await transaction.send(values.map((value, i) => ({ topic, partition: i % partitions, value })))
    const handle = await transaction.prepare()
    const coordinator = await kafka.cluster.coordinator('transaction', topic)

    const kill = (): boolean => {
      broker.killNow(coordinator)
      return true
    }
    const killing = proxies[coordinator - 1]?.intercept({
      direction,
      apiKey: apis.EndTxn.key,
      when: kill,
      fate: 'cut'
    })
    const startMs = performance.now()
    const verdict = await transaction.commit({ deadlineMs: failoverMsMax })
    const tookMs = performance.now() - startMs
    expect(killing?.frames).toHaveLength(1)
    const resumed = kafka.resumeTransaction(handle)
    const proof = await resumed.prove({ proofDeadlineMs: failoverMsMax })
    console.log(
      `commit over the coordinator's death (${direction} cut): ${verdict.kind} after ${Math.round(tookMs)} ms`
    )

    // Who commits a second time without knowing of the first finds it committed.
    expect(['committed', 'alreadyCommitted']).toContain(verdict.kind)
    expect(proof).toEqual({ kind: 'proven' })
    expect(await resumed.commit()).toEqual({ kind: 'alreadyCommitted' })
    for (const { transactions } of await scanTopic(bootstrap, topic)) {
      // The next coordinator may write a marker again that the killed one had written already: it ends nothing.
      const withRecords = transactions.filter(({ recordCount }) => recordCount > 0)
      expect(withRecords.map(({ outcome }) => outcome)).toEqual(['COMMIT'])
      expect(transactions.filter(({ outcome }) => outcome !== 'COMMIT')).toEqual([])
    }
    expect(textsOf(await readCommitted(bootstrap, topic)).toSorted()).toEqual(values.toSorted())
  })
})
