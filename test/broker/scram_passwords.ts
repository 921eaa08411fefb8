// Sets the passwords of a real broker's users for SCRAM, as Kafka's own tools do it: salted here, so that the broker never
// sees them (KIP-554). The hashes are Node's, and none of the broker's under test.
import { pbkdf2Sync, randomBytes } from 'node:crypto'
import type { SaslMechanism, SaslOptions } from 'kafka-once/testing'
import { cut, Login } from '../testing/sasl/login.ts'
import { Wire } from './wire.ts'

const iterations = 4096
const patienceMs = 30_000

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

/** Where a broker takes requests without a login, and where its nodes want one. */
interface ScramBroker {
  readonly internalAddress: string
  readonly nodes: readonly { readonly address: string }[]
}

/** Resolves when all nodes let in all users. */
export async function setScramPasswords(
  { internalAddress, nodes }: ScramBroker,
  { users }: SaslOptions,
  mechanisms: readonly SaslMechanism[]
): Promise<void> {
  using wire = await Wire.open(internalAddress)
  // One mechanism a request: each user may come once.
  for (const mechanism of mechanisms.filter((one) => scramKinds[one] !== undefined)) {
    const upsertions = Object.entries(users).map(([user, password]) => scramUpsertion(user, mechanism, password))
    const { results } = await wire.request('AlterUserScramCredentials', 0, { deletions: [], upsertions })
    const refused = results.find(({ errorCode }) => errorCode !== 0)
    if (refused !== undefined) throw new Error(`${refused.user} has no password: ${refused.errorMessage}`)
    // Nodes learn of all users of a request at once.
    const [user, password] = Object.entries(users).at(-1) ?? []
    if (user === undefined || password === undefined) continue
    for (const { address } of nodes) await untilLetIn(address, mechanism, user, password)
  }
}

/** The controller answers before the nodes know. */
async function untilLetIn(address: string, mechanism: SaslMechanism, user: string, password: string): Promise<void> {
  const deadlineMs = performance.now() + patienceMs
  for (;;) {
    using login = await Login.open(address)
    // A refusal comes a little later, so that this is no busy loop.
    const answer = await login.scram(mechanism, user, password)
    if (answer !== cut && answer.errorCode === 0) return
    if (performance.now() > deadlineMs) throw new Error(`${user} is not let in by ${mechanism} at ${address}`)
  }
}
