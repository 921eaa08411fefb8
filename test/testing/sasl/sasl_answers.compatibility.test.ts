// A real Kafka lets in and refuses as the table says.
import { afterAll, beforeAll, describe, test } from 'vitest'
import { startBroker } from '../../broker/broker.ts'
import type { TestBroker } from '../../broker/broker.ts'
import { describeBrokers } from '../../broker/real_kafka.ts'
import { loginAnswers, openAnswers, sasl, sessionAnswers, sessionMs } from './sasl_answers.ts'
import type { LoginCase } from './sasl_answers.ts'

const suites: readonly (readonly [string, readonly LoginCase[], () => Promise<TestBroker>])[] = [
  ['where one logs in', loginAnswers, () => startBroker({ sasl })],
  [
    'where sessions end',
    sessionAnswers,
    () => startBroker({ sasl, config: { 'connections.max.reauth.ms': String(sessionMs) } })
  ],
  ['where anybody may come in', openAnswers, () => startBroker()]
]

describeBrokers('a broker', () => {
  describe.each(suites)('%s', (_, cases, start) => {
    let broker: TestBroker
    beforeAll(async () => {
      broker = await start()
    })
    afterAll(() => broker[Symbol.asyncDispose]())

    test.concurrent.each(cases)('$name', (one) => one.run(broker.bootstrap))
  })
})
