// What a broker does with those who log in, and with those who fail to: the same cases for the embedded one and for a real
// Kafka 4.4.0. Both have the users below.
import { apis, errorCode } from 'kafka-once/protocol'
import type { EncodableRequestOf } from 'kafka-once/protocol'
import type { SaslOptions } from 'kafka-once/testing'
import { expect, vi } from 'vitest'
import { scramUpsertion } from '../../broker/scram_passwords.ts'
import { cut, Login, ScramClient } from './login.ts'

export const sasl: SaslOptions = { users: { alice: 'alice-secret', bob: 'bob-secret', 'c=d,e': 'odd-secret' } }

/** How long a session lasts where it ends. */
export const sessionMs = 6_000

/** For what a real broker learns from its controller. */
const patience = { timeout: 20_000, interval: 50 }

export interface LoginCase {
  readonly name: string
  run(address: string): Promise<void>
}

const { ILLEGAL_SASL_STATE, INVALID_REQUEST, SASL_AUTHENTICATION_FAILED, UNSUPPORTED_SASL_MECHANISM } = errorCode
const scrams = ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const
const client = { clientSoftwareName: 'answers', clientSoftwareVersion: '1.0' }

/** The answer to a token that is refused. */
function refused(errorMessage: string) {
  return { errorCode: SASL_AUTHENTICATION_FAILED, errorMessage, authBytes: new Uint8Array(0), sessionLifetimeMs: 0n }
}

function invalid(mechanism: string, what = 'authentication') {
  return refused(`Authentication failed during ${what} due to invalid credentials with SASL mechanism ${mechanism}`)
}

/** Nothing more is answered, and the broker ends the connection. */
async function expectEnd(login: Login): Promise<void> {
  await login.endedAfterMs()
}

const beforeLogin: LoginCase[] = [
  {
    name: 'tells versions before a login, once, also after a question that it did not understand',
    async run(address) {
      using login = await Login.open(address)
      const nameless = { clientSoftwareName: '', clientSoftwareVersion: '' }
      expect(await login.request('ApiVersions', 4, nameless)).toMatchObject({ errorCode: INVALID_REQUEST })
      const told = await login.request('ApiVersions', 4, client)
      expect(told).toMatchObject({ errorCode: 0 })
      const offered = told === cut ? [] : told.apiKeys.map(({ apiKey }) => apiKey)
      expect(offered).toEqual(expect.arrayContaining([apis.SaslHandshake.key, apis.SaslAuthenticate.key]))
      expect(await login.request('ApiVersions', 4, client)).toBe(cut)
    }
  },
  {
    name: 'cuts those who ask for anything else before a login',
    async run(address) {
      using first = await Login.open(address)
      expect(await first.request('Metadata', 12, { topics: [] })).toBe(cut)
      using second = await Login.open(address)
      await second.request('ApiVersions', 4, client)
      expect(await second.request('Metadata', 12, { topics: [] })).toBe(cut)
      using third = await Login.open(address)
      expect(await third.token('\0alice\0alice-secret')).toBe(cut)
      using fourth = await Login.open(address)
      expect(await fourth.bare('\0alice\0alice-secret')).toBe(cut)
    }
  },
  {
    name: 'tells the mechanisms to those who want another one, and ends the connection',
    async run(address) {
      for (const version of [0, 1]) {
        using login = await Login.open(address)
        const answer = await login.handshake('GSSAPI', version)
        const mechanisms = answer === cut ? [] : answer.mechanisms
        expect(answer).toEqual({ errorCode: UNSUPPORTED_SASL_MECHANISM, mechanisms })
        expect(mechanisms.toSorted()).toEqual(['PLAIN', ...scrams])
        await expectEnd(login)
      }
    }
  },
  {
    name: 'refuses requests among tokens',
    async run(address) {
      using versions = await Login.open(address)
      await versions.handshake('PLAIN')
      expect(await versions.request('ApiVersions', 4, client)).toMatchObject({ errorCode: ILLEGAL_SASL_STATE })
      await expectEnd(versions)
      using again = await Login.open(address)
      await again.handshake('PLAIN')
      expect(await again.handshake('PLAIN')).toEqual({ errorCode: ILLEGAL_SASL_STATE, mechanisms: [] })
      await expectEnd(again)
      using other = await Login.open(address)
      await other.handshake('SCRAM-SHA-256')
      await other.token(new ScramClient('SCRAM-SHA-256', 'alice', 'alice-secret').first())
      expect(await other.handshake('PLAIN')).toEqual({ errorCode: ILLEGAL_SASL_STATE, mechanisms: [] })
      await expectEnd(other)
    }
  },
  {
    name: 'takes what was sent at once, one after the other',
    async run(address) {
      using login = await Login.open(address)
      login.send('ApiVersions', 4, client)
      login.send('SaslHandshake', 1, { mechanism: 'PLAIN' })
      login.send('SaslAuthenticate', 2, { authBytes: Buffer.from('\0alice\0alice-secret') })
      expect(await login.next('ApiVersions', 4)).toMatchObject({ errorCode: 0 })
      expect(await login.next('SaslHandshake', 1)).toMatchObject({ errorCode: 0 })
      expect(await login.next('SaslAuthenticate', 2)).toMatchObject({ errorCode: 0 })
      expect(await login.isServed()).toBe(true)
    }
  }
]

