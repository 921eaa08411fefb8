// Owns how far a connection has come in showing who it is: which requests it may send now, which token comes next, and
// when it has to show it again. Knows no socket: connection.ts and the handlers of the SASL APIs ask it.
// Source: SaslServerAuthenticator, KafkaChannel, SocketServer. KIP-43, KIP-152, KIP-368.

import { apis, errorCode } from '../../protocol/index.ts'
import type { Runtime } from '../../runtime/index.ts'
import type { Settings } from '../cluster/settings.ts'
import type { Credentials, SaslMechanism } from './credentials.ts'
import { beginExchange } from './exchange.ts'
import type { SaslExchange } from './exchange.ts'

/** What a session works with: of the cluster, and of the broker. */
export interface SaslParts {
  readonly credentials: Credentials
  readonly settings: Settings
  readonly runtime: Pick<Runtime, 'monotonicMs' | 'randomBytes'>
}

/**
 * What to do with a request, before it is read: serve it, cut the connection at once, or refuse it as one that comes in the
 * midst of tokens.
 */
export type Admission = 'serve' | 'cut' | 'refuse'

type Stage =
  /** ApiVersions or SaslHandshake. */
  | 'open'
  /** SaslHandshake, since versions were told. */
  | 'versionsTold'
  | 'tokens'
  | 'done'
  | 'failed'

export interface HandshakeAnswer {
  readonly errorCode: number
  readonly mechanisms: string[]
}

export interface TokenAnswer {
  readonly errorCode: number
  readonly errorMessage: string
  readonly authBytes: Uint8Array
  readonly sessionLifetimeMs: bigint
}

/** A second proof of identity less than this after the last one is refused. */
const againMinMs = 1_000

/** Of the broker's part of a nonce, before it is written as text. */
const nonceBytes = 18

export class SaslSession {
  readonly #parts: SaslParts
  #stage: Stage
  /** Tokens come as requests, and not as bare frames. KIP-152. */
  #areTokensRequests = false
  #mechanism: SaslMechanism = 'PLAIN'
  #exchange: SaslExchange | undefined
  /** Who has shown who they are, if anybody. */
  #user: string | undefined
  /** On the monotonic clock; undefined where the session has no end. */
  #endsMs: number | undefined
  #againMs = -Infinity
  /** A handshake named another mechanism than the first time; the next token is refused. */
  #isOtherMechanism = false

  constructor(parts: SaslParts) {
    this.#parts = parts
    this.#stage = parts.credentials.mechanisms.length === 0 ? 'done' : 'open'
  }

  /** Whether the next frame is a token and no request. */
  get takesBareToken(): boolean {
    return this.#stage === 'tokens' && !this.#areTokensRequests
  }

  get hasFailed(): boolean {
    return this.#stage === 'failed'
  }

