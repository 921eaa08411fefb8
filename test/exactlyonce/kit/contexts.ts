// Owns what the engine hands to participants, subtasks and checkpoints, as tests make it up: only what a test names
// differs from the usual.
import { sealPrepared, silentLogger } from '../../../src/client/index.ts'
import type { PreparedTransaction } from '../../../src/client/index.ts'
import type { ParticipantContext, SubtaskContext } from '../../../src/exactlyonce/functions.ts'
import { nodeRuntime } from '../../../src/runtime/index.ts'

export function participantContextOf(given: Partial<ParticipantContext> = {}): ParticipantContext {
  return {
    jobName: 'job',
    runId: '0123456789abcdef',
    sinks: [],
    writersCount: 1,
    checkpointing: { intervalMs: 100, timeoutMs: 1000, minPauseMs: 0, concurrentMax: 1 },
    recoveryDeadlineMs: 1000,
    runtime: nodeRuntime(),
    logger: silentLogger,
    signal: new AbortController().signal,
    report: () => undefined,
    fail: () => undefined,
    ...given
  }
}

export function subtaskContextOf(given: Partial<SubtaskContext> = {}): SubtaskContext {
  return {
    jobName: 'job',
    operatorName: 'sink',
    subtaskIndex: 0,
    parallelism: 1,
    runtime: nodeRuntime(),
    logger: silentLogger,
    signal: new AbortController().signal,
    report: () => undefined,
    ...given
  }
}

/** A prepared transaction of a small producer. */
export function preparedOf(given: Partial<Omit<PreparedTransaction, 'checksum'>> = {}): PreparedTransaction {
  return sealPrepared({
    format: 1,
    clusterId: 'MkU3OEVBNTcwNTJENDM2Qg',
    transactionalId: 'job.0.0',
    producerId: '5',
    producerEpoch: 0,
    transactionVersion: 2,
    endTxnVersion: 5,
    transactionTimeoutMs: 60_000,
    startedAtMs: 1_795_000_000_000,
    hasData: true,
    partitions: [{ topic: 'out', topicId: 'b8tRS7h4TJ2Vt43Dp85v2A', partition: 0, firstOffset: '0' }],
    witness: null,
    ...given
  })
}
