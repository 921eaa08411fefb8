// Owns who may come in: passwords that the cluster was started with, and SCRAM credentials, which administrators can
// change (KIP-554). A credential is made of a password when it is first asked for, since that takes thousands of hashes.
// Passwords are told to nobody: not to the data folder, and not by an error. Source: ScramFormatter, ScramMechanism.

import { digestNow, hmacNow, pbkdf2Now } from '../../runtime/index.ts'
import type { HashName } from '../../runtime/index.ts'

export const saslMechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const
export type SaslMechanism = (typeof saslMechanisms)[number]
export type ScramMechanism = Exclude<SaslMechanism, 'PLAIN'>

/** Who may use the cluster, and how they show who they are. */
export interface SaslOptions {
  /** Passwords by the names of users. */
  readonly users: Readonly<Record<string, string>>
  /** What clients may use. Default: PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512. */
  readonly mechanisms?: readonly SaslMechanism[]
}

/** What a broker keeps of a password for SCRAM. RFC 5802. */
export interface ScramCredential {
  readonly salt: Uint8Array
  readonly iterations: number
  readonly storedKey: Uint8Array
  readonly serverKey: Uint8Array
}

/** A credential that an administrator has set, or taken away, as the data folder has it. */
export interface StoredCredential {
  readonly user: string
  readonly mechanism: ScramMechanism
  /** Bytes in base64; null where there is none any more. */
  readonly credential: { readonly [field in keyof ScramCredential]: string | number } | null
}

interface ScramInfo {
  readonly hash: HashName
  /** The number in requests of administrators. */
  readonly type: number
}

export const scramMechanisms: Readonly<Record<ScramMechanism, ScramInfo>> = Object.freeze({
  'SCRAM-SHA-256': { hash: 'sha256', type: 1 },
  'SCRAM-SHA-512': { hash: 'sha512', type: 2 }
})

/** As Kafka's own tools do it where they are not told otherwise; fewer are refused. */
export const iterationsMin = 4096
const saltBytes = 16

/** What a broker keeps of a password that was hashed already, as administrators send it. */
export function credentialOf(
  mechanism: ScramMechanism,
  salted: Uint8Array,
  salt: Uint8Array,
  iterations: number
): ScramCredential {
  const { hash } = scramMechanisms[mechanism]
  const storedKey = digestNow(hash, hmacNow(hash, salted, Buffer.from('Client Key')))
  return { salt, iterations, storedKey, serverKey: hmacNow(hash, salted, Buffer.from('Server Key')) }
}

export class Credentials {
  /** In the order in which Kafka tells them; empty where nobody has to say who they are. */
  readonly mechanisms: readonly SaslMechanism[]
  readonly #passwords: ReadonlyMap<string, string>
  readonly #randomBytes: (length: number) => Uint8Array
  /** Made of passwords, by mechanism and user. */
  readonly #made = new Map<string, ScramCredential>()
  /** What administrators have changed: undefined where they have taken it away. */
  readonly #changed = new Map<string, ScramCredential | undefined>()

  constructor(options: SaslOptions | undefined, randomBytes: (length: number) => Uint8Array) {
    this.mechanisms = options === undefined ? [] : checkedMechanisms(options.mechanisms ?? saslMechanisms)
    this.#passwords = new Map(Object.entries(options?.users ?? {}))
    this.#randomBytes = randomBytes
    for (const [user, password] of this.#passwords) {
      if (user === '') throw new Error('A user of sasl.users has no name')
      if (password === '') throw new Error(`The password of '${user}' in sasl.users is empty, which no client can send`)
    }
  }

  isPassword(user: string, password: string): boolean {
    return this.#passwords.get(user) === password
  }

  scram(mechanism: ScramMechanism, user: string): ScramCredential | undefined {
    const key = keyOf(mechanism, user)
    if (this.#changed.has(key)) return this.#changed.get(key)
    const password = this.#passwords.get(user)
    if (password === undefined || !this.mechanisms.includes(mechanism)) return undefined
    const known = this.#made.get(key)
    if (known !== undefined) return known
    const salt = this.#randomBytes(saltBytes)
    const { hash } = scramMechanisms[mechanism]
    const salted = pbkdf2Now(hash, Buffer.from(password), salt, iterationsMin)
    const made = credentialOf(mechanism, salted, salt, iterationsMin)
    this.#made.set(key, made)
    return made
  }

  /** Who has SCRAM credentials, and with how many iterations, by mechanism. */
  scramUsers(): Map<string, Map<ScramMechanism, number>> {
    const changed = [...this.#changed.keys()].map((key) => partsOf(key).user)
    const users = new Map<string, Map<ScramMechanism, number>>()
    for (const user of new Set([...this.#passwords.keys(), ...changed])) {
      const found = new Map<ScramMechanism, number>()
      for (const mechanism of scramNames()) {
        const iterations = this.#iterations(mechanism, user)
        if (iterations !== undefined) found.set(mechanism, iterations)
      }
      if (found.size > 0) users.set(user, found)
    }
    return users
  }

  /** Sets a credential, or takes it away with undefined. */
  change(mechanism: ScramMechanism, user: string, credential: ScramCredential | undefined): void {
    this.#changed.set(keyOf(mechanism, user), credential)
  }

  store(): StoredCredential[] {
    return [...this.#changed].map(([key, one]) => {
      const credential = one && {
        salt: base64Of(one.salt),
        iterations: one.iterations,
        storedKey: base64Of(one.storedKey),
        serverKey: base64Of(one.serverKey)
      }
      return { ...partsOf(key), credential: credential ?? null }
    })
  }

  restore(stored: readonly StoredCredential[]): void {
    for (const { user, mechanism, credential } of stored) {
      const restored = credential && {
        salt: bytesOf(credential.salt),
        iterations: Number(credential.iterations),
        storedKey: bytesOf(credential.storedKey),
        serverKey: bytesOf(credential.serverKey)
      }
      this.change(mechanism, user, restored ?? undefined)
    }
  }

  #iterations(mechanism: ScramMechanism, user: string): number | undefined {
    const key = keyOf(mechanism, user)
    if (this.#changed.has(key)) return this.#changed.get(key)?.iterations
    return this.#passwords.has(user) && this.mechanisms.includes(mechanism) ? iterationsMin : undefined
  }
}

export function scramNames(): ScramMechanism[] {
  return saslMechanisms.filter((mechanism) => mechanism !== 'PLAIN')
}

function checkedMechanisms(chosen: readonly SaslMechanism[]): readonly SaslMechanism[] {
  const wrong = chosen.find((one) => !saslMechanisms.includes(one))
  if (wrong !== undefined) {
    throw new Error(`sasl.mechanisms has '${wrong}', but an embedded Kafka knows ${saslMechanisms.join(', ')} only`)
  }
  if (chosen.length === 0) throw new Error('sasl.mechanisms is empty: leave it out for all of them')
  return saslMechanisms.filter((one) => chosen.includes(one))
}

function base64Of(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

function bytesOf(base64: string | number): Uint8Array {
  return Buffer.from(String(base64), 'base64')
}

function keyOf(mechanism: ScramMechanism, user: string): string {
  return `${mechanism} ${user}`
}

function partsOf(key: string): { readonly user: string; readonly mechanism: ScramMechanism } {
  const mechanism = scramNames().find((one) => key.startsWith(`${one} `))!
  return { mechanism, user: key.slice(mechanism.length + 1) }
}
