// A real Kafka still answers what was recorded of it. RECORD_ANSWERS=1 records anew, for a newer Kafka.
import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startBroker } from '../../broker/broker.ts'
import type { TestBroker } from '../../broker/broker.ts'
import { describeBrokers } from '../../broker/real_kafka.ts'
import { answersFile, casesBySettings, groupCases, groupSettings, play, recordedAnswers } from './play_group_cases.ts'
import type { GroupCase } from './group_cases.ts'

const isRecording = process.env['RECORD_ANSWERS'] === '1'

describeBrokers('a real Kafka answers as it was recorded about', () => {
  let broker: TestBroker
  const answers: Record<string, unknown> = isRecording ? {} : recordedAnswers()
  beforeAll(async () => {
    broker = await startBroker({ config: groupSettings })
  })
  afterAll(async () => {
    await broker[Symbol.asyncDispose]()
    if (isRecording) writeFileSync(answersFile, `${JSON.stringify(answers, null, 1)}\n`)
  })

  async function check(bootstrap: string, one: GroupCase): Promise<void> {
    const answer = await play(bootstrap, one)
    if (isRecording) answers[one.name] = answer
    else expect(answer).toEqual(answers[one.name])
  }

  test.each(groupCases)('$name', (one) => check(broker.bootstrap, one))

  test.each(casesBySettings)('$name', async (one) => {
    await using strict = await startBroker({ config: one.settings })
    await check(strict.bootstrap, one)
  })
})
