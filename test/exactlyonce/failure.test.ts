// A failure that could have two reasons is left to recovery, which can tell them apart.
import { expect, test } from 'vitest'
import { KafkaError } from 'kafka-once'
import { failureOf } from '../../src/exactlyonce/failure.ts'

test('a fenced producer is no reason to stop: its transaction may only have waited too long', () => {
  const failure = failureOf(new KafkaError('PRODUCER_FENCED', 'epoch 5', { fatal: true }))
  expect(failure).toMatchObject({ isFatal: false, error: { code: 'JOB_FENCED', fatal: false } })
})
