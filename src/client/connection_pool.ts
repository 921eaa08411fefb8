// The open connections of a client, one per address and channel. Owns when a connection is opened anew: after an idle
// time, and after failures not before a backoff that grows (KIP-144, KIP-580). Two callers never open the same one twice.
import { handled } from '../runtime/index.ts'
import type { Channel } from './cluster.ts'
import { addressOf, Connection } from './connection.ts'
import type { ConnectionSettings, Peer } from './connection.ts'
import { KafkaError } from './errors.ts'
import { backoffDelayMs } from './retry.ts'

export interface PoolSettings extends ConnectionSettings {
  /** Between two attempts to connect to one address: first, and largest. Milliseconds. */
  readonly retryBackoffMs: number
  readonly retryBackoffMsMax: number
}

// Java's connections.max.idle.ms; brokers close after ten minutes, and a request must not meet that.
const connectionIdleMsMax = 540_000

interface Failures {
  readonly count: number
  readonly notBeforeMs: number
  readonly last: unknown
}

export class ConnectionPool {
  readonly #settings: PoolSettings
  readonly #onOpen: (connection: Connection) => void
  readonly #open = new Map<string, Connection>()
  readonly #opening = new Map<string, Promise<Connection>>()
  readonly #failures = new Map<string, Failures>()
  readonly #closing = new AbortController()
  #lost = 0

  /** `onOpen` is told of each new connection, before anybody uses it. */
  constructor(settings: PoolSettings, onOpen: (connection: Connection) => void) {
    this.#settings = settings
    this.#onOpen = onOpen
  }

  /** An open connection, without opening one. */
  ready(peer: Peer, channel: Channel): Connection | undefined {
    const connection = this.#open.get(keyOf(peer, channel))
    if (connection === undefined || !connection.isOpen) return undefined
    if (connection.idleMs <= connectionIdleMsMax) return connection
    connection.retire()
    return undefined
  }

  /** How many open connections have ended without having been told to. */
  get lost(): number {
    return this.#lost
  }

  /** Time before the address may be tried again, milliseconds. */
  backoffLeftMs(peer: Peer): number {
    const failures = this.#failures.get(addressOf(peer))
    return failures === undefined ? 0 : Math.max(0, failures.notBeforeMs - this.#settings.runtime.monotonicMs())
  }

  /** Why the latest attempt to connect failed, where no later one to the same address worked. */
  get lastFailure(): KafkaError | undefined {
    const last = [...this.#failures.values()].at(-1)?.last
    return last instanceof KafkaError ? last : undefined
  }

  /** Rejects as Connection.open does, or with CLOSED. Waits for the backoff of the address first. */
  get(peer: Peer, channel: Channel): Promise<Connection> {
    const ready = this.ready(peer, channel)
    if (ready !== undefined) return Promise.resolve(ready)
    const key = keyOf(peer, channel)
    const opening = this.#opening.get(key)
    if (opening !== undefined) return opening
    const promise = handled(this.#openOne(peer, key).finally(() => this.#opening.delete(key)))
    this.#opening.set(key, promise)
    return promise
  }

  /**
   * Closes connections that are not busy and lead to none of `brokers`, and forgets the failures of addresses that are
   * neither there nor in `others`.
   */
  retain(brokers: ReadonlySet<string>, others: ReadonlySet<string>): void {
    for (const connection of this.#open.values()) {
      if (!brokers.has(connection.address) && connection.load === 0) connection.retire()
    }
    for (const address of this.#failures.keys()) {
      if (!brokers.has(address) && !others.has(address)) this.#failures.delete(address)
    }
  }

  /** Closes the connections of one channel, also those that are being opened. */
  closeChannel(channel: Channel): void {
    const isOfChannel = ([key]: readonly [string, unknown]): boolean => key.startsWith(`${channel}/`)
    for (const [, connection] of [...this.#open].filter(isOfChannel)) connection.close()
    for (const [, opening] of [...this.#opening].filter(isOfChannel)) {
      void handled(opening.then((connection) => connection.close()))
    }
  }

  /** Ends everything, now; what is under way fails with CLOSED. */
  async close(): Promise<void> {
    this.#closing.abort(new KafkaError('CLOSED', 'The client was closed.'))
    for (const connection of this.#open.values()) connection.close()
    await Promise.allSettled(this.#opening.values())
  }

  async #openOne(peer: Peer, key: string): Promise<Connection> {
    const { signal } = this.#closing
    signal.throwIfAborted()
    const address = addressOf(peer)
    const waitMs = this.backoffLeftMs(peer)
    if (waitMs > 0) await this.#settings.runtime.sleep(waitMs, signal)
    const connection = await this.#tryOpen(peer, address)
    this.#failures.delete(address)
    this.#open.set(key, connection)
    connection.onUnusable = () => {
      if (connection.isLost) this.#lost++
      if (this.#open.get(key) === connection) this.#open.delete(key)
      this.#settings.logger.debug(`${address}: connection ended`)
    }
    if (!connection.isOpen) connection.onUnusable()
    this.#onOpen(connection)
    return connection
  }

  async #tryOpen(peer: Peer, address: string): Promise<Connection> {
    const { runtime, logger, retryBackoffMs, retryBackoffMsMax } = this.#settings
    try {
      return await Connection.open(this.#settings, peer, this.#closing.signal)
    } catch (error) {
      this.#closing.signal.throwIfAborted()
      const count = (this.#failures.get(address)?.count ?? 0) + 1
      const limits = { backoffMs: retryBackoffMs, backoffMsMax: retryBackoffMsMax }
      const notBeforeMs = runtime.monotonicMs() + backoffDelayMs(runtime, limits, count)
      // Set anew, so that the latest failure is the last of all.
      this.#failures.delete(address)
      this.#failures.set(address, { count, notBeforeMs, last: error })
      logger.debug(`${address}: no connection`, {
        failures: count,
        error: error instanceof KafkaError ? error.reason : String(error)
      })
      throw error
    }
  }
}

function keyOf(peer: Peer, channel: Channel): string {
  return `${channel}/${addressOf(peer)}`
}
