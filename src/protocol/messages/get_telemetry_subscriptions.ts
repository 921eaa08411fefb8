// GetTelemetrySubscriptions, API 71: learns which client metrics a cluster wants. KIP-714.

import { array, bool, int16, int32, int8, message, string, uuid, type Decoded } from '../schema.ts'

export const GetTelemetrySubscriptionsRequest = message('GetTelemetrySubscriptionsRequest', {
  apiKey: 71,
  versions: [0, 0],
  flexible: 0,
  fields: {
    clientInstanceId: uuid
  }
})
export type GetTelemetrySubscriptionsRequest = Decoded<typeof GetTelemetrySubscriptionsRequest>

export const GetTelemetrySubscriptionsResponse = message('GetTelemetrySubscriptionsResponse', {
  apiKey: 71,
  versions: [0, 0],
  flexible: 0,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16,
    clientInstanceId: uuid,
    subscriptionId: int32,
    acceptedCompressionTypes: array(int8),
    pushIntervalMs: int32,
    telemetryMaxBytes: int32,
    deltaTemporality: bool,
    requestedMetrics: array(string)
  }
})
export type GetTelemetrySubscriptionsResponse = Decoded<typeof GetTelemetrySubscriptionsResponse>
