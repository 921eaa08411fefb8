// DeleteAcls, API 31: removes access rules. Serves versions 1 to 3. KIP-140.
//
// Behaviour: refused, filter by filter, as by a broker without an authorizer.

import { securityDisabled } from './29_describe_acls.ts'
import { handler } from './handler.ts'

export const deleteAcls = handler('DeleteAcls', ({ filters }) => ({
  throttleTimeMs: 0,
  filterResults: filters.map(() => ({ ...securityDisabled, matchingAcls: [] }))
}))
