// Turns measurements into tables and JSON. Medians with their ranges: on a shared machine one number alone says little,
// and CPU time says more than time does.
import type { ClientName, Measurement, ScenarioName } from './workload.ts'

/** All rounds of one client in one scenario. */
export interface Series {
  readonly scenario: ScenarioName
  readonly client: ClientName
  readonly measurements: readonly Measurement[]
  /** Why rounds are missing. */
  readonly notRun?: string
}

export interface Range {
  readonly median: number
  readonly min: number
  readonly max: number
}

export function rangeOf(values: readonly number[]): Range {
  const sorted = values.toSorted((left, right) => left - right)
  const middle = sorted.length >> 1
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
  return { median, min: sorted[0]!, max: sorted.at(-1)! }
}

/** The figures of one series, as they are recorded. */
export interface Figures {
  readonly scenario: ScenarioName
  readonly client: ClientName
  readonly rounds: number
  readonly recordsPerSecond: Range
  readonly cpuSecondsPerMillion: Range
  readonly rssMaxMib: Range
  readonly medianMs?: Range
  readonly p99Ms?: Range
}

export function figuresOf({ scenario, client, measurements }: Series): Figures | undefined {
  if (measurements.length === 0) return undefined
  const range = (of: (measurement: Measurement) => number): Range => rangeOf(measurements.map(of))
  const hasLatencies = measurements.every(({ medianMs }) => medianMs !== undefined)
  return {
    scenario,
    client,
    rounds: measurements.length,
    recordsPerSecond: range(({ count, seconds }) => count / seconds),
    cpuSecondsPerMillion: range(({ count, cpuSeconds }) => (cpuSeconds / count) * 1e6),
    rssMaxMib: range(({ rssMaxMib }) => rssMaxMib),
    ...(hasLatencies
      ? { medianMs: range(({ medianMs }) => medianMs ?? 0), p99Ms: range(({ p99Ms }) => p99Ms ?? 0) }
      : {})
  }
}

const titles: Readonly<Record<ScenarioName, string>> = {
  produce: 'Produce: idempotent, acks of all replicas',
  consume: 'Consume, read_uncommitted',
  consumeCommitted: 'Consume, read_committed, every tenth transaction aborted',
  one: 'One record at a time, awaited',
  transactions: 'Back-to-back transactions of one record',
  pipeline: 'Pipeline, exactly once: read, transform, write in transactions'
}

/** Scenarios whose unit is one operation and not one record among many. */
const single: ReadonlySet<ScenarioName> = new Set<ScenarioName>(['one', 'transactions'])

/** One table per scenario, with the change against the last recorded run where there is one. */
export function tables(series: readonly Series[], last: readonly Figures[]): string {
  const lines: string[] = []
  for (const scenario of new Set(series.map((one) => one.scenario))) {
    lines.push('', titles[scenario])
    const rows = [headings(scenario)]
    for (const one of series.filter((candidate) => candidate.scenario === scenario)) {
      const figures = figuresOf(one)
      const before = last.find((candidate) => candidate.scenario === scenario && candidate.client === one.client)
      rows.push(figures === undefined ? [one.client, `not run: ${one.notRun}`] : row(figures, before))
    }
    lines.push(...aligned(rows))
  }
  return lines.slice(1).join('\n')
}

function headings(scenario: ScenarioName): string[] {
  const common = ['CPU s per million', 'since last run', 'memory MiB']
  return single.has(scenario)
    ? ['', 'median ms', 'p99 ms', 'per s', ...common]
    : ['', 'thousand records per s', ...common]
}

function row(figures: Figures, before: Figures | undefined): string[] {
  const { client, recordsPerSecond, cpuSecondsPerMillion, rssMaxMib, medianMs, p99Ms } = figures
  const common = [
    show(cpuSecondsPerMillion),
    before === undefined ? '' : change(before.cpuSecondsPerMillion.median, cpuSecondsPerMillion.median),
    show(rssMaxMib)
  ]
  if (medianMs === undefined || p99Ms === undefined) return [client, show(recordsPerSecond, 1000), ...common]
  return [client, show(medianMs), show(p99Ms), show(recordsPerSecond), ...common]
}

export function show({ median, min, max }: Range, unit = 1): string {
  return min === max ? number(median / unit) : `${number(median / unit)} (${number(min / unit)}-${number(max / unit)})`
}

function number(value: number): string {
  if (value >= 100) return value.toFixed(0)
  return value >= 10 ? value.toFixed(1) : value.toFixed(2)
}

function change(before: number, now: number): string {
  const percent = Math.round((now / before - 1) * 100)
  return `${percent > 0 ? '+' : ''}${percent} %`
}

export function aligned(rows: readonly string[][]): string[] {
  const widths = rows[0]!.map((_, column) =>
    Math.max(...rows.map((cells) => (cells.length > 2 ? cells[column]! : '').length))
  )
  return rows.map((cells) => `  ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
}
