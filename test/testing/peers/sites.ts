// Owns on which Kafkas clients that are not ours are tried: the embedded one, and a real one, which proves that the test
// itself is right. A client that is not here is reported as not run, with what installs it.
import { EmbeddedKafka } from 'kafka-once/testing'
import type { SaslOptions } from 'kafka-once/testing'
import { describe } from 'vitest'
import { startBroker } from '../../broker/broker.ts'
import { describeJars } from '../../broker/real_kafka.ts'

/** What a suite starts for itself. */
export interface StartedKafka extends AsyncDisposable {
  readonly bootstrap: string
}

export interface SiteOptions {
  /** Users, who have to log in. */
  readonly sasl?: SaslOptions
}

export const peerConfig = { 'group.initial.rebalance.delay.ms': '0', 'auto.create.topics.enable': 'false' }

/** Declares a suite for each Kafka. `missing` says what the client lacks on this machine. */
export function describePeer(
  client: string,
  missing: string | undefined,
  suite: (start: (options?: SiteOptions) => Promise<StartedKafka>) => void
): void {
  const name = missing === undefined ? client : `${client} (not run: ${missing})`
  describe.skipIf(missing !== undefined)(name, () => {
    describe('with an embedded Kafka', () => {
      suite((options) => EmbeddedKafka.start({ config: peerConfig, ...options }))
    })
    describeJars('with a real Kafka', () => {
      suite((options) => startBroker({ config: peerConfig, ...options }))
    })
  })
}
