// DescribeAcls, API 29: lists access rules. Serves versions 1 to 3. KIP-140.
//
// Behaviour: as a broker without an authorizer, which has no rules and says so. So do CreateAcls and DeleteAcls.

import { errorCode } from '../../protocol/index.ts'
import { handler } from './handler.ts'

/** How a controller answers that has no authorizer; a broker says where it is missing. */
export const securityDisabled = Object.freeze({
  errorCode: errorCode.SECURITY_DISABLED,
  errorMessage: 'No Authorizer is configured.'
})

export const describeAcls = handler('DescribeAcls', () => ({
  throttleTimeMs: 0,
  ...securityDisabled,
  errorMessage: 'No Authorizer is configured on the broker',
  resources: []
}))
