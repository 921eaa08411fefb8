// A group or transactional id is kept where Kafka keeps it. The hashes are those that Java prints for these strings.
import { describe, expect, test } from 'vitest'
import { coordinatorPartition, javaHash } from '../../src/testing/cluster/java_hash.ts'

describe('the hash of a key', () => {
  test.each([
    ['', 0],
    ['a', 97],
    ['kafka', 101_807_910],
    ['hello world', 1_794_106_052],
    ['polygenelubricants', -2_147_483_648]
  ])('of %j is Java’s', (text, hash) => {
    expect(javaHash(text)).toBe(hash)
  })

  test('chooses partition 0 where it has no positive counterpart', () => {
    expect(coordinatorPartition('polygenelubricants', 50)).toBe(0)
    expect(coordinatorPartition('hello world', 50)).toBe(2)
  })
})
