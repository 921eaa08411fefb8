// Plays the scripts against a broker and answers what was said, by script.
import { readFileSync } from 'node:fs'
import { Stage, type GroupCase } from './group_cases.ts'
import { classicCases } from './classic_cases.ts'
import { consumerCases } from './consumer_cases.ts'
import { migrationCases, policyCase } from './migration_cases.ts'
import { senselessCases } from './senseless_cases.ts'
import { sizeCases } from './size_cases.ts'
import { offsetCases, transactionalOffsetCases } from './offset_cases.ts'

export const groupCases: readonly GroupCase[] = [
  ...offsetCases,
  ...transactionalOffsetCases,
  ...classicCases,
  ...consumerCases,
  ...migrationCases,
  ...senselessCases
]

/**
 * Settings under which a real broker answers without chance: no waiting for further members, and assignments made in the
 * heartbeat that asks for them. And sessions that a test can wait for.
 */
export const groupSettings: Readonly<Record<string, string>> = {
  'group.initial.rebalance.delay.ms': '0',
  'group.min.session.timeout.ms': '500',
  'group.consumer.assignment.interval.ms': '0',
  'group.consumer.min.assignment.interval.ms': '0',
  'group.consumer.assignor.offload.enable': 'false'
}

const policies = ['bidirectional', 'upgrade', 'downgrade', 'disabled']

/** What a broker begins with: how groups may change between the protocols, and how large they may be. */
export const casesBySettings = [
  ...policies.map((policy) => ({
    ...policyCase,
    name: `${policyCase.name}: ${policy}`,
    settings: { ...groupSettings, 'group.consumer.migration.policy': policy }
  })),
  ...sizeCases.map((one) => ({ ...one, settings: { ...groupSettings, ...one.settings } }))
]

export const answersFile = new URL('group_answers.json', import.meta.url)

/** What a real Kafka 4.4.0 said. */
export function recordedAnswers(): Record<string, unknown> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by group_answers.compatibility.test.ts alone
  return JSON.parse(readFileSync(answersFile, 'utf8')) as Record<string, unknown>
}

export async function play(address: string, { name, play: script }: GroupCase): Promise<readonly unknown[]> {
  const stage = await Stage.open(address, name)
  try {
    await script(stage)
    return stage.log
  } finally {
    stage.close()
  }
}
