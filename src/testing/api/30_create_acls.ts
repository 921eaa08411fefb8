// CreateAcls, API 30: adds access rules. Serves versions 1 to 3. KIP-140.
//
// Behaviour: refused, rule by rule, as by a broker without an authorizer.

import { securityDisabled } from './29_describe_acls.ts'
import { handler } from './handler.ts'

export const createAcls = handler('CreateAcls', ({ creations }) => ({
  throttleTimeMs: 0,
  results: creations.map(() => securityDisabled)
}))
