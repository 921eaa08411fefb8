// What a principal may not do is told at the start where the promise depends on it, and is no obstacle where it does not.
import { expect, test } from 'vitest'
import { silentLogger } from '../../../src/client/index.ts'
import type { Cluster, Kafka, TransactionalProducer } from '../../../src/client/index.ts'
import { brokerError } from '../../../src/client/index.ts'
import { initializeIds } from '../../../src/exactlyonce/sink/fencing.ts'
import { checkKafkaStart } from '../../../src/exactlyonce/sink/start_checks.ts'
import { nodeRuntime } from '../../../src/runtime/index.ts'

const groupAuthorizationFailed = 30
const clusterAuthorizationFailed = 31
const invalidTransactionTimeout = 50
const signal = new AbortController().signal

/** A cluster that answers these codes, and knows the topic. */
function clusterOf(codes: { readonly configs: number; readonly group: number }): Cluster {
  const answers: Readonly<Record<string, unknown>> = {
    DescribeConfigs: {
      results: [{ errorCode: codes.configs, errorMessage: '', resourceType: 4, resourceName: '1', configs: [] }]
    },
    OffsetFetch: { groups: [{ groupId: 'job.0.0.ledger', errorCode: codes.group, topics: [] }] }
  }
  const topic = { name: 'out', topicId: '', partitions: [] }
  const parts: Partial<Cluster> = {
    runtime: nodeRuntime(),
    logger: silentLogger,
    requestTimeoutMs: 1_000,
    retryBackoffMs: 1,
    retryBackoffMsMax: 1,
    brokers: () => Promise.resolve([{ nodeId: 1, host: 'h', port: 1 }]),
    topics: () => Promise.resolve(new Map([['out', topic]])),
    coordinator: () => Promise.resolve(1),
    invalidateCoordinator: () => undefined,
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the parts that are read
    request: (_, api) => Promise.resolve(answers[api] as never)
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- all that is called here
  return parts as Cluster
}

function check(cluster: Cluster): Promise<void> {
  const settings = { prefix: 'job', transactionTimeoutMs: 60_000, producer: {}, ledgerTopic: 'out', topics: ['out'] }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the cluster is given beside it
  const kafka = { cluster } as unknown as Kafka
  return checkKafkaStart(
    cluster,
    { ...settings, kafka },
    {
      checkpointing: { intervalMs: 100, timeoutMs: 1_000, minPauseMs: 0, concurrentMax: 1 },
      transactionalIds: ['job.0.0'],
      deadlineMs: 1_000,
      signal
    }
  )
}

test('a ledger that may not be read is refused, with the group and what to grant', async () => {
  await expect(check(clusterOf({ configs: 0, group: groupAuthorizationFailed }))).rejects.toMatchObject({
    code: 'INVALID_JOB',
    fatal: true,
    message: expect.stringMatching(/job\.0\.0\.ledger cannot be read \(code 30\).*READ on the groups/s)
  })
})

test('brokers that do not tell their greatest timeout are no obstacle', async () => {
  await check(clusterOf({ configs: clusterAuthorizationFailed, group: 0 }))
})

test('a timeout that a broker then refuses is named with the limit', async () => {
  const refused = {
    transactionalId: 'job.0.0',
    init: () => Promise.reject(brokerError(invalidTransactionTimeout, 'InitProducerId'))
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- all that is called here
  const initializing = initializeIds([refused as unknown as TransactionalProducer], { deadlineMs: 1_000, signal })
  await expect(initializing).rejects.toMatchObject({
    code: 'INVALID_JOB',
    fatal: true,
    message: expect.stringMatching(/transactionTimeoutMs of job\.0\.0.*transaction\.max\.timeout\.ms/s)
  })
})
