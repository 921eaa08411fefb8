// The hashes of the embedded Kafka are those of everybody else.
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { digest, hmac, saltedPassword, sha256, sha512 } from '../../../src/testing/sasl/sha2.ts'

/** Around the ends of blocks, and longer than a few. */
const lengths = [0, 1, 3, 55, 56, 63, 64, 65, 111, 112, 119, 127, 128, 129, 200, 255, 256, 1000]

function bytesOf(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 167 + seed * 31 + (i >> 3)) & 0xff)
}

describe.each([
  ['sha256', sha256],
  ['sha512', sha512]
] as const)('%s', (name, hash) => {
  test('digests', () => {
    for (const length of lengths) {
      const message = bytesOf(length, length)
      const expected = createHash(name).update(message).digest('hex')
      expect(Buffer.from(digest(hash, message)).toString('hex')).toBe(expected)
    }
  })

  test('signs, with keys shorter and longer than a block', () => {
    for (const length of lengths) {
      const key = bytesOf(length, 7)
      const message = bytesOf(300 - (length % 300), 3)
      const expected = createHmac(name, key).update(message).digest('hex')
      expect(Buffer.from(hmac(hash, key, message)).toString('hex')).toBe(expected)
    }
  })

  test('derives keys from passwords', () => {
    for (const iterations of [1, 2, 4096]) {
      const [password, salt] = [bytesOf(17, 5), bytesOf(12, 9)]
      const expected = pbkdf2Sync(password, salt, iterations, hash.digestBytes, name).toString('hex')
      expect(Buffer.from(saltedPassword(hash, password, salt, iterations)).toString('hex')).toBe(expected)
    }
  })
})
