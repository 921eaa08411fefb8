// A checkpoint is a file that anybody may have put there: it must not make a job end a stranger's transaction.
import { expect, test } from 'vitest'
import { sealPrepared, silentLogger } from '../../../src/client/index.ts'
import type { Kafka } from '../../../src/client/index.ts'
import { KafkaSink, SimpleStringSchema } from '../../../src/exactlyonce/index.ts'
import type { TransactionParticipant } from '../../../src/exactlyonce/index.ts'
import { packHandle } from '../../../src/exactlyonce/sink/packed_handle.ts'
import { nodeRuntime } from '../../../src/runtime/index.ts'

function participantOf(asked: string[]): TransactionParticipant {
  const cluster = new Proxy({}, { get: (_, name) => () => Promise.reject(new Error(String(asked.push(String(name))))) })
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- nothing of it may be asked
  const kafka = { cluster } as unknown as Kafka
  const sink = new KafkaSink<string>({
    kafka,
    topic: 'out',
    schema: new SimpleStringSchema(),
    transactionalIdPrefix: 'job'
  })
  return sink.participant!.create({
    jobName: 'job',
    runId: '0123456789abcdef',
    sinks: [sink],
    writersCount: 1,
    checkpointing: { intervalMs: 100, timeoutMs: 1000, minPauseMs: 0, concurrentMax: 1 },
    recoveryDeadlineMs: 1000,
    runtime: nodeRuntime(),
    logger: silentLogger,
    signal: new AbortController().signal,
    report: () => undefined,
    fail: () => undefined
  })
}

test.each(['job.1.0', 'job.0.x', 'job-2.0.0', 'other'])(
  'a pending transaction of %s is refused before anything is sent',
  async (transactionalId) => {
    const handle = packHandle(
      sealPrepared({
        format: 1,
        clusterId: 'MkU3OEVBNTcwNTJENDM2Qg',
        transactionalId,
        producerId: '5',
        producerEpoch: 0,
        transactionVersion: 2,
        endTxnVersion: 5,
        transactionTimeoutMs: 60_000,
        startedAtMs: 1_795_000_000_000,
        hasData: true,
        partitions: [{ topic: 'out', topicId: 'b8tRS7h4TJ2Vt43Dp85v2A', partition: 0, firstOffset: '0' }],
        witness: null
      })
    )
    const asked: string[] = []
    const participant = participantOf(asked)
    const pending = { checkpointId: 7, handle }
    for (const settling of [participant.recoverAndCommit(pending), participant.recoverAndAbort(pending)]) {
      await expect(settling).rejects.toMatchObject({
        code: 'CHECKPOINT_CORRUPT',
        fatal: true,
        message: expect.stringContaining(transactionalId)
      })
    }
    expect(asked).toEqual([])
  }
)
