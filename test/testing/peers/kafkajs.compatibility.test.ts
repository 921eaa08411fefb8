// kafkajs works against the embedded Kafka as it does against a real one.
import { expect, test } from 'vitest'
import { peerMissing } from '../../../benchmarks/clients/peer_packages.ts'
import { kafkajsPeer } from './kafkajs_peer.ts'
import { expectedReport, play } from './scenario.ts'
import { describePeer } from './sites.ts'

describePeer('kafkajs', peerMissing('kafkajs'), (start) => {
  test('creates topics, shares a group, resumes it, and commits and aborts transactions', async () => {
    await using kafka = await start()
    const peer = await kafkajsPeer({ bootstrap: kafka.bootstrap })
    const report = await play(peer, 'kafkajs')
    await peer.close()
    expect(report).toEqual(expectedReport)
  })
})
