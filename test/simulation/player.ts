// Plays chunks of seeds: in this process, or in another one that is asked over its channel.
import { fork } from 'node:child_process'
import { addRun, noSums } from './campaign.ts'
import type { ChunkResult, Player } from './campaign.ts'
import { Coverage } from './coverage.ts'
import type { Plan } from './plan.ts'
import { runPlan } from './run_plan.ts'
import type { PlanRun } from './run_plan.ts'

export type PlanSeed = (seed: number) => Plan
export type RunPlan = (plan: Plan, coverage: Coverage) => Promise<PlanRun>

/** Plays in this process. */
export function playerHere(planSeed: PlanSeed, run: RunPlan = runPlan): Player {
  let usage = process.cpuUsage()
  return async ({ first, count }) => {
    const coverage = new Coverage()
    const sums = noSums()
    const seedsByProfile: Record<string, number> = {}
    const failures: ChunkResult['failures'][number][] = []
    const hashes: string[] = []
    for (let seed = first; seed < first + count; seed++) {
      const plan = planSeed(seed)
      const ran = await run(plan, coverage)
      addRun(sums, ran)
      seedsByProfile[plan.profile] = (seedsByProfile[plan.profile] ?? 0) + 1
      if (ran.faults.length > 0) failures.push({ seed, profile: plan.profile, faults: ran.faults })
      hashes.push(ran.hash)
    }
    const { user, system } = process.cpuUsage(usage)
    usage = process.cpuUsage()
    return { sums, seedsByProfile, failures, hashes, met: [...coverage.met], cpuSeconds: (user + system) / 1e6 }
  }
}

export interface PlayerProcess {
  readonly play: Player
  end(): void
}

/** Plays in a process of its own, which runs a program that calls `serveParent`. */
export function playerProcess(program: string, args: readonly string[]): PlayerProcess {
  const child = fork(program, [...args])
  const play: Player = (chunk) =>
    new Promise((resolve, reject) => {
      const exited = (code: number | null): void => {
        reject(new Error(`The process that played ${chunk.count} seeds from ${chunk.first} on ended: ${code}`))
      }
      child.once('exit', exited)
      child.once('message', (result: ChunkResult) => {
        child.off('exit', exited)
        resolve(result)
      })
      child.send(chunk)
    })
  return { play, end: () => child.disconnect() }
}
