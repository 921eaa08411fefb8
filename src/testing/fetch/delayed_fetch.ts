// Owns a fetch that waits for more bytes: it is looked at again when one of its partitions changes, and answered when it
// has enough, when something is wrong, or when its time is up. Source: kafka.server.DelayedFetch.

import { errorCode } from '../../protocol/index.ts'
import type { Timer } from '../../runtime/index.ts'
import type { Broker } from '../cluster/broker.ts'
import type { Partition, PartitionWatcher } from '../cluster/topic.ts'
import { partitionOf } from './fetch_reader.ts'
import type { Fetched, FetchItem, FetchParams } from './fetch_reader.ts'

/** Whether what was read is answered at once. */
export function isEnough(fetched: readonly Fetched[], params: FetchParams): boolean {
  if (params.maxWaitMs <= 0 || fetched.length === 0) return true
  let bytes = 0
  let isAllUnknown = true
  for (const { errorCode: code, diverging, sizeInBytes } of fetched) {
    if (isUnknown(code)) continue
    isAllUnknown = false
    if (code !== 0 || diverging !== undefined) return true
    bytes += sizeInBytes
  }
  return isAllUnknown || bytes >= params.bytesMin
}

/** Partitions that do not exist are reported, but do not hurry the others. */
function isUnknown(code: number): boolean {
  return code === errorCode.UNKNOWN_TOPIC_ID || code === errorCode.UNKNOWN_TOPIC_OR_PARTITION
}

/** Resolves when the items should be read again. */
export function waitForMore(broker: Broker, items: readonly FetchItem[], params: FetchParams): Promise<void> {
  return new Promise((resolve) => {
    const delayed = new DelayedFetch(broker, items, params, resolve)
    delayed.begin()
  })
}

class DelayedFetch implements PartitionWatcher {
  readonly #broker: Broker
  readonly #items: readonly FetchItem[]
  readonly #params: FetchParams
  readonly #done: () => void
  readonly #waiting: FetchItem[] = []
  readonly #watched: Partition[] = []
  #timer: Timer | undefined

  constructor(broker: Broker, items: readonly FetchItem[], params: FetchParams, done: () => void) {
    this.#broker = broker
    this.#items = items
    this.#params = params
    this.#done = done
  }

  begin(): void {
    for (const item of this.#items) {
      const partition = partitionOf(this.#broker, item, this.#params)
      if (typeof partition === 'number') continue
      partition.watch(this)
      this.#watched.push(partition)
      this.#waiting.push(item)
    }
    this.#timer = this.#broker.setTimer(this.#params.maxWaitMs, () => this.#finish())
    // A reader that is ahead of what it may see is answered at once.
    if (this.#isReady()) this.#finish()
  }

  onChange(): void {
    if (this.#isReady()) this.#finish()
  }

  #isReady(): boolean {
    const { isolation, bytesMin } = this.#params
    let bytes = 0
    for (const item of this.#waiting) {
      const partition = partitionOf(this.#broker, item, this.#params)
      if (typeof partition === 'number') return true
      const log = this.#broker.logOf(partition)
      if (item.fetchOffset > log.limit(isolation) || item.fetchOffset < log.startOffset) return true
      bytes += Math.min(log.bytesFrom(item.fetchOffset, isolation), item.bytesMax)
    }
    return bytes >= bytesMin
  }

  #finish(): void {
    this.#timer?.cancel()
    for (const partition of this.#watched) partition.unwatch(this)
    this.#done()
  }
}
