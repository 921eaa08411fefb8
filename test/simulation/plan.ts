// What one seed stands for: the shape of a run, and the faults that happen in it, as data. A plan can be printed, read,
// run again, and made smaller by leaving faults out.
import type { ApiName } from 'kafka-once/protocol'
import type { DiskCall, DiskFault, Fault, FrameFate, Latency } from 'kafka-once/testing'

/** What the job reads, and the group that it may commit its offsets to. */
export const inputTopic = 'in'
export const sourceGroup = 'source'

/** What goes wrong. Brokers are named by their place in the list of all, or as the one that a frame goes to. */
export type Action =
  | FrameFate
  /** With `power`, the whole machine. Somebody starts the program again after `downMs`. `also` happens at once. */
  | { readonly do: 'kill'; readonly power: boolean; readonly downMs: number; readonly also?: Action }
  /** Where `successorMs` is given, another process is started so long after the pause. `also` happens at once. */
  | { readonly do: 'pause'; readonly forMs: number; readonly successorMs: number | undefined; readonly also?: Action }
  /** The call throws. */
  | { readonly do: 'fail' }
  | { readonly do: 'start' }
  | { readonly do: 'stop' }
  | { readonly do: 'part'; readonly broker: number; readonly forMs: number }
  /** The program's connections to a broker end. `also` happens at once. */
  | { readonly do: 'disconnect'; readonly broker: number; readonly afterMs: number; readonly also?: Action }
  | { readonly do: 'killBroker'; readonly broker: number; readonly downMs: number }
  | { readonly do: 'pauseBroker'; readonly broker: number; readonly forMs: number }
  /** Those that stand still go on. */
  | { readonly do: 'resumeBrokers'; readonly afterMs: number }
  /** Of the broker that coordinates the ledger of the job's first id. */
  | { readonly do: 'pauseLedger'; readonly forMs: number }
  | { readonly do: 'moveLeaders'; readonly broker: number }
  | { readonly do: 'moveCoordinator'; readonly of: 'group' | 'transaction'; readonly broker: number }
  /** Markers for every n-th partition are left out, or come late. */
  | { readonly do: 'markers'; readonly fate: 'skip' | 'hold'; readonly forMs: number; readonly nth: number }
  | { readonly do: 'disk'; readonly call: DiskCall; readonly fault: DiskFault; readonly forMs: number }
  | { readonly do: 'clock'; readonly ms: number }
  | { readonly do: 'setVersion'; readonly version: 0 | 1 | 2 }
  | { readonly do: 'addPartitions' }
  /** The process dies, and finds another folder than it left. */
  | { readonly do: 'folder'; readonly what: 'empty' | 'older' | 'flipped' | 'short' }
  /** The groups that hold the witnesses are deleted. */
  | { readonly do: 'deleteLedgers' }
  /** Somebody else is a member of the source's group, or of those that hold the witnesses, for a while. */
  | {
      readonly do: 'joinGroups'
      readonly of: 'source' | 'ledgers'
      readonly protocol: 'classic' | 'consumer'
      readonly forMs: number
    }

export type PlannedFault = Fault<Action>

/** How the world of a run looks. */
export interface Shape {
  /** What is played: the engine's pipeline, or transactions without the engine. */
  readonly play: 'pipeline' | 'transactions'
  readonly brokers: 1 | 3
  /** Whether programs are told the address of the first broker alone. */
  readonly knowsOne: boolean
  readonly transactionVersion: 0 | 1 | 2
  readonly partitions: number
  readonly outputs: number
  readonly parallelism: number
  readonly concurrentMax: number
  readonly intervalMs: number
  readonly checkpointTimeoutMs: number
  readonly transactionTimeoutMs: number
  readonly lingerMs: number
  readonly lock: 'pid' | 'none'
  /** Proven checkpoints that are kept. */
  readonly retainedMax: number
  /** Of the source; undefined where it commits no offsets. */
  readonly groupId: string | undefined
  readonly latency: Latency
  /** How long markers take on top, milliseconds. */
  readonly markerMs: number
  /** How long followers take, milliseconds. */
  readonly replicaMs: number
  /** How long a transaction coordinator loads. */
  readonly loadMs: number
  /** How long brokers keep offsets that nobody commits again. */
  readonly offsetsRetentionMinutes: number
  /** How many partitions each of the topics of coordinators has. */
  readonly internalPartitions: number
  /** The epoch that transactional ids begin with. */
  readonly firstEpoch: number
  readonly batches: number
  readonly batchRecords: number
  readonly feedMs: number
  /** Whether somebody reads the output meanwhile. */
  readonly isRead: boolean
  /** Whether plain transactions are also aborted when they are saved, and old handles resumed again. */
  readonly asksAgain: boolean
  /** Codes with which a program may rightly stop for good. */
  readonly mayStop: readonly string[]
  /** After so long nothing goes wrong any more. */
  readonly healMs: number
}

export interface Plan {
  readonly seed: number
  readonly profile: string
  readonly shape: Shape
  readonly faults: readonly PlannedFault[]
}

/** The points of the engine and the client, in the order of one checkpoint and of a recovery. */
export const points = [
  'checkpoint.beforeBarrier',
  'checkpoint.barrierPassed',
  'transaction.flush',
  'checkpoint.preCommitted',
  'store.torn',
  'store.written',
  'checkpoint.durable',
  'transaction.beforeEndTxn',
  'transaction.endTxnAnswered',
  'checkpoint.proven',
  'recovery.loaded',
  'recovery.settled',
  'recovery.fenced',
  'recovery.verified',
  'recovery.began'
] as const

/** Requests that exactly-once hangs on. */
export const transactionalApis: readonly ApiName[] = [
  'InitProducerId',
  'AddPartitionsToTxn',
  'AddOffsetsToTxn',
  'Produce',
  'TxnOffsetCommit',
  'EndTxn',
  'OffsetFetch',
  'OffsetCommit',
  'DescribeProducers',
  'DescribeTransactions',
  'ListTransactions',
  'WriteTxnMarkers'
]
