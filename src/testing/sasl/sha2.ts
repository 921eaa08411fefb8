// Owns SHA-256 and SHA-512, with HMAC and the key derivation that SCRAM needs. They only compute, so they stay on this side
// of the runtime's door and run in a browser as well; a broker of tests hashes too little for their speed to matter.
// Source: FIPS 180-4, RFC 2104, RFC 5802 (Hi).

/** A hash function as HMAC sees it. The state is an array of 32-bit words. */
export interface Hash {
  readonly digestBytes: number
  readonly blockBytes: number
  /** Bytes of the message's length at the end of the last block. */
  readonly lengthBytes: number
  initial(): Int32Array
  /** Takes one block in. */
  compress(state: Int32Array, view: DataView, at: number): void
}

const mask64 = (1n << 64n) - 1n

/** The first 64 bits behind the point of the root of each prime: where all constants of SHA-2 come from. */
function fractionsOfRoots(count: number, degree: 2n | 3n): bigint[] {
  const primes: bigint[] = []
  for (let n = 2n; primes.length < count; n++) if (primes.every((prime) => n % prime !== 0n)) primes.push(n)
  return primes.map((prime) => rootOf(prime << (64n * degree), degree) & mask64)
}

/** The integer root, by Newton's method from above. */
function rootOf(value: bigint, degree: 2n | 3n): bigint {
  let root = 1n << 68n
  for (;;) {
    const next = ((degree - 1n) * root + value / root ** (degree - 1n)) / degree
    if (next >= root) return root
    root = next
  }
}

function highWord(value: bigint): number {
  return Number(value >> 32n) | 0
}

/** High and low words in turn. */
function wordPairs(values: readonly bigint[]): Int32Array {
  return Int32Array.from(values.flatMap((value) => [highWord(value), Number(value & 0xffffffffn) | 0]))
}

/** Computed when it is first needed. */
function lazy<T>(make: () => T): () => T {
  let value: T | undefined
  return () => (value ??= make())
}

const start256 = lazy(() => Int32Array.from(fractionsOfRoots(8, 2n).map(highWord)))
const rounds256 = lazy(() => Int32Array.from(fractionsOfRoots(64, 3n).map(highWord)))
const start512 = lazy(() => wordPairs(fractionsOfRoots(8, 2n)))
const rounds512 = lazy(() => wordPairs(fractionsOfRoots(80, 3n)))

function rotate(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits))
}

const schedule256 = new Int32Array(64)

export const sha256: Hash = {
  digestBytes: 32,
  blockBytes: 64,
  lengthBytes: 8,
  initial: () => start256().slice(),
  compress(state, view, at) {
    const w = schedule256
    const k = rounds256()
    for (let i = 0; i < 16; i++) w[i] = view.getInt32(at + 4 * i)
    for (let i = 16; i < 64; i++) {
      const early = w[i - 15]!
      const late = w[i - 2]!
      const s0 = rotate(early, 7) ^ rotate(early, 18) ^ (early >>> 3)
      const s1 = rotate(late, 17) ^ rotate(late, 19) ^ (late >>> 10)
      w[i] = (w[i - 16]! + s0 + w[i - 7]! + s1) | 0
    }
    let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = state
    for (let i = 0; i < 64; i++) {
      const s1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)
      const t1 = (h + s1 + ((e & f) ^ (~e & g)) + k[i]! + w[i]!) | 0
      const s0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)
      const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
      h = g
      g = f
      f = e
      e = (d + t1) | 0
      d = c
      c = b
      b = a
      a = (t1 + t2) | 0
    }
    const mixed = [a, b, c, d, e, f, g, h]
    for (let i = 0; i < 8; i++) state[i] = state[i]! + mixed[i]!
  }
}

/** What a sum of low words carries over into the high ones. */
function carry(lowSum: number): number {
  return Math.floor(lowSum / 0x1_0000_0000)
}

const schedule512 = new Int32Array(160)

/** Words 16 to 79 of the schedule, from the sixteen of the block. */
function expand512(w: Int32Array): void {
  for (let i = 32; i < 160; i += 2) {
    const earlyHigh = w[i - 30]!
    const earlyLow = w[i - 29]!
    const lateHigh = w[i - 4]!
    const lateLow = w[i - 3]!
    const s0High = join(earlyHigh, earlyLow, 1) ^ join(earlyHigh, earlyLow, 8) ^ (earlyHigh >>> 7)
    const s0Low = join(earlyLow, earlyHigh, 1) ^ join(earlyLow, earlyHigh, 8) ^ join(earlyLow, earlyHigh, 7)
    const s1High = join(lateHigh, lateLow, 19) ^ join(lateLow, lateHigh, 29) ^ (lateHigh >>> 6)
    const s1Low = join(lateLow, lateHigh, 19) ^ join(lateHigh, lateLow, 29) ^ join(lateLow, lateHigh, 6)
    const low = (s0Low >>> 0) + (s1Low >>> 0) + (w[i - 31]! >>> 0) + (w[i - 13]! >>> 0)
    w[i] = s0High + s1High + w[i - 32]! + w[i - 14]! + carry(low)
    w[i + 1] = low
  }
}

/** Of two words side by side, shifted to the right: what lands in the place of `word`. */
function join(word: number, other: number, bits: number): number {
  return (word >>> bits) | (other << (32 - bits))
}