const plain: LoginCase[] = [
  {
    name: 'lets in by PLAIN, in every version',
    async run(address) {
      for (const version of [0, 1, 2]) {
        using login = await Login.open(address)
        expect(await login.handshake('PLAIN')).toMatchObject({ errorCode: 0 })
        const answer = await login.token('\0alice\0alice-secret', version)
        const nothing = { errorMessage: '', authBytes: new Uint8Array(0), sessionLifetimeMs: 0n }
        expect(answer).toEqual({ errorCode: 0, ...nothing })
        expect(await login.isServed()).toBe(true)
      }
    }
  },
  {
    name: 'lets in by PLAIN with a bare token',
    async run(address) {
      using login = await Login.open(address)
      await login.handshake('PLAIN', 0)
      expect(await login.bare('alice\0alice\0alice-secret')).toEqual(new Uint8Array(0))
      expect(await login.isServed()).toBe(true)
      using wrong = await Login.open(address)
      await wrong.handshake('PLAIN', 0)
      expect(await wrong.bare('\0alice\0bob-secret')).toBe(cut)
    }
  },
  {
    name: 'says by PLAIN what was wrong, a little later, and ends the connection',
    async run(address) {
      const wrong = 'Authentication failed: Invalid username or password'
      const other = 'Authentication failed: Client requested an authorization id that is different from username'
      const parts = 'Invalid SASL/PLAIN response: expected 3 tokens'
      for (const [token, answer] of [
        ['\0alice\0bob-secret', refused(wrong)],
        ['\0alice\0alice-secret ', refused(wrong)],
        ['\0carol\0alice-secret', refused(wrong)],
        ['\0__proto__\0alice-secret', refused(wrong)],
        ['bob\0alice\0bob-secret', refused(wrong)],
        ['bob\0alice\0alice-secret', refused(other)],
        ['\0\0alice-secret', refused('Authentication failed: username not specified')],
        ['\0alice\0', refused('Authentication failed: password not specified')],
        ['\0alice\0alice-secret\0more', refused(`${parts}, got 4`)],
        ['\0alice\0alice-secret\0\0\0', refused(`${parts}, got 4`)],
        ['\0alice', refused(`${parts}, got 2`)],
        ['alice', refused(`${parts}, got 1`)],
        ['', refused(`${parts}, got 1`)]
      ] as const) {
        using login = await Login.open(address)
        await login.handshake('PLAIN')
        const beganMs = performance.now()
        expect([token, await login.token(token)]).toEqual([token, answer])
        expect(performance.now() - beganMs).toBeGreaterThan(80)
        await expectEnd(login)
      }
    }
  }
]

/** Alice by SCRAM, up to the broker's challenge. */
async function beginScram(login: Login, one: ScramClient): Promise<string> {
  await login.handshake('SCRAM-SHA-256')
  const challenge = await login.token(one.first())
  return challenge === cut ? '' : String(Buffer.from(challenge.authBytes))
}

/** Always with the same nonce. */
function sameAlice(): ScramClient {
  return new ScramClient('SCRAM-SHA-256', 'alice', 'alice-secret', 'always-the-same')
}

