// A real Kafka answers as the tables say that the embedded one is held to.
import { test } from 'vitest'
import { describeKafka } from '../broker/real_kafka.ts'
import { adminAnswers } from './admin_answers.ts'
import { committedAnswers } from './committed_answers.ts'
import { fetchAnswers } from './fetch_answers.ts'
import { offsetAnswers } from './offset_answers.ts'
import { produceAnswers } from './produce_answers.ts'
import { Site } from './site.ts'
import { wireAnswers } from './wire_answers.ts'

describeKafka('a real Kafka', ({ bootstrap }) => {
  test.each([
    ...produceAnswers,
    ...fetchAnswers,
    ...offsetAnswers,
    ...adminAnswers,
    ...committedAnswers,
    ...wireAnswers
  ])('$name', async (answer) => {
    using site = await Site.open(bootstrap.split(',')[0]!)
    await answer.run(site)
  })
})
