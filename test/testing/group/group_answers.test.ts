// The embedded Kafka answers requests about groups and offsets as a real one did.
import { EmbeddedKafka } from 'kafka-once/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { casesBySettings, groupCases, groupSettings, play, recordedAnswers } from './play_group_cases.ts'

const recorded = recordedAnswers()

describe('the embedded Kafka answers as a real one about', () => {
  let kafka: EmbeddedKafka
  beforeAll(async () => {
    kafka = await EmbeddedKafka.start({ config: groupSettings })
  })
  afterAll(() => kafka.close())

  test.concurrent.each(groupCases)('$name', async (one) => {
    expect(await play(kafka.bootstrap, one)).toEqual(recorded[one.name])
  })

  test.concurrent.each(casesBySettings)('$name', async (one) => {
    await using strict = await EmbeddedKafka.start({ config: one.settings })
    expect(await play(strict.bootstrap, one)).toEqual(recorded[one.name])
  })
})
