// Keys go to the partitions to which Java's producer sends them, and checksums are those of Java.
import { describe, expect, test } from 'vitest'
import { crc32c, murmur2, partitionForKey, toPositive, useCrc32c } from 'kafka-once/protocol'
import { fromHex, readVectors } from './record_vectors.ts'

interface KeyVector {
  readonly key: string
  readonly murmur2: number
  readonly crc32c: number
  readonly partitions: Readonly<Record<string, number>>
}

const vectors = readVectors<KeyVector>('keys.jsonl')

test('the hash, the partition and the checksum of a key of any length are those of Java', () => {
  expect(vectors.length).toBe(70)
  for (const vector of vectors) {
    const key = fromHex(vector.key)
    expect(murmur2(key)).toBe(vector.murmur2)
    expect(crc32c(key)).toBe(vector.crc32c)
    for (const [count, partition] of Object.entries(vector.partitions)) {
      expect(partitionForKey(key, Number(count))).toBe(partition)
    }
  }
})

test('a view in the middle of a buffer hashes as its own bytes do', () => {
  const key = fromHex(vectors[40]!.key)
  const buffer = Buffer.concat([Buffer.from('before'), key, Buffer.from('after')]).subarray(6, 6 + key.length)
  expect(murmur2(buffer)).toBe(vectors[40]!.murmur2)
  expect(crc32c(buffer)).toBe(vectors[40]!.crc32c)
})

test('the sign is cleared, not turned', () => {
  expect(toPositive(-1)).toBe(0x7fffffff)
  expect(toPositive(-0x80000000)).toBe(0)
  expect(toPositive(5)).toBe(5)
})

test.each([0, -1, 1.5, Number.NaN])('there is no partition among %d', (count) => {
  expect(() => partitionForKey(new Uint8Array(1), count)).toThrow(RangeError)
})

describe('the checksum function', () => {
  test('can be replaced by one that is right', () => {
    let calls = 0
    const own = (bytes: Uint8Array): number => {
      calls++
      let crc = -1
      for (const byte of bytes) {
        crc ^= byte
        for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0)
      }
      return ~crc
    }
    try {
      useCrc32c(own)
      for (const vector of vectors) expect(crc32c(fromHex(vector.key))).toBe(vector.crc32c)
      expect(calls).toBe(vectors.length + 1)
    } finally {
      useCrc32c(undefined)
    }
    expect(crc32c(fromHex(vectors[3]!.key))).toBe(vectors[3]!.crc32c)
    expect(calls).toBe(vectors.length + 1)
  })

  test('cannot be replaced by one that is wrong', () => {
    expect(() => useCrc32c(() => 0)).toThrowError(/CRC-32C/)
    expect(crc32c(fromHex(vectors[3]!.key))).toBe(vectors[3]!.crc32c)
  })
})
