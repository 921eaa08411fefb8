// No transactional id is used again before its commit is proven: a decided transaction may still lack a marker, and a new
// one of the same id would adopt or destroy what that marker holds back (KAFKA-20734).
import { expect, test } from 'vitest'
import { EmbeddedKafka } from 'kafka-once/testing'
import { unpackHandle } from '../../../src/exactlyonce/sink/packed_handle.ts'
import type { RetainedCheckpoint } from '../../../src/exactlyonce/participant.ts'
import { newTopic, openKafka } from '../kafka_fixture.ts'
import { SinkHarness, sinkOf } from '../kit/sink_harness.ts'

/** Ids of the pool: one per checkpoint that may be unproven, and two more. */
const concurrentMax = 1
const poolSize = concurrentMax + 2
/** Ample time for a mistake. */
const patienceMs = 100

function idOf({ checkpointId, snapshot }: RetainedCheckpoint): string {
  const own = snapshot?.pending.find((pending) => pending.checkpointId === checkpointId)
  return unpackHandle(own?.handle ?? null).transactionalId
}

test.each([0, 1, 2] as const)(
  'a held marker keeps the id out of the pool, at transaction version %i',
  async (transactionVersion) => {
    await using embedded = await EmbeddedKafka.start({ transactionVersion })
    const kafka = openKafka(embedded.bootstrap)
    const topic = await newTopic(kafka, 'held')
    const checkpointing = { intervalMs: 1000, timeoutMs: 5000, minPauseMs: 0, concurrentMax }
    const harness = await new SinkHarness([sinkOf(kafka, topic, topic)], { checkpointing }).start()
    const { participant } = harness
    const isDecided = async (id: string): Promise<boolean> => {
      const described = await kafka.admin().describeTransactions([id])
      return described.get(id)?.state === 'PrepareCommit'
    }

    const held = embedded.cluster.transactions.markers.add(() => 'hold')
    await harness.write('0')
    const first = idOf(await harness.preCommit(0))
    let isProven = false
    const commit = participant.commit(0).then(() => (isProven = true))
    await expect.poll(() => isDecided(first), { timeout: 5000, interval: 5 }).toBe(true)

    const others: string[] = []
    for (let checkpointId = 1; checkpointId < poolSize; checkpointId++) {
      await harness.write(String(checkpointId))
      others.push(idOf(await harness.preCommit(checkpointId)))
    }
    expect(new Set([first, ...others]).size).toBe(poolSize)

    let isWritten = false
    const next = harness.write('next').then(() => (isWritten = true))
    await new Promise((resolve) => setTimeout(resolve, patienceMs))
    expect({ isProven, isWritten }).toEqual({ isProven: false, isWritten: false })

    held[Symbol.dispose]()
    await Promise.all([commit, next])
    expect(idOf(await harness.preCommit(poolSize))).toBe(first)
  }
)
