// DescribeUserScramCredentials, API 50: tells which users can log in by SCRAM, and with how many iterations. Serves
// version 0. KIP-554. Source: org.apache.kafka.image.ScramImage.
//
// Behaviour: without names, or with an empty list, all users are told. A user who is named twice is told of that only.

import { errorCode } from '../../protocol/index.ts'
import { scramMechanisms } from '../sasl/credentials.ts'
import { handler } from './handler.ts'

export const describeUserScramCredentials = handler('DescribeUserScramCredentials', ({ users }, { broker }) => {
  const known = broker.cluster.credentials.scramUsers()
  const asked = (users ?? []).map(({ name }) => name)
  const names = asked.length === 0 ? [...known.keys()] : [...new Set(asked)]
  return {
    throttleTimeMs: 0,
    errorCode: 0,
    errorMessage: null,
    results: names.map((user) => {
      const none = { user, credentialInfos: [] }
      if (asked.indexOf(user) !== asked.lastIndexOf(user)) {
        const message = `Cannot describe SCRAM credentials for the same user twice in a single request: ${user}`
        return { ...none, errorCode: errorCode.DUPLICATE_RESOURCE, errorMessage: message }
      }
      const credentials = known.get(user)
      if (credentials === undefined) {
        const message = `Attempt to describe a user credential that does not exist: ${user}`
        return { ...none, errorCode: errorCode.RESOURCE_NOT_FOUND, errorMessage: message }
      }
      const credentialInfos = Array.from(credentials, ([mechanism, iterations]) => {
        return { mechanism: scramMechanisms[mechanism].type, iterations }
      })
      // Kafka writes an empty message here, and not null.
      return { user, errorCode: 0, errorMessage: '', credentialInfos }
    })
  }
})
