// What a run of the pipeline program is told, and what it tells: the contract between the program, which is killed, and
// the harness, which reads one JSON line per event from its output. Types and their parsing.

/** Where the program does something to itself. */
export interface FaultOrder {
  /** A named point of the engine, or `wire.<API>.sent`, `wire.<API>.answered`. */
  readonly point: string
  /** At the n-th time, counted from 1 within the phase. */
  readonly hit: number
  /** `recovery` ends when records begin to flow. */
  readonly phase: 'any' | 'recovery' | 'run'
  /** Where given, `hit` counts this point, and the order is carried out at the next `point` after it. */
  readonly after?: string
  /** `kill`: SIGKILL. `pause`: SIGSTOP. `fail`: throws there, at named points of the engine only. */
  readonly action: 'kill' | 'pause' | 'fail'
}

export interface PipelineSettings {
  readonly brokers: string
  readonly jobName: string
  readonly input: string
  /** Each record goes to all of them, in one transaction. */
  readonly outputs: readonly string[]
  readonly prefix: string
  readonly folder: string
  readonly parallelism: number
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly transactionTimeoutMs: number
  readonly concurrentMax: number
  readonly lingerMs: number
  readonly lock: 'pid' | 'none'
  readonly onLostTransaction?: 'stop' | 'acceptLoss' | undefined
  /** Where given, the source commits the offsets of complete checkpoints to this group. */
  readonly groupId?: string | undefined
  /** Default: the source's own. */
  readonly discoveryIntervalMs?: number | undefined
  /** Restarts within one process. Default 3. */
  readonly restartAttemptsMax?: number | undefined
  readonly order?: FaultOrder | undefined
  /** Tells of every fault point that is passed. */
  readonly traces?: boolean | undefined
}

export interface VerdictPartition {
  readonly topic: string
  readonly partition: number
  /** Decimal. */
  readonly firstOffset: string
}

/** What the engine said about one transaction, at that moment. */
export interface ToldVerdict {
  readonly transactionalId: string
  /** Decimal. */
  readonly producerId: string
  readonly producerEpoch: number
  readonly checkpointId: number
  readonly partitions: readonly VerdictPartition[]
  /** A Verdict's kind; or `proven`: every partition has its marker, so they say. */
  readonly verdict: string
}

export type PipelineEvent =
  | { readonly event: 'started'; readonly incarnation: number; readonly restoredCheckpointId: number | null }
  | { readonly event: 'checkpoint'; readonly checkpointId: number; readonly pending: number }
  /** By input partition, of one subtask, as of the last completed checkpoint. */
  | { readonly event: 'counts'; readonly subtaskIndex: number; readonly counts: Readonly<Record<string, number>> }
  | ({ readonly event: 'verdict' } & ToldVerdict)
  | { readonly event: 'transactionLost'; readonly checkpointId: number; readonly restoredCheckpointId: number | null }
  | { readonly event: 'restarting'; readonly message: string }
  | { readonly event: 'log'; readonly level: 'warn' | 'error'; readonly message: string }
  /** The last line before the fault. */
  | { readonly event: 'fault'; readonly point: string; readonly hit: number; readonly action: FaultOrder['action'] }
  | { readonly event: 'passed'; readonly point: string }
  | { readonly event: 'failed'; readonly name: string; readonly code: string; readonly message: string }
  | { readonly event: 'ended'; readonly outcome: string }

const eventNames = [
  'started',
  'checkpoint',
  'counts',
  'verdict',
  'transactionLost',
  'restarting',
  'log',
  'fault',
  'passed',
  'failed',
  'ended'
]

/** Undefined where the line is none of the program's, such as a stack trace. */
export function parseEvent(line: string): PipelineEvent | undefined {
  try {
    const event: PipelineEvent | null = JSON.parse(line)
    return eventNames.includes(event?.event ?? '') ? (event ?? undefined) : undefined
  } catch {
    return undefined
  }
}
