// Sends the markers of decided transactions to the leaders of their partitions, and completes each transaction with the
// last of them. What waits here is lost with the broker; the coordinator that loads the log next begins anew. A partition
// without a leader is taken for deleted and gets no marker, as a real 4.4.0 does (KAFKA-20734).
// Source: kafka.coordinator.transaction.{TransactionMarkerChannelManager, TransactionMarkerRequestCompletionHandler}.
import { errorByCode, errorCode } from '../../protocol/index.ts'
import type { Timer } from '../../runtime/index.ts'
import type { TopicPartition } from '../cluster/ports.ts'
import type { CoordinatorState, Found } from './coordinator_state.ts'
import type { TransactionEntry } from './entry.ts'
import type { MarkerControl } from './marker_control.ts'
import type { MarkerRequest, MarkerResult, TransactionPorts } from './ports.ts'
import type { TransactionVersion } from './states.ts'

/** Before markers that failed are sent again, milliseconds. */
const retryBackoffMs = 20

/** A decided transaction that is not complete yet. */
interface Completion {
  readonly found: Found
  /** What it becomes with the last marker. */
  readonly next: TransactionEntry
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly committed: boolean
  readonly transactionVersion: TransactionVersion
}

interface Waiting {
  readonly completion: Completion
  readonly part: TopicPartition
}

interface Outgoing {
  readonly completion: Completion
  readonly partitions: TopicPartition[]
}

export class MarkerSender {
  readonly #ports: TransactionPorts
  readonly #state: CoordinatorState
  readonly #control: MarkerControl
  readonly #completions = new Map<string, Completion>()
  /** By the broker that they go to, with the next turn. */
  readonly #queues = new Map<number, Outgoing[]>()
  readonly #timers = new Set<Timer>()
  readonly #subscription: Disposable
  #held: Waiting[] = []
  #isFlushing = false
  #isClosed = false

  constructor(ports: TransactionPorts, state: CoordinatorState, control: MarkerControl) {
    this.#ports = ports
    this.#state = state
    this.#control = control
    this.#subscription = control.onRelease(() => this.#release())
  }

  close(): void {
    this.#isClosed = true
    this.#subscription[Symbol.dispose]()
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
    this.#completions.clear()
    this.#queues.clear()
    this.#held = []
  }

  /** Sends a decided transaction's markers; `next` is the complete state, whose transition was begun. */
  send(found: Found, next: TransactionEntry): void {
    const { entry, partitions } = found.transaction
    const { transactionalId, producerId, producerEpoch, clientVersion } = entry
    const committed = entry.state === 'PrepareCommit'
    const completion = { found, next, producerId, producerEpoch, committed, transactionVersion: clientVersion }
    this.#completions.set(transactionalId, completion)
    for (const part of partitions.values()) this.#dispatch({ completion, part })
    this.#completeIfMarked(completion)
  }

