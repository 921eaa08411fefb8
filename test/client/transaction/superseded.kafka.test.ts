// The transaction coordinator of three nodes stands still (SIGSTOP) while another one takes its place and a transaction
// begins there. When it goes on it does not know yet, and refuses the commit out of its memory; it may even name itself
// when it is asked for the coordinator. The transaction must be committed by the one that has it.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Kafka } from 'kafka-once'
import type { TransactionalProducer } from 'kafka-once'
import { apis, decodeResponse } from 'kafka-once/protocol'
import { quickRestart } from '../../broker/broker.ts'
import { readCommitted, scanTopic } from '../../broker/log_scan.ts'
import { describeBrokers } from '../../broker/real_kafka.ts'
import { startProxiedBroker } from '../../proxy/tcp_proxy.ts'
import type { ProxiedBroker } from '../../proxy/tcp_proxy.ts'
import { uniqueName } from './settling.ts'

/** Brokers lose their session after 3 s, and then everything they led moves. */
const failoverMsMax = 60_000

/** The old coordinator is done with the first transaction: nothing but a request makes it say anything later. */
async function commitFirst(kafka: Kafka, topic: string): Promise<TransactionalProducer> {
  const producer = kafka.transactionalProducer({ transactionalId: topic })
  const transaction = producer.beginTransaction()
  await transaction.send({ topic, partition: 0, value: 'first' })
  expect(await transaction.commit()).toEqual({ kind: 'committed' })
  const state = async () => (await kafka.admin().describeTransactions([topic])).get(topic)?.state
  await expect.poll(state).toBe('CompleteCommit')
  return producer
}

async function movedFrom(old: number, bootstrap: string, transactionalId: string): Promise<void> {
  await using kafka = new Kafka({ brokers: bootstrap.split(','), requestTimeoutMs: 1_000 })
  const coordinatorNow = async (): Promise<number> => {
    kafka.cluster.invalidateCoordinator('transaction', transactionalId)
    return kafka.cluster.coordinator('transaction', transactionalId)
  }
  await expect.poll(coordinatorNow, { timeout: failoverMsMax, interval: 200 }).not.toBe(old)
}

describeBrokers('a coordinator that stood still while another one took its place', () => {
  let cluster: ProxiedBroker

  beforeAll(async () => {
    cluster = await startProxiedBroker({ nodes: 3, config: quickRestart })
  })
  afterAll(async () => cluster?.[Symbol.asyncDispose]())

  /** What the node has answered to EndTxn, from now on. */
  function watchEndTxn(nodeId: number): () => number[] {
    const proxy = cluster.proxies[nodeId - 1]!
    const watched = { direction: 'response', apiKey: apis.EndTxn.key, count: 1_000, fate: 'pass' } as const
    const { frames } = proxy.intercept(watched)
    return () => frames.map(({ version, bytes }) => decodeResponse('EndTxn', version, bytes.subarray(4)).body.errorCode)
  }

  test('does not decide about a transaction that it has never seen', async () => {
    await using kafka = new Kafka({ brokers: cluster.bootstrap.split(','), requestTimeoutMs: 2_000 })
    const topic = uniqueName('superseded')
    await kafka.admin().createTopics([{ topic, partitionCount: 3, replicationFactor: 3 }], { deadlineMs: 30_000 })
    const producer = await commitFirst(kafka, topic)
    const old = await kafka.cluster.coordinator('transaction', topic)
    cluster.broker.pause(old)
    await movedFrom(old, cluster.bootstrap, topic)
    const transaction = producer.beginTransaction()
    await transaction.send([0, 1, 2].map((partition) => ({ topic, partition, value: 'second' })))
    const handle = await transaction.prepare()

    // The successor's only way to the cluster is the node that stood still.
    await using successor = new Kafka({ brokers: [cluster.proxies[old - 1]!.address] })
    const answers = watchEndTxn(old)
    cluster.broker.resume(old)
    const resumed = successor.resumeTransaction(handle)
    const verdict = await resumed.commit({ deadlineMs: failoverMsMax })
    console.log(`the superseded coordinator answered EndTxn with ${answers().join(', ') || 'nothing'}: ${verdict.kind}`)
    expect(verdict).toEqual({ kind: 'committed' })
    expect(await resumed.prove({ proofDeadlineMs: failoverMsMax })).toEqual({ kind: 'proven' })
    const texts = (await readCommitted(cluster.bootstrap, topic)).map(({ value }) =>
      Buffer.from(value ?? []).toString()
    )
    expect(texts.toSorted()).toEqual(['first', 'second', 'second', 'second'])
    for (const { transactions } of await scanTopic(cluster.bootstrap, topic)) {
      expect(transactions.filter(({ outcome }) => outcome !== 'COMMIT')).toEqual([])
    }
  })
})
