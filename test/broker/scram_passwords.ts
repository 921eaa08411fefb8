// Sets the passwords of a real broker's users for SCRAM, as Kafka's own tools do it: salted here, so that the broker never
// sees them (KIP-554). The hashes are Node's, and none of the broker's under test.
import { pbkdf2Sync, randomBytes } from 'node:crypto'
import type { SaslMechanism, SaslOptions } from 'kafka-once/testing'
import { Wire } from './wire.ts'

const iterations = 4096

/** The number of a mechanism in requests of administrators, and its hash. */
export const scramKinds: Readonly<Partial<Record<SaslMechanism, { readonly type: number; readonly hash: string }>>> = {
  'SCRAM-SHA-256': { type: 1, hash: 'sha256' },
  'SCRAM-SHA-512': { type: 2, hash: 'sha512' }
}

/** What AlterUserScramCredentials takes for a password. */
export function scramUpsertion(name: string, mechanism: SaslMechanism, password: string) {
  const { type, hash } = scramKinds[mechanism]!
  const salt = randomBytes(16)
  const saltedPassword = pbkdf2Sync(password, salt, iterations, hash === 'sha256' ? 32 : 64, hash)
  return { name, mechanism: type, iterations, salt, saltedPassword }
}

export async function setScramPasswords(
  address: string,
  { users }: SaslOptions,
  mechanisms: readonly SaslMechanism[]
): Promise<void> {
  using wire = await Wire.open(address)
  // One mechanism a request: each user may come once.
  for (const mechanism of mechanisms.filter((one) => scramKinds[one] !== undefined)) {
    const upsertions = Object.entries(users).map(([user, password]) => scramUpsertion(user, mechanism, password))
    const { results } = await wire.request('AlterUserScramCredentials', 0, { deletions: [], upsertions })
    const refused = results.find(({ errorCode }) => errorCode !== 0)
    if (refused !== undefined) throw new Error(`${refused.user} has no password: ${refused.errorMessage}`)
  }
}
