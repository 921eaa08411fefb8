// A job may be down for longer than its transactions may wait. What was prepared is then lost, and the output is all the
// same exactly once: the checkpoint before it makes it again. Where that one is gone too, the job stops and says what
// is missing. On a broker with no special settings. The long form is `npm run prove:downtime`.
import { expect, test } from 'vitest'
import { describeKafka } from '../broker/real_kafka.ts'
import { replayAfterDeath, replayAfterSleep, stopWithoutCheckpoint } from './downtime.ts'
import type { DowntimeOptions } from './downtime.ts'

describeKafka('downtime longer than the transaction timeout', ({ bootstrap }) => {
  const there = (what: string): DowntimeOptions => {
    return { bootstrap, name: `downtime-${what}-${process.pid}-${Date.now()}`, hit: 3 }
  }

  test.concurrent('is made good by replay', async () => {
    expect(await replayAfterDeath(there('death'))).toEqual([])
  })

  test.concurrent('of a process that was only asleep is made good by replay in that process', async () => {
    expect(await replayAfterSleep(there('sleep'))).toEqual([])
  })

  test.concurrent('stops the job where the checkpoint before is gone too, until the loss is accepted', async () => {
    expect(await stopWithoutCheckpoint(there('stop'))).toEqual([])
  })
})
