// PushTelemetry, API 72: sends client metrics. KIP-714.

import { bool, bytes, int16, int32, int8, message, uuid, type Decoded } from '../schema.ts'

export const PushTelemetryRequest = message('PushTelemetryRequest', {
  apiKey: 72,
  versions: [0, 0],
  flexible: 0,
  fields: {
    clientInstanceId: uuid,
    subscriptionId: int32,
    terminating: bool,
    compressionType: int8,
    metrics: bytes
  }
})
export type PushTelemetryRequest = Decoded<typeof PushTelemetryRequest>

export const PushTelemetryResponse = message('PushTelemetryResponse', {
  apiKey: 72,
  versions: [0, 0],
  flexible: 0,
  fields: {
    throttleTimeMs: int32,
    errorCode: int16
  }
})
export type PushTelemetryResponse = Decoded<typeof PushTelemetryResponse>
