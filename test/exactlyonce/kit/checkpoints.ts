// Owns checkpoints and runs as tests make them up: only what a test names differs from the usual.
import type { Checkpoint, RunRecord, StorageContext } from '../../../src/exactlyonce/checkpoint/storage.ts'
import { silentLogger } from '../../../src/client/index.ts'
import type { Logger } from '../../../src/client/index.ts'
import { nodeRuntime } from '../../../src/runtime/index.ts'

export function checkpointOf(given: Partial<Checkpoint> = {}): Checkpoint {
  return {
    jobName: 'job',
    checkpointId: 1,
    previousCheckpointId: undefined,
    incarnation: 0,
    runId: '0123456789abcdef',
    takenAtMs: 1_700_000_000_000,
    operators: new Map(),
    participants: new Map(),
    ...given
  }
}

export function runOf(given: Partial<RunRecord> = {}): RunRecord {
  return {
    jobName: 'job',
    incarnation: 0,
    runId: '0123456789abcdef',
    restoredCheckpointId: undefined,
    firstCheckpointId: 0,
    concurrentMax: 1,
    startedAtMs: 1_700_000_000_000,
    ...given
  }
}

export function storageContext(given: Partial<StorageContext> = {}): StorageContext {
  return { jobName: 'job', runtime: nodeRuntime(), logger: silentLogger, ...given }
}

/** A logger that keeps what is said at each level. */
export function keepingLogger(): Logger & { readonly said: string[] } {
  const said: string[] = []
  const at =
    (level: string) =>
    (message: string): void =>
      void said.push(`${level}: ${message}`)
  return { said, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
