// DescribeClientQuotas, API 48: lists quotas. KIP-546.

import { array, bool, float64, int16, int32, int8, message, string, struct, type Decoded } from '../schema.ts'

export const DescribeClientQuotasRequest = message('DescribeClientQuotasRequest', {
  apiKey: 48,
  versions: [0, 1],
  flexible: 1,
  fields: {
    components: array(
      struct({
        entityType: string,
        matchType: int8,
        match: string.nullable()
      })
    ),
    strict: bool
  }
})
export type DescribeClientQuotasRequest = Decoded<typeof DescribeClientQuotasRequest>

export const DescribeClientQuotasResponse = message('DescribeClientQuotasResponse', {
  apiKey: 48,
  versions: [0, 1],
  flexible: 1,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    entries: array(
      struct({
        entity: array(
          struct({
            entityType: string,
            entityName: string.nullable()
          })
        ),
        values: array(
          struct({
            key: string,
            value: float64
          })
        )
      })
    ).nullable()
  }
})
export type DescribeClientQuotasResponse = Decoded<typeof DescribeClientQuotasResponse>
