// The embedded Kafka answers as the tables say, which a real one is asked too.
import { EmbeddedKafka } from 'kafka-once/testing'
import { afterAll, beforeAll, describe, test } from 'vitest'
import { adminAnswers } from './admin_answers.ts'
import { committedAnswers } from './committed_answers.ts'
import { fetchAnswers } from './fetch_answers.ts'
import { offsetAnswers } from './offset_answers.ts'
import { produceAnswers } from './produce_answers.ts'
import { Site } from './site.ts'
import { wireAnswers } from './wire_answers.ts'

describe('the embedded Kafka', () => {
  let kafka: EmbeddedKafka
  beforeAll(async () => {
    kafka = await EmbeddedKafka.start({ config: { 'auto.create.topics.enable': 'false' } })
  })
  afterAll(() => kafka.close())

  test.each([
    ...produceAnswers,
    ...fetchAnswers,
    ...offsetAnswers,
    ...adminAnswers,
    ...committedAnswers,
    ...wireAnswers
  ])('$name', async (answer) => {
    using site = await Site.open(kafka.bootstrap)
    await answer.run(site)
  })
})
