// Owns what one partition of __consumer_offsets holds: offsets, the generations that classic groups agreed on, and groups
// of the consumer protocol. Durable: the next coordinator of the partition begins with it.

import type { DurableKind } from '../cluster/ports.ts'
import type { StoredClassicGroup } from './classic_group.ts'
import { ConsumerGroup } from './consumer_group.ts'
import { OffsetStore } from './offset_store.ts'

export class GroupState {
  readonly offsets: OffsetStore
  readonly classic = new Map<string, StoredClassicGroup>()
  readonly consumer = new Map<string, ConsumerGroup>()

  constructor(offsets = new OffsetStore()) {
    this.offsets = offsets
  }
}

export const groupStateKind: DurableKind<GroupState> = Object.freeze({
  name: 'groups',
  create: () => new GroupState(),
  encode: ({ offsets, classic, consumer }: GroupState) => ({
    offsets: offsets.encode(),
    classic: [...classic.values()],
    consumer: [...consumer.values()].map((group) => group.encode())
  }),
  decode: (json: unknown) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by encode alone
    const stored = json as { offsets: unknown; classic: StoredClassicGroup[]; consumer: unknown[] }
    const state = new GroupState(OffsetStore.decode(stored.offsets))
    for (const group of stored.classic) state.classic.set(group.groupId, group)
    for (const group of stored.consumer.map((one) => ConsumerGroup.decode(one))) {
      state.consumer.set(group.groupId, group)
    }
    return state
  }
})
