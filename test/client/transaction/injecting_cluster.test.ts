// The injection itself: what it says of a broker's work must be true, or the test that trusts it accuses the client.
import type { Cluster } from 'kafka-once'
import { errorCode } from 'kafka-once/protocol'
import { expect, test } from 'vitest'
import { InjectingCluster } from './injecting_cluster.ts'

test('a refusal of the broker is passed on, and the injection waits for work that was done', async () => {
  const codes: number[] = [errorCode.NOT_ENOUGH_REPLICAS, errorCode.NONE, errorCode.NONE]
  const request = async () => ({ responses: [{ partitionResponses: [{ index: 0, errorCode: codes.shift() }] }] })
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- nothing else of it is used
  const injecting = new InjectingCluster({ request } as unknown as Cluster)
  injecting.next = { api: 'Produce', when: 'after', code: errorCode.DUPLICATE_SEQUENCE_NUMBER }
  const body = {
    transactionalId: null,
    acks: -1,
    timeoutMs: 1_000,
    topicData: [{ name: 'topic', partitionData: [{ index: 0, records: null }] }]
  }
  const answers: (number | undefined)[] = []
  for (let n = 0; n < 3; n++) {
    const { responses } = await injecting.cluster.request({ nodeId: 1 }, 'Produce', body)
    answers.push(responses[0]?.partitionResponses[0]?.errorCode)
  }
  expect(answers).toEqual([errorCode.NOT_ENOUGH_REPLICAS, errorCode.DUPLICATE_SEQUENCE_NUMBER, errorCode.NONE])
  expect(injecting.injected).toBe(1)
})
