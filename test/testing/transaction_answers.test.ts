// The embedded broker answers as a real Kafka 4.4.0 does.
import { afterAll, beforeAll, describe } from 'vitest'
import { EmbeddedKafka } from 'kafka-once/testing'
import type { EmbeddedKafkaOptions } from 'kafka-once/testing'
import type { AnsweringCluster } from './raw_cluster.ts'
import { twoPhaseCommitAnswers } from './transaction_admin_answers.ts'
import { expiryAnswers, moveAnswers, shortLife } from './transaction_failure_answers.ts'
import { allAnswers } from './transaction_all_answers.ts'

const quickTimeouts = { 'transaction.abort.timed.out.transaction.cleanup.interval.ms': '50' }

/** Starts an embedded cluster before the suite's tests and ends it after them. */
function withEmbedded(options: EmbeddedKafkaOptions): () => AnsweringCluster {
  let kafka: EmbeddedKafka | undefined
  beforeAll(async () => {
    kafka = await EmbeddedKafka.start({ ...options, config: { ...quickTimeouts, ...options.config } })
  })
  afterAll(async () => kafka?.close())
  return () => {
    if (kafka === undefined) throw new Error('no embedded Kafka was started')
    const running = kafka
    const nodes = running.bootstrap.split(',').map((address, i) => ({ id: i + 1, address }))
    return {
      bootstrap: running.bootstrap,
      nodes,
      kill: (node) => running.kill(node),
      start: (node) => running.start(node),
      advanceTime: (ms) => running.advanceTime(ms)
    }
  }
}

describe('the embedded Kafka', () => {
  describe.each([2, 1, 0] as const)('with transaction.version %i', (transactionVersion) => {
    allAnswers(withEmbedded({ transactionVersion }), transactionVersion)
  })

  describe.each([true, false])('with unstable versions, two-phase commit %s', (isEnabled) => {
    const config = {
      'unstable.api.versions.enable': 'true',
      'transaction.two.phase.commit.enable': String(isEnabled)
    }
    twoPhaseCommitAnswers({ cluster: withEmbedded({ config }), transactionVersion: 2, speech: 'v5' }, isEnabled)
  })

  describe.each([2, 1] as const)('with ids that expire, and transaction.version %i', (transactionVersion) => {
    const cluster = withEmbedded({ config: shortLife, transactionVersion })
    expiryAnswers({ cluster, transactionVersion, speech: transactionVersion === 2 ? 'v5' : 'v4' })
  })

  describe('of three brokers', () => {
    const config = { 'broker.session.timeout.ms': '200' }
    moveAnswers({ cluster: withEmbedded({ brokers: 3, config }), transactionVersion: 2, speech: 'v5' })
  })
})
