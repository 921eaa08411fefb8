// Owns the groups whose coordinator a broker is: which partitions of __consumer_offsets it leads, and therefore which
// groups it may speak for. Requests come in by api/*.ts; a group of another broker is refused with NOT_COORDINATOR.

import { errorCode } from '../../protocol/index.ts'
import type { Broker } from '../cluster/broker.ts'
import { coordinatorPartition } from '../cluster/java_hash.ts'
import { internalTopics } from '../cluster/ports.ts'
import type { GroupPort, WrittenMarker } from '../cluster/ports.ts'
import type { Partition, Topic } from '../cluster/topic.ts'
import { groupStateKind } from './group_state.ts'
import { LoadedGroups } from './loaded_groups.ts'
import type { GroupPorts, GroupTopic } from './ports.ts'

export class GroupCoordinator implements GroupPort {
  readonly #broker: Broker
  readonly #ports: GroupPorts
  readonly #loaded = new Map<number, LoadedGroups>()
  #sweeps = false

  constructor(broker: Broker) {
    this.#broker = broker
    this.#ports = portsOf(broker)
  }

  onElection(partition: Partition): void {
    this.#loaded.get(partition.index)?.unload()
    this.#loaded.set(partition.index, new LoadedGroups(partition, this.#ports))
    if (this.#sweeps) return
    this.#sweeps = true
    this.#sweepLater()
  }

  onResignation(partition: Partition): void {
    this.#loaded.get(partition.index)?.unload()
    this.#loaded.delete(partition.index)
  }

  onSuperseded(partition: Partition): void {
    this.#loaded.get(partition.index)?.supersede()
  }

  onMarker(partition: Partition, { producerId, isCommit }: WrittenMarker): void {
    // In the log, whatever this broker has loaded of it: it may not have heard yet that it leads, or leads again.
    partition.durable(groupStateKind).offsets.complete(producerId, isCommit)
  }

  close(): void {
    this.#loaded.clear()
  }

  /** The groups among which this one is, or an error code. */
  groupsOf(groupId: string): LoadedGroups | number {
    const topic = this.#broker.cluster.topics.get(internalTopics.groups)
    if (topic === undefined) return errorCode.NOT_COORDINATOR
    return this.#loaded.get(coordinatorPartition(groupId, topic.partitions.length)) ?? errorCode.NOT_COORDINATOR
  }

  /** All that this broker coordinates. */
  loaded(): readonly LoadedGroups[] {
    return [...this.#loaded.values()]
  }

  /** A topic is gone, and the offsets in it with it. */
  onTopicDeleted({ name }: Topic): void {
    for (const { offsets } of this.#loaded.values()) offsets.forgetTopic(name)
  }

  /** Drops what is expired by now, as is done now and then. */
  expireOffsets(): void {
    const retentionMs = this.#ports.setting('offsets.retention.minutes') * 60_000
    for (const groups of this.#loaded.values()) groups.expireOffsets(retentionMs)
  }

  #sweepLater(): void {
    this.#ports.setTimer(this.#ports.setting('offsets.retention.check.interval.ms'), () => {
      this.expireOffsets()
      this.#sweepLater()
    })
  }
}

/** The group coordinator of the broker that serves a request. */
export function groupCoordinatorOf({ groups }: Broker): GroupCoordinator {
  if (groups instanceof GroupCoordinator) return groups
  throw new Error('This broker has no group coordinator')
}

function portsOf(broker: Broker): GroupPorts {
  const { cluster } = broker
  return {
    nowMs: () => broker.nowMs(),
    setTimer: (delayMs, fire) => broker.setTimer(delayMs, fire),
    newUuid: () => cluster.newUuid(),
    setting: (name) => cluster.settings.number(name),
    text: (name) => cluster.settings.text(name),
    topicByName: (name) => asGroupTopic(cluster.topics.get(name)),
    topicById: (id) => asGroupTopic(cluster.topicById(id)),
    topics: () => [...cluster.topics.values()].filter(({ isInternal }) => !isInternal).map(groupTopic)
  }
}

function asGroupTopic(topic: Topic | undefined): GroupTopic | undefined {
  return topic === undefined ? undefined : groupTopic(topic)
}

function groupTopic({ name, id, partitions }: Topic): GroupTopic {
  return { name, id, partitionCount: partitions.length }
}
