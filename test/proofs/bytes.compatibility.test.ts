// What the pipeline writes is what everybody reads: kcat, Kafka's own consumer and ours see the transformed input byte
// for byte, with keys, values, headers and timestamps of every kind, though the process was killed twice on the way. On
// the newest Kafka, and on old ones down to 1.1.
import { expect, test } from 'vitest'
import { startBroker } from '../broker/broker.ts'
import { describeJars, describeKafka } from '../broker/real_kafka.ts'
import { copyBytes } from './bytes.ts'
import type { BytesFindings } from './bytes.ts'

const timeoutMs = 240_000

describeKafka('the output of a pipeline that was killed', ({ bootstrap }) => {
  test('is the transformed input for all readers', { timeout: timeoutMs }, async () => {
    expectExact(await copyBytes({ bootstrap, seed: 44 }))
  })
})

describeJars('the output of a pipeline that was killed', () => {
  test.for([
    ['3.9.1', '3.9.1'],
    ['2.8.2', '3.9.1'],
    ['1.1.1', '3.9.1']
  ] as const)('is the transformed input on Kafka %s', { timeout: timeoutMs }, async ([version, javaVersion]) => {
    // Its default today; Kafka 1.1 took batches of 1,000,012 bytes.
    await using broker = await startBroker({ version, config: { 'message.max.bytes': '1048588' } })
    expectExact(await copyBytes({ bootstrap: broker.bootstrap, seed: 11, javaVersion }))
  })
})

function expectExact({ wrong, outcomes }: BytesFindings): void {
  expect(wrong).toEqual([])
  expect(outcomes).toContain('COMMIT')
  expect(outcomes).not.toContain('open')
}
