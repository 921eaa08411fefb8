// Owns hashes by Node's own code, on the caller's own thread: they only compute, so that every runtime has the same.

import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'

/** By the names that Node gives them. */
export type HashName = 'sha256' | 'sha512'

export const digestBytes: Readonly<Record<HashName, number>> = { sha256: 32, sha512: 64 }

export function digestNow(hash: HashName, bytes: Uint8Array): Uint8Array {
  return createHash(hash).update(bytes).digest()
}

export function hmacNow(hash: HashName, key: Uint8Array, bytes: Uint8Array): Uint8Array {
  return createHmac(hash, key).update(bytes).digest()
}

/** PBKDF2 with one digest of output, which RFC 5802 calls Hi. */
export function pbkdf2Now(hash: HashName, password: Uint8Array, salt: Uint8Array, iterations: number): Uint8Array {
  return pbkdf2Sync(password, salt, iterations, digestBytes[hash], hash)
}
