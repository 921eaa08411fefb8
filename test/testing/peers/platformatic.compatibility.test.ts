// @platformatic/kafka works against the embedded Kafka as it does against a real one, with both protocols of groups.
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { isPeerInstalled, notInstalled } from '../../../benchmarks/clients/peer_packages.ts'
import { run } from '../../broker/processes.ts'
import { findNewerNode } from './node_newer.ts'
import { expectedReport } from './scenario.ts'
import { describePeer } from './sites.ts'

const program = fileURLToPath(new URL('platformatic_peer.ts', import.meta.url))
const node = await findNewerNode()
const missing = 'reason' in node ? node.reason : isPeerInstalled('platformatic') ? undefined : notInstalled

describePeer('@platformatic/kafka', missing, (start) => {
  test.for(['classic', 'consumer'])(
    'creates topics, shares a %s group, resumes it, and commits and aborts transactions',
    async (protocol) => {
      await using kafka = await start()
      const command = 'command' in node ? node.command : ''
      const ended = await run(command, [program, kafka.bootstrap, 'platformatic', protocol], { timeoutMs: 90_000 })
      expect(ended.stderr).toBe('')
      expect(JSON.parse(ended.stdout)).toEqual(expectedReport)
    }
  )
})
