// What read_committed hides, judged by a model that knows the whole log: which transaction each batch belongs to and how
// it ended. The responses are cut and listed as a broker does it, out of order too.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AbortedTransactions } from '../../../src/client/consumer/aborted.ts'
import type { AbortedTransaction } from '../../../src/client/consumer/aborted.ts'

type Kind = 'data' | 'plain' | 'commit' | 'abort'

interface LogBatch {
  readonly producerId: bigint
  readonly kind: Kind
  readonly baseOffset: bigint
  readonly lastOffset: bigint
}

interface ListedTransaction extends AbortedTransaction {
  readonly markerOffset: bigint
}

interface Log {
  readonly batches: readonly LogBatch[]
  readonly aborted: readonly ListedTransaction[]
  /** Base offsets of the data batches that were aborted. */
  readonly hidden: ReadonlySet<bigint>
}

/** Writes a log from steps; the transactions that are open at the end are committed. */
function writeLog(steps: readonly { producerId: number; kind: Kind; count: number; gap: number }[]): Log {
  const batches: LogBatch[] = []
  const aborted: ListedTransaction[] = []
  const hidden = new Set<bigint>()
  const open = new Map<bigint, bigint[]>()
  let offset = 0n
  const append = (producerId: bigint, kind: Kind, count: number): bigint => {
    const baseOffset = offset
    offset += BigInt(count)
    batches.push({ producerId, kind, baseOffset, lastOffset: offset - 1n })
    return baseOffset
  }
  const end = (producerId: bigint, kind: 'commit' | 'abort'): void => {
    const offsets = open.get(producerId)
    if (offsets === undefined) return
    open.delete(producerId)
    const markerOffset = append(producerId, kind, 1)
    if (kind === 'commit') return
    aborted.push({ producerId, firstOffset: offsets[0]!, markerOffset })
    for (const one of offsets) hidden.add(one)
  }
  for (const { producerId, kind, count, gap } of steps) {
    const id = BigInt(producerId)
    offset += BigInt(gap)
    if (kind === 'plain') append(id, 'plain', count)
    else if (kind === 'data') open.set(id, [...(open.get(id) ?? []), append(id, 'data', count)])
    else end(id, kind)
  }
  for (const id of open.keys()) end(id, 'commit')
  return { batches, aborted, hidden }
}

/** What a broker lists for a fetch of the offsets from `from` up to before `to`, which it may overestimate. */
function listed(log: Log, from: bigint, to: bigint): ListedTransaction[] {
  return log.aborted.filter(({ firstOffset, markerOffset }) => markerOffset >= from && firstOffset < to)
}

/** Base offsets of the data batches that are not hidden, in one response. */
function readResponse(batches: readonly LogBatch[], list: readonly AbortedTransaction[]): bigint[] {
  const transactions = new AbortedTransactions(list)
  const visible: bigint[] = []
  for (const { kind, producerId, baseOffset, lastOffset } of batches) {
    if (kind === 'abort') transactions.abortMarker(producerId, lastOffset)
    else if (kind === 'plain') visible.push(baseOffset)
    else if (kind === 'data' && !transactions.isAborted(producerId, lastOffset)) visible.push(baseOffset)
  }
  return visible
}

const step = (producerId: number, kind: Kind, count = 3, gap = 0) => ({ producerId, kind, count, gap })

describe('read_committed hides exactly the aborted records', () => {
  test('when one producer aborts, commits, aborts and commits within one response', () => {
    const log = writeLog([
      step(1, 'data'),
      step(1, 'abort'),
      step(1, 'data'),
      step(1, 'commit'),
      step(1, 'data'),
      step(1, 'abort'),
      step(1, 'data'),
      step(1, 'commit')
    ])
    expect(readResponse(log.batches, listed(log, 0n, 100n))).toEqual([4n, 12n])
  })

  test('when the marker lies in a later response', () => {
    const log = writeLog([step(1, 'data'), step(2, 'data'), step(1, 'data'), step(1, 'abort'), step(2, 'commit')])
    expect(readResponse(log.batches.slice(0, 2), listed(log, 0n, 6n))).toEqual([3n])
    expect(readResponse(log.batches.slice(2), listed(log, 6n, 100n))).toEqual([])
  })

  test('when transactions of several producers interleave and the list is out of order', () => {
    const log = writeLog([
      step(1, 'data'),
      step(2, 'data'),
      step(1, 'abort'),
      step(1, 'data'),
      step(2, 'abort'),
      step(2, 'data'),
      step(1, 'commit'),
      step(2, 'abort')
    ])
    expect(readResponse(log.batches, listed(log, 0n, 100n).toReversed())).toEqual([7n])
  })

  test('when compaction has removed a marker between two responses', () => {
    const before = writeLog([step(1, 'data'), step(1, 'abort')])
    expect(readResponse(before.batches.slice(0, 1), listed(before, 0n, 3n))).toEqual([])
    // The data and the marker are gone meanwhile; the same producer has committed something since.
    expect(readResponse([{ producerId: 1n, kind: 'data', baseOffset: 4n, lastOffset: 6n }], [])).toEqual([4n])
  })

  test('when a batch without a transaction carries the id of a producer that aborts', () => {
    const log = writeLog([step(1, 'data'), step(1, 'plain'), step(1, 'abort')])
    expect(readResponse(log.batches, listed(log, 0n, 100n))).toEqual([3n])
  })

  test('for any interleaving, any cut into responses, any start and any order of the list', () => {
    const kinds: fc.Arbitrary<Kind> = fc.constantFrom('data', 'data', 'data', 'plain', 'commit', 'abort')
    const steps = fc.array(
      fc.record({
        producerId: fc.integer({ min: 1, max: 4 }),
        kind: kinds,
        count: fc.integer({ min: 1, max: 5 }),
        gap: fc.constantFrom(0, 0, 0, 2)
      }),
      { maxLength: 60 }
    )
    const cuts = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 10 })
    const cases = fc.tuple(steps, cuts, fc.nat(20), fc.nat(30), fc.nat())
    fc.assert(
      fc.property(cases, ([given, sizes, start, overestimate, turn]) => {
        const log = writeLog(given)
        const expected: bigint[] = []
        const read: bigint[] = []
        for (let at = start, i = 0; at < log.batches.length; i++) {
          const response = log.batches.slice(at, at + sizes[i % sizes.length]!)
          at += response.length
          // A fetch may begin in the middle of its first batch.
          const from = response[0]!.lastOffset
          const to = response.at(-1)!.lastOffset + 1n + BigInt(overestimate)
          const list = listed(log, from, to)
          const cut = list.length === 0 ? 0 : turn % list.length
          read.push(...readResponse(response, [...list.slice(cut), ...list.slice(0, cut)]))
          for (const { kind, baseOffset } of response) {
            if (kind === 'plain' || (kind === 'data' && !log.hidden.has(baseOffset))) expected.push(baseOffset)
          }
        }
        expect(read).toEqual(expected)
      }),
      { numRuns: 2_000 }
    )
  })
})