const scram: LoginCase[] = [
  {
    name: 'lets in by SCRAM, and proves itself',
    async run(address) {
      for (const mechanism of scrams) {
        for (const [user, password] of Object.entries(sasl.users)) {
          using login = await Login.open(address)
          expect(await login.scram(mechanism, user, password)).toMatchObject({ errorCode: 0, errorMessage: '' })
          expect(await login.isServed()).toBe(true)
        }
      }
    }
  },
  {
    name: 'lets in by SCRAM with bare tokens',
    async run(address) {
      for (const mechanism of scrams) {
        using login = await Login.open(address)
        await login.handshake(mechanism, 0)
        const one = new ScramClient(mechanism, 'alice', 'alice-secret')
        const challenge = await login.bare(one.first())
        const last = await login.bare(one.final(String(Buffer.from(challenge))))
        one.check(Buffer.from(last))
        expect(await login.isServed()).toBe(true)
        using wrong = await Login.open(address)
        await wrong.handshake(mechanism, 0)
        const other = new ScramClient(mechanism, 'alice', 'bob-secret')
        expect(await wrong.bare(other.final(String(Buffer.from(await wrong.bare(other.first())))))).toBe(cut)
      }
    }
  },
  {
    name: 'does not say by SCRAM whether the user or the password was wrong',
    async run(address) {
      for (const mechanism of scrams) {
        using wrong = await Login.open(address)
        expect(await wrong.scram(mechanism, 'alice', 'bob-secret')).toEqual(invalid(mechanism))
        await expectEnd(wrong)
        using unknown = await Login.open(address)
        expect(await unknown.scram(mechanism, 'carol', 'alice-secret')).toEqual(invalid(mechanism))
        await expectEnd(unknown)
      }
    }
  },
  {
    name: 'refuses a first message that it cannot read, or that wants to be somebody else',
    async run(address) {
      const other = 'Authentication failed: Client requested an authorization id that is different from username'
      for (const [first, answer] of [
        ['', invalid('SCRAM-SHA-256')],
        ['n=alice,r=abc', invalid('SCRAM-SHA-256')],
        ['y,,n=alice,r=abc', invalid('SCRAM-SHA-256')],
        ['p=tls-unique,,n=alice,r=abc', invalid('SCRAM-SHA-256')],
        ['n,,n=,r=abc', invalid('SCRAM-SHA-256')],
        ['n,,n=alice,r=', invalid('SCRAM-SHA-256')],
        ['n,,n=ali=ce,r=abc', invalid('SCRAM-SHA-256')],
        ['n,,n=alice,r=a bc', invalid('SCRAM-SHA-256')],
        ['n,,n=alice,r=abc,tokenauth=true', invalid('SCRAM-SHA-256')],
        ['n,a=bob,n=alice,r=abc', refused(other)]
      ] as const) {
        using login = await Login.open(address)
        await login.handshake('SCRAM-SHA-256')
        expect([first, await login.token(first)]).toEqual([first, answer])
        await expectEnd(login)
      }
      for (const first of [
        'n,a=alice,n=alice,r=abc',
        'n,,m=x,n=alice,r=abc',
        'n,,n=alice,r=abc,ext=1,tokenauth=false'
      ]) {
        using login = await Login.open(address)
        await login.handshake('SCRAM-SHA-256')
        const answer = await login.token(first)
        expect([first, answer]).toEqual([first, expect.objectContaining({ errorCode: 0 })])
        expect(answer === cut ? '' : String(Buffer.from(answer.authBytes))).toMatch(/^r=abc.+,s=.+,i=4096$/)
      }
    }
  },
  {
    name: 'refuses a last message of another exchange, of another nonce, and one that it cannot read',
    async run(address) {
      using heard = await Login.open(address)
      const replayed = sameAlice().final(await beginScram(heard, sameAlice()))
      expect(await heard.token(replayed)).toMatchObject({ errorCode: 0 })
      for (const proof of ['', 'AAAA', 'A'.repeat(100)]) {
        using login = await Login.open(address)
        const final = sameAlice().final(await beginScram(login, sameAlice()))
        expect([proof, await login.token(final.replace(/,p=.*/, `,p=${proof}`))]).toEqual([proof, cut])
      }
      const attempts: ((final: string) => string)[] = [
        () => replayed,
        (final) => final.replace(/r=[^,]+/, 'r=always-the-same'),
        (final) => final.replace(/r=([^,]+)/, 'r=$1x'),
        (final) => final.replace(/,p=.*/, ''),
        (final) => final.replace('c=biws', 'c=eSws'),
        () => ''
      ]
      for (const attempt of attempts) {
        using login = await Login.open(address)
        const final = attempt(sameAlice().final(await beginScram(login, sameAlice())))
        expect([final, await login.token(final)]).toEqual([final, invalid('SCRAM-SHA-256')])
        await expectEnd(login)
      }
    }
  }
]

