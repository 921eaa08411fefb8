// The pipeline as it runs against the broker that Testcontainers starts: killed twice, and exact for all readers.
import { expect, test } from 'vitest'
import { describeContainer } from '../broker/real_kafka.ts'
import { copyBytes } from './bytes.ts'

describeContainer('the output of a pipeline on Kafka in a container', ({ bootstrap }) => {
  test('is the transformed input for all readers', { timeout: 400_000 }, async () => {
    const { wrong, outcomes } = await copyBytes({ bootstrap, seed: 7 })
    expect(wrong).toEqual([])
    expect(outcomes).not.toContain('open')
  })
})
