// A coordinator is looked up again when the one that is remembered has died, for requests and for versions alike.
import { expect, test } from 'vitest'
import { KafkaError, silentLogger } from 'kafka-once'
import type { Cluster, Target } from 'kafka-once'
import { nodeRuntime } from 'kafka-once/runtime'
import { coordinatorRequest, coordinatorVersion } from '../../src/client/coordinator_request.ts'

/** Node 1 coordinated everything until it died; node 2 has taken over. */
function clusterWithDeadCoordinator(): Cluster {
  let remembered = 1
  const parts: Partial<Cluster> = {
    runtime: nodeRuntime(),
    logger: silentLogger,
    requestTimeoutMs: 1_000,
    retryBackoffMs: 1,
    retryBackoffMsMax: 1,
    coordinator: () => Promise.resolve(remembered),
    invalidateCoordinator: () => void (remembered = 2),
    negotiatedVersion: async (target) => {
      refuseDead(target)
      return 4
    },
    request: async (target) => {
      refuseDead(target)
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a part of a response to one of many requests
      return { errorCode: 0 } as never
    }
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- all that is called here
  return parts as Cluster
}

function refuseDead(target: Target): void {
  if (typeof target === 'object' && target.nodeId === 2) return
  throw new KafkaError('CONNECTION_REFUSED', 'Broker 1 is not there.', { retriable: true })
}

test('a request finds the coordinator that has taken over', async () => {
  const cluster = clusterWithDeadCoordinator()
  const request = { transactionalId: 'id', producerId: 1n, producerEpoch: 0, committed: true }
  const options = { errorCodeOf: ({ errorCode }: { readonly errorCode: number }) => errorCode }
  const response = await coordinatorRequest(cluster, 'transaction', 'id', 'EndTxn', request, options)
  expect(response.errorCode).toBe(0)
})

test('the question for a version finds the coordinator that has taken over', async () => {
  expect(await coordinatorVersion(clusterWithDeadCoordinator(), 'group', 'id', 'OffsetFetch')).toBe(4)
})
