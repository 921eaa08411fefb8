// Offsets of a partition of __consumer_offsets: which of two commits counts, what open transactions hold back, and what
// survives being written down.
import { describe, expect, test } from 'vitest'
import { groupStateKind } from '../../../src/testing/group/group_state.ts'
import { OffsetStore } from '../../../src/testing/group/offset_store.ts'
import type { CommittedOffset } from '../../../src/testing/group/offset_store.ts'

function at(offset: bigint, committedAtMs = 0): CommittedOffset {
  return { topic: 't', partition: 0, offset, leaderEpoch: -1, metadata: '', committedAtMs, expiresAtMs: undefined }
}

function offsetIn(store: OffsetStore): bigint | undefined {
  return store.find('g', 't', 0)?.offset
}

describe('offsets', () => {
  test('of a transaction count when its marker comes, and not before', () => {
    const store = new OffsetStore()
    store.commit('g', [at(1n)])
    store.commitPending(7n, 'g', [at(5n)])
    expect(offsetIn(store)).toBe(1n)
    expect(store.isPending('g', 't', 0)).toBe(true)
    store.complete(8n, true)
    expect(store.isPending('g', 't', 0)).toBe(true)
    store.complete(7n, true)
    expect(offsetIn(store)).toBe(5n)
    expect(store.isPending('g', 't', 0)).toBe(false)
  })

  test('of an aborted transaction are gone', () => {
    const store = new OffsetStore()
    store.commitPending(7n, 'g', [at(5n)])
    expect(store.groupIds()).toEqual(['g'])
    store.complete(7n, false)
    expect(offsetIn(store)).toBeUndefined()
    expect(store.groupIds()).toEqual([])
  })

  test('that were committed after those of an open transaction stay when it is committed', () => {
    const store = new OffsetStore()
    store.commitPending(7n, 'g', [at(5n)])
    store.commit('g', [at(2n)])
    store.complete(7n, true)
    expect(offsetIn(store)).toBe(2n)
  })

  test('expire, unless an open transaction is about to replace them', () => {
    const store = new OffsetStore()
    store.commit('g', [at(1n)])
    store.commitPending(7n, 'g', [at(5n, 100)])
    expect(store.expire('g', () => true)).toBe(true)
    expect(offsetIn(store)).toBe(1n)
    store.complete(7n, true)
    expect(store.expire('g', ({ committedAtMs }) => committedAtMs < 100)).toBe(true)
    expect(store.expire('g', () => true)).toBe(false)
    expect(offsetIn(store)).toBeUndefined()
  })

  test('go with their topic', () => {
    const store = new OffsetStore()
    store.commit('g', [at(1n), { ...at(2n), topic: 'other' }])
    store.forgetTopic('t')
    expect(store.all('g').map(({ topic }) => topic)).toEqual(['other'])
  })

  test('are the same after being written down and read, those of open transactions included', () => {
    const state = groupStateKind.create()
    state.offsets.commit('g', [at(1n)])
    state.offsets.commitPending(7n, 'g', [at(2n ** 62n)])
    const read = groupStateKind.decode(JSON.parse(JSON.stringify(groupStateKind.encode(state))))
    expect(offsetIn(read.offsets)).toBe(1n)
    read.offsets.complete(7n, true)
    expect(offsetIn(read.offsets)).toBe(2n ** 62n)
  })
})
