// A frame in words, for traces: who sends what to whom, with its content as far as one line has room.
import { apiByKey, decodeRequest, decodeResponse } from 'kafka-once/protocol'
import type { Exchange } from 'kafka-once/testing'

const lengthMax = 400

export function frameText({ link, direction, apiKey, version, correlationId, bytes }: Exchange): string {
  const api = apiByKey(apiKey)?.name
  const arrow = direction === 'request' ? '->' : '<-'
  const head = `${link.client.process.name} ${arrow} :${link.port} ${api ?? apiKey} v${version} #${correlationId}`
  return `${head} ${contentOf(direction, api, version, bytes.subarray(4))}`
}

function contentOf(
  direction: Exchange['direction'],
  api: Parameters<typeof decodeResponse>[0] | undefined,
  version: number,
  frame: Uint8Array
): string {
  if (api === undefined || api === 'ApiVersions') return `${frame.length} bytes`
  try {
    const { body } = direction === 'request' ? decodeRequest(frame) : decodeResponse(api, version, frame)
    const text = JSON.stringify(body, (_, value: unknown) => plain(value))
    return text.length > lengthMax ? `${text.slice(0, lengthMax)}...` : text
  } catch (error) {
    return `unreadable: ${String(error)}`
  }
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value)
  if (value instanceof Uint8Array) return `${value.length} bytes`
  // JSON.stringify asks a Buffer for its own form first.
  if (typeof value === 'object' && value !== null && Reflect.get(value, 'type') === 'Buffer') return 'bytes'
  return value
}
