// The answers of a real Kafka 4.4.0, by which the embedded broker is measured.
import { afterAll, beforeAll, describe } from 'vitest'
import { quickRestart, startBroker } from '../broker/broker.ts'
import type { BrokerOptions, TestBroker } from '../broker/broker.ts'
import { describeBrokers } from '../broker/real_kafka.ts'
import { twoPhaseCommitAnswers } from './transaction_admin_answers.ts'
import { expiryAnswers, moveAnswers, shortLife } from './transaction_failure_answers.ts'
import { allAnswers } from './transaction_all_answers.ts'

const quickTimeouts = { 'transaction.abort.timed.out.transaction.cleanup.interval.ms': '200' }

/** Starts a broker before the suite's tests and ends it after them. */
function withBroker(options: BrokerOptions): () => TestBroker {
  let broker: TestBroker | undefined
  beforeAll(async () => {
    broker = await startBroker({ ...options, config: { ...quickTimeouts, ...quickRestart, ...options.config } })
  })
  afterAll(async () => broker?.[Symbol.asyncDispose]())
  return () => {
    if (broker === undefined) throw new Error('no broker was started')
    return broker
  }
}

describeBrokers('a real Kafka', () => {
  describe.each([2, 1, 0] as const)('with transaction.version %i', (transactionVersion) => {
    allAnswers(withBroker({ transactionVersion }), transactionVersion)
  })

  describe.each([true, false])('with unstable versions, two-phase commit %s', (isEnabled) => {
    const config = {
      'unstable.api.versions.enable': 'true',
      'transaction.two.phase.commit.enable': String(isEnabled)
    }
    twoPhaseCommitAnswers({ cluster: withBroker({ config }), transactionVersion: 2, speech: 'v5' }, isEnabled)
  })

  describe.each([2, 1] as const)('with ids that expire, and transaction.version %i', (transactionVersion) => {
    const cluster = withBroker({ config: shortLife, transactionVersion })
    expiryAnswers({ cluster, transactionVersion, speech: transactionVersion === 2 ? 'v5' : 'v4' })
  })

  describe('of three brokers', () => {
    moveAnswers({ cluster: withBroker({ nodes: 3 }), transactionVersion: 2, speech: 'v5' })
  })
})
