// DescribeConfigs, API 32: shows the settings of topics, brokers and other resources. KIP-133, KIP-226, KIP-569.

import { array, bool, int16, int32, int8, message, string, struct, type Decoded } from '../schema.ts'

export const DescribeConfigsRequest = message('DescribeConfigsRequest', {
  apiKey: 32,
  versions: [1, 4],
  flexible: 4,
  fields: {
    resources: array(
      struct({
        resourceType: int8,
        resourceName: string,
        configurationKeys: array(string).nullable()
      })
    ),
    includeSynonyms: bool.orElse(false),
    includeDocumentation: bool.from(3).orElse(false)
  }
})
export type DescribeConfigsRequest = Decoded<typeof DescribeConfigsRequest>

export const DescribeConfigsResponse = message('DescribeConfigsResponse', {
  apiKey: 32,
  versions: [1, 4],
  flexible: 4,
  fields: {
    throttleTimeMs: int32,
    results: array(
      struct({
        errorCode: int16,
        errorMessage: string.nullable(),
        resourceType: int8,
        resourceName: string,
        configs: array(
          struct({
            name: string,
            value: string.nullable(),
            readOnly: bool,
            configSource: int8.orElse(-1).ignorable(),
            isSensitive: bool,
            synonyms: array(
              struct({
                name: string,
                value: string.nullable(),
                source: int8
              })
            ).ignorable(),
            configType: int8.from(3).orElse(0).ignorable(),
            documentation: string.from(3).nullable().ignorable()
          })
        )
      })
    )
  }
})
export type DescribeConfigsResponse = Decoded<typeof DescribeConfigsResponse>
