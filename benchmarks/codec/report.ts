// Turns measurements of codecs into tables: medians with their ranges, and how often the best peer fits into the time of
// the others.
import { aligned, rangeOf, show } from '../report.ts'
import { codecPeerNames } from './workload.ts'
import type { CodecClientName, CodecWorkload } from './workload.ts'

/** All rounds of one client at one workload. */
export interface CodecSeries {
  readonly workload: CodecWorkload
  readonly client: CodecClientName
  /** User and system time for one unit in each round, nanoseconds. */
  readonly cpuNs: readonly number[]
  /** Bytes allocated for one unit, which hardly differ from round to round: of one process. */
  readonly allocatedBytes: number | undefined
  /** Why rounds are missing; empty where none is. */
  readonly notRun: string
}

function medianNs({ cpuNs }: CodecSeries): number {
  return cpuNs.length === 0 ? Number.POSITIVE_INFINITY : rangeOf(cpuNs).median
}

/** One table per workload. The ratio is that of the best peer's median to the client's. */
export function codecTables(series: readonly CodecSeries[]): string {
  const lines: string[] = []
  for (const workload of new Set(series.map((one) => one.workload))) {
    const ours = series.filter((one) => one.workload === workload)
    const bestNs = Math.min(...ours.filter(isPeer).map(medianNs))
    lines.push('', workload.title)
    const rows = [['', `CPU ns per ${workload.unit}`, 'bytes allocated', 'times as fast as the best peer']]
    for (const one of ours) rows.push(row(one, bestNs))
    lines.push(...aligned(rows))
  }
  return lines.slice(1).join('\n')
}

function isPeer({ client }: CodecSeries): boolean {
  return codecPeerNames.some((name) => name === client)
}

function row(series: CodecSeries, bestNs: number): string[] {
  const { client, cpuNs, allocatedBytes, notRun } = series
  if (cpuNs.length === 0) return [client, `not run: ${notRun}`]
  const ratio = Number.isFinite(bestNs) ? (bestNs / medianNs(series)).toFixed(2) : ''
  return [client, show(rangeOf(cpuNs)), allocatedBytes?.toFixed(allocatedBytes < 10 ? 1 : 0) ?? '', ratio]
}
