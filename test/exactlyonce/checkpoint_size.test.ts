import { describe, expect, test } from 'vitest'
import { memoryCheckpointStorage } from '../../src/exactlyonce/checkpoint/memory_storage.ts'
import type { StateValue } from '../../src/exactlyonce/functions.ts'
import { encodeRecorded } from '../../src/exactlyonce/sink/ledger.ts'
import { packHandle } from '../../src/exactlyonce/sink/packed_handle.ts'
import { encodePartitions } from '../../src/exactlyonce/source/partition_state.ts'
import { encodeStateValue } from '../../src/exactlyonce/state.ts'
import { nodeRuntime } from '../../src/runtime/index.ts'
import { checkpointOf, runOf, storageContext } from './kit/checkpoints.ts'

const runtime = nodeRuntime()
const randomId = (): string => Buffer.from(runtime.randomBytes(16)).toString('hex')
const topicId = (): string => Buffer.from(runtime.randomBytes(16)).toString('base64url')
const offset = (): number => Math.floor(runtime.random() * 1e9)

const clusterId = topicId()
const sinkTopicId = topicId()

function handleOf(checkpointId: number, slot: number, partitionsCount: number, previousRandomId: string): StateValue {
  const partitions = Array.from({ length: partitionsCount }, (_, partition) => {
    return { topic: 'payments-enriched', topicId: sinkTopicId, partition, firstOffset: String(offset()) }
  })
  const transactionalId = `payments-production.0.${slot}`
  return packHandle({
    format: 1,
    clusterId,
    transactionalId,
    producerId: String(offset()),
    producerEpoch: 123,
    transactionVersion: 2,
    endTxnVersion: 5,
    transactionTimeoutMs: 900_000,
    startedAtMs: 1_790_000_000_000,
    hasData: true,
    partitions,
    witness: {
      groupId: `${transactionalId}.ledger`,
      topic: 'payments-enriched',
      partition: 0,
      offset: String(checkpointId),
      randomId: randomId(),
      previousRandomId
    },
    checksum: '01234567'
  })
}

/** Bytes of a checkpoint of a job that copies so many partitions, each with random offsets. */
async function sizeOf(pendingCount: number, partitionsCount: number): Promise<number> {
  const store = await memoryCheckpointStorage().open(storageContext())
  await store.publishRun(runOf())
  const source = topicId()
  const positions = Array.from({ length: partitionsCount }, (_, partition) => {
    return {
      topic: 'payments',
      topicId: source,
      partition,
      leaderEpoch: 7,
      offset: BigInt(offset()),
      stopOffset: undefined
    }
  })
  const elements = encodePartitions(positions).map((value) => encodeStateValue(value, 'positions'))
  // A pool of the default size, or as many ids as are pending.
  const witnesses = Array.from({ length: Math.max(3, pendingCount) }, (_, slot) => [slot, randomId()] as const)
  const pending = witnesses.slice(0, pendingCount).map(([slot, last]) => {
    return { checkpointId: 100 + slot, handle: handleOf(100 + slot, slot, partitionsCount, last) }
  })
  const recorded = encodeRecorded({
    clusterId,
    place: { topic: 'payments-enriched', partition: 0 },
    witnesses: new Map(witnesses)
  })
  const { bytes } = await store.publishCheckpoint(
    checkpointOf({
      jobName: 'enrich-payments',
      checkpointId: 102,
      previousCheckpointId: 101,
      runId: Buffer.from(runtime.randomBytes(8)).toString('hex'),
      operators: new Map([['payments', [new Map([['partitions', { redistribution: 'union', elements }]])]]]),
      participants: new Map([['kafka:payments-production', { pending, recorded }]])
    })
  )
  return bytes
}

describe('a checkpoint of a job that copies a topic', () => {
  test.each([
    [1, 1],
    [1, 12],
    [3, 12],
    [1, 100],
    [4, 100]
  ])(
    'with %d pending transactions and %d partitions takes at most 512 B for each of the first and 32 B for each of the second',
    async (pending, partitions) => {
      expect(await sizeOf(pending, partitions)).toBeLessThanOrEqual(512 * pending + 32 * partitions)
    }
  )
})
