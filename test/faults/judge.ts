// Judges a run of the pipeline from the logs alone: what it should have written follows from the input, what it did write
// stands between control records. Also holds every verdict that the engine gave against those control records. Pure: it
// takes scans, and is itself judged in judge.test.ts.
import { committedRecords } from '../broker/log_scan.ts'
import type { PartitionScan, TransactionScan } from '../broker/log_scan.ts'
import type { Checkpoint } from 'kafka-once/exactlyonce'
import { fold, nothingFolded, parseFolded } from './fold.ts'
import type { Folded } from './fold.ts'
import type { ToldVerdict, VerdictPartition } from './orders.ts'

/** What one output holds, compared with the input. */
export interface OutputFindings {
  /** Records that should be there. */
  readonly records: number
  readonly lost: number
  readonly duplicated: number
  readonly outOfOrder: number
  /** Records of the right number whose state is not the fold of the input before them. */
  readonly wrongState: number
  /** Committed records that the pipeline cannot have written. */
  readonly foreign: number
}

export const findingNames = ['records', 'lost', 'duplicated', 'outOfOrder', 'wrongState', 'foreign'] as const

/** Input partition p must have become output partition p: record n carries the state after n records. */
export function judgeOutput(input: readonly PartitionScan[], output: readonly PartitionScan[]): OutputFindings {
  const sum = { records: 0, lost: 0, duplicated: 0, outOfOrder: 0, wrongState: 0, foreign: 0 }
  const partitions = new Set([...input, ...output].map(({ partition }) => partition))
  for (const partition of partitions) {
    const expected = foldAll(input.find((scan) => scan.partition === partition))
    const found = textsOf(output.find((scan) => scan.partition === partition)).map(parseFolded)
    const one = compare(expected, found)
    for (const name of findingNames) sum[name] += one[name]
  }
  return sum
}

function compare(expected: readonly Folded[], found: readonly (Folded | undefined)[]): OutputFindings {
  const seen = new Set<number>()
  let highest = 0
  let [duplicated, outOfOrder, wrongState, foreign] = [0, 0, 0, 0]
  for (const one of found) {
    const wanted = one === undefined ? undefined : expected[one.count - 1]
    if (one === undefined || wanted === undefined) {
      foreign++
      continue
    }
    if (seen.has(one.count)) duplicated++
    else if (one.count < highest) outOfOrder++
    if (one.hash !== wanted.hash) wrongState++
    seen.add(one.count)
    highest = Math.max(highest, one.count)
  }
  const lost = expected.length - seen.size
  return { records: expected.length, lost, duplicated, outOfOrder, wrongState, foreign }
}

/** The state after each record. */
function foldAll(scan: PartitionScan | undefined): Folded[] {
  let folded = nothingFolded
  return textsOf(scan).map((text) => (folded = fold(folded, text)))
}

/** The state in a checkpoint must be the fold of the whole input. */
export function auditState(checkpoint: Checkpoint | undefined, input: readonly PartitionScan[]): string[] {
  const subtasks = checkpoint?.operators.get('folding') ?? []
  const elementsOf = (list: string) => subtasks.flatMap((subtask) => subtask.get(list)?.elements ?? [])
  const total = elementsOf('totals').reduce<number>((sum, share) => sum + Number(share), 0)
  const wrong: string[] = []
  let expectedTotal = 0
  for (const scan of input) {
    const expected = finalState(scan)
    expectedTotal += expected.count
    if (expected.count === 0) continue
    const known = elementsOf('partitions').map((element) => JSON.stringify(element))
    const wanted = JSON.stringify({ partition: scan.partition, ...expected })
    if (!known.includes(wanted)) wrong.push(`the state lacks ${wanted}: ${known.join(' ')}`)
  }
  if (total !== expectedTotal) {
    wrong.push(`the totals in the state add up to ${total}, and should be ${expectedTotal}`)
  }
  return wrong
}

/** The state after all records. */
export function finalState(scan: PartitionScan): Folded {
  return foldAll(scan).at(-1) ?? nothingFolded
}

