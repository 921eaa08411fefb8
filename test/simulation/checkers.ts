// Names the check that a fault of a run comes from, for those who want to know what each of them is good for.

const checkers: readonly (readonly [name: string, pattern: RegExp])[] = [
  ['a verdict that the log contradicts', /was called .*, but|was left undecided/],
  ['a transaction that is torn', /is torn over/],
  ['one transaction with two epochs', /holds data of the epochs/],
  ['two transactions in one epoch', /wrote a second transaction/],
  ['a loss without a cause', /without a cause/],
  ['told before it was so', /before (its|their) output was committed/],
  ['group offsets against checkpoint', /group offset/],
  ['state against the fold of the input', /the state lacks|totals in the state/],
  ['what a reader saw', /^a reader|^the reader/],
  ['a transaction left open', /is open|is left (Prepare|Ongoing)/],
  ['stopped for good without a cause', /stopped for good/],
  ['everything ends within a bounded time', /not through|were not enough|had not ended|waits, and nothing/],
  ['a rejection that nobody handled', /nobody handled/],
  ['numbers: lost, doubled, out of order', /are missing|is there \d+ times|\d after \d/]
]

const findings: readonly (readonly [name: string, finding: string])[] = [
  ['output: aborted or foreign records', 'foreign'],
  ['output: duplicated', 'duplicated'],
  ['output: lost', 'lost'],
  ['output: out of order', 'outOfOrder'],
  ['output: wrong state', 'wrongState']
]

/** The name of the check that found this fault. */
export function checkerOf(fault: string): string {
  const output = /^[^ ]+: (\{"records".*\})/.exec(fault)?.[1]
  if (output === undefined) return checkers.find(([, pattern]) => pattern.test(fault))?.[0] ?? 'something was thrown'
  const counts: unknown = JSON.parse(output)
  return findings
    .filter(([, finding]) => isPositive(counts, finding))
    .map(([name]) => name)
    .join(', ')
}

function isPositive(counts: unknown, name: string): boolean {
  return typeof counts === 'object' && counts !== null && Number(Reflect.get(counts, name)) > 0
}
