// The judge of the fault proofs is itself judged: a clean run is right, and each way in which a run can be wrong shows,
// under its own name.
import { describe, expect, test } from 'vitest'
import type { PartitionScan, ScannedRecord, TransactionScan } from '../broker/log_scan.ts'
import { fold, formatFolded, nothingFolded } from './fold.ts'
import { auditTransactions, auditVerdicts, judgeOutput } from './judge.ts'
import type { ToldVerdict } from './orders.ts'

type Outcome = TransactionScan['outcome']

interface Written {
  readonly producerId: bigint
  readonly epochs?: readonly number[]
  readonly texts: readonly string[]
  readonly outcome: Outcome
}

/** A partition as a scan shows it: one transaction after the other, each with its marker behind it. */
function scanOf(topic: string, partition: number, written: readonly Written[]): PartitionScan {
  const records: ScannedRecord[] = []
  const transactions: TransactionScan[] = []
  let offset = 0n
  for (const { producerId, epochs = [0], texts, outcome } of written) {
    const firstOffset = offset
    for (const text of texts) {
      const content = { key: null, value: Buffer.from(text), headers: [], timestamp: 0 }
      records.push({ partition, offset: offset++, ...content, transaction: transactions.length })
    }
    const marker = outcome === 'open' ? undefined : { offset: offset++, producerEpoch: 0, coordinatorEpoch: 0 }
    const ranges = [{ firstOffset, lastOffset: firstOffset + BigInt(texts.length) - 1n }]
    transactions.push({ producerId, producerEpochs: epochs, ranges, recordCount: texts.length, outcome, marker })
  }
  const ends = { logStartOffset: 0n, endOffset: offset, lastStableOffset: offset }
  return { topic, partition, ...ends, transactions, records }
}

const inputTexts = Array.from({ length: 10 }, (_, i) => `0.${i}`)
const input = [scanOf('in', 0, [{ producerId: 1n, texts: inputTexts, outcome: 'COMMIT' }])]

/** What the pipeline writes for that input. */
function rightTexts(): string[] {
  let folded = nothingFolded
  return inputTexts.map((text) => formatFolded((folded = fold(folded, text))))
}

function found(change: (texts: string[]) => void) {
  const texts = rightTexts()
  change(texts)
  return judgeOutput(input, [scanOf('out', 0, [{ producerId: 2n, texts, outcome: 'COMMIT' }])])
}

const right = { records: 10, lost: 0, duplicated: 0, outOfOrder: 0, wrongState: 0, foreign: 0 }

describe('of an output, the judge', () => {
  test('finds nothing wrong where nothing is', () => {
    expect(found(() => undefined)).toEqual(right)
  })

  test('counts a record that is missing', () => {
    expect(found((texts) => texts.splice(4, 1))).toEqual({ ...right, lost: 1 })
  })

  test('counts a partition that is missing', () => {
    expect(judgeOutput(input, [])).toEqual({ ...right, lost: 10 })
  })

  test('counts a record that is there twice', () => {
    expect(found((texts) => texts.push(texts[9] ?? ''))).toEqual({ ...right, duplicated: 1 })
  })

  test('counts a record that comes too late', () => {
    expect(found((texts) => texts.push(...texts.splice(4, 1)))).toEqual({ ...right, outOfOrder: 1 })
  })

  test('counts a record that was made from a wrong state', () => {
    expect(found((texts) => texts.splice(4, 1, '5 00000000'))).toEqual({ ...right, wrongState: 1 })
  })

  test('counts records that the pipeline cannot have written', () => {
    expect(found((texts) => texts.push('hello', '11 00000000', '0 811c9dc5'))).toEqual({ ...right, foreign: 3 })
  })

  test.each<Outcome>(['ABORT', 'open'])('leaves out what is %s', (outcome) => {
    const texts = rightTexts()
    const output = scanOf('out', 0, [
      { producerId: 2n, texts, outcome },
      { producerId: 3n, texts, outcome: 'COMMIT' }
    ])
    // Behind an open transaction a reader sees nothing.
    expect(judgeOutput(input, [output])).toEqual(outcome === 'open' ? { ...right, lost: 10 } : right)
  })

  test('notices a record that the input lost by a wrong state, or by a count beyond it', () => {
    const short = [scanOf('in', 0, [{ producerId: 1n, texts: inputTexts.toSpliced(3, 1), outcome: 'COMMIT' }])]
    const output = [scanOf('out', 0, [{ producerId: 2n, texts: rightTexts(), outcome: 'COMMIT' }])]
    expect(judgeOutput(short, output)).toEqual({ ...right, records: 9, wrongState: 6, foreign: 1 })
  })
})

