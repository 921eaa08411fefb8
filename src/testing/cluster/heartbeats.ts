// Owns when the cluster gives up on a broker that it no longer hears from: as long as its session lasts, partitions that
// it led have no leader that answers. A broker that comes back is taken for a new one. KIP-631.
// Source: org.apache.kafka.controller.{BrokerHeartbeatManager, ReplicationControlManager}.

import type { Timer } from '../../runtime/index.ts'
import type { Broker } from './broker.ts'
import type { Cluster, ClusterNode } from './cluster.ts'

export class Heartbeats {
  readonly #cluster: Cluster
  readonly #sessions = new Map<number, Timer>()

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  /** A node died or stands still: it is fenced when its session has run out. */
  lost(node: ClusterNode): void {
    if (node.isFenced || this.#sessions.has(node.id)) return
    const { runtime, settings } = this.#cluster
    const timer = runtime.setTimer(settings.number('broker.session.timeout.ms'), () => {
      this.#sessions.delete(node.id)
      this.#cluster.fence(node)
    })
    this.#sessions.set(node.id, timer)
  }

  /** A node goes on after a pause. Where it had been fenced, it may lead again. */
  heard(node: ClusterNode): void {
    this.#forget(node)
    if (node.isFenced) this.#cluster.unfence(node)
    else this.#cluster.followersChanged()
  }

  /** New lives of nodes: whatever the last ones led is elected anew. */
  registered(brokers: readonly Broker[]): void {
    const nodes = brokers.flatMap((broker) => this.#cluster.nodes.get(broker.id) ?? [])
    for (const node of nodes) {
      this.#forget(node)
      if (!node.isFenced) this.#cluster.fence(node)
    }
    nodes.forEach((node, i) => {
      node.broker = brokers[i]
      node.isFenced = false
    })
    for (const node of nodes) this.#cluster.unfence(node)
  }

  /** A node says goodbye: others lead at once. */
  left(node: ClusterNode): void {
    this.#forget(node)
    if (!node.isFenced) this.#cluster.fence(node)
  }

  /** Cancels what still waits. */
  close(): void {
    for (const timer of this.#sessions.values()) timer.cancel()
    this.#sessions.clear()
  }

  #forget(node: ClusterNode): void {
    this.#sessions.get(node.id)?.cancel()
    this.#sessions.delete(node.id)
  }
}
