// The embedded Kafka lets in and refuses as a real one does.
import { EmbeddedKafka } from 'kafka-once/testing'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { loginAnswers, openAnswers, sasl, sessionAnswers, sessionMs } from './sasl_answers.ts'
import type { LoginCase } from './sasl_answers.ts'

const suites: readonly (readonly [string, readonly LoginCase[], () => Promise<EmbeddedKafka>])[] = [
  ['where one logs in', loginAnswers, () => EmbeddedKafka.start({ sasl })],
  [
    'where sessions end',
    sessionAnswers,
    () => EmbeddedKafka.start({ sasl, config: { 'connections.max.reauth.ms': String(sessionMs) } })
  ],
  ['where anybody may come in', openAnswers, () => EmbeddedKafka.start()]
]

describe.each(suites)('an embedded Kafka %s', (_, cases, start) => {
  let kafka: EmbeddedKafka
  beforeAll(async () => {
    kafka = await start()
  })
  afterAll(() => kafka.close())

  test.concurrent.each(cases)('$name', (one) => one.run(kafka.bootstrap))
})