  /** Asks for the fate of one marker, and follows it. */
  #dispatch(waiting: Waiting): void {
    const { completion, part } = waiting
    if (!this.#isWanted(completion)) return
    if (this.#ports.leaderOf(part.topic, part.partition) === undefined) return this.#marked(completion, part)
    const { producerId, producerEpoch, committed, found } = completion
    const { transactionalId } = found.transaction.entry
    const { coordinatorEpoch } = found
    const fate = this.#control.fateOf({
      transactionalId,
      producerId,
      producerEpoch,
      coordinatorEpoch,
      committed,
      topic: part.topic,
      partition: part.partition
    })
    if (fate === 'send') return this.#enqueue(completion, part)
    if (fate === 'hold') this.#held.push(waiting)
    else if (fate === 'skip') this.#marked(completion, part)
    else this.#after(fate.afterMs, () => this.#enqueueIfWanted(waiting))
  }

  #enqueueIfWanted({ completion, part }: Waiting): void {
    if (this.#isWanted(completion)) this.#enqueue(completion, part)
  }

  /** The leader is looked up here, and once more for each attempt. */
  #enqueue(completion: Completion, part: TopicPartition): void {
    const leader = this.#ports.leaderOf(part.topic, part.partition)
    if (leader === undefined) return this.#marked(completion, part)
    let queue = this.#queues.get(leader)
    if (queue === undefined) {
      queue = []
      this.#queues.set(leader, queue)
    }
    const last = queue.at(-1)
    if (last?.completion === completion) last.partitions.push(part)
    else queue.push({ completion, partitions: [part] })
    if (this.#isFlushing) return
    this.#isFlushing = true
    this.#ports.runtime.defer(() => this.#flush())
  }

  #flush(): void {
    this.#isFlushing = false
    if (this.#isClosed) return
    const queues = [...this.#queues]
    this.#queues.clear()
    for (const [brokerId, queue] of queues) {
      const outgoing = queue.filter(({ completion }) => this.#isWanted(completion))
      if (outgoing.length === 0) continue
      this.#ports.sendMarkers(brokerId, outgoing.map(markerRequest), (results) => this.#answered(outgoing, results))
    }
  }

  #answered(outgoing: readonly Outgoing[], results: readonly MarkerResult[] | undefined): void {
    if (this.#isClosed) return
    for (let i = 0; i < outgoing.length; i++) {
      const { completion, partitions } = outgoing[i]!
      if (!this.#isWanted(completion)) continue
      if (results === undefined) this.#again(completion, partitions)
      else this.#take(completion, partitions, results[i] ?? [])
    }
  }

  #take(completion: Completion, partitions: readonly TopicPartition[], codes: MarkerResult): void {
    const retried: TopicPartition[] = []
    for (let i = 0; i < partitions.length; i++) {
      const part = partitions[i]!
      const code = codes[i] ?? errorCode.UNKNOWN_SERVER_ERROR
      if (code === errorCode.NONE) completion.found.transaction.removePartition(part.topic, part.partition)
      else if (isRefusedForGood(code)) this.#forget(completion)
      else if (errorByCode(code).retriable) retried.push(part)
      else throw new Error(`The marker for ${part.topic}-${part.partition} failed with ${errorByCode(code).name}`)
    }
    if (retried.length > 0) this.#again(completion, retried)
    else this.#completeIfMarked(completion)
  }

  #again(completion: Completion, partitions: readonly TopicPartition[]): void {
    this.#after(retryBackoffMs, () => {
      for (const part of partitions) this.#dispatch({ completion, part })
    })
  }

  #marked(completion: Completion, part: TopicPartition): void {
    completion.found.transaction.removePartition(part.topic, part.partition)
    this.#completeIfMarked(completion)
  }

  #completeIfMarked(completion: Completion): void {
    if (completion.found.transaction.partitions.size > 0 || !this.#isWanted(completion)) return
    this.#forget(completion)
    this.#complete(completion)
  }

  #complete(completion: Completion): void {
    this.#state.append(completion.found, completion.next, true, (code) => {
      if (code === errorCode.COORDINATOR_NOT_AVAILABLE && this.#state.isCurrent(completion.found)) {
        this.#after(retryBackoffMs, () => this.#complete(completion))
      }
    })
  }

  #release(): void {
    const held = this.#held
    this.#held = []
    for (const waiting of held) this.#dispatch(waiting)
  }

  #after(delayMs: number, fire: () => void): void {
    const timer = this.#ports.runtime.setTimer(delayMs, () => {
      this.#timers.delete(timer)
      fire()
    })
    this.#timers.add(timer)
  }

  /** False once the coordinator has moved, or another attempt has taken this one's place. */
  #isWanted(completion: Completion): boolean {
    const { transactionalId } = completion.found.transaction.entry
    if (this.#completions.get(transactionalId) !== completion) return false
    if (this.#state.isCurrent(completion.found)) return true
    this.#forget(completion)
    return false
  }

  #forget(completion: Completion): void {
    const { transactionalId } = completion.found.transaction.entry
    if (this.#completions.get(transactionalId) === completion) this.#completions.delete(transactionalId)
  }
}

/** Another coordinator or producer has gone further than this one: nothing more is sent. */
function isRefusedForGood(code: number): boolean {
  return code === errorCode.INVALID_PRODUCER_EPOCH || code === errorCode.TRANSACTION_COORDINATOR_FENCED
}

function markerRequest({ completion, partitions }: Outgoing): MarkerRequest {
  const { producerId, producerEpoch, committed, transactionVersion, found } = completion
  return {
    producerId,
    producerEpoch,
    coordinatorEpoch: found.coordinatorEpoch,
    committed,
    transactionVersion,
    partitions
  }
}
