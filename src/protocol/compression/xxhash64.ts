// Owns the checksum of zstd frames: the low half of xxHash with 64 bits and seed 0. Numbers of 64 bits are kept as two
// halves, since bigints would be slower than the decompression itself. Source: the specification of xxHash, version 0.1.1.

/** The primes as pairs of their high and their low half. */
const prime1 = [0x9e3779b1, 0x85ebca87] as const
const prime2 = [0xc2b2ae3d, 0x27d4eb4f] as const
const prime3 = [0x165667b1, 0x9e3779f9] as const
const prime4 = [0x85ebca77, 0xc2b2ae63] as const
const prime5 = [0x27d4eb2f, 0x165667c5] as const

type Pair = readonly [high: number, low: number]

const stripeBytes = 32

// The number that is worked on. Functions below change it in place.
let high = 0
let low = 0

function set(pair: Pair): void {
  high = pair[0] | 0
  low = pair[1] | 0
}

function add(otherHigh: number, otherLow: number): void {
  const sum = (low >>> 0) + (otherLow >>> 0)
  high = (high + otherHigh + (sum > 0xffffffff ? 1 : 0)) | 0
  low = sum | 0
}

function multiply(by: Pair): void {
  const a = low & 0xffff
  const b = low >>> 16
  const c = by[1] & 0xffff
  const d = by[1] >>> 16
  // The product of both low halves, in pieces of 16 bits whose sums stay below 2 ** 53.
  const bottom = a * c
  const middle = b * c + (bottom - (bottom & 0xffff)) / 0x10000 + a * d
  const carried = b * d + Math.floor(middle / 0x10000)
  high = (carried + Math.imul(high, by[1]) + Math.imul(low, by[0])) | 0
  low = ((middle % 0x10000) * 0x10000 + (bottom & 0xffff)) | 0
}

function rotate(bits: number): void {
  const turned = bits >= 32
  const a = turned ? low : high
  const b = turned ? high : low
  const by = bits & 31
  high = (a << by) | (b >>> (32 - by))
  low = (b << by) | (a >>> (32 - by))
}

function xorShift(bits: number): void {
  if (bits >= 32) {
    low ^= high >>> (bits - 32)
    return
  }
  low ^= (low >>> bits) | (high << (32 - bits))
  high ^= high >>> bits
}

const lanes = new Int32Array(8)

/** The low 32 bits of the hash of the bytes from `start` up to `end`, unsigned. */
export function xxhash64Low(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  if (end - start >= stripeBytes) {
    at = hashStripes(bytes, start, end)
    mergeLanes()
  } else {
    set(prime5)
  }
  add(0, end - start)
  hashTail(bytes, at, end)
  xorShift(33)
  multiply(prime2)
  xorShift(29)
  multiply(prime3)
  xorShift(32)
  return low >>> 0
}

// Answers where the last whole stripe ends.
function hashStripes(bytes: Uint8Array, start: number, end: number): number {
  set(prime1)
  add(prime2[0], prime2[1])
  lanes.set([high, low, prime2[0], prime2[1], 0, 0])
  high = ~prime1[0]
  low = ~prime1[1]
  add(0, 1)
  lanes.set([high, low], 6)
  let at = start
  for (const last = end - stripeBytes; at <= last; at += stripeBytes) {
    for (let lane = 0; lane < 8; lane += 2) {
      const from = at + lane * 4
      high = int32(bytes, from + 4)
      low = int32(bytes, from)
      mixInto(lanes[lane]!, lanes[lane + 1]!)
      lanes[lane] = high
      lanes[lane + 1] = low
    }
  }
  return at
}

// One round: the number at hand goes into a lane.
function mixInto(laneHigh: number, laneLow: number): void {
  multiply(prime2)
  add(laneHigh, laneLow)
  rotate(31)
  multiply(prime1)
}

function mergeLanes(): void {
  let sumHigh = 0
  let sumLow = 0
  for (const [i, bits] of [1, 7, 12, 18].entries()) {
    high = lanes[2 * i]!
    low = lanes[2 * i + 1]!
    rotate(bits)
    add(sumHigh, sumLow)
    sumHigh = high
    sumLow = low
  }
  for (let lane = 0; lane < 8; lane += 2) {
    high = lanes[lane]!
    low = lanes[lane + 1]!
    mixInto(0, 0)
    high ^= sumHigh
    low ^= sumLow
    multiply(prime1)
    add(prime4[0], prime4[1])
    sumHigh = high
    sumLow = low
  }
}

function hashTail(bytes: Uint8Array, start: number, end: number): void {
  let at = start
  for (; at + 8 <= end; at += 8) {
    const sumHigh = high
    const sumLow = low
    high = int32(bytes, at + 4)
    low = int32(bytes, at)
    mixInto(0, 0)
    high ^= sumHigh
    low ^= sumLow
    rotate(27)
    multiply(prime1)
    add(prime4[0], prime4[1])
  }
  if (at + 4 <= end) {
    const sumHigh = high
    const sumLow = low
    high = 0
    low = int32(bytes, at)
    multiply(prime1)
    high ^= sumHigh
    low ^= sumLow
    rotate(23)
    multiply(prime2)
    add(prime3[0], prime3[1])
    at += 4
  }
  for (; at < end; at++) {
    const sumHigh = high
    const sumLow = low
    high = 0
    low = bytes[at]!
    multiply(prime5)
    high ^= sumHigh
    low ^= sumLow
    rotate(11)
    multiply(prime1)
  }
}

function int32(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
}