function verdict(kind: string, producerId: string, producerEpoch: number, firstOffset: string): ToldVerdict {
  return {
    transactionalId: 'p.0.0',
    producerId,
    producerEpoch,
    checkpointId: 1,
    partitions: [{ topic: 'out', partition: 0, firstOffset }],
    verdict: kind
  }
}

describe('of verdicts, the judge', () => {
  const texts = ['a', 'b']
  const output = [
    scanOf('out', 0, [
      { producerId: 2n, texts, outcome: 'COMMIT' },
      { producerId: 2n, epochs: [1], texts, outcome: 'ABORT' },
      { producerId: 3n, texts, outcome: 'open' }
    ])
  ]

  test.each(['committed', 'alreadyCommitted', 'proven'])('takes %s for right where the marker says so', (kind) => {
    expect(auditVerdicts([verdict(kind, '2', 0, '0')], output).wrong).toEqual([])
    expect(auditVerdicts([verdict(kind, '2', 1, '3')], output).wrong).toHaveLength(1)
    expect(auditVerdicts([verdict(kind, '3', 0, '6')], output).wrong).toHaveLength(1)
  })

  test.each(['aborted', 'lost'])('takes %s for right where the marker says so', (kind) => {
    expect(auditVerdicts([verdict(kind, '2', 1, '3')], output).wrong).toEqual([])
    expect(auditVerdicts([verdict(kind, '2', 0, '0')], output).wrong).toHaveLength(1)
    expect(auditVerdicts([verdict(kind, '3', 0, '6')], output).wrong).toHaveLength(1)
  })

  test.each(['fenced', 'foreignHandle'])('does not accept %s', (kind) => {
    expect(auditVerdicts([verdict(kind, '2', 1, '3')], output).wrong).toHaveLength(1)
  })

  test('notices a transaction that is not there, or is of another epoch', () => {
    expect(auditVerdicts([verdict('committed', '9', 0, '0')], output).wrong).toHaveLength(1)
    expect(auditVerdicts([verdict('committed', '2', 0, '1')], output).wrong).toHaveLength(1)
    expect(auditVerdicts([verdict('committed', '2', 7, '0')], output).wrong).toHaveLength(1)
  })
})

function faultsOf(first: readonly Written[], second: readonly Written[]): string[] {
  return auditTransactions([scanOf('out', 0, first), scanOf('out', 1, second)])
}

describe('of transactions, the judge', () => {
  const texts = ['a']

  test('finds nothing wrong where each ended in one way', () => {
    const both: Written[] = [
      { producerId: 2n, texts, outcome: 'COMMIT' },
      { producerId: 2n, epochs: [1], texts, outcome: 'ABORT' }
    ]
    expect(faultsOf(both, both)).toEqual([])
  })

  test('notices one that is committed here and aborted there', () => {
    const faults = faultsOf(
      [{ producerId: 2n, texts, outcome: 'COMMIT' }],
      [{ producerId: 2n, texts, outcome: 'ABORT' }]
    )
    expect(faults).toEqual(['2/0 is torn over out-0, out-1'])
  })

  test('notices one that is still open', () => {
    expect(faultsOf([{ producerId: 2n, texts, outcome: 'open' }], [])).toHaveLength(1)
  })

  test('notices one that took in data of a fenced producer', () => {
    expect(faultsOf([{ producerId: 2n, epochs: [0, 1], texts, outcome: 'COMMIT' }], [])).toHaveLength(1)
  })

  test('notices a second one under the same epoch', () => {
    const one: Written = { producerId: 2n, texts, outcome: 'COMMIT' }
    expect(faultsOf([one, one], [])).toHaveLength(1)
  })
})
