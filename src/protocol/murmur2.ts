// Owns the choice of a partition by key. It must agree with Java's default partitioner to the bit, or records of one
// key end up in two partitions as soon as producers of both kinds write to a topic.
// Source: org.apache.kafka.common.utils.Utils.murmur2 and BuiltInPartitioner.partitionForKey.

const seed = 0x9747b28c
const multiplier = 0x5bd1e995

/** MurmurHash2, 32 bits, as Kafka computes it; signed. */
export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length
  const wholeWords = length & ~3
  let hash = seed ^ length
  for (let at = 0; at < wholeWords; at += 4) {
    let word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    word = Math.imul(word, multiplier)
    word = Math.imul(word ^ (word >>> 24), multiplier)
    hash = Math.imul(hash, multiplier) ^ word
  }
  const rest = length - wholeWords
  if (rest > 2) hash ^= bytes[wholeWords + 2]! << 16
  if (rest > 1) hash ^= bytes[wholeWords + 1]! << 8
  if (rest > 0) hash = Math.imul(hash ^ bytes[wholeWords]!, multiplier)
  hash = Math.imul(hash ^ (hash >>> 13), multiplier)
  return hash ^ (hash >>> 15)
}

/** Clears the sign bit, as Kafka's `Utils.toPositive` does. It is not the absolute value. */
export function toPositive(hash: number): number {
  return hash & 0x7fffffff
}

/** The partition to which Java's producer sends records with this key; 0 <= partition < `partitionCount`. */
export function partitionForKey(key: Uint8Array, partitionCount: number): number {
  if (!Number.isInteger(partitionCount) || partitionCount < 1) {
    throw new RangeError(`partitionCount must be a whole number above zero, not ${partitionCount}`)
  }
  return toPositive(murmur2(key)) % partitionCount
}
