// Which broker coordinates which group or transactional id. Owns the cache and the lookup: keys that are wanted at the
// same time share one request where the brokers can (KIP-699). The retries are the caller's.
import { deferred, handled } from '../runtime/index.ts'
import type { Deferred } from '../runtime/index.ts'
import { errorCode } from '../protocol/index.ts'
import type { EncodableRequestOf, ResponseOf } from '../protocol/index.ts'
import type { BrokerAddress, CoordinatorType } from './cluster.ts'
import { KafkaError } from './errors.ts'

type Request = EncodableRequestOf<'FindCoordinator'>
type Response = ResponseOf<'FindCoordinator'>

/** What a broker said about one key. */
export interface FoundCoordinator extends BrokerAddress {
  readonly errorCode: number
}

/** Sends one FindCoordinator; the body depends on the version that the broker has. */
export type FindCoordinator = (body: (version: number) => Request) => Promise<Response>

const keyTypes: Readonly<Record<CoordinatorType, number>> = { group: 0, transaction: 1 }

/** First version that takes many keys. */
const batchedVersion = 4

/** Coordinators that are remembered; beyond that the one found longest ago is forgotten. */
const cachedCoordinatorsMax = 10_000

export class Coordinators {
  readonly #find: FindCoordinator
  readonly #known = new Map<string, number>()
  readonly #wanted: Record<CoordinatorType, Map<string, Deferred<FoundCoordinator>>>

  constructor(find: FindCoordinator) {
    this.#find = find
    this.#wanted = { group: new Map(), transaction: new Map() }
  }

  known(type: CoordinatorType, key: string): number | undefined {
    return this.#known.get(`${type}/${key}`)
  }

  forget(type: CoordinatorType, key: string): void {
    this.#known.delete(`${type}/${key}`)
  }

  /** Asks for the coordinator, once; remembers it where the broker named one. */
  lookUp(type: CoordinatorType, key: string): Promise<FoundCoordinator> {
    const wanted = this.#wanted[type]
    const same = wanted.get(key)
    if (same !== undefined) return same.promise
    const answer = deferred<FoundCoordinator>()
    wanted.set(key, answer)
    if (wanted.size === 1) void this.#flush(type)
    return handled(answer.promise)
  }

  async #flush(type: CoordinatorType): Promise<void> {
    // Keys that are wanted in the same turn go together.
    await Promise.resolve()
    const wanted = this.#wanted[type]
    this.#wanted[type] = new Map()
    try {
      while (wanted.size > 0) {
        for (const [key, found] of await this.#ask(type, [...wanted.keys()])) {
          if (found.errorCode === errorCode.NONE) this.#remember(`${type}/${key}`, found.nodeId)
          wanted.get(key)?.resolve(found)
          wanted.delete(key)
        }
      }
    } catch (error) {
      for (const answer of wanted.values()) answer.reject(error)
    }
  }

  // One request for all keys, or for the first where the broker takes no more than one.
  async #ask(type: CoordinatorType, keys: readonly string[]): Promise<ReadonlyMap<string, FoundCoordinator>> {
    const [first = ''] = keys
    const keyType = keyTypes[type]
    let isBatch = false
    const response = await this.#find((version) => {
      isBatch = version >= batchedVersion
      if (isBatch) return { keyType, coordinatorKeys: keys }
      return version === 0 ? { key: first } : { key: first, keyType }
    })
    if (!isBatch) return new Map([[first, response]])
    const found = new Map<string, FoundCoordinator>(response.coordinators.map((one) => [one.key, one]))
    const missing = keys.find((key) => !found.has(key))
    if (missing === undefined) return found
    throw new KafkaError('PROTOCOL_VIOLATION', `FindCoordinator was asked about ${missing} and did not answer.`, {
      api: 'FindCoordinator'
    })
  }

  #remember(cacheKey: string, nodeId: number): void {
    this.#known.delete(cacheKey)
    this.#known.set(cacheKey, nodeId)
    const [oldest] = this.#known.keys()
    if (this.#known.size > cachedCoordinatorsMax && oldest !== undefined) this.#known.delete(oldest)
  }
}
