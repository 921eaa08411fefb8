// What a group coordinator answers to offsets that are committed inside a transaction, among them the witness of a
// transaction: one offset of a private group whose metadata only its own commit can make visible. KIP-98, KIP-447, KIP-890.
import { errorCode } from 'kafka-once/protocol'
import { expect } from 'vitest'
import { patiently } from './raw_cluster.ts'
import { answer } from './transaction_answers.ts'
import type { AnsweringSite, Situation } from './transaction_answers.ts'

const { NONE, INVALID_PRODUCER_EPOCH, INVALID_TXN_STATE, PRODUCER_FENCED, UNSTABLE_OFFSET_COMMIT } = errorCode

/** The settled offset of partition 0, waited for. */
function settled(here: Situation, groupId: string) {
  return patiently(`a settled offset of ${groupId}`, async () => {
    const told = await here.raw.offsetOf(groupId, here.topic, 0, true)
    return told.errorCode === UNSTABLE_OFFSET_COMMIT ? undefined : told
  })
}

export function offsetAnswers(site: AnsweringSite): void {
  answer(site, 'a witness to a group that never had members is seen with the commit, not before', async (here) => {
    const groupId = `${here.name}.ledger`
    const producer = await here.producer().init()
    await producer.write(0)
    await producer.writeWitness(groupId, 'random', 7n)
    expect((await here.raw.describe(here.name)).topics.map(({ topic }) => topic).toSorted()).toEqual([
      '__consumer_offsets',
      here.topic
    ])
    expect(await here.raw.offsetOf(groupId, here.topic, 0, true)).toMatchObject({ errorCode: UNSTABLE_OFFSET_COMMIT })
    const before = { errorCode: NONE, committedOffset: -1n, metadata: '' }
    expect(await here.raw.offsetOf(groupId, here.topic, 0, false)).toMatchObject(before)
    expect((await producer.end()).errorCode).toBe(NONE)
    const after = { errorCode: NONE, committedOffset: 7n, metadata: 'random' }
    expect(await settled(here, groupId)).toMatchObject(after)
    expect(await here.raw.offsetOf(groupId, here.topic, 0, false)).toMatchObject(after)
  })

  answer(site, 'a witness alone opens a transaction, and an abort forgets it', async (here) => {
    const groupId = `${here.name}.ledger`
    const producer = await here.producer().init()
    await producer.writeWitness(groupId, 'first', 1n)
    await producer.finish()
    await producer.writeWitness(groupId, 'second', 2n)
    expect(await here.raw.describe(here.name)).toMatchObject({ transactionState: 'Ongoing' })
    expect(await here.raw.offsetOf(groupId, here.topic, 0, false)).toMatchObject({ metadata: 'first' })
    expect(await here.raw.offsetOf(groupId, here.topic, 0, true)).toMatchObject({ errorCode: UNSTABLE_OFFSET_COMMIT })
    await producer.finish(false)
    expect(await settled(here, groupId)).toMatchObject({ committedOffset: 1n, metadata: 'first' })
  })

  answer(site, 'offsets need the transaction: v5 opens it, older ones must have added the group', async (here) => {
    const groupId = `${here.name}.ledger`
    const producer = await here.producer().init()
    await here.raw.coordinatorOf('group', groupId)
    const codeOf = (version: number): Promise<number> => producer.commitOffsetsSettled({ groupId, offset: 1n, version })
    await producer.insist('the group coordinator', async () => {
      const code = await codeOf(3)
      return code === INVALID_TXN_STATE ? NONE : code
    })
    expect(await codeOf(4)).toBe(errorCode.TRANSACTION_ABORTABLE)
    expect(await here.raw.describe(here.name)).toMatchObject({ transactionState: 'Empty' })
    if (here.isV5) expect(await codeOf(5)).toBe(NONE)
    else {
      await producer.insist('AddOffsetsToTxn', () => producer.addOffsets(groupId))
      expect(await codeOf(4)).toBe(NONE)
    }
    expect(await here.raw.describe(here.name)).toMatchObject({ transactionState: 'Ongoing' })
  })

  answer(site, 'offsets of a fenced producer are refused', async (here) => {
    const groupId = `${here.name}.ledger`
    const zombie = await here.producer().init()
    await zombie.writeWitness(groupId, 'zombie')
    await here.producer().init()
    expect(await zombie.commitOffsetsSettled({ groupId, offset: 9n })).toBe(INVALID_PRODUCER_EPOCH)
    expect(await settled(here, groupId)).toMatchObject({ committedOffset: -1n })
  })

  answer(
    site,
    'offsets of a member that the group does not know are refused, with the transaction open',
    async (here) => {
      const groupId = `${here.name}-group`
      const producer = await here.producer().init()
      await here.raw.coordinatorOf('group', groupId)
      if (!here.isV5) await producer.insist('AddOffsetsToTxn', () => producer.addOffsets(groupId))
      const asMember = { groupId, offset: 1n, memberId: 'nobody', generation: 1 }
      let code = errorCode.COORDINATOR_LOAD_IN_PROGRESS as number
      await producer.insist('the group coordinator', async () => {
        code = await producer.commitOffsets(asMember)
        return code === errorCode.ILLEGAL_GENERATION || code === errorCode.UNKNOWN_MEMBER_ID ? NONE : code
      })
      expect(code).toBe(errorCode.ILLEGAL_GENERATION)
      expect(await here.raw.describe(here.name)).toMatchObject({ transactionState: 'Ongoing' })
      await producer.finish(false)
      expect(await settled(here, groupId)).toMatchObject({ committedOffset: -1n })
    }
  )

  answer(
    site,
    'InitProducerId between two transactions keeps what comes late of the first out of the next',
    async (here) => {
      const groupId = `${here.name}.ledger`
      const producer = await here.producer().init()
      await producer.write(0, [0], ['first'])
      await producer.writeWitness(groupId, 'first', 1n)
      const late = producer.resumed()
      await producer.finish()
      await producer.init({ producerId: producer.producerId, producerEpoch: producer.producerEpoch })
      await producer.write(0, [0], ['next'])
      await producer.writeWitness(groupId, 'next', 2n)
      expect(await late.commitOffsetsSettled({ groupId, offset: 9n, metadata: 'late' })).toBe(INVALID_PRODUCER_EPOCH)
      expect((await late.endOnce()).errorCode).toBe(PRODUCER_FENCED)
      expect(await here.raw.describe(here.name)).toMatchObject({ transactionState: 'Ongoing' })
      await producer.finish()
      expect(await settled(here, groupId)).toMatchObject({ committedOffset: 2n, metadata: 'next' })
      expect(await here.committedValues()).toEqual(['first', 'next'])
    }
  )

  answer(site, 'a plain commit may pass over one that is pending, which still counts when it commits', async (here) => {
    const groupId = `${here.name}.ledger`
    const producer = await here.producer().init()
    await producer.writeWitness(groupId, 'pending', 5n)
    const { topics } = await here.raw.askCoordinator('group', groupId, 'OffsetCommit', 8, {
      groupId,
      generationIdOrMemberEpoch: -1,
      memberId: '',
      topics: [
        { name: here.topic, partitions: [{ partitionIndex: 0, committedOffset: 3n, committedMetadata: 'plain' }] }
      ]
    })
    expect(topics[0]?.partitions[0]?.errorCode).toBe(NONE)
    expect(await here.raw.offsetOf(groupId, here.topic, 0, false)).toMatchObject({ metadata: 'plain' })
    expect((await producer.end()).errorCode).toBe(NONE)
    const told = await settled(here, groupId)
    expect(told).toMatchObject({ committedOffset: 3n, metadata: 'plain' })
  })
}
