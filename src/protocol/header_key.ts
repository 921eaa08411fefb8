// Owns the reading and writing of header keys. The same few come with every record of a topic, and to recognise one is
// much faster than to make its string, or its bytes, again.

// A byte order mark is part of a key like any other character.
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** How many keys are remembered, and how long they may be. */
const knownKeysMax = 64
const knownKeyBytesMax = 64

interface KnownKey {
  readonly text: string
  readonly length: number
  /** The bytes four by four from the beginning, without the last four. */
  readonly words: Int32Array
  /** The last four bytes, or all that there are. */
  readonly last: number
}

const noKey: KnownKey = { text: '', length: 0, words: new Int32Array(0), last: 0 }
const knownKeys: KnownKey[] = Array.from({ length: knownKeysMax }, () => noKey)

/** The text from `start` to `end`. */
export function headerKey(view: DataView, start: number, end: number): string {
  const length = end - start
  if (length === 0 || length > knownKeyBytesMax) return decoded(view, start, end)
  const last = length >= 4 ? view.getInt32(end - 4) : shortWord(view, start, length)
  const place = (Math.imul(last ^ length, 0x9e3779b1) >>> 16) % knownKeysMax
  const known = knownKeys[place]!
  if (known.last === last && known.length === length && isSpelled(view, start, known.words)) return known.text
  const text = decoded(view, start, end)
  const words = new Int32Array(length > 4 ? (length - 1) >> 2 : 0)
  for (let i = 0; i < words.length; i++) words[i] = view.getInt32(start + i * 4)
  knownKeys[place] = { text, length, words, last }
  return text
}

const encoder = new TextEncoder()
const knownTexts: string[] = Array.from({ length: knownKeysMax }, () => '')
const knownBytes: Uint8Array[] = Array.from({ length: knownKeysMax }, () => new Uint8Array(0))

/** The bytes of a key; they belong to all who ask, and must not be changed. */
export function headerKeyBytes(key: string): Uint8Array {
  const { length } = key
  const place = (key.charCodeAt(length - 1) * 5 + length) % knownKeysMax
  if (knownTexts[place] === key) return knownBytes[place]!
  const bytes = encoder.encode(key)
  if (length > 0 && length <= knownKeyBytesMax) {
    knownTexts[place] = key
    knownBytes[place] = bytes
  }
  return bytes
}

function isSpelled(view: DataView, start: number, words: Int32Array): boolean {
  for (let i = 0; i < words.length; i++) {
    if (view.getInt32(start + i * 4) !== words[i]) return false
  }
  return true
}

function shortWord(view: DataView, start: number, length: number): number {
  let word = 0
  for (let i = 0; i < length; i++) word = (word << 8) | view.getUint8(start + i)
  return word
}

function decoded(view: DataView, start: number, end: number): string {
  return utf8.decode(new Uint8Array(view.buffer, view.byteOffset + start, end - start))
}
