// What a failure on a socket means: nothing listens, the other side speaks another protocol, the reply cannot be read,
// the reply did not come. Pure functions from what was seen to a KafkaError; connection.ts acts on them.
import { ProtocolError } from '../protocol/index.ts'
import type { ApiName } from '../protocol/index.ts'
import { codeOf } from '../runtime/index.ts'
import { KafkaError } from './errors.ts'
import type { ClientErrorCode } from './errors.ts'

function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.endsWith('.') ? text.slice(0, -1) : text
}

const unreachable: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'the name does not resolve',
  EAI_AGAIN: 'the name does not resolve at the moment',
  ETIMEDOUT: 'nothing answers there',
  EHOSTUNREACH: 'the network does not reach it',
  ENETUNREACH: 'the network does not reach it',
  ECONNRESET: 'it closed the connection at once'
}

// What Node and OpenSSL call failures of TLS itself; the rest is the network's.
function isTlsFailure(code: string): boolean {
  return /^(ERR_SSL|ERR_TLS|CERT_|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|HOSTNAME|INVALID_CA|EPROTO|ERR_OSSL)/.test(code)
}

/** Why no connection could be opened. CONNECTION_REFUSED or TLS_FAILED. */
export function connectFailure(error: unknown, address: string, usesTls: boolean): KafkaError {
  const code = codeOf(error) ?? ''
  if (usesTls && isTlsFailure(code)) {
    return new KafkaError('TLS_FAILED', `TLS with ${address} failed: ${messageOf(error)} (${code}).`, {
      broker: address,
      cause: error
    })
  }
  const reason = unreachable[code] ?? messageOf(error)
  return new KafkaError('CONNECTION_REFUSED', `No connection to ${address}: ${reason}${code && ` (${code})`}.`, {
    retriable: true,
    broker: address,
    cause: error,
    nextStep:
      usesTls && code === 'ECONNRESET'
        ? 'Check that the port belongs to a TLS listener: a plaintext one closes such a connection.'
        : undefined
  })
}

/**
 * The connection ended. `isEarly` where that happened in plaintext before the first reply, which is what brokers do to
 * clients that should have spoken SASL.
 */
export function lostConnection(address: string, cause: Error | undefined, isEarly: boolean): KafkaError {
  const why = cause === undefined ? 'the other side closed it' : messageOf(cause)
  const when = isEarly ? ' before it answered anything' : ''
  return new KafkaError('CONNECTION_LOST', `The connection to ${address} ended${when}: ${why}.`, {
    retriable: true,
    broker: address,
    cause,
    nextStep: isEarly
      ? 'Try again; if it stays so, the listener probably expects SASL, or is not a Kafka broker.'
      : undefined
  })
}

/** The other side speaks TLS, and this client did not. */
export function speaksTls(address: string, cause: unknown, api?: ApiName): KafkaError {
  const message = `${address} speaks TLS, and this client was told to speak plaintext.`
  return new KafkaError('SPEAKS_TLS', message, { broker: address, api, cause })
}

export interface LateRequest {
  readonly api: ApiName
  readonly correlationId: number
  readonly timeoutMs: number
  readonly wasSent: boolean
}

/** No reply came in time; the outcome is unknown where the request had been written. */
export function requestTimeout(address: string, request: LateRequest): KafkaError {
  const { api, correlationId, wasSent } = request
  const timeoutMs = Math.round(request.timeoutMs)
  const what = wasSent ? 'was not answered' : 'could not be sent'
  return new KafkaError('REQUEST_TIMEOUT', `${api} ${what} by ${address} within ${timeoutMs} ms.`, {
    retriable: true,
    outcomeUnknown: wasSent,
    broker: address,
    api,
    correlationId
  })
}

/** Where an unreadable reply came from. */
export interface ReplyOrigin {
  readonly address: string
  /** Whether this connection has had a proper reply before. */
  readonly hasAnswered: boolean
  readonly api: ApiName | undefined
  readonly correlationId: number | undefined
}

/** Bytes came that are no reply of Kafka's. Anything but a ProtocolError is a bug, and is thrown. */
export function replyFailure(error: unknown, origin: ReplyOrigin): KafkaError {
  if (!(error instanceof ProtocolError)) throw error
  const { address, hasAnswered, api, correlationId } = origin
  const details = { broker: address, api, correlationId, cause: error }
  if (error.code === 'SPEAKS_TLS') return speaksTls(address, error, api)
  if (error.code === 'SPEAKS_HTTP') return new KafkaError('SPEAKS_HTTP', `${address} speaks HTTP, not Kafka.`, details)
  const code: ClientErrorCode = 'PROTOCOL_VIOLATION'
  if (!hasAnswered) {
    return new KafkaError(code, `${address} does not answer as a Kafka broker does: ${messageOf(error)}.`, details)
  }
  return new KafkaError(code, `The reply of ${address} to ${api ?? 'no request'} is wrong: ${messageOf(error)}.`, {
    ...details,
    outcomeUnknown: true
  })
}

/** A request could not be encoded: its version lacks a field that was set, or the caller made a mistake. */
export function encodeFailure(error: unknown, api: ApiName, version: number, address: string): unknown {
  if (!(error instanceof ProtocolError) || error.code !== 'UNSUPPORTED_FIELD') return error
  return new KafkaError('BROKER_TOO_OLD', `${api} version ${version} of ${address}: ${messageOf(error)}.`, {
    broker: address,
    api,
    cause: error
  })
}
