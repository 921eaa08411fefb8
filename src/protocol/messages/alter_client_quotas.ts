// AlterClientQuotas, API 49: sets and removes quotas. KIP-546.

import { array, bool, float64, int16, int32, message, string, struct, type Decoded } from '../schema.ts'

export const AlterClientQuotasRequest = message('AlterClientQuotasRequest', {
  apiKey: 49,
  versions: [0, 1],
  flexible: 1,
  fields: {
    entries: array(
      struct({
        entity: array(
          struct({
            entityType: string,
            entityName: string.nullable()
          })
        ),
        ops: array(
          struct({
            key: string,
            value: float64,
            remove: bool
          })
        )
      })
    ),
    validateOnly: bool
  }
})
export type AlterClientQuotasRequest = Decoded<typeof AlterClientQuotasRequest>

export const AlterClientQuotasResponse = message('AlterClientQuotasResponse', {
  apiKey: 49,
  versions: [0, 1],
  flexible: 1,
  fields: {
    throttleTimeMs: int32,
    entries: array(
      struct({
        errorCode: int16,
        errorMessage: string.nullable(),
        entity: array(
          struct({
            entityType: string,
            entityName: string.nullable()
          })
        )
      })
    )
  }
})
export type AlterClientQuotasResponse = Decoded<typeof AlterClientQuotasResponse>
