// Hangs a transaction coordinator into one life of a broker: its log is the cluster's, its markers go to the brokers that
// lead, and leaders ask it about transactional batches. A paused broker is silent to other brokers until it goes on, as a
// process under SIGSTOP is; one that dies cuts whoever waits for it.
import { errorCode } from '../../protocol/index.ts'
import type { Broker } from '../cluster/broker.ts'
import { internalTopics } from '../cluster/ports.ts'
import type { TransactionPort, VerificationRequest } from '../cluster/ports.ts'
import { noLeader } from '../cluster/topic.ts'
import type { Partition } from '../cluster/topic.ts'
import { TransactionCoordinator } from './coordinator.ts'
import { asLogged } from './entry.ts'
import type { TransactionEntry } from './entry.ts'
import type { CoordinatorRuntime, MarkerRequest, MarkerResult, TransactionPorts, TransactionSettings } from './ports.ts'
import { settle, settleAll } from './settle.ts'
import type { TransactionVersion } from './states.ts'
import { encodeRecord, transactionLog } from './transaction_log.ts'

/** Records that are kept of a partition of `__transaction_state`, bytes. Its values are kept all the same. */
const recordBytesMax = 4 * 1024 * 1024

/** Whoever waits for a broker: `run` is not called where `lost` is. */
interface Waiter {
  readonly run: () => void
  /** The broker died. */
  readonly lost: () => void
}

/** The transaction side of a broker. Throws where its build has none. */
export function transactionsOf(broker: Broker): BrokerTransactions {
  const { transactions } = broker
  if (transactions instanceof BrokerTransactions) return transactions
  throw new Error(`broker ${broker.id} was made without a transaction coordinator`)
}

export class BrokerTransactions implements TransactionPort {
  readonly coordinator: TransactionCoordinator
  readonly #broker: Broker
  readonly #waiters = new Set<Waiter>()

  constructor(broker: Broker) {
    this.#broker = broker
    this.coordinator = new TransactionCoordinator(portsOf(broker), broker.cluster.transactions.markers)
  }

  onElection(partition: Partition): void {
    this.coordinator.onElection(partition.index, partition.leaderEpoch)
  }

  onResignation(partition: Partition): void {
    this.coordinator.onResignation(partition.index)
  }