  /** Whether a request may be served now. One that begins the proof of identity anew changes the stage. */
  admit(apiKey: number): Admission {
    const isHandshake = apiKey === apis.SaslHandshake.key
    if (this.#stage === 'tokens') return apiKey === apis.SaslAuthenticate.key ? 'serve' : this.#fail('refuse')
    if (this.#stage === 'open') return isHandshake || apiKey === apis.ApiVersions.key ? 'serve' : 'cut'
    if (this.#stage === 'versionsTold') return isHandshake ? 'serve' : 'cut'
    if (this.#stage === 'failed') return 'cut'
    if (isHandshake && this.#beginAgain()) return 'serve'
    return this.#endsMs !== undefined && this.#parts.runtime.monotonicMs() > this.#endsMs ? 'cut' : 'serve'
  }

  /** ApiVersions was answered with the versions. */
  versionsTold(): void {
    if (this.#stage === 'open') this.#stage = 'versionsTold'
  }

  handshake(mechanism: string, version: number): HandshakeAnswer {
    const { mechanisms } = this.#parts.credentials
    if (this.#stage === 'done') return { errorCode: errorCode.ILLEGAL_SASL_STATE, mechanisms: [] }
    const known = mechanisms.find((one) => one === mechanism)
    if (known === undefined) {
      this.#stage = 'failed'
      return { errorCode: errorCode.UNSUPPORTED_SASL_MECHANISM, mechanisms: [...mechanisms] }
    }
    if (version >= 1) this.#areTokensRequests = true
    this.#isOtherMechanism = this.#user !== undefined && known !== this.#mechanism
    if (!this.#isOtherMechanism) this.#mechanism = known
    this.#exchange = beginExchange(known, this.#parts.credentials, () => this.#newNonce())
    this.#stage = 'tokens'
    return { errorCode: 0, mechanisms: [...mechanisms] }
  }

  /** The answer to a token that came as a request; undefined where there is none, and the connection just ends. */
  token(bytes: Uint8Array): TokenAnswer | undefined {
    if (this.#stage !== 'tokens') {
      const message = 'SaslAuthenticate request received after successful authentication'
      return refusal(errorCode.ILLEGAL_SASL_STATE, message)
    }
    if (this.#isOtherMechanism) return this.#fail(undefined)
    const taken = this.#take(bytes)
    return typeof taken === 'string' ? refusal(errorCode.SASL_AUTHENTICATION_FAILED, taken) : taken
  }

  /** The answer to a bare token; undefined where it is refused. */
  bareToken(bytes: Uint8Array): Uint8Array | undefined {
    const taken = this.#isOtherMechanism ? this.#fail(undefined) : this.#take(bytes)
    return typeof taken === 'string' ? undefined : taken?.authBytes
  }

  /** What the broker says to a token, or why it is refused; undefined where that is not told. */
  #take(bytes: Uint8Array): TokenAnswer | string | undefined {
    const isAgain = this.#user !== undefined
    const step = this.#exchange!.take(bytes)
    if (step.kind === 'challenge') return told(step.token, 0)
    if (step.kind === 'broken') return this.#fail(undefined)
    if (step.kind === 'refused') {
      const what = isAgain ? 're-authentication' : 'authentication'
      const message = `Authentication failed during ${what} due to invalid credentials with SASL mechanism ${this.#mechanism}`
      return this.#fail(step.message ?? message)
    }
    if (isAgain && step.user !== this.#user) {
      return this.#fail(`Cannot change principals during re-authentication from User.${this.#user}: User.${step.user}`)
    }
    const lifetimeMs = Math.max(0, this.#parts.settings.number('connections.max.reauth.ms'))
    this.#endsMs = lifetimeMs === 0 ? undefined : this.#parts.runtime.monotonicMs() + lifetimeMs
    this.#user = step.user
    this.#exchange = undefined
    this.#stage = 'done'
    return told(step.token, lifetimeMs)
  }

  #newNonce(): string {
    return Buffer.from(this.#parts.runtime.randomBytes(nonceBytes)).toString('base64url')
  }

  /** Whether a handshake on a connection that is known begins anew: only where sessions end, and not too often. */
  #beginAgain(): boolean {
    const nowMs = this.#parts.runtime.monotonicMs()
    if (this.#endsMs === undefined || nowMs - this.#againMs < againMinMs) return false
    this.#againMs = nowMs
    this.#stage = 'versionsTold'
    return true
  }

  #fail<T>(answer: T): T {
    this.#stage = 'failed'
    return answer
  }
}

function told(authBytes: Uint8Array, lifetimeMs: number): TokenAnswer {
  // Kafka writes an empty message, and not null.
  return { errorCode: 0, errorMessage: '', authBytes, sessionLifetimeMs: BigInt(lifetimeMs) }
}

function refusal(code: number, errorMessage: string): TokenAnswer {
  return { errorCode: code, errorMessage, authBytes: new Uint8Array(0), sessionLifetimeMs: 0n }
}
