// Clients that are not ours log in to the embedded Kafka as to a real one, by each mechanism, and are refused by it with a
// wrong password.
import { fileURLToPath } from 'node:url'
import { EmbeddedKafka } from 'kafka-once/testing'
import { describe, expect, test } from 'vitest'
import { isPeerInstalled, notInstalled, peerMissing } from '../../../benchmarks/clients/peer_packages.ts'
import { startBroker } from '../../broker/broker.ts'
import { mechanismsOf } from '../../broker/broker_config.ts'
import { kcatMissing, readWithKcat, runJava } from '../../broker/peers.ts'
import { run } from '../../broker/processes.ts'
import { describeJars } from '../../broker/real_kafka.ts'
import { Login } from '../sasl/login.ts'
import { kafkajsClient } from './kafkajs_peer.ts'
import { produceWithKcat } from './kcat_peer.ts'
import { findNewerNode } from './node_newer.ts'
import { describePeer, peerConfig } from './sites.ts'
import type { StartedKafka } from './sites.ts'

const user = 'alice'
const password = 'alice-secret'
const wrong = 'bob-secret'
const sasl = { users: { [user]: password, bob: wrong } }

const node = await findNewerNode()
const program = fileURLToPath(new URL('platformatic_login.ts', import.meta.url))
const platformaticMissing = 'reason' in node ? node.reason : isPeerInstalled('platformatic') ? undefined : notInstalled

/** librdkafka's settings. */
function kcatSettings(mechanism: string, secret: string): string[] {
  const login = [`sasl.mechanism=${mechanism}`, `sasl.username=${user}`, `sasl.password=${secret}`]
  return ['security.protocol=SASL_PLAINTEXT', ...login]
}

/** Settings of Kafka's own clients. */
function javaSettings(mechanism: string, secret: string): string[] {
  const module = mechanism === 'PLAIN' ? 'plain.PlainLoginModule' : 'scram.ScramLoginModule'
  const jaas = `org.apache.kafka.common.security.${module} required username="${user}" password="${secret}";`
  return ['security.protocol=SASL_PLAINTEXT', `sasl.mechanism=${mechanism}`, `sasl.jaas.config=${jaas}`]
}

/** Each mechanism on a Kafka of its own. */
function eachMechanism(
  start: (options: { sasl: typeof sasl }) => Promise<StartedKafka>,
  play: (bootstrap: string, mechanism: string) => Promise<void>
): void {
  test.for(mechanismsOf(sasl))('logs in by %s, and is refused with a wrong password', async (mechanism) => {
    await using kafka = await start({ sasl })
    await play(kafka.bootstrap, mechanism)
  })
}

describePeer('kafkajs', peerMissing('kafkajs'), (start) => {
  eachMechanism(start, async (bootstrap, mechanism) => {
    const login = { mechanism: mechanism.toLowerCase(), username: user }
    const client = await kafkajsClient({ bootstrap, sasl: { ...login, password } })
    const [admin, producer] = [client.admin(), client.producer({})]
    await admin.connect()
    await admin.createTopics({ topics: [{ topic: 'orders', numPartitions: 1 }] })
    await producer.connect()
    await producer.send({ topic: 'orders', messages: [{ value: 'tea', partition: 0 }] })
    await producer.disconnect()
    await admin.disconnect()
    const stranger = (await kafkajsClient({ bootstrap, sasl: { ...login, password: wrong } })).admin()
    await expect(stranger.connect()).rejects.toThrow(/SASL.*authentication failed/i)
    await stranger.disconnect()
  })
})

describePeer('kcat', await kcatMissing(), (start) => {
  eachMechanism(start, async (bootstrap, mechanism) => {
    const settings = kcatSettings(mechanism, password)
    await createOrders(bootstrap)
    const produce = (more: readonly string[]): Promise<void> => {
      return produceWithKcat(bootstrap, 'orders', 0, ['tea', 'milk'], [...more, 'message.timeout.ms=10000'])
    }
    await expect(produce(kcatSettings(mechanism, wrong))).rejects.toThrow(/authentication fail/i)
    if (mechanism !== 'PLAIN' && (await isNonceRepeated())) {
      await expect(produce(settings)).rejects.toThrow(/authentication fail/i)
      return
    }
    await produce(settings)
    const read = await readWithKcat(bootstrap, 'orders', settings)
    expect(read.map(({ value }) => String(Buffer.from(value ?? [])))).toEqual(['tea', 'milk'])
  })
})

/**
 * Whether the librdkafka here is older than 2.6.1: its SCRAM repeats the client's nonce in the last message, which Kafka
 * 4 refuses, as RFC 5802 asks it to.
 */
async function isNonceRepeated(): Promise<boolean> {
  const { stdout } = await run('kcat', ['-V'], { timeoutMs: 10_000 })
  const [, ...numbers] = /librdkafka (\d+)\.(\d+)\.(\d+)/.exec(stdout) ?? []
  const [major = 0, minor = 0, patch = 0] = numbers.map(Number)
  return major * 10_000 + minor * 100 + patch < 20_601
}

describePeer('@platformatic/kafka', platformaticMissing, (start) => {
  eachMechanism(start, async (bootstrap, mechanism) => {
    const logIn = async (secret: string): Promise<string> => {
      const command = 'command' in node ? node.command : ''
      const ended = await run(command, [program, bootstrap, mechanism, user, secret], { timeoutMs: 60_000 })
      expect(ended.stderr).toBe('')
      return ended.stdout.trim()
    }
    expect(await logIn(password)).toBe('read: tea')
    expect(await logIn(wrong)).toMatch(/^refused: SASL_AUTHENTICATION_FAILED/)
  })
})

describeJars("Kafka's own clients", () => {
  describe.each([
    ['an embedded Kafka', () => EmbeddedKafka.start({ config: peerConfig, sasl })],
    ['a real Kafka', () => startBroker({ config: peerConfig, sasl })]
  ] as const)('with %s', (_, start) => {
    eachMechanism(start, async (bootstrap, mechanism) => {
      const logIn = (secret: string): Promise<string> => {
        return runJava('peer/LogIn.java', [bootstrap, 'orders', ...javaSettings(mechanism, secret)])
      }
      expect(await logIn(password)).toBe('read: from Java\n')
      expect(await logIn(wrong)).toMatch(/^refused: Authentication failed/m)
    })
  })
})

/** kcat creates no topics. */
async function createOrders(bootstrap: string): Promise<void> {
  using login = await Login.open(bootstrap)
  await login.plain(user, password)
  const shape = { numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }
  const answer = await login.request('CreateTopics', 7, { topics: [{ name: 'orders', ...shape }] })
  expect(answer).toMatchObject({ topics: [{ errorCode: 0 }] })
}
