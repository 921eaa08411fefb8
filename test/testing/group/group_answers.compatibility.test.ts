// A real Kafka still answers what was recorded of it. RECORD_ANSWERS=1 records anew, for a newer Kafka.
import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startBroker } from '../../broker/broker.ts'
import type { TestBroker } from '../../broker/broker.ts'
import { describeBrokers } from '../../broker/real_kafka.ts'
import { answersFile, groupCases, groupSettings, play, recordedAnswers } from './play_group_cases.ts'

const isRecording = process.env['RECORD_ANSWERS'] === '1'

describeBrokers('a real Kafka answers as it was recorded about', () => {
  let broker: TestBroker
  const answers: Record<string, unknown> = {}
  beforeAll(async () => {
    broker = await startBroker({ config: groupSettings })
  })
  afterAll(async () => {
    await broker[Symbol.asyncDispose]()
    if (isRecording) writeFileSync(answersFile, `${JSON.stringify(answers, null, 1)}\n`)
  })

  test.each(groupCases)('$name', async (one) => {
    const answer = await play(broker.bootstrap, one)
    answers[one.name] = answer
    if (!isRecording) expect(answer).toEqual(recordedAnswers()[one.name])
  })
})
