// A transaction coordinator alone: its log, the leaders of partitions and the clock are in the hands of the test. Time
// stands still until `advance`.
import { nodeRuntime } from 'kafka-once/runtime'
import type { Runtime, Timer } from 'kafka-once/runtime'
import { TransactionCoordinator } from '../../../src/testing/transaction/coordinator.ts'
import type { InitProducerIdRequest, ProducerIdResult } from '../../../src/testing/transaction/coordinator.ts'
import { coordinatorPartition } from '../../../src/testing/cluster/java_hash.ts'
import { asLogged } from '../../../src/testing/transaction/entry.ts'
import type { TransactionEntry } from '../../../src/testing/transaction/entry.ts'
import { MarkerControl } from '../../../src/testing/transaction/marker_control.ts'
import { transactionSettings } from '../../../src/testing/transaction/ports.ts'
import type { MarkerRequest, TransactionPorts, TransactionSettings } from '../../../src/testing/transaction/ports.ts'
import type { TransactionVersion } from '../../../src/testing/transaction/states.ts'
import { describeTransaction } from '../../../src/testing/transaction/views.ts'
import type { TransactionDescription } from '../../../src/testing/transaction/views.ts'

export class ManualTime {
  readonly runtime: Runtime
  nowMs = 0
  #timers: { readonly atMs: number; readonly fire: () => void }[] = []

  constructor() {
    const setTimer = (delayMs: number, fire: () => void): Timer => {
      const timer = { atMs: this.nowMs + delayMs, fire }
      this.#timers.push(timer)
      return { cancel: () => (this.#timers = this.#timers.filter((one) => one !== timer)) }
    }
    this.runtime = {
      ...nodeRuntime(),
      nowMs: () => 1_700_000_000_000 + this.nowMs,
      monotonicMs: () => this.nowMs,
      setTimer,
      defer: (fire) => void setTimer(0, fire)
    }
  }

  get timers(): number {
    return this.#timers.length
  }

  /** Fires what becomes due, in order. */
  advance(byMs: number): void {
    const endMs = this.nowMs + byMs
    for (;;) {
      const next = this.#timers.toSorted((a, b) => a.atMs - b.atMs)[0]
      if (next === undefined || next.atMs > endMs) break
      this.#timers = this.#timers.filter((one) => one !== next)
      this.nowMs = Math.max(this.nowMs, next.atMs)
      next.fire()
    }
    this.nowMs = endMs
  }
}

/** What a leader wrote, or what it would have written. */
export interface SentMarkers {
  readonly brokerId: number
  readonly request: MarkerRequest
}

const partitionCount = 4

/** A cluster's durable side, in which coordinators come and go. */
export class Surroundings {
  readonly time = new ManualTime()
  readonly control = new MarkerControl()
  readonly log = new Map<string, TransactionEntry>()
  readonly sent: SentMarkers[] = []
  readonly leaders = new Map<string, number | undefined>()
  /** Read by coordinators whenever they matter: assign to its fields. */
  readonly settings: { -readonly [S in keyof TransactionSettings]: TransactionSettings[S] } = { ...transactionSettings }
  version: TransactionVersion = 2
  /** Of each append, 0 where absent. */
  appendCodes: number[] = []
  /** Of each marker by partition, 0 where absent; 'noAnswer' cuts the connection. */
  markerCodes: (number | 'noAnswer')[] = []
  #nextProducerId = 0n

  coordinator(coordinatorEpoch = 0): Lone {
    const coordinator = new TransactionCoordinator(this.#ports(), this.control)
    for (let i = 0; i < partitionCount; i++) coordinator.onElection(i, coordinatorEpoch)
    return new Lone(this, coordinator)
  }

  #ports(): TransactionPorts {
    return {
      settings: this.settings,
      runtime: this.time.runtime,
      transactionVersion: () => this.version,
      partitionCount: () => partitionCount,
      append: (_partition, _epoch, transactionalId, entry, done) => {
        const code = this.appendCodes.shift() ?? 0
        if (code === 0 && entry === null) this.log.delete(transactionalId)
        else if (code === 0 && entry !== null) this.log.set(transactionalId, asLogged(entry, this.version))
        done(code)
      },
      load: (partition, done) => {
        const entries = [...this.log.values()].filter(
          ({ transactionalId }) => coordinatorPartition(transactionalId, partitionCount) === partition
        )
        this.time.runtime.defer(() => done(entries))
      },
      leaderOf: (topic, partition) => {
        const name = `${topic}-${partition}`
        return this.leaders.has(name) ? this.leaders.get(name) : 1
      },
      sendMarkers: (to, requests, done) => {
        for (const request of requests) this.sent.push({ brokerId: to, request })
        const code = this.markerCodes.shift() ?? 0
        done(code === 'noAnswer' ? undefined : requests.map(({ partitions }) => partitions.map(() => code)))
      },
      nextProducerId: () => this.#nextProducerId++
    }
  }
}

/** Calls that answer at once, since the log of this test does. */
export class Lone {
  readonly coordinator: TransactionCoordinator
  readonly #around: Surroundings

  constructor(around: Surroundings, coordinator: TransactionCoordinator) {
    this.#around = around
    this.coordinator = coordinator
  }

  init(transactionalId: string | null, more: Partial<InitProducerIdRequest> = {}): ProducerIdResult {
    const request = {
      timeoutMs: 60_000,
      enable2Pc: false,
      keepPreparedTxn: false,
      expected: undefined,
      ...more,
      transactionalId
    }
    return answered((done) => this.coordinator.initProducerId(request, done))
  }

  add(
    transactionalId: string,
    producer: Pick<ProducerIdResult, 'producerId' | 'producerEpoch'>,
    partitions: readonly number[] = [0],
    version: TransactionVersion = this.#around.version
  ): number {
    const { producerId, producerEpoch } = producer
    const named = partitions.map((partition) => ({ topic: 'out', partition }))
    const request = { transactionalId, producerId, producerEpoch, partitions: named }
    return answered((done) => this.coordinator.addPartitions(request, version, done))
  }

  end(
    transactionalId: string,
    producer: Pick<ProducerIdResult, 'producerId' | 'producerEpoch'>,
    committed = true,
    version: TransactionVersion = this.#around.version
  ): ProducerIdResult {
    const { producerId, producerEpoch } = producer
    const request = { transactionalId, producerId, producerEpoch, committed, clientVersion: version }
    return answered((done) => this.coordinator.endTransaction(request, done))
  }

  describe(transactionalId: string): TransactionDescription {
    return describeTransaction(this.coordinator.state, transactionalId)
  }

  stateOf(transactionalId: string): string {
    return this.describe(transactionalId).transactionState
  }
}

function answered<T>(call: (done: (value: T) => void) => void): T {
  const answers: T[] = []
  call((value) => answers.push(value))
  if (answers.length !== 1) throw new Error(`${answers.length} answers came`)
  return answers[0]!
}
