// A broker has room for a limited number of fetch sessions, and gives up those that nobody uses.
import { EmbeddedKafka } from 'kafka-once/testing'
import { expect, test } from 'vitest'
import { fetchRequest, Site } from './site.ts'

test('a session makes room only after a while without use', async () => {
  const config = {
    'max.incremental.fetch.session.cache.slots': '1',
    'min.incremental.fetch.session.eviction.ms': '60000'
  }
  await using kafka = await EmbeddedKafka.start({ config })
  using site = await Site.open(kafka.bootstrap)
  const topic = await site.topic()
  const begin = async (): Promise<number> =>
    (await site.wire.request('Fetch', 12, fetchRequest([topic], { sessionEpoch: 0 }))).sessionId
  const first = await begin()
  expect(first).toBeGreaterThan(0)
  expect(await begin()).toBe(0)
  await kafka.advanceTime(60_001)
  expect(await begin()).toBeGreaterThan(0)
  const { errorCode } = await site.wire.request('Fetch', 12, fetchRequest([], { sessionId: first, sessionEpoch: 1 }))
  expect(errorCode).toBe(70)
})
