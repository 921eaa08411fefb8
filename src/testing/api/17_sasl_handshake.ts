// SaslHandshake, API 17: agrees on a mechanism of SASL. Serves versions 0 and 1. KIP-43, KIP-152.
//
// Behaviour: a mechanism that is not offered is answered with those that are, and ends the connection. On a connection that
// needs no login, or has it behind itself, ILLEGAL_SASL_STATE, unless sessions end (connections.max.reauth.ms, KIP-368).
//
// Versions: after 0 the tokens come as bare frames, after 1 as SaslAuthenticate.

import { handler } from './handler.ts'

export const saslHandshake = handler('SaslHandshake', ({ mechanism }, { connection, version }) => {
  const answer = connection.session.handshake(mechanism, version)
  return connection.session.hasFailed ? connection.lastAnswer(answer) : answer
})
