// Owns what a producer knows of its topics: their ids and numbers of partitions, kept fresh in the background while a
// leader is missing. Asks the cluster, never a broker. Nothing here fails loudly but a topic that stays unknown.
import { handled } from '../../runtime/index.ts'
import type { Cluster, TopicMetadata } from '../cluster.ts'
import { KafkaError } from '../errors.ts'
import { retry } from '../retry.ts'

/** How long a topic that nobody knows is asked for, milliseconds: it may have been created just now. */
export const unknownTopicWaitMs = 10_000

/** What was learned about batches of a topic, for the next ones. */
export interface BatchHabits {
  /** What batches took lately, to reserve the right space at once. */
  usualBytes: number
  /** The largest that is tried; lowered when a broker found one too large. */
  batchBytesMax: number
}

interface Route {
  metadata: TopicMetadata | undefined
  habits: BatchHabits | undefined
  loading: Promise<TopicMetadata> | undefined
  refreshing: boolean
  refreshes: number
  /** One per topic, since a signal with many listeners is taken for a leak. */
  readonly closing: AbortController
}

export class TopicRoutes {
  private readonly cluster: Cluster
  private readonly listeners = new Set<(topic: string) => void>()
  private readonly routes = new Map<string, Route>()
  private isClosed = false

  constructor(cluster: Cluster) {
    this.cluster = cluster
  }

  /** Tells `onChange` when a topic's metadata came in, until the function that it answers is called. */
  listen(onChange: (topic: string) => void): () => void {
    this.listeners.add(onChange)
    return () => this.listeners.delete(onChange)
  }

  habits(topic: string, batchBytesMax: number): BatchHabits {
    const route = this.route(topic)
    route.habits ??= { usualBytes: 0, batchBytesMax }
    return route.habits
  }

  /** What was last heard of the topic; never asks. */
  known(topic: string): TopicMetadata | undefined {
    return this.routes.get(topic)?.metadata
  }

  /**
   * Metadata of the topic, asked for until it is there. Rejects with KafkaError, after `unknownTopicWaitMs` with one
   * that names the topic.
   */
  load(topic: string): Promise<TopicMetadata> {
    const route = this.route(topic)
    route.loading ??= handled(
      this.find(topic).then(
        (metadata) => {
          route.loading = undefined
          return metadata
        },
        (error: unknown) => {
          route.loading = undefined
          throw error
        }
      )
    )
    return route.loading
  }

  /** Asks again in the background, more slowly the longer it is without effect; those who listen are told. */
  refresh(topic: string): void {
    const route = this.route(topic)
    if (route.refreshing || this.isClosed) return
    route.refreshing = true
    void this.refreshOnce(topic, route)
  }

  /** A leader is known again: the next refresh need not wait. */
  settled(topic: string): void {
    const route = this.routes.get(topic)
    if (route !== undefined) route.refreshes = 0
  }

  close(): void {
    this.isClosed = true
    for (const { closing } of this.routes.values()) closing.abort(closedError())
  }

  private route(topic: string): Route {
    let route = this.routes.get(topic)
    if (route === undefined) {
      const closing = new AbortController()
      route = { metadata: undefined, habits: undefined, loading: undefined, refreshing: false, refreshes: 0, closing }
      if (this.isClosed) closing.abort(closedError())
      this.routes.set(topic, route)
    }
    return route
  }

  private find(topic: string): Promise<TopicMetadata> {
    const { cluster } = this
    const { signal } = this.route(topic).closing
    let refresh = false
    const options = {
      deadlineMs: unknownTopicWaitMs,
      backoffMs: cluster.retryBackoffMs,
      backoffMsMax: cluster.retryBackoffMsMax,
      signal,
      what: `Metadata of topic ${topic}`,
      logger: cluster.logger
    }
    return retry(cluster.runtime, options, async () => {
      const metadata = (await cluster.topics([topic], { refresh, signal })).get(topic)
      refresh = true
      if (metadata === undefined) return { again: unknownTopic(topic) }
      this.take(topic, metadata)
      return { done: metadata }
    })
  }

  private async refreshOnce(topic: string, route: Route): Promise<void> {
    const { cluster } = this
    const { signal } = route.closing
    try {
      if (route.refreshes > 0) {
        const delayMs = Math.min(cluster.retryBackoffMs * 2 ** (route.refreshes - 1), cluster.retryBackoffMsMax)
        await cluster.runtime.sleep(delayMs, signal)
      }
      route.refreshes++
      const metadata = (await cluster.topics([topic], { refresh: true, signal })).get(topic)
      if (metadata !== undefined) this.take(topic, metadata)
    } catch (error) {
      cluster.logger.debug(`Metadata of topic ${topic}: trying again`, { error: String(error) })
    }
    route.refreshing = false
    if (!this.isClosed) for (const onChange of this.listeners) onChange(topic)
  }

  private take(topic: string, metadata: TopicMetadata): void {
    this.route(topic).metadata = metadata
  }
}

/** What waits on a producer that is closed is told this. */
export function closedError(): KafkaError {
  return new KafkaError('CLOSED', 'The producer is closed.')
}

function unknownTopic(topic: string): KafkaError {
  return new KafkaError('BROKER_ERROR', `Topic ${topic} is not there, or the principal may not see it.`, {
    kafkaCode: 3,
    retriable: true,
    nextStep: 'Create it, or check the name.'
  })
}
