// The repair of a committed transaction whose marker is missing, where the broker has reasons to refuse it.
import type { PreparedTransaction, Proof } from 'kafka-once'
import { KafkaError } from 'kafka-once'
import { errorCode } from 'kafka-once/protocol'
import { expect, test } from 'vitest'
import { HangingTransactionError } from '../../../src/exactlyonce/errors.ts'
import { proveCommitted } from '../../../src/exactlyonce/sink/settlement.ts'

const proven: Proof = { kind: 'proven' }
const options = { deadlineMs: 1_000 }
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- all that is read of it
const handle = { transactionalId: 'job.0.0' } as PreparedTransaction

function hanging(coordinatorEpoch: number): Proof {
  const place = { topic: 'out', partition: 0, producerEpoch: 3, currentTxnStartOffset: 7n }
  return { kind: 'hanging', partitions: [{ ...place, coordinatorEpoch }] }
}

function refusedWith(name: keyof typeof errorCode): KafkaError {
  return new KafkaError('BROKER_ERROR', `WriteTxnMarkers: ${name}`, { kafkaCode: errorCode[name] })
}

/** Proofs come one after another, the last one again and again; so do the answers to repairs. */
async function played(proofs: readonly Proof[], answers: readonly (KafkaError | undefined)[]) {
  const tried: number[] = []
  const told: string[] = []
  let proofCount = 0
  const resumed = {
    prove: () => Promise.resolve(proofs[Math.min(proofCount++, proofs.length - 1)]!),
    repair: (proof: Proof) => {
      if (proof.kind === 'hanging') tried.push(proof.partitions[0]!.coordinatorEpoch)
      const answer = answers[Math.min(tried.length, answers.length) - 1]
      return answer === undefined ? Promise.resolve() : Promise.reject(answer)
    }
  }
  const end = await proveCommitted(resumed, handle, { call: options, tell: (outcome) => told.push(outcome) }).then(
    () => 'done',
    (error: unknown) => error
  )
  return { end, tried, told }
}

const fenced = refusedWith('TRANSACTION_COORDINATOR_FENCED')

test('writes no marker where none is missing', async () => {
  expect(await played([proven], [])).toEqual({ end: 'done', tried: [], told: ['proven'] })
})

test('takes a refused marker for written where the proof then shows it', async () => {
  const refused = refusedWith('INVALID_PRODUCER_EPOCH')
  expect(await played([hanging(1), proven], [refused])).toEqual({ end: 'done', tried: [1], told: ['proven'] })
})

test('writes it again with the epoch of a newer coordinator that wrote there meanwhile', async () => {
  const { end, tried } = await played([hanging(1), hanging(2), hanging(4), proven], [fenced, fenced, undefined])
  expect({ end, tried }).toEqual({ end: 'done', tried: [1, 2, 4] })
})

test('gives up where newer coordinators go on refusing it, and tells their reason', async () => {
  const { end, tried, told } = await played([hanging(1)], [fenced])
  expect(tried).toHaveLength(5)
  expect(end).toBeInstanceOf(HangingTransactionError)
  expect(end).toMatchObject({ cause: fenced, message: expect.stringContaining(fenced.message) })
  expect(told).toEqual([])
})

test('gives up at once where it may not be written, or is not there when it was', async () => {
  const refused = refusedWith('CLUSTER_AUTHORIZATION_FAILED')
  expect(await played([hanging(1)], [refused])).toMatchObject({ tried: [1], end: { code: 'HANGING_TRANSACTION' } })
  const { end, tried } = await played([hanging(1)], [undefined])
  expect(tried).toEqual([1])
  expect(end).toMatchObject({ message: expect.stringContaining('also after it was written') })
})

test('leaves what may pass to whoever tries again', async () => {
  const away = new KafkaError('DEADLINE_EXCEEDED', 'nobody answered', { retriable: true })
  expect(await played([hanging(1)], [away])).toMatchObject({ end: away, tried: [1] })
})
