// Offsets reach the group by checkpoint id, the newest wins, and a group that cannot be written to hurts nobody.
import { describe, expect, it } from 'vitest'
import { silentLogger } from '../../../src/client/logger.ts'
import { OffsetCommitter, pendingCheckpointsMax } from '../../../src/exactlyonce/source/offset_committer.ts'
import type { OffsetToCommit } from '../../../src/exactlyonce/source/offset_committer.ts'

const at = (offset: bigint): OffsetToCommit[] => [{ topic: 'a', partition: 0, offset, leaderEpoch: -1 }]

function committer(
  commit: (offset: bigint) => Promise<void> = () => Promise.resolve(),
  signal = new AbortController().signal
) {
  const sent: bigint[] = []
  const committed: bigint[] = []
  const warnings: string[] = []
  const subject = new OffsetCommitter({
    groupId: 'g',
    logger: { ...silentLogger, warn: (message) => warnings.push(message) },
    signal,
    commit: async ([first]) => {
      sent.push(first!.offset)
      await commit(first!.offset)
    },
    committed: ([first]) => committed.push(first!.offset)
  })
  return { subject, sent, committed, warnings }
}

describe('offsets by checkpoint', () => {
  it('notify(5) commits those of 5 and forgets 5 and all before', async () => {
    const { subject, sent, committed } = committer()
    for (const id of [3, 4, 5, 6]) subject.remember(id, at(BigInt(id * 10)))
    subject.checkpointCompleted(5)
    await subject.idle()
    expect(sent).toEqual([50n])
    expect(committed).toEqual([50n])
    expect([...subject.pendingOffsetsToCommit.keys()]).toEqual([6])
  })

  it('a notification that was skipped is covered by the next one', async () => {
    const { subject, sent } = committer()
    subject.remember(4, at(40n))
    subject.remember(5, at(50n))
    subject.checkpointCompleted(5)
    subject.checkpointCompleted(4)
    await subject.idle()
    expect(sent).toEqual([50n])
    expect(subject.pendingOffsetsToCommit.size).toBe(0)
  })

  it('a checkpoint nobody remembers commits nothing', async () => {
    const { subject, sent } = committer()
    subject.checkpointCompleted(7)
    await subject.idle()
    expect(sent).toEqual([])
  })

  it('sends one commit at a time and of those that wait only the newest', async () => {
    let release: (() => void) | undefined
    const { subject, sent } = committer((offset) =>
      offset === 1n ? new Promise((resolve) => (release = resolve)) : Promise.resolve()
    )
    for (const offset of [1n, 2n, 3n]) subject.commit(at(offset))
    expect(sent).toEqual([1n])
    release?.()
    await subject.idle()
    expect(sent).toEqual([1n, 3n])
  })

  it('a commit that fails is told once and does not stop the next', async () => {
    const { subject, sent, committed, warnings } = committer((offset) =>
      offset === 1n ? Promise.reject(new Error('no coordinator')) : Promise.resolve()
    )
    subject.commit(at(1n))
    await subject.idle()
    subject.commit(at(2n))
    await subject.idle()
    expect([sent, committed, warnings.length]).toEqual([[1n, 2n], [2n], 1])
  })

  it('a commit that ends with its run is not told', async () => {
    const ending = new AbortController()
    const { subject, warnings } = committer(() => Promise.reject(ending.signal.reason), ending.signal)
    ending.abort(new Error('the run is over'))
    subject.commit(at(1n))
    await subject.idle()
    expect(warnings).toEqual([])
  })

  it('does not grow without end while no checkpoint completes', () => {
    const { subject } = committer()
    for (let id = 0; id < 3 * pendingCheckpointsMax; id++) subject.remember(id, at(BigInt(id)))
    expect(subject.pendingOffsetsToCommit.size).toBe(pendingCheckpointsMax)
    expect([...subject.pendingOffsetsToCommit.keys()][0]).toBe(2 * pendingCheckpointsMax)
  })
})
