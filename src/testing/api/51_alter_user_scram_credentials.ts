// AlterUserScramCredentials, API 51: sets and takes away what users log in with by SCRAM. Serves version 0. KIP-554.
// Source: org.apache.kafka.controller.ScramControlManager.
//
// Behaviour: each user may come once in a request, with one mechanism. Passwords come salted, and are not kept. Credentials
// can also be changed for mechanisms that are not offered, and where nobody has to log in.

import { errorCode } from '../../protocol/index.ts'
import { Refusal } from '../log/refusal.ts'
import { credentialOf, iterationsMin, scramMechanisms, scramNames } from '../sasl/credentials.ts'
import type { Credentials, ScramMechanism } from '../sasl/credentials.ts'
import { handler } from './handler.ts'

const iterationsMax = 16_384

const { DUPLICATE_RESOURCE, RESOURCE_NOT_FOUND, UNACCEPTABLE_CREDENTIAL, UNSUPPORTED_SASL_MECHANISM } = errorCode

/** The change to be made, or why it is not. */
type Change = Refusal | (() => void)

export const alterUserScramCredentials = handler('AlterUserScramCredentials', (request, { broker }) => {
  const { credentials } = broker.cluster
  const changes = new Map<string, Change>()
  const add = (user: string, change: () => Change): void => {
    const known = changes.get(user)
    if (known instanceof Refusal) return
    const message = 'A user credential cannot be altered twice in the same request'
    changes.set(user, known === undefined ? change() : new Refusal(DUPLICATE_RESOURCE, message))
  }
  for (const { name, mechanism } of request.deletions) add(name, () => deletion(credentials, name, mechanism))
  for (const { name, mechanism, iterations, salt, saltedPassword } of request.upsertions) {
    add(name, () => {
      const known = mechanismOf(name, mechanism)
      if (known instanceof Refusal) return known
      if (iterations < iterationsMin) return new Refusal(UNACCEPTABLE_CREDENTIAL, 'Too few iterations')
      if (iterations > iterationsMax) return new Refusal(UNACCEPTABLE_CREDENTIAL, 'Too many iterations')
      const credential = credentialOf(known, saltedPassword.slice(), salt.slice(), iterations)
      return () => credentials.change(known, name, credential)
    })
  }
  for (const change of changes.values()) if (!(change instanceof Refusal)) change()
  const results = Array.from(changes, ([user, change]) => {
    if (!(change instanceof Refusal)) return { user, errorCode: 0, errorMessage: null }
    return { user, errorCode: change.errorCode, errorMessage: change.message }
  })
  return { throttleTimeMs: 0, results }
})

function deletion(credentials: Credentials, user: string, type: number): Change {
  const mechanism = mechanismOf(user, type)
  if (mechanism instanceof Refusal) return mechanism
  if (credentials.scramUsers().get(user)?.has(mechanism) !== true) {
    return new Refusal(RESOURCE_NOT_FOUND, 'Attempt to delete a user credential that does not exist')
  }
  return () => credentials.change(mechanism, user, undefined)
}

function mechanismOf(user: string, type: number): ScramMechanism | Refusal {
  if (user === '') return new Refusal(UNACCEPTABLE_CREDENTIAL, 'Username must not be empty')
  const known = scramNames().find((name) => scramMechanisms[name].type === type)
  return known ?? new Refusal(UNSUPPORTED_SASL_MECHANISM, 'Unknown SCRAM mechanism')
}
