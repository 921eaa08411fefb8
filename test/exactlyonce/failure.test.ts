// A failure that could have two reasons is left to recovery, which can tell them apart; one that the next run would meet
// again ends the job.
import { expect, test } from 'vitest'
import { KafkaError } from 'kafka-once'
import { failureOf } from '../../src/exactlyonce/failure.ts'

test('a fenced producer is no reason to stop: its transaction may only have waited too long', () => {
  const failure = failureOf(new KafkaError('PRODUCER_FENCED', 'epoch 5', { fatal: true }))
  expect(failure).toMatchObject({ isFatal: false, error: { code: 'JOB_FENCED', fatal: false } })
})

test('a leader that knows a later epoch tells the same as a coordinator that fences', () => {
  const refused = new KafkaError('BROKER_ERROR', 'A batch of 2 records', { kafkaCode: 47 })
  const givenUp = new KafkaError('TRANSACTION_ABORTABLE', 'cannot be committed', { kafkaCode: 47, cause: refused })
  for (const error of [refused, givenUp]) {
    expect(failureOf(error)).toMatchObject({ isFatal: false, error: { code: 'JOB_FENCED', fatal: false } })
  }
})

test('a record that is too large is not tried again', () => {
  const tooLarge = new KafkaError('RECORD_TOO_LARGE', 'A record takes 5000074 bytes.')
  const refused = new KafkaError('BROKER_ERROR', 'A batch of 1 records', { kafkaCode: 10 })
  const givenUp = new KafkaError('TRANSACTION_ABORTABLE', 'cannot be committed', { abortable: true, cause: tooLarge })
  for (const error of [tooLarge, refused, givenUp]) {
    expect(failureOf(error)).toMatchObject({ isFatal: true, error: { code: 'JOB_FAILED', fatal: true } })
  }
  const passing = new KafkaError('DEADLINE_EXCEEDED', 'no answer', { retriable: true })
  const abortable = new KafkaError('TRANSACTION_ABORTABLE', 'cannot be committed', { cause: passing })
  expect(failureOf(abortable)).toMatchObject({ isFatal: false })
})
