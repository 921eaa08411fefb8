// Which versions of Produce a transaction may be written with: from 12 on a broker takes it for transaction version 2,
// whatever its cluster has agreed on. KIP-890.
import { expect, test } from 'vitest'
import type { Cluster } from 'kafka-once'
import { TransactionSession } from '../../../src/client/transaction/session.ts'

const owner = { transactionalId: 'id', producerId: 1n, producerEpoch: 0 }
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- nothing is asked
const cluster = {} as Cluster

test.each([
  [0, { versionMax: 11 }],
  [1, { versionMax: 11 }],
  [2, { versionMin: 12 }]
] as const)('on transaction version %i: %j', (transactionVersion, versions) => {
  expect(new TransactionSession(cluster, owner, transactionVersion, { deadlineMs: 1 }).produceVersions).toEqual(
    versions
  )
})
