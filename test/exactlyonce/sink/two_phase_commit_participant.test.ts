import { beforeEach, describe, expect, test } from 'vitest'
import type { TransactionWriter } from '../../../src/exactlyonce/sink/two_phase_commit_participant.ts'
import { participantContextOf } from '../kit/contexts.ts'
import { SimulatedProcess } from '../kit/process.ts'
import { World, WorldParticipant } from '../kit/world.ts'
import type { WorldTransaction } from '../kit/world.ts'

let world = new World()
let participant: WorldParticipant

const checkpointing = { intervalMs: 100, timeoutMs: 1000, minPauseMs: 0, concurrentMax: 3 }

async function begun(writersCount: number): Promise<TransactionWriter<WorldTransaction>[]> {
  participant = new WorldParticipant(
    participantContextOf({ writersCount, checkpointing }),
    world,
    new SimulatedProcess()
  )
  await participant.fence([])
  await participant.begin(undefined, 5)
  return Array.from({ length: writersCount }, () => participant.createTransactionWriter())
}

beforeEach(() => {
  world = new World()
})

describe('a participant of several writers', () => {
  test('has one transaction per checkpoint, and each record is in that of its place between barriers', async () => {
    const [one, two] = await begun(2)
    if (one === undefined || two === undefined) return
    const write = async (writer: typeof one, value: string): Promise<void> => {
      await participant.write(await writer.current(), [value])
    }
    await write(one, '1 before 5')
    await write(two, '2 before 5')
    one.passBarrier(5)
    await write(one, '1 after 5')
    await write(two, '2 still before 5')
    two.passBarrier(5)
    const snapshot = await participant.preCommit(5)
    await write(two, '2 after 5')
    expect(snapshot.pending).toEqual([{ checkpointId: 5, handle: 0 }])
    expect(world.transactions.map(({ checkpointId, state, values }) => ({ checkpointId, state, values }))).toEqual([
      { checkpointId: 5, state: 'sealed', values: ['1 before 5', '2 before 5', '2 still before 5'] },
      { checkpointId: 6, state: 'open', values: ['1 after 5', '2 after 5'] }
    ])
    await participant.commit(5)
    expect(world.visible).toEqual(['1 before 5', '2 before 5', '2 still before 5'])
  })

  test('opens a transaction with the first record, and has none for a checkpoint without', async () => {
    const [writer] = await begun(1)
    writer?.passBarrier(5)
    expect(await participant.preCommit(5)).toEqual({ pending: [], recorded: -1 })
    await participant.commit(5)
    expect(world.transactions).toEqual([])
    expect(participant.transactions()).toEqual([])
    await writer?.current()
    expect(participant.transactions()).toMatchObject([{ checkpointId: 6, state: 'open' }])
  })

  test('opens a transaction once, however many ask for it at once', async () => {
    const [one, two] = await begun(2)
    const got = await Promise.all([one?.current(), two?.current(), one?.current()])
    expect(new Set(got).size).toBe(1)
    expect(one?.current()).toBe(got[0]) // no promise any more
  })

  test('lists every sealed transaction that is not proven, oldest first', async () => {
    const [writer] = await begun(1)
    for (const checkpointId of [5, 6, 7]) {
      await writer?.current()
      writer?.passBarrier(checkpointId)
      const { pending } = await participant.preCommit(checkpointId)
      expect(pending.map((one) => one.checkpointId)).toEqual([5, 6, 7].slice(0, checkpointId - 4))
    }
    expect(new Set(world.transactions.map(({ id }) => id)).size).toBe(3)
    await participant.commit(5)
    writer?.passBarrier(8)
    expect((await participant.preCommit(8)).pending.map((one) => one.checkpointId)).toEqual([6, 7])
  })
})

describe('closing a participant', () => {
  test('aborts what is open and never touches what is sealed', async () => {
    const [writer] = await begun(1)
    await writer?.current()
    writer?.passBarrier(5)
    await participant.preCommit(5)
    await writer?.current()
    await participant.close()
    await participant.close()
    expect(world.transactions.map(({ state }) => state)).toEqual(['sealed', 'aborted'])
  })

  test('aborts what could not be sealed', async () => {
    const [writer] = await begun(1)
    await writer?.current()
    writer?.passBarrier(5)
    world.onCall = (name) => {
      if (name === 'seal') throw new Error('witness refused')
    }
    await expect(participant.preCommit(5)).rejects.toThrow('witness refused')
    await participant.close()
    expect(world.transactions.map(({ state }) => state)).toEqual(['aborted'])
  })

  test('waits for what is being opened, and bears that it fails', async () => {
    const [one, two] = await begun(2)
    const opening = one?.current()
    two?.passBarrier(5)
    world.onCall = (name) => {
      if (name === 'open') throw new Error('no coordinator')
    }
    const failing = two?.current()
    const closed = participant.close()
    await expect(failing).rejects.toThrow('no coordinator')
    await opening
    await closed
    expect(world.transactions.map(({ state }) => state)).toEqual(['aborted'])
  })

  test('bears that the abort fails', async () => {
    const [writer] = await begun(1)
    await writer?.current()
    world.onCall = () => {
      throw new Error('no broker')
    }
    await participant.close()
  })
})

describe('a participant refuses as a bug', () => {
  test.each([
    [
      'a barrier out of order',
      (writer: TransactionWriter<WorldTransaction>) => writer.passBarrier(6),
      'barrier 6 where 5'
    ],
    ['sealing before all have passed', () => participant.preCommit(5), '1 writers have not passed'],
    ['sealing out of order', () => participant.preCommit(6), 'preCommit 6 is out of order'],
    ['a second begin', () => participant.begin(undefined, 5), 'begin was called twice'],
    ['more writers than were declared', () => participant.createTransactionWriter(), 'more writers']
  ])('%s', async (_, call, message) => {
    const [writer] = await begun(1)
    if (writer === undefined) return
    await expect((async () => call(writer))()).rejects.toThrow(message)
  })

  test('a commit before an earlier one, and a write after close', async () => {
    const [writer] = await begun(1)
    for (const checkpointId of [5, 6]) {
      await writer?.current()
      writer?.passBarrier(checkpointId)
      await participant.preCommit(checkpointId)
    }
    await expect(participant.commit(6)).rejects.toThrow('commit of 6 before that of 5')
    await participant.close()
    expect(() => writer?.current()).toThrow('after close')
  })
})
