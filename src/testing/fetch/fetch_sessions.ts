// Owns the fetch sessions of a broker: what a reader asked for before and need not repeat, and what it was told and need
// not hear again. A session dies with the broker, or makes room for another one. KIP-227.
// Source: org.apache.kafka.server.{FetchManager, FetchContext, FetchSession, FetchSessionCacheShard}.

import { errorCode } from '../../protocol/index.ts'
import type { Broker } from '../cluster/broker.ts'
import type { Fetched, FetchItem } from './fetch_reader.ts'

/** An epoch of a request that begins a session, and one of a request that wants none. */
const initialEpoch = 0
const finalEpoch = -1
const epochMax = 0x7fffffff
/** From this version on, sessions are about topic ids. */
const topicIdsVersion = 13

/** What a request says about its session. */
export interface SessionRequest {
  readonly sessionId: number
  readonly epoch: number
  readonly version: number
  readonly items: readonly FetchItem[]
  readonly forgotten: readonly ForgottenPartition[]
}

export interface ForgottenPartition {
  readonly topic: string
  readonly topicId: string
  readonly index: number
}

/** What a response tells: the partitions that the reader has to hear of. */
export interface SessionAnswer {
  readonly errorCode: number
  readonly sessionId: number
  readonly fetched: readonly Fetched[]
}

/** A fetch in its session. */
export interface FetchContext {
  /** Everything that is to be read. */
  readonly items: readonly FetchItem[]
  /** Chooses what is told; call it once, with what was read. */
  finish(fetched: readonly Fetched[]): SessionAnswer
}

/** A partition of a session, and what its reader was last told. */
interface CachedPartition {
  item: FetchItem
  highWatermark: bigint
  logStartOffset: bigint
}

interface FetchSession {
  readonly id: number
  readonly usesTopicIds: boolean
  readonly createdMs: number
  lastUsedMs: number
  /** That of the next request. */
  epoch: number
  /** Those that had records last come last, so that no partition starves. */
  readonly partitions: Map<string, CachedPartition>
}

export class FetchSessions {
  readonly #broker: Broker
  readonly #sessions = new Map<number, FetchSession>()

  constructor(broker: Broker) {
    this.#broker = broker
  }

  get size(): number {
    return this.#sessions.size
  }

