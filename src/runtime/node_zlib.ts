// Owns zlib on the caller's own thread, for a runtime whose time is not real: what runs elsewhere ends when it likes.

import { gunzipSync, gzipSync } from 'node:zlib'

/** Throws `ERR_BUFFER_TOO_LARGE` when the output would exceed `bytesMax`. */
export function gunzipNow(bytes: Uint8Array, bytesMax: number): Uint8Array {
  return gunzipSync(bytes, { maxOutputLength: Math.max(bytesMax, 1) })
}

export function gzipNow(bytes: Uint8Array, level: number): Uint8Array {
  return gzipSync(bytes, { level })
}
