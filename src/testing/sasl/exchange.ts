// Owns what is said between a client and a broker in one mechanism of SASL: tokens in, tokens out, and who it was. PLAIN is
// one token (RFC 4616), SCRAM two of each side (RFC 5802, RFC 7677), without channel binding, as Kafka speaks it.
// Delegation tokens are not known. Source: PlainSaslServer, ScramSaslServer, ScramMessages.

import { digestBytes, digestNow, hmacNow } from '../../runtime/index.ts'
import { scramMechanisms } from './credentials.ts'
import type { Credentials, SaslMechanism, ScramCredential, ScramMechanism } from './credentials.ts'

/** What the broker says to a token. */
export type SaslStep =
  | { readonly kind: 'challenge'; readonly token: Uint8Array }
  | { readonly kind: 'done'; readonly token: Uint8Array; readonly user: string }
  /** Without a message the client is told only that its credentials are invalid. */
  | { readonly kind: 'refused'; readonly message?: string }
  /** The connection ends without an answer. */
  | { readonly kind: 'broken' }

export interface SaslExchange {
  take(token: Uint8Array): SaslStep
}

const refused: SaslStep = Object.freeze({ kind: 'refused' })
const otherIdentity: SaslStep = Object.freeze({
  kind: 'refused',
  message: 'Authentication failed: Client requested an authorization id that is different from username'
})

/** `newNonce` makes the broker's part of a nonce: printable, without commas. */
export function beginExchange(
  mechanism: SaslMechanism,
  credentials: Credentials,
  newNonce: () => string
): SaslExchange {
  if (mechanism === 'PLAIN') return { take: (token) => takePlain(credentials, token) }
  return new ScramExchange(mechanism, credentials, newNonce)
}

function takePlain(credentials: Credentials, token: Uint8Array): SaslStep {
  const parts = Buffer.from(token).toString('utf8').split('\0')
  const [identity = '', user = '', password = ''] = parts
  if (parts.length !== 3) {
    // Kafka counts no further.
    const message = `Invalid SASL/PLAIN response: expected 3 tokens, got ${Math.min(parts.length, 4)}`
    return { kind: 'refused', message }
  }
  if (user === '') return { kind: 'refused', message: 'Authentication failed: username not specified' }
  if (password === '') return { kind: 'refused', message: 'Authentication failed: password not specified' }
  if (!credentials.isPassword(user, password)) {
    return { kind: 'refused', message: 'Authentication failed: Invalid username or password' }
  }
  if (identity !== '' && identity !== user) return otherIdentity
  return { kind: 'done', token: new Uint8Array(0), user }
}

const saslName = '(?:[\\x01-\\x2b\\x2d-\\x3c\\x3e-\\x7f]|=2C|=3D)+'
const value = '[\\x01-\\x2b\\x2d-\\x7f]+'
const printable = '[\\x21-\\x2b\\x2d-\\x7e]+'
const extensions = `(?:,[A-Za-z]+=${value})*`
const base64 = '(?:[a-zA-Z0-9/+]{4})*(?:[a-zA-Z0-9/+]{3}=|[a-zA-Z0-9/+]{2}==)?'

const clientFirst = new RegExp(
  `^n,(?:a=(${saslName}))?,(?:m=${value},)?n=(${saslName}),r=(${printable})(${extensions})$`
)
const clientFinal = new RegExp(`^c=(${base64}),r=(${printable})${extensions},p=(${base64})$`)

interface Begun {
  readonly user: string
  readonly nonce: string
  readonly credential: ScramCredential
  /** What both sides have said so far, of which the proofs are made. */
  readonly said: string
}

class ScramExchange implements SaslExchange {
  readonly #mechanism: ScramMechanism
  readonly #credentials: Credentials
  readonly #newNonce: () => string
  #begun: Begun | undefined

  constructor(mechanism: ScramMechanism, credentials: Credentials, newNonce: () => string) {
    this.#mechanism = mechanism
    this.#credentials = credentials
    this.#newNonce = newNonce
  }

  take(token: Uint8Array): SaslStep {
    const message = Buffer.from(token).toString('utf8')
    return this.#begun === undefined ? this.#takeFirst(message) : this.#takeFinal(message, this.#begun)
  }

  #takeFirst(message: string): SaslStep {
    const [, identity, name, clientNonce, extended = ''] = clientFirst.exec(message) ?? []
    if (name === undefined || clientNonce === undefined || /,tokenauth=true(,|$)/i.test(extended)) return refused
    const user = name.replaceAll('=2C', ',').replaceAll('=3D', '=')
    const credential = this.#credentials.scram(this.#mechanism, user)
    if (credential === undefined) return refused
    // Kafka compares the identity as it was sent.
    if (identity !== undefined && identity !== user) return otherIdentity
    const nonce = clientNonce + this.#newNonce()
    const challenge = `r=${nonce},s=${Buffer.from(credential.salt).toString('base64')},i=${credential.iterations}`
    this.#begun = { user, nonce, credential, said: `n=${name},r=${clientNonce}${extended},${challenge}` }
    return { kind: 'challenge', token: Buffer.from(challenge) }
  }

  #takeFinal(message: string, { user, nonce, credential, said }: Begun): SaslStep {
    const [, binding, repeated, proof = ''] = clientFinal.exec(message) ?? []
    if (binding === undefined || repeated !== nonce) return refused
    const { hash } = scramMechanisms[this.#mechanism]
    const signed = Buffer.from(`${said},c=${binding},r=${nonce}`)
    const proofBytes = Buffer.from(proof, 'base64')
    // Kafka does not expect this either, and fails.
    if (proofBytes.length !== digestBytes[hash]) return { kind: 'broken' }
    const clientKey = xor(proofBytes, hmacNow(hash, credential.storedKey, signed))
    if (Buffer.compare(digestNow(hash, clientKey), credential.storedKey) !== 0) return refused
    const signature = Buffer.from(hmacNow(hash, credential.serverKey, signed)).toString('base64')
    return { kind: 'done', token: Buffer.from(`v=${signature}`), user }
  }
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, i) => byte ^ b[i]!)
}
