// Only a checkpoint that contains every commit the cluster knows of may be gone on from.
import { describe, expect, it } from 'vitest'
import { decodeRecorded, encodeRecorded, explainWitnesses } from '../../../src/exactlyonce/sink/ledger.ts'
import type { FoundWitness } from '../../../src/exactlyonce/sink/ledger.ts'
import { packHandle } from '../../../src/exactlyonce/sink/packed_handle.ts'
import type { StateValue } from '../../../src/exactlyonce/functions.ts'
import type { RetainedCheckpoint } from '../../../src/exactlyonce/participant.ts'
import { preparedOf } from '../kit/contexts.ts'

const name = { prefix: 'job', task: 0 }
const place = { topic: 'out', partition: 0 }
const idOf = (digit: string): string => digit.repeat(32)

function found(slot: number, randomId: string, checkpointId = 7): FoundWitness {
  return { transactionalId: `job.0.${slot}`, place, checkpointId, randomId }
}

function checkpoint(recorded: [number, string | null][], pendingSlot?: number, randomId = ''): RetainedCheckpoint {
  const pending = pendingSlot === undefined ? [] : [{ checkpointId: 7, handle: pendingHandle(pendingSlot, randomId) }]
  const value = encodeRecorded({ clusterId: 'c', place, witnesses: new Map(recorded) })
  return { checkpointId: 7, snapshot: { pending, recorded: value } }
}

function pendingHandle(slot: number, randomId: string): StateValue {
  return packHandle(
    preparedOf({
      transactionalId: `job.0.${slot}`,
      witness: { groupId: `job.0.${slot}.ledger`, ...place, offset: '7', randomId, previousRandomId: null }
    })
  )
}

describe('the ledger check', () => {
  it('is content with an empty ledger', () => {
    expect(explainWitnesses([], undefined, name)).toEqual({ kind: 'consistent', checkpointIdMax: -1 })
    expect(explainWitnesses([], checkpoint([[0, idOf('a')]]), name).kind).toBe('consistent')
  })

  it('takes a witness that is recorded, or that is a pending transaction of the checkpoint', () => {
    const chosen = checkpoint(
      [
        [0, idOf('a')],
        [1, null]
      ],
      1,
      idOf('b')
    )
    const finding = explainWitnesses([found(0, idOf('a'), 6), found(1, idOf('b'))], chosen, name)
    expect(finding).toEqual({ kind: 'consistent', checkpointIdMax: 7 })
  })

  it('refuses a random id that the checkpoint does not know, whatever its checkpoint id says', () => {
    const chosen = checkpoint([[0, idOf('a')]])
    for (const checkpointId of [1, 7, 8]) {
      const finding = explainWitnesses([found(0, idOf('c'), checkpointId)], chosen, name)
      expect(finding.kind).toBe('unexplained')
    }
  })

  it('refuses a random id that it knows from another slot', () => {
    const chosen = checkpoint([
      [0, idOf('a')],
      [1, null]
    ])
    expect(explainWitnesses([found(1, idOf('a'))], chosen, name).kind).toBe('unexplained')
  })

  it('refuses any witness where the store is empty, and says which', () => {
    const finding = explainWitnesses([found(2, idOf('d'), 41)], undefined, name)
    expect(finding).toMatchObject({ kind: 'unexplained' })
    expect(finding.kind === 'unexplained' ? finding.details : '').toMatch(/job\.0\.2.*checkpoint 41.*store is empty/)
  })
})

describe('what is recorded', () => {
  it('comes back through JSON', () => {
    const recorded = {
      clusterId: 'c',
      place,
      witnesses: new Map([
        [0, idOf('a')],
        [4, null]
      ])
    }
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what was written is read back
    const back = decodeRecorded(JSON.parse(JSON.stringify(encodeRecorded(recorded))) as StateValue)
    expect(back).toEqual(recorded)
  })

  it.each([
    [null],
    ['x'],
    [{}],
    [{ clusterId: 'c', ledger: ['t'], witnesses: [] }],
    [{ clusterId: 'c', ledger: ['t', -1], witnesses: [] }],
    [{ clusterId: 'c', ledger: ['t', 0], witnesses: [[0, 'abc']] }],
    [{ clusterId: 'c', ledger: ['t', 0], witnesses: [[-1, null]] }]
  ])('is refused where it is %j', (value) => {
    expect(() => decodeRecorded(value)).toThrow(/cannot be read/)
  })
})
