// What an embedded broker that stood still tells of a cluster that went on without it: for a moment, what was so before.
// That is what clients have to see through, and a real one does the same (superseded.kafka.test.ts).
import { setTimeout as sleep } from 'node:timers/promises'
import { EmbeddedKafka } from 'kafka-once/testing'
import { expect, test } from 'vitest'
import { Site } from '../../testing/site.ts'

const config = { 'broker.session.timeout.ms': '200' }
const transactionType = 1

async function coordinatorAt(site: Site): Promise<number | undefined> {
  const request = { keyType: transactionType, coordinatorKeys: ['id'] }
  return (await site.wire.request('FindCoordinator', 4, request)).coordinators[0]?.nodeId
}

test('a broker that stood still names for a moment the coordinator and the leader that it knew', async () => {
  await using kafka = await EmbeddedKafka.start({ brokers: 3, config })
  const [first, other] = await Promise.all(
    kafka.bootstrap
      .split(',')
      .slice(0, 2)
      .map((address) => Site.open(address))
  )
  using former = first!
  using present = other!
  const { name } = await former.topic()
  const leaderAt = async (site: Site) => {
    const request = { topics: [{ name }], allowAutoTopicCreation: false, includeTopicAuthorizedOperations: false }
    return (await site.wire.request('Metadata', 12, request)).topics[0]?.partitions[0]
  }
  await coordinatorAt(former)
  kafka.moveLeader(name, 0, 1)
  kafka.moveCoordinator('transaction', 'id', 1)
  const before = await leaderAt(former)
  kafka.pause(1)
  await expect.poll(() => kafka.leaderOf(name, 0)).not.toBe(1)
  const now = await leaderAt(present)
  const [leader, coordinator] = [leaderAt(former), coordinatorAt(former)]
  await sleep(50)
  kafka.resume(1)
  expect(await leader).toMatchObject({ leaderId: 1, leaderEpoch: before?.leaderEpoch })
  expect(await coordinator).toBe(1)
  expect(await coordinatorAt(present)).not.toBe(1)
  await expect.poll(() => coordinatorAt(former)).not.toBe(1)
  expect(await leaderAt(former)).toMatchObject({ leaderId: now?.leaderId, leaderEpoch: now?.leaderEpoch })
})