  /** The context of a fetch, or the error code with which it is answered. */
  open(request: SessionRequest): FetchContext | number {
    const { sessionId, epoch, items } = request
    if (epoch !== initialEpoch && epoch !== finalEpoch) return this.#continue(request)
    this.#sessions.delete(sessionId)
    if (epoch === finalEpoch) return sessionless(items)
    return { items, finish: (fetched) => ({ errorCode: 0, sessionId: this.#begin(request, fetched), fetched }) }
  }

  #continue(request: SessionRequest): FetchContext | number {
    const session = this.#sessions.get(request.sessionId)
    if (session === undefined) return errorCode.FETCH_SESSION_ID_NOT_FOUND
    if (session.epoch !== request.epoch) return errorCode.INVALID_FETCH_SESSION_EPOCH
    const usesTopicIds = request.version >= topicIdsVersion
    if (session.usesTopicIds !== usesTopicIds) return errorCode.FETCH_SESSION_TOPIC_ID_ERROR
    const { partitions } = session
    for (const item of request.items) {
      const key = keyOf(item, usesTopicIds)
      const cached = partitions.get(key)
      if (cached === undefined) partitions.set(key, { item, highWatermark: -1n, logStartOffset: -1n })
      else cached.item = item
    }
    for (const forgotten of request.forgotten) partitions.delete(keyOf(forgotten, usesTopicIds))
    if (partitions.size === 0) {
      this.#sessions.delete(session.id)
      return sessionless(request.items)
    }
    session.lastUsedMs = this.#broker.nowMs()
    session.epoch = nextEpoch(session.epoch)
    const { epoch } = session
    const items = [...partitions.values()].map((cached) => this.#resolved(cached))
    return { items, finish: (fetched) => this.#answer(session, epoch, fetched) }
  }

  /** A topic that was unknown by its id may be known now. */
  #resolved(cached: CachedPartition): FetchItem {
    if (cached.item.topic === '') {
      const topic = this.#broker.cluster.topicById(cached.item.topicId)
      if (topic !== undefined) cached.item = { ...cached.item, topic: topic.name }
    }
    return cached.item
  }

  #answer(session: FetchSession, epoch: number, fetched: readonly Fetched[]): SessionAnswer {
    if (session.epoch !== epoch) {
      return { errorCode: errorCode.INVALID_FETCH_SESSION_EPOCH, sessionId: session.id, fetched: [] }
    }
    const told = fetched.filter((one) => mustTell(session, one))
    return { errorCode: 0, sessionId: session.id, fetched: told }
  }

  /** Begins a session where there is room for it; answers its id, or 0. */
  #begin(request: SessionRequest, fetched: readonly Fetched[]): number {
    const nowMs = this.#broker.nowMs()
    if (!this.#makeRoom(nowMs, fetched.length)) return 0
    const usesTopicIds = request.version >= topicIdsVersion
    const partitions = new Map<string, CachedPartition>()
    for (const { item, highWatermark, logStartOffset } of fetched) {
      partitions.set(keyOf(item, usesTopicIds), { item, highWatermark, logStartOffset })
    }
    const id = this.#newId()
    const times = { createdMs: nowMs, lastUsedMs: nowMs }
    this.#sessions.set(id, { id, usesTopicIds, ...times, epoch: nextEpoch(initialEpoch), partitions })
    return id
  }

  #newId(): number {
    const { runtime } = this.#broker.cluster
    for (;;) {
      const id = 1 + Math.floor(runtime.random() * (epochMax - 1))
      if (!this.#sessions.has(id)) return id
    }
  }

  #makeRoom(nowMs: number, size: number): boolean {
    const { settings } = this.#broker.cluster
    if (this.#sessions.size < settings.number('max.incremental.fetch.session.cache.slots')) return true
    const evictionMs = settings.number('min.incremental.fetch.session.eviction.ms')
    let oldest: FetchSession | undefined
    let smallest: FetchSession | undefined
    for (const session of this.#sessions.values()) {
      if (oldest === undefined || session.lastUsedMs < oldest.lastUsedMs) oldest = session
      if (nowMs - session.createdMs <= evictionMs) continue
      if (smallest === undefined || session.partitions.size < smallest.partitions.size) smallest = session
    }
    const isStale = oldest !== undefined && nowMs - oldest.lastUsedMs > evictionMs
    const evicted = isStale ? oldest : smallest
    if (evicted === undefined || (!isStale && size < evicted.partitions.size)) return false
    this.#sessions.delete(evicted.id)
    return true
  }
}

function sessionless(items: readonly FetchItem[]): FetchContext {
  return { items, finish: (fetched) => ({ errorCode: 0, sessionId: 0, fetched }) }
}

function keyOf(partition: ForgottenPartition, usesTopicIds: boolean): string {
  return `${partition.index}:${usesTopicIds ? partition.topicId : partition.topic}`
}

function nextEpoch(epoch: number): number {
  return epoch === epochMax ? 1 : epoch + 1
}

/** Whether the reader has to hear of a partition; remembers what it is told. */
function mustTell(session: FetchSession, fetched: Fetched): boolean {
  const key = keyOf(fetched.item, session.usesTopicIds)
  const cached = session.partitions.get(key)
  if (cached === undefined) return false
  const { highWatermark, logStartOffset, sizeInBytes } = fetched
  const isFailed = fetched.errorCode !== 0
  const isMoved = cached.highWatermark !== highWatermark || cached.logStartOffset !== logStartOffset
  cached.highWatermark = isFailed ? -1n : highWatermark
  cached.logStartOffset = logStartOffset
  if (sizeInBytes > 0) {
    session.partitions.delete(key)
    session.partitions.set(key, cached)
  }
  return sizeInBytes > 0 || isMoved || isFailed || fetched.diverging !== undefined
}