  close(): void {
    this.coordinator.close()
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const waiter of waiters) waiter.lost()
  }

  verify(request: VerificationRequest): readonly number[] | Promise<readonly number[]> {
    const { partitions, operation } = request
    return settle((done) => {
      const all = (code: number): void => done(partitions.map(() => code))
      this.whenAwake({
        run: () => {
          if (operation === 'verify') done(this.coordinator.verifyPartitions(request))
          else this.coordinator.addPartitions(request, 2, all)
        },
        lost: () => all(errorCode.NETWORK_EXCEPTION)
      })
    })
  }

  /** Runs at once, or when the broker goes on; `lost` where it dies before. */
  whenAwake(waiter: Waiter): void {
    if (!this.#broker.isRunning) return waiter.lost()
    if (!this.#broker.isPaused) return waiter.run()
    this.#waiters.add(waiter)
    this.#broker.setTimer(0, () => {
      if (this.#waiters.delete(waiter)) waiter.run()
    })
  }

  /** Hands over what the broker is working on when it is done; `lost` where the broker dies before. */
  whenDone<T>(work: T | Promise<T>, done: (value: T) => void, lost: () => void): void {
    if (!(work instanceof Promise)) return done(work)
    const waiter: Waiter = { run: () => {}, lost }
    this.#waiters.add(waiter)
    void work.then((value) => {
      if (this.#waiters.delete(waiter)) done(value)
    })
  }
}

function portsOf(broker: Broker): TransactionPorts {
  const { cluster } = broker
  const { settings } = cluster
  const stateTopic = (): Partition[] | undefined => cluster.topics.get(internalTopics.transactions)?.partitions
  return {
    runtime: runtimeOf(broker),
    settings: settingsOf(broker),
    transactionVersion: () => transactionVersionOf(broker),
    partitionCount: () => stateTopic()?.length ?? settings.number('transaction.state.log.num.partitions'),
    append(index, coordinatorEpoch, transactionalId, entry, done) {
      done(append(broker, stateTopic()?.[index], coordinatorEpoch, transactionalId, entry))
    },
    load(index, done) {
      const log = stateTopic()?.[index]?.durable(transactionLog)
      if (log === undefined || log.size === 0) return done([])
      const { loadMs } = cluster.transactions
      const read = (): void => done(log.values())
      if (loadMs === 0) this.runtime.defer(read)
      else this.runtime.setTimer(loadMs, read)
    },
    leaderOf(topic, index) {
      const leader = cluster.partition(topic, index)?.leader ?? noLeader
      return leader === noLeader ? undefined : leader
    },
    sendMarkers: (to, requests, done) => sendMarkers(broker, to, requests, done),
    nextProducerId: () => broker.producerIds.take()
  }
}

function runtimeOf(broker: Broker): CoordinatorRuntime {
  const { runtime } = broker.cluster
  return {
    nowMs: () => runtime.nowMs(),
    monotonicMs: () => runtime.monotonicMs(),
    setTimer: (delayMs, fire) => broker.setTimer(delayMs, fire),
    defer: (fire) => runtime.defer(() => transactionsOf(broker).whenAwake({ run: fire, lost: () => {} }))
  }
}

function settingsOf({ cluster }: Broker): TransactionSettings {
  const { settings } = cluster
  return {
    get transactionMaxTimeoutMs() {
      return settings.number('transaction.max.timeout.ms')
    },
    get abortTimedOutIntervalMs() {
      return settings.number('transaction.abort.timed.out.transaction.cleanup.interval.ms')
    },
    get transactionalIdExpirationMs() {
      return settings.number('transactional.id.expiration.ms')
    },
    get removeExpiredIntervalMs() {
      return settings.number('transaction.remove.expired.transaction.cleanup.interval.ms')
    },
    get twoPhaseCommitEnable() {
      return settings.boolean('transaction.two.phase.commit.enable')
    }
  }
}

function transactionVersionOf({ cluster }: Broker): TransactionVersion {
  const level = cluster.features.transactionVersion
  return level >= 2 ? 2 : level === 1 ? 1 : 0
}

function append(
  broker: Broker,
  partition: Partition | undefined,
  coordinatorEpoch: number,
  transactionalId: string,
  entry: TransactionEntry | null
): number {
  const leads = partition?.leader === broker.id && partition.leaderEpoch === coordinatorEpoch
  if (partition === undefined || !leads || !broker.isRunning) return errorCode.NOT_COORDINATOR
  const inSyncMin = broker.cluster.settings.number('transaction.state.log.min.isr')
  if (partition.inSync.length < inSyncMin) return errorCode.COORDINATOR_NOT_AVAILABLE
  const version = transactionVersionOf(broker)
  const nowMs = Math.round(broker.nowMs())
  const record = encodeRecord(transactionalId, entry, version, nowMs)
  // Kafka's answer where a value is larger than a batch may be.
  if (partition.appendState(record, nowMs, recordBytesMax) !== undefined) return errorCode.UNKNOWN_SERVER_ERROR
  const log = partition.durable(transactionLog)
  if (entry === null) log.delete(transactionalId)
  else log.set(transactionalId, asLogged(entry, version))
  return errorCode.NONE
}

/** Writes markers at the broker that leads, in its own time, and tells the sender in the sender's. */
function sendMarkers(
  from: Broker,
  to: number,
  requests: readonly MarkerRequest[],
  done: (results: readonly MarkerResult[] | undefined) => void
): void {
  const target = from.cluster.nodes.get(to)?.broker
  const answer = (results: readonly MarkerResult[] | undefined): void =>
    transactionsOf(from).whenAwake({ run: () => done(results), lost: () => {} })
  if (target === undefined) return answer(undefined)
  const lost = (): void => answer(undefined)
  const transactions = transactionsOf(target)
  const run = (): void => {
    transactions.whenDone(settleAll(requests.map((request) => writeMarkers(target, request))), answer, lost)
  }
  transactions.whenAwake({ run, lost })
}

/**
 * Appends the markers of one request to the partitions that the broker leads; a code for each, when the replicas in sync
 * have them.
 */
export function writeMarkers(broker: Broker, request: MarkerRequest): MarkerResult | Promise<MarkerResult> {
  const { producerId, producerEpoch, coordinatorEpoch, committed, transactionVersion } = request
  const producer = { producerId, producerEpoch, coordinatorEpoch, transactionVersion }
  const marker = { ...producer, isCommit: committed, timestamp: broker.nowMs() }
  const codes = request.partitions.map(({ topic, partition: index }) => {
    const partition = broker.cluster.partition(topic, index)
    return partition === undefined || !partition.replicas.includes(broker.id)
      ? errorCode.UNKNOWN_TOPIC_OR_PARTITION
      : broker.writeMarker(partition, marker)
  })
  return settleAll(codes)
}
