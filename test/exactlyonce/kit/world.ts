// Owns a world outside the job: transactions that can be open, sealed, committed or lost, a ledger of what was
// committed, and a fence by generation, as a cluster has them. A participant writes into it as a sink would.
import { KafkaError } from '../../../src/client/index.ts'
import { JobError } from '../../../src/exactlyonce/errors.ts'
import type {
  ParticipantContext,
  ParticipantDeclaration,
  SinkFunction,
  SinkWriter,
  StateValue,
  SubtaskContext
} from '../../../src/exactlyonce/functions.ts'
import type {
  AbortOutcome,
  LedgerFinding,
  PendingTransaction,
  RetainedCheckpoint,
  SettledTransaction,
  TransactionParticipant
} from '../../../src/exactlyonce/participant.ts'
import { TwoPhaseCommitParticipant } from '../../../src/exactlyonce/sink/two_phase_commit_participant.ts'
import type { SimulatedProcess } from './process.ts'

export interface WorldTransaction {
  readonly id: number
  readonly checkpointId: number
  readonly generation: number
  readonly values: unknown[]
  state: 'open' | 'sealed' | 'committed' | 'aborted'
}

/** One outside system. Everything in it happens at once, as in a broker. */
export class World {
  readonly name: string
  readonly kind: 'losable' | 'durable'
  readonly transactions: WorldTransaction[] = []
  /** What a reader of committed records sees. */
  readonly visible: unknown[] = []
  readonly log: string[] = []
  /** Id of the last committed transaction. */
  ledger = -1
  generation = 0
  /** Set by a test: a sealed transaction is lost at the moment when it is to be committed. */
  loseOnCommit: (transaction: WorldTransaction) => boolean = () => false
  /** Called before each call into this world; may throw. */
  onCall: (name: string, detail: number) => void | Promise<void> = () => undefined

  constructor(name = 'world', kind: 'losable' | 'durable' = 'losable') {
    this.name = name
    this.kind = kind
  }

  begin(generation: number, checkpointId: number): WorldTransaction {
    this.#checkFence(generation)
    const transaction: WorldTransaction = {
      id: this.transactions.length,
      checkpointId,
      generation,
      values: [],
      state: 'open'
    }
    this.transactions.push(transaction)
    return transaction
  }

  write(transaction: WorldTransaction, values: readonly unknown[]): void {
    this.#checkFence(transaction.generation)
    if (transaction.state !== 'open') throw new Error(`a write into a ${transaction.state} transaction`)
    transaction.values.push(...values)
  }

  seal(transaction: WorldTransaction): void {
    this.#checkFence(transaction.generation)
    if (transaction.state !== 'open') throw new Error(`sealing a ${transaction.state} transaction`)
    transaction.state = 'sealed'
  }

  /** As EndTxn(commit): tells by which of the two it ended. */
  commit(transaction: WorldTransaction): 'committed' | 'aborted' {
    if (transaction.state === 'sealed' && this.loseOnCommit(transaction)) transaction.state = 'aborted'
    if (transaction.state === 'sealed') {
      transaction.state = 'committed'
      this.ledger = transaction.id
      this.visible.push(...transaction.values)
      this.log.push(`committed ${transaction.checkpointId}`)
    }
    if (transaction.state === 'open') throw new Error('an open transaction was committed')
    return transaction.state
  }

  abort(transaction: WorldTransaction): 'committed' | 'aborted' {
    if (transaction.state !== 'committed') transaction.state = 'aborted'
    return transaction.state
  }

  /** As the broker's timeout: whatever is not committed is lost. */
  loseOpen(): void {
    for (const transaction of this.transactions) this.abort(transaction)
  }

  /** As InitProducerId on every id. */
  fence(): number {
    for (const transaction of this.transactions) this.abort(transaction)
    return ++this.generation
  }

  #checkFence(generation: number): void {
    if (generation === this.generation) return
    throw new KafkaError('PRODUCER_FENCED', `generation ${generation} is fenced by ${this.generation}`, { fatal: true })
  }
}

/** Takes part in checkpoints for a job that runs in `process`. */
export class WorldParticipant extends TwoPhaseCommitParticipant<WorldTransaction> {
  readonly #world: World
  readonly #process: SimulatedProcess
  #generation = -1
  #recordedId = -1

  constructor(context: ParticipantContext, world: World, process: SimulatedProcess) {
    super(context, world.name, world.kind)
    this.#world = world
    this.#process = process
  }

  checkStart(): Promise<void> {
    return this.#call('checkStart', 0, () => undefined)
  }

