// Kafka's own producer, transactional producer, consumer and admin client work against the embedded Kafka as they do
// against a real one, with both protocols of groups, and with members of both in one group.
import { EmbeddedKafka } from 'kafka-once/testing'
import { describe, expect, test } from 'vitest'
import { startBroker } from '../../broker/broker.ts'
import { runJava } from '../../broker/peers.ts'
import { describeJars } from '../../broker/real_kafka.ts'
import { expectedReport } from './scenario.ts'
import { peerConfig } from './sites.ts'
import type { StartedKafka } from './sites.ts'

const sites: readonly (readonly [name: string, start: () => Promise<StartedKafka>])[] = [
  ['an embedded Kafka', () => EmbeddedKafka.start({ config: peerConfig })],
  ['a real Kafka', () => startBroker({ config: peerConfig })]
]

describeJars("Kafka's own clients", () => {
  describe.each(sites)('with %s', (_, start) => {
    test.for(['classic', 'consumer', 'classic,consumer', 'consumer,classic'])(
      'create topics, share a %s group, resume it, and commit and abort transactions',
      async (protocol) => {
        await using kafka = await start()
        const printed = await runJava('peer/PlayScenario.java', [kafka.bootstrap, 'java', protocol])
        expect(JSON.parse(printed)).toEqual(expectedReport)
      }
    )
  })
})