const afterLogin: LoginCase[] = [
  {
    name: 'refuses to begin a login anew where sessions do not end',
    async run(address) {
      using login = await Login.open(address)
      await login.plain('alice', 'alice-secret')
      expect(await login.handshake('PLAIN')).toEqual({ errorCode: ILLEGAL_SASL_STATE, mechanisms: [] })
      expect(await login.token('\0alice\0alice-secret')).toMatchObject({
        errorCode: ILLEGAL_SASL_STATE,
        errorMessage: 'SaslAuthenticate request received after successful authentication'
      })
      expect(await login.isServed()).toBe(true)
    }
  },
  {
    name: 'changes and tells credentials for SCRAM',
    async run(address) {
      using admin = await Login.open(address)
      await admin.plain('alice', 'alice-secret')
      type Changes = Partial<EncodableRequestOf<'AlterUserScramCredentials'>>
      const alter = async (changes: Changes): Promise<unknown> => {
        const body = { deletions: [], upsertions: [], ...changes }
        const answer = await admin.request('AlterUserScramCredentials', 0, body)
        if (answer === cut) return cut
        return answer.results
          .map(({ user, errorCode: code, errorMessage }) => [user, code, errorMessage])
          .toSorted((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1))
      }
      const describe = async (names: readonly string[] | null): Promise<unknown> => {
        const users = names?.map((name) => ({ name })) ?? null
        const answer = await admin.request('DescribeUserScramCredentials', 0, { users })
        if (answer === cut || answer.errorCode !== 0) return answer
        return answer.results
          .map(({ user, errorCode: code, errorMessage, credentialInfos }) => {
            const infos = credentialInfos.map((one) => [one.mechanism, one.iterations])
            return [user, code, errorMessage, infos.toSorted(([a = 0], [b = 0]) => a - b)]
          })
          .toSorted((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1))
      }
      const logIn = async (user: string): Promise<unknown> => {
        using login = await Login.open(address)
        return await login.scram('SCRAM-SHA-512', user, `${user}-secret`)
      }
      const both = [
        [1, 4096],
        [2, 4096]
      ]
      const missing = 'Attempt to describe a user credential that does not exist: dave'
      expect(await describe(['bob', 'dave'])).toEqual([
        ['bob', 0, '', both],
        ['dave', 91, missing, []]
      ])
      const twice = 'Cannot describe SCRAM credentials for the same user twice in a single request: bob'
      expect(await describe(['bob', 'bob', 'bob'])).toEqual([['bob', 92, twice, []]])
      for (const all of [null, []]) {
        expect(await describe(all)).toEqual(['alice', 'bob', 'c=d,e'].map((user) => [user, 0, '', both]))
      }
      const dave = scramUpsertion('dave', 'SCRAM-SHA-512', 'dave-secret')
      expect(await alter({ upsertions: [dave] })).toEqual([['dave', 0, null]])
      await vi.waitFor(async () => expect(await describe(['dave'])).toEqual([['dave', 0, '', [[2, 4096]]]]), patience)
      // What logins are checked against may follow a moment after what is described.
      await vi.waitFor(async () => expect(await logIn('dave')).toMatchObject({ errorCode: 0 }), patience)
      using came = await Login.open(address)
      expect(await came.scram('SCRAM-SHA-512', 'dave', 'dave-secret')).toMatchObject({ errorCode: 0 })
      using other = await Login.open(address)
      expect(await other.scram('SCRAM-SHA-256', 'dave', 'dave-secret')).toEqual(invalid('SCRAM-SHA-256'))
      const again = 'A user credential cannot be altered twice in the same request'
      const refusals = await alter({
        deletions: [
          { name: 'dave', mechanism: 1 },
          { name: 'frank', mechanism: 3 },
          { name: 'gina', mechanism: 2 },
          { name: 'bob', mechanism: 2 }
        ],
        upsertions: [
          { ...dave, name: '' },
          { ...dave, name: 'few', iterations: 4095 },
          { ...dave, name: 'many', iterations: 16_385 },
          { ...dave, name: 'none', mechanism: 0 },
          { ...dave, name: 'twice' },
          { ...dave, name: 'twice', mechanism: 1 },
          { ...dave, name: 'bob', mechanism: 1 }
        ]
      })
      expect(refusals).toEqual([
        ['', 93, 'Username must not be empty'],
        ['bob', 92, again],
        ['dave', 91, 'Attempt to delete a user credential that does not exist'],
        ['few', 93, 'Too few iterations'],
        ['frank', 33, 'Unknown SCRAM mechanism'],
        ['gina', 91, 'Attempt to delete a user credential that does not exist'],
        ['many', 93, 'Too many iterations'],
        ['none', 33, 'Unknown SCRAM mechanism'],
        ['twice', 92, again]
      ])
      expect(await alter({ deletions: [{ name: 'dave', mechanism: 2 }] })).toEqual([['dave', 0, null]])
      await vi.waitFor(async () => expect(await describe(['dave'])).toEqual([['dave', 91, missing, []]]), patience)
      await vi.waitFor(async () => expect(await logIn('dave')).toEqual(invalid('SCRAM-SHA-512')), patience)
      // Who is in stays in.
      expect(await came.isServed()).toBe(true)
    }
  }
]

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** For a broker whose sessions end after `sessionMs`. */
export const sessionAnswers: readonly LoginCase[] = [
  {
    name: 'tells how long a session lasts, in versions that can tell it, and cuts it off after that',
    async run(address) {
      for (const version of [0, 1, 2]) {
        using login = await Login.open(address)
        await login.handshake('PLAIN')
        const lifetimeMs = version === 0 ? 0n : BigInt(sessionMs)
        const answer = await login.token('\0alice\0alice-secret', version)
        expect(answer).toMatchObject({ errorCode: 0, sessionLifetimeMs: lifetimeMs })
        if (version !== 2) continue
        await sleep(sessionMs / 2)
        expect(await login.isServed()).toBe(true)
        await sleep(sessionMs / 2 + 200)
        expect(await login.isServed()).toBe(false)
      }
    }
  },
  {
    name: 'lets a session go on for who logs in again',
    async run(address) {
      const goOn = async (mechanism: string): Promise<void> => {
        using login = await Login.open(address)
        await login.scram(mechanism, 'alice', 'alice-secret')
        await sleep(sessionMs * 0.5)
        const answer = await login.scram(mechanism, 'alice', 'alice-secret')
        expect(answer).toMatchObject({ errorCode: 0, sessionLifetimeMs: BigInt(sessionMs) })
        await sleep(sessionMs * 0.5 + 200)
        expect(await login.isServed()).toBe(true)
      }
      await Promise.all(scrams.map(goOn))
    }
  },
  {
    name: 'lets who is late log in again',
    async run(address) {
      using login = await Login.open(address)
      await login.plain('alice', 'alice-secret')
      await sleep(sessionMs + 200)
      expect(await login.plain('alice', 'alice-secret')).toMatchObject({ errorCode: 0 })
      expect(await login.isServed()).toBe(true)
    }
  },
  {
    name: 'refuses to log in again too soon',
    async run(address) {
      using login = await Login.open(address)
      await login.plain('alice', 'alice-secret')
      expect(await login.plain('alice', 'alice-secret')).toMatchObject({ errorCode: 0 })
      expect(await login.handshake('PLAIN')).toEqual({ errorCode: ILLEGAL_SASL_STATE, mechanisms: [] })
      expect(await login.isServed()).toBe(true)
    }
  },
  {
    name: 'refuses to go on with a wrong password, as another user, or by another mechanism',
    async run(address) {
      using wrong = await Login.open(address)
      await wrong.scram('SCRAM-SHA-256', 'alice', 'alice-secret')
      const answer = await wrong.scram('SCRAM-SHA-256', 'alice', 'bob-secret')
      expect(answer).toEqual(invalid('SCRAM-SHA-256', 're-authentication'))
      await expectEnd(wrong)
      using other = await Login.open(address)
      await other.plain('alice', 'alice-secret')
      const message = 'Cannot change principals during re-authentication from User.alice: User.bob'
      expect(await other.plain('bob', 'bob-secret')).toEqual(refused(message))
      await expectEnd(other)
      using changed = await Login.open(address)
      await changed.plain('alice', 'alice-secret')
      const offered = await changed.handshake('SCRAM-SHA-256')
      expect(offered).toMatchObject({ errorCode: 0 })
      expect(await changed.token(new ScramClient('SCRAM-SHA-256', 'alice', 'alice-secret').first())).toBe(cut)
    }
  },
  {
    name: 'takes nothing but tokens while somebody logs in again',
    async run(address) {
      using login = await Login.open(address)
      await login.plain('alice', 'alice-secret')
      await login.handshake('PLAIN')
      expect(await login.request('ApiVersions', 4, client)).toMatchObject({ errorCode: ILLEGAL_SASL_STATE })
      await expectEnd(login)
    }
  }
]

/** For a listener that needs no login. */
export const openAnswers: readonly LoginCase[] = [
  {
    name: 'refuses a login where none is needed, and goes on',
    async run(address) {
      using login = await Login.open(address)
      expect(await login.handshake('PLAIN')).toEqual({ errorCode: ILLEGAL_SASL_STATE, mechanisms: [] })
      expect(await login.token('\0alice\0alice-secret')).toMatchObject({ errorCode: ILLEGAL_SASL_STATE })
      expect(await login.isServed()).toBe(true)
    }
  }
]

export const loginAnswers: readonly LoginCase[] = [...beforeLogin, ...plain, ...scram, ...afterLogin]
