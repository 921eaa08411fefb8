// Owns which of Kafka's message definitions concern a client: those with a declaration here, and the others with the
// reason why a client never meets them. A definition that is in neither list is news.

import { apis } from '../../src/protocol/apis.ts'
import { RequestHeader, ResponseHeader } from '../../src/protocol/header.ts'
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription
} from '../../src/protocol/messages/consumer_protocol.ts'
import { TransactionLogKey, TransactionLogValue } from '../../src/protocol/messages/transaction_log.ts'
import { int16, int32, message, type Message } from '../../src/protocol/schema.ts'

/** What src/protocol/control_record.ts reads by hand, declared for the audit. */
const controlRecords: readonly Message[] = [
  message('ControlRecordTypeSchema', { versions: [0, 0], fields: { type: int16 } }),
  message('EndTxnMarker', { versions: [0, 0], fields: { coordinatorEpoch: int32 } })
]

/** Every message that is declared here, as its official definition should say. */
export const declaredMessages: readonly Message[] = [
  ...Object.values(apis).flatMap((api): Message[] => [api.request, api.response]),
  RequestHeader,
  ResponseHeader,
  ConsumerProtocolSubscription,
  ConsumerProtocolAssignment,
  ...controlRecords
]

/** Messages whose definitions are in the jar of the transaction coordinator. */
export const transactionLogMessages: readonly Message[] = [TransactionLogKey, TransactionLogValue]

/** Why a client has nothing to do with a definition. The audit checks the first two against the definition itself. */
export type Irrelevance =
  /** Only controllers listen to it. */
  | 'betweenServers'
  /** It has no version left. */
  | 'removed'
  /** It is kept on the disk of brokers only. */
  | 'onDisk'
  /** It is in control records of the quorum's own log, which is not fetched by clients. */
  | 'inQuorumLog'

const controllerApis = [
  'AllocateProducerIds',
  'AlterPartition',
  'AssignReplicasToDirs',
  'BeginQuorumEpoch',
  'BrokerHeartbeat',
  'BrokerRegistration',
  'ControllerRegistration',
  'EndQuorumEpoch',
  'Envelope',
  'FetchSnapshot',
  'UpdateRaftVoter',
  'Vote'
]

const removedApis = ['ControlledShutdown', 'LeaderAndIsr', 'StopReplica', 'UpdateMetadata']

const quorumRecords = [
  'KRaftVersionRecord',
  'LeaderChangeMessage',
  'SnapshotFooterRecord',
  'SnapshotHeaderRecord',
  'VotersRecord'
]

const bothHalves = (name: string): string[] => [`${name}Request`, `${name}Response`]

/** The definitions that no client needs. */
export const irrelevantFiles: ReadonlyMap<string, Irrelevance> = new Map<string, Irrelevance>([
  ...entries(controllerApis.flatMap(bothHalves), 'betweenServers'),
  // How a broker tells a controller for whom it asks, inside of Envelope.
  ...entries(['DefaultPrincipalData'], 'betweenServers'),
  ...entries(removedApis.flatMap(bothHalves), 'removed'),
  // The index of aborted transactions; a fetch answers in its own words.
  ...entries(['AbortedTxn'], 'onDisk'),
  ...entries(quorumRecords, 'inQuorumLog')
])

function entries(names: readonly string[], reason: Irrelevance): [string, Irrelevance][] {
  return names.map((name) => [name, reason])
}
