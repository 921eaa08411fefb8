// The embedded Kafka answers requests about groups and offsets as a real one did.
import { EmbeddedKafka } from 'kafka-once/testing'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { groupCases, groupSettings, play, policyCases, policySettings, recordedAnswers } from './play_group_cases.ts'

const recorded = recordedAnswers()

describe('the embedded Kafka answers as a real one about', () => {
  let kafka: EmbeddedKafka
  beforeAll(async () => {
    kafka = await EmbeddedKafka.start({ config: groupSettings })
  })
  afterAll(() => kafka.close())

  test.each(groupCases)('$name', async (one) => {
    expect(await play(kafka.bootstrap, one)).toEqual(recorded[one.name])
  })

  test.each(policyCases)('$name', async (one) => {
    await using strict = await EmbeddedKafka.start({ config: policySettings(one.policy) })
    expect(await play(strict.bootstrap, one)).toEqual(recorded[one.name])
  })
})