export const sha512: Hash = {
  digestBytes: 64,
  blockBytes: 128,
  lengthBytes: 16,
  initial: () => start512().slice(),
  compress(state, view, at) {
    const w = schedule512
    const k = rounds512()
    for (let i = 0; i < 32; i++) w[i] = view.getInt32(at + 4 * i)
    expand512(w)
    // From a to h, high and low words in turn.
    const v = state.slice()
    for (let i = 0; i < 160; i += 2) {
      const eHigh = v[8]!
      const eLow = v[9]!
      const s1High = join(eHigh, eLow, 14) ^ join(eHigh, eLow, 18) ^ join(eLow, eHigh, 9)
      const s1Low = join(eLow, eHigh, 14) ^ join(eLow, eHigh, 18) ^ join(eHigh, eLow, 9)
      const choiceHigh = (eHigh & v[10]!) ^ (~eHigh & v[12]!)
      const choiceLow = (eLow & v[11]!) ^ (~eLow & v[13]!)
      const t1 = (v[15]! >>> 0) + (s1Low >>> 0) + (choiceLow >>> 0) + (k[i + 1]! >>> 0) + (w[i + 1]! >>> 0)
      const t1High = (v[14]! + s1High + choiceHigh + k[i]! + w[i]! + carry(t1)) | 0
      const aHigh = v[0]!
      const aLow = v[1]!
      const s0High = join(aHigh, aLow, 28) ^ join(aLow, aHigh, 2) ^ join(aLow, aHigh, 7)
      const s0Low = join(aLow, aHigh, 28) ^ join(aHigh, aLow, 2) ^ join(aHigh, aLow, 7)
      const majorityHigh = (aHigh & v[2]!) ^ (aHigh & v[4]!) ^ (v[2]! & v[4]!)
      const majorityLow = (aLow & v[3]!) ^ (aLow & v[5]!) ^ (v[3]! & v[5]!)
      const dSum = (v[7]! >>> 0) + (t1 % 0x1_0000_0000)
      const dHigh = v[6]! + t1High + carry(dSum)
      const aSum = (t1 % 0x1_0000_0000) + (s0Low >>> 0) + (majorityLow >>> 0)
      v.copyWithin(2, 0, 14)
      v[8] = dHigh
      v[9] = dSum
      v[0] = t1High + s0High + majorityHigh + carry(aSum)
      v[1] = aSum
    }
    for (let i = 0; i < 16; i += 2) {
      const low = (state[i + 1]! >>> 0) + (v[i + 1]! >>> 0)
      state[i] = state[i]! + v[i]! + carry(low)
      state[i + 1] = low
    }
  }
}

/** The digest of a message whose first `takenBytes`, whole blocks, are in the state already. */
function finish(hash: Hash, taken: Int32Array, takenBytes: number, message: Uint8Array): Uint8Array {
  const { blockBytes, digestBytes, lengthBytes } = hash
  const size = Math.ceil((message.length + 1 + lengthBytes) / blockBytes) * blockBytes
  const padded = new Uint8Array(size)
  padded.set(message)
  padded[message.length] = 0x80
  const view = new DataView(padded.buffer)
  const bits = (takenBytes + message.length) * 8
  view.setUint32(size - 8, carry(bits))
  view.setUint32(size - 4, bits >>> 0)
  const state = taken.slice()
  for (let at = 0; at < size; at += blockBytes) hash.compress(state, view, at)
  const digest = new Uint8Array(digestBytes)
  const out = new DataView(digest.buffer)
  for (let at = 0; at < digestBytes; at += 4) out.setInt32(at, state[at / 4]!)
  return digest
}

export function digest(hash: Hash, message: Uint8Array): Uint8Array {
  return finish(hash, hash.initial(), 0, message)
}

/** HMAC with one key, whose blocks are taken in once. */
export class Hmac {
  readonly #hash: Hash
  readonly #inner: Int32Array
  readonly #outer: Int32Array

  constructor(hash: Hash, key: Uint8Array) {
    const short = key.length > hash.blockBytes ? digest(hash, key) : key
    this.#hash = hash
    this.#inner = padState(hash, short, 0x36)
    this.#outer = padState(hash, short, 0x5c)
  }

  sign(message: Uint8Array): Uint8Array {
    const hash = this.#hash
    return finish(hash, this.#outer, hash.blockBytes, finish(hash, this.#inner, hash.blockBytes, message))
  }
}

function padState(hash: Hash, key: Uint8Array, pad: number): Int32Array {
  const block = new Uint8Array(hash.blockBytes).fill(pad)
  for (let i = 0; i < key.length; i++) block[i] = key[i]! ^ pad
  const state = hash.initial()
  hash.compress(state, new DataView(block.buffer), 0)
  return state
}

export function hmac(hash: Hash, key: Uint8Array, message: Uint8Array): Uint8Array {
  return new Hmac(hash, key).sign(message)
}

/** PBKDF2 for one block of output, which RFC 5802 calls Hi. */
export function saltedPassword(hash: Hash, password: Uint8Array, salt: Uint8Array, iterations: number): Uint8Array {
  const keyed = new Hmac(hash, password)
  let step = keyed.sign(Buffer.concat([salt, Uint8Array.of(0, 0, 0, 1)]))
  const sum = step.slice()
  for (let i = 1; i < iterations; i++) {
    step = keyed.sign(step)
    for (let at = 0; at < sum.length; at++) sum[at]! ^= step[at]!
  }
  return sum
}

export function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((byte, i) => byte ^ b[i]!)
}