  recoverAndCommit(pending: PendingTransaction): Promise<SettledTransaction> {
    return this.#call('recoverAndCommit', pending.checkpointId, (): SettledTransaction => {
      const transaction = this.#transactionOf(pending.handle)
      if (this.#world.commit(transaction) === 'committed') return { kind: 'committed' }
      return { kind: 'lost', loss: lossOf(transaction) }
    })
  }

  recoverAndAbort(pending: PendingTransaction): Promise<AbortOutcome> {
    return this.#call('recoverAndAbort', pending.checkpointId, () => {
      return this.#world.abort(this.#transactionOf(pending.handle))
    })
  }

  fence(retained: readonly RetainedCheckpoint[]): Promise<void> {
    return this.#call('fence', retained.length, () => {
      this.#generation = this.#world.fence()
    })
  }

  verify(chosen: RetainedCheckpoint | undefined): Promise<LedgerFinding> {
    return this.#call('verify', chosen?.checkpointId ?? -1, (): LedgerFinding => {
      const { ledger, transactions } = this.#world
      const checkpointIdMax = transactions[ledger]?.checkpointId ?? -1
      const known = [chosen?.snapshot?.recorded ?? -1, ...(chosen?.snapshot?.pending.map(({ handle }) => handle) ?? [])]
      if (!known.includes(ledger)) return { kind: 'unexplained', details: `transaction ${ledger} is committed` }
      this.#recordedId = ledger
      return { kind: 'consistent', checkpointIdMax }
    })
  }

  protected override beginRun(): Promise<void> {
    return this.#call('begin', 0, () => undefined)
  }

  protected openTransaction(checkpointId: number): Promise<WorldTransaction> {
    return this.#call('open', checkpointId, () => this.#world.begin(this.#generation, checkpointId))
  }

  protected sealTransaction(transaction: WorldTransaction, checkpointId: number): Promise<StateValue | null> {
    return this.#call('seal', checkpointId, () => {
      this.#world.seal(transaction)
      return transaction.id
    })
  }

  protected commitTransaction(transaction: WorldTransaction): Promise<void> {
    return this.#call('commit', transaction.checkpointId, () => {
      if (transaction.generation !== this.#world.generation && transaction.state !== 'committed') {
        throw new KafkaError('PRODUCER_FENCED', 'fenced while committing', { fatal: true })
      }
      if (this.#world.commit(transaction) === 'aborted') {
        throw new JobError('TRANSACTION_LOST', `transaction ${transaction.id} is lost`)
      }
      this.#recordedId = transaction.id
    })
  }

  protected abortTransaction(transaction: WorldTransaction): Promise<void> {
    return this.#call('abort', transaction.checkpointId, () => {
      this.#world.abort(transaction)
    })
  }

  protected recorded(): StateValue {
    return this.#recordedId
  }

  protected transactionName(transaction: WorldTransaction): string {
    return String(transaction.id)
  }

  write(transaction: WorldTransaction, values: readonly unknown[]): Promise<void> {
    return this.#call('write', transaction.checkpointId, () => this.#world.write(transaction, values))
  }

  // The call travels, happens at once, and the answer travels back: the process may stop on either way.
  async #call<T>(name: string, detail: number, action: () => T): Promise<T> {
    await this.#process.pass(this.#world.onCall(name, detail))
    this.#world.log.push(`${name} ${detail}`)
    return this.#process.pass(action())
  }

  #transactionOf(handle: StateValue): WorldTransaction {
    const transaction = this.#world.transactions[Number(handle)]
    if (transaction === undefined) throw new Error('a handle of no transaction')
    return transaction
  }
}

export function lossOf(transaction: WorldTransaction): {
  checkpointId: number
  transactionalId: string
  producerId: string
  producerEpoch: number
  partitions: []
  ageMs: number
  evidence: string
} {
  return {
    checkpointId: transaction.checkpointId,
    transactionalId: `t${transaction.id}`,
    producerId: '7',
    producerEpoch: transaction.generation,
    partitions: [],
    ageMs: 1,
    evidence: 'it was aborted'
  }
}

/** A sink that writes into a world. */
export class WorldSink<T> implements SinkFunction<T> {
  readonly participant: ParticipantDeclaration

  constructor(world: World, process: SimulatedProcess) {
    this.participant = {
      name: world.name,
      create: (context) => new WorldParticipant(context, world, process)
    }
  }

  createWriter(_context: SubtaskContext, participant: TransactionParticipant | undefined): SinkWriter<T> {
    if (!(participant instanceof WorldParticipant)) throw new Error('not the participant of this sink')
    const writer = participant.createTransactionWriter()
    return {
      open: () => Promise.resolve(),
      invoke: async (values) => participant.write(await writer.current(), values),
      passBarrier: (checkpointId) => writer.passBarrier(checkpointId),
      close: () => Promise.resolve()
    }
  }
}