function textsOf(scan: PartitionScan | undefined): string[] {
  if (scan === undefined) return []
  return committedRecords(scan).map(({ value }) => Buffer.from(value ?? []).toString())
}

const committing: readonly string[] = ['committed', 'alreadyCommitted', 'proven']
const aborting: readonly string[] = ['aborted', 'lost']

export interface VerdictAudit {
  /** How many of each kind were compared. */
  readonly checked: ReadonlyMap<string, number>
  readonly wrong: readonly string[]
}

/**
 * Compares verdicts with markers. A verdict that leaves the outcome open is wrong here: in these runs everything needed
 * to decide is in the log.
 */
export function auditVerdicts(verdicts: readonly ToldVerdict[], outputs: readonly PartitionScan[]): VerdictAudit {
  const wrong: string[] = []
  const checked = new Map<string, number>()
  for (const verdict of verdicts) {
    const expected = committing.includes(verdict.verdict) ? 'COMMIT' : 'ABORT'
    if (expected === 'ABORT' && !aborting.includes(verdict.verdict)) {
      wrong.push(`${nameOf(verdict)} was left undecided: ${verdict.verdict}`)
    }
    checked.set(verdict.verdict, (checked.get(verdict.verdict) ?? 0) + 1)
    for (const place of verdict.partitions) {
      const outcome = outcomeAt(verdict, place, outputs)
      if (outcome !== expected) {
        const where = `${place.topic}-${place.partition} from ${place.firstOffset} on`
        wrong.push(`${nameOf(verdict)} was called ${verdict.verdict}, but ${where} it is ${outcome}`)
      }
    }
  }
  return { checked, wrong }
}

function outcomeAt(verdict: ToldVerdict, place: VerdictPartition, outputs: readonly PartitionScan[]): string {
  const scan = outputs.find(({ topic, partition }) => topic === place.topic && partition === place.partition)
  const transaction = scan?.transactions.find(({ producerId, ranges }) => {
    return String(producerId) === verdict.producerId && String(ranges[0]?.firstOffset) === place.firstOffset
  })
  if (transaction === undefined) return 'not there'
  if (transaction.producerEpochs.join() !== String(verdict.producerEpoch)) {
    return `of epoch ${transaction.producerEpochs.join(' and ')}`
  }
  return transaction.outcome
}

function nameOf({ transactionalId, producerId, producerEpoch, checkpointId }: ToldVerdict): string {
  return `checkpoint ${checkpointId} of ${transactionalId} (${producerId}/${producerEpoch})`
}

/**
 * What must never be seen in the outputs, whatever the verdicts say: a transaction that ended in two ways, that took data
 * of two epochs, that is still open. Every transaction of the engine has an epoch of its own, in all versions.
 */
export function auditTransactions(outputs: readonly PartitionScan[]): string[] {
  const faults: string[] = []
  const byProducer = new Map<string, { readonly outcomes: Set<string>; readonly places: Set<string> }>()
  for (const { topic, partition, transactions } of outputs) {
    for (const transaction of transactions) {
      if (transaction.ranges.length === 0) continue
      const where = `${topic}-${partition} from ${String(transaction.ranges[0]?.firstOffset)} on`
      if (transaction.producerEpochs.length !== 1) {
        faults.push(`${where} one transaction holds data of the epochs ${transaction.producerEpochs.join(', ')}`)
      }
      if (transaction.outcome === 'open') faults.push(`${where} the transaction of ${producerOf(transaction)} is open`)
      const seen = byProducer.get(producerOf(transaction)) ?? { outcomes: new Set(), places: new Set() }
      byProducer.set(producerOf(transaction), seen)
      seen.outcomes.add(transaction.outcome)
      const place = `${topic}-${partition}`
      if (seen.places.has(place)) faults.push(`${where} ${producerOf(transaction)} wrote a second transaction`)
      seen.places.add(place)
    }
  }
  for (const [producer, { outcomes, places }] of byProducer) {
    if (outcomes.size > 1) faults.push(`${producer} is torn over ${[...places].join(', ')}`)
  }
  return faults
}

function producerOf({ producerId, producerEpochs }: TransactionScan): string {
  return `${producerId}/${producerEpochs[0] ?? -1}`
}
