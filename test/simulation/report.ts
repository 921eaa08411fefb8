// What a campaign came to, in words for people, and in the form of vitest's report for .ci/count.mjs: one test for each
// profile, and one for the seeds that were played twice.
import type { Campaign } from './campaign.ts'
import { points } from './plan.ts'

export function progressText(campaign: Campaign, startMs: number): string {
  const { sums, cpuSeconds, failures, replayed } = campaign
  const perSeed = (sum: number): string => (sum / Math.max(1, sums.seeds)).toFixed(1)
  const rate = (sums.seeds + replayed) / Math.max(0.001, cpuSeconds)
  return (
    `${sums.seeds} seeds${replayed > 0 ? `, ${replayed} of them twice,` : ''} in ` +
    `${Math.round((performance.now() - startMs) / 1000)} s, ${rate.toFixed(1)} per CPU second; ` +
    `per seed ${perSeed(sums.requests)} requests, ${perSeed(sums.events)} events, ${perSeed(sums.processes)} processes, ` +
    `${perSeed(sums.verdicts)} verdicts, ${perSeed(sums.virtualMs / 1000)} s of virtual time; ` +
    `${sums.stopped} rightly stopped, ${failures.length} failed`
  )
}

/** For each point of a checkpoint and a recovery: what went wrong there, and in which states and codes that was met. */
export function coverageText({ met }: Pick<Campaign, 'met'>): string {
  const keys = [...met.keys()].map((key) => key.split(' | '))
  const lines = points.map((point) => {
    const here = keys.filter(([place]) => place?.endsWith(` at ${point}`))
    const different = (at: number): number => new Set(here.map((parts) => parts[at])).size
    return `  ${point.padEnd(28)} ${different(0)} faults, ${different(1)} states, ${different(2)} codes, ${here.length} meetings`
  })
  return [`${met.size} different meetings of place, state and error code`, ...lines].join('\n')
}

/** `fileName` stands for the suite. */
export function jsonReport(campaign: Campaign, fileName: string): string {
  const tests = [...campaign.seedsByProfile].map(([profile, seeds]) => {
    const messages = campaign.failures
      .filter((failure) => failure.profile === profile)
      .map(({ seed, faults }) => `npm run simulate -- --profile ${profile} --seed ${seed}\n${faults.join('\n')}`)
    return testResult(`${seeds} seeds of profile ${profile}: nothing is lost, doubled, torn or told wrongly`, messages)
  })
  if (campaign.replayed > 0) {
    const messages = campaign.unequal.map((seed) => `seed ${seed} was another run the second time`)
    tests.push(testResult(`${campaign.replayed} seeds are the same run the second time`, messages))
  }
  const status = campaign.isClean ? 'passed' : 'failed'
  const testResults = [{ name: fileName, status, assertionResults: tests }]
  return JSON.stringify({ success: campaign.isClean, testResults })
}

function testResult(fullName: string, failureMessages: readonly string[]) {
  return { fullName, status: failureMessages.length === 0 ? 'passed' : 'failed', failureMessages }
}
