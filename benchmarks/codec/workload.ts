// What a measurement of a codec consists of: a workload is one piece of work on the same bytes, and each client that can
// do it has a subject for it.
import type { PeerName } from '../clients/peer_packages.ts'

/**
 * Who is measured. Besides the peers all are ours: with the native checksum or with none, without emitted code, and what
 * hand-written loops would take.
 */
export const codecClientNames = [
  'kafka-once',
  'kafka-once-native',
  'kafka-once-unchecked',
  'kafkajs',
  'platformatic',
  'kafka-ts',
  'closures',
  'limit',
  'limit-native',
  'limit-unchecked'
] as const
export type CodecClientName = (typeof codecClientNames)[number]

/** Peers, whose best is what ratios are taken against. */
export const codecPeerNames: readonly PeerName[] = ['kafkajs', 'platformatic', 'kafka-ts']

/** Parts of the benchmark, for `--only`. */
export const codecGroups = ['messages', 'records'] as const
export type CodecGroup = (typeof codecGroups)[number]

/** One client at one piece of work. */
export interface CodecSubject {
  /** Throws where the client does not come to the same data as everybody else; called before anything is timed. */
  check(): void | Promise<void>
  /** Does the work so many times. */
  run(times: number): void | Promise<void>
}

export interface CodecWorkload {
  readonly group: CodecGroup
  /** Short and without spaces, for `--workloads` and the record of a run. */
  readonly name: string
  readonly title: string
  /** What the work is counted in, such as `partition`. */
  readonly unit: string
  /** Units that are done in one go. */
  readonly unitsPerRun: number
  readonly subjects: { readonly [C in CodecClientName]?: () => CodecSubject | Promise<CodecSubject> }
}

/** What is measured of one unit: user and system time of the process in nanoseconds, and bytes that are allocated. */
export const codecFigures = ['cpuNs', 'allocatedBytes'] as const
export type CodecFigure = (typeof codecFigures)[number]

/** One measurement of one figure in one process. */
export interface CodecMeasurement {
  readonly figure: number
}
