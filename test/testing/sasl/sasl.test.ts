// Logins of the embedded Kafka: the vector of RFC 7677, users as options, and what is kept of a password.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { EmbeddedKafka } from 'kafka-once/testing'
import type { SaslOptions } from 'kafka-once/testing'
import { describe, expect, test } from 'vitest'
import { Credentials } from '../../../src/testing/sasl/credentials.ts'
import { beginExchange } from '../../../src/testing/sasl/exchange.ts'
import { scramUpsertion } from '../../broker/scram_passwords.ts'
import { cut, Login, ScramClient } from './login.ts'

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

describe('SCRAM-SHA-256', () => {
  test('says what RFC 7677 says in its example', () => {
    const salt = Buffer.from('W22ZaJ0SNY7soEsUEjb6gQ==', 'base64')
    const credentials = new Credentials({ users: { user: 'pencil' } }, () => salt)
    const exchange = beginExchange('SCRAM-SHA-256', credentials, () => '%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0')
    const challenge = exchange.take(Buffer.from('n,,n=user,r=rOprNGfwEbeRWgbNEkqO'))
    expect(challenge.kind === 'challenge' && text(challenge.token)).toBe(
      'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096'
    )
    const proof = 'dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ='
    const final = `c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=${proof}`
    const done = exchange.take(Buffer.from(final))
    expect(done.kind === 'done' && [done.user, text(done.token)]).toEqual([
      'user',
      'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='
    ])
  })

  test('is what the client of these tests speaks', () => {
    const client = new ScramClient('SCRAM-SHA-256', 'user', 'pencil', 'rOprNGfwEbeRWgbNEkqO')
    expect(client.first()).toBe('n,,n=user,r=rOprNGfwEbeRWgbNEkqO')
    expect(
      client.final('r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096')
    ).toMatch(/,p=dHzbZapWIk4jUhN\+Ute9ytag9zjfMHgsqmmiz7AndVQ=$/)
    client.check(Buffer.from('v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='))
  })
})

describe('the users of an embedded Kafka', () => {
  test('use only the mechanisms that were chosen', async () => {
    await using kafka = await EmbeddedKafka.start({ sasl: { users: { alice: 'a' }, mechanisms: ['SCRAM-SHA-512'] } })
    using login = await Login.open(kafka.bootstrap)
    expect(await login.handshake('PLAIN')).toMatchObject({ errorCode: 33, mechanisms: ['SCRAM-SHA-512'] })
    using other = await Login.open(kafka.bootstrap)
    expect(await other.scram('SCRAM-SHA-512', 'alice', 'a')).toMatchObject({ errorCode: 0 })
  })

  test.each<[unknown, string]>([
    [{ users: {}, mechanisms: ['OAUTHBEARER'] }, 'knows PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 only'],
    [{ users: {}, mechanisms: [] }, 'sasl.mechanisms is empty'],
    [{ users: { '': 'secret' } }, 'has no name'],
    [{ users: { alice: '' } }, "The password of 'alice'"]
  ])('are checked: %j', async (sasl, message) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what programs without types may give
    await expect(EmbeddedKafka.start({ sasl: sasl as SaslOptions })).rejects.toThrow(message)
  })

  test('may have any name', async () => {
    const users = { constructor: 'secret', 'ünï "quoted"': 'sécret\t☃' }
    await using kafka = await EmbeddedKafka.start({ sasl: { users } })
    for (const [user, password] of Object.entries(users)) {
      using login = await Login.open(kafka.bootstrap)
      expect(await login.plain(user, password)).toMatchObject({ errorCode: 0 })
    }
    using login = await Login.open(kafka.bootstrap)
    expect(await login.plain('toString', 'function')).toMatchObject({ errorCode: 58 })
  })

  test('are let in by every broker, also after it was killed', async () => {
    await using kafka = await EmbeddedKafka.start({ brokers: 3, sasl: { users: { alice: 'a' } } })
    await kafka.restart(2)
    for (const { listenPort } of kafka.cluster.nodes.values()) {
      using login = await Login.open(`127.0.0.1:${listenPort}`)
      expect(await login.scram('SCRAM-SHA-256', 'alice', 'a')).toMatchObject({ errorCode: 0 })
    }
  })
})

describe('a password', () => {
  const password = 'never-to-be-seen'
  const sasl: SaslOptions = { users: { alice: password } }

  test('is not shown by the cluster, and not kept in the data folder, but credentials for SCRAM are', async () => {
    const dataFolder = mkdtempSync(join(tmpdir(), 'kafka-once-sasl-'))
    try {
      {
        await using kafka = await EmbeddedKafka.start({ sasl, dataFolder })
        expect(inspect(kafka, { depth: 20, showHidden: true })).not.toContain(password)
        expect(JSON.stringify(kafka.cluster.credentials)).toBe(
          '{"mechanisms":["PLAIN","SCRAM-SHA-256","SCRAM-SHA-512"]}'
        )
        using login = await Login.open(kafka.bootstrap)
        await login.plain('alice', password)
        const upsertions = [scramUpsertion('dave', 'SCRAM-SHA-256', `${password}-either`)]
        const deletions = [{ name: 'alice', mechanism: 2 }]
        await login.request('AlterUserScramCredentials', 0, { upsertions, deletions })
      }
      const kept = readdirSync(dataFolder).map((name) => readFileSync(join(dataFolder, name), 'latin1'))
      expect(kept.join('\n')).not.toContain(password)
      await using again = await EmbeddedKafka.start({ sasl, dataFolder })
      for (const [mechanism, user, secret, code] of [
        ['SCRAM-SHA-256', 'dave', `${password}-either`, 0],
        ['SCRAM-SHA-256', 'alice', password, 0],
        ['SCRAM-SHA-512', 'alice', password, 58]
      ] as const) {
        using login = await Login.open(again.bootstrap)
        expect(await login.scram(mechanism, user, secret)).toMatchObject({ errorCode: code })
      }
    } finally {
      rmSync(dataFolder, { recursive: true, force: true })
    }
  })
})

describe('a control', () => {
  test('delays, answers and cuts logins', async () => {
    await using kafka = await EmbeddedKafka.start({ sasl: { users: { alice: 'a' } } })
    kafka.control('SaslAuthenticate', () => ({ reply: 'cut' }))
    using first = await Login.open(kafka.bootstrap)
    expect(await first.plain('alice', 'a')).toBe(cut)
    kafka.control('SaslHandshake', () => ({ delayMs: 60 }))
    const beganMs = performance.now()
    using second = await Login.open(kafka.bootstrap)
    expect(await second.plain('alice', 'a')).toMatchObject({ errorCode: 0 })
    expect(performance.now() - beganMs).toBeGreaterThan(50)
    const answer = { errorCode: 58, errorMessage: 'not today', authBytes: new Uint8Array(0), sessionLifetimeMs: 0n }
    kafka.control('SaslAuthenticate', () => ({ answer }))
    using third = await Login.open(kafka.bootstrap)
    expect(await third.plain('alice', 'a')).toEqual(answer)
  })

  test('does not let a broker hold what a stranger sends, nor wait for it when it ends', async () => {
    const config = { 'connection.failed.authentication.delay.ms': '10000' }
    const kafka = await EmbeddedKafka.start({ sasl: { users: { alice: 'a' } }, config })
    using login = await Login.open(kafka.bootstrap)
    login.send('SaslHandshake', 1, { mechanism: 'NONE' })
    await new Promise((resolve) => setTimeout(resolve, 20))
    const beganMs = performance.now()
    await kafka.close()
    expect(performance.now() - beganMs).toBeLessThan(5_000)
  })
})
