// Kafka forgets markers when its only broker dies at the wrong moment (KAFKA-20734). The engine does not go on before it
// has found and written them; where it may not, it stops with an error that says so. The long form is
// `npm run prove:broker-kills`.
import { expect, test } from 'vitest'
import { describeBrokers, describeJars } from '../broker/real_kafka.ts'
import type { Pipeline } from '../faults/pipeline.ts'
import type { Site } from '../faults/site.ts'
import type { ProxiedBroker } from '../proxy/tcp_proxy.ts'
import { killAtAnswer, killBroker, openSite, untilNextCheckpoint } from './broker_kills.ts'
import { allowMarkers, startForbidding } from './forbidding.ts'

const timeoutMs = 500_000
/** A marker is missing after a quarter to a half of the kills. */
const triesMax = 30

describeBrokers('the only broker killed right after it answered a commit', () => {
  test('leaves an output that is exactly once', { timeout: timeoutMs }, async () => {
    const { kills, faults } = await killBroker({ kills: 2, seed: 3 })
    expect(kills).toHaveLength(2)
    expect(faults).toEqual([])
  })
})

describeJars('the only broker, with access rules, killed right after it answered a commit', () => {
  test('stops a job that may not write the missing markers, until it may', { timeout: timeoutMs }, async () => {
    await using cluster = await startForbidding()
    const site = await openSite(cluster, 'kills-forbidden')
    try {
      await untilHanging(cluster, site)
      for (const stopped of [site.pipelines.at(-1)!, site.start()]) {
        await stopped.untilGone()
        expect(stopped.exitCode).toBe(1)
        const [failed] = stopped.all('failed')
        expect(failed).toMatchObject({ name: 'HangingTransactionError', code: 'HANGING_TRANSACTION' })
        // Which of them lacks its marker is up to the moment of the kill.
        expect(failed?.message).toMatch(/(kills-forbidden-output-0|__consumer_offsets)-\d+.* lack its marker/)
        expect(failed?.message).toContain('CLUSTER_ACTION')
        expect(failed?.message).toContain('CLUSTER_AUTHORIZATION_FAILED')
      }
      await allowMarkers(cluster)
      await site.finish()
      expect(await site.judge()).toMatchObject({ faults: [] })
    } finally {
      await site.close()
    }
  })
})

/** Kills the broker at a commit until that has cost a marker, and the process that was started then has seen it. */
async function untilHanging(cluster: ProxiedBroker, site: Site): Promise<void> {
  let pipeline = site.start()
  for (let tries = 0; tries < triesMax; tries++) {
    await untilNextCheckpoint(pipeline)
    await killAtAnswer(cluster, 'arrives')
    await pipeline.kill()
    await cluster.broker.start()
    pipeline = site.start()
    if (await isStopped(pipeline)) return
  }
  throw new Error(`no marker was missing after ${triesMax} kills`)
}

async function isStopped(pipeline: Pipeline): Promise<boolean> {
  const failed = () => (pipeline.has('failed') ? true : undefined)
  const started = () => (pipeline.has('started') ? false : undefined)
  return pipeline.until('a start or a stop', () => failed() ?? started())
}
