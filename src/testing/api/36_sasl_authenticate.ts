// SaslAuthenticate, API 36: one token of a login. Serves versions 0 to 2. KIP-152.
//
// Behaviour: what is refused ends the connection, a little later (connection.failed.authentication.delay.ms). Only PLAIN says
// why; for SCRAM the answer is the same whether there is no such user or the password is another one.
//
// Versions: 1 tells how long the session lasts (KIP-368); 2 is flexible.

import { handler } from './handler.ts'

export const saslAuthenticate = handler('SaslAuthenticate', ({ authBytes }, { connection }) => {
  const answer = connection.session.token(authBytes)
  return connection.session.hasFailed ? connection.lastAnswer(answer) : answer
})
