// Owns what decoded messages have in common: names, ids and lists of node ids that come again in every response, and the
// empty list. Such a value is made once and handed out again; a list is always frozen, so that nobody can change what
// somebody else has read. The memory for them is of fixed size: what comes later takes the place of what came before.

import { zeroUuid, type Uuid } from './schema.ts'

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
const base64UrlAlphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const base64UrlCodes = Uint8Array.from(base64UrlAlphabet, (letter) => letter.charCodeAt(0))

/** The list without elements, of whatever type. */
export const emptyList: readonly never[] = Object.freeze([])
/** The bytes that are none. */
export const emptyBytes: Uint8Array = Object.freeze(new Uint8Array(0))

/** How many values of each kind are remembered; a power of two. */
const slotCount = 512
/** Longest text that is remembered, bytes. */
const textBytesMax = 32
const textWords = textBytesMax / 4
/** Longest text that is put together here; calling the decoder costs as much from there on. */
const plainTextBytesMax = 24
/** Longest list that is remembered. */
const listLengthMax = 4

const texts: string[] = Array.from({ length: slotCount }, () => '')
/** The bytes of the text in each slot, by four. */
const wordsOfTexts = new Int32Array(slotCount * textWords)
const uuids: Uuid[] = Array.from({ length: slotCount }, () => zeroUuid)
const wordsOfUuids = new Int32Array(slotCount * 4)
const lists: (readonly number[])[] = Array.from({ length: slotCount }, () => emptyList)
/** Lists of three elements, and the elements once more, four words apart, where they are compared faster. */
const triples: (readonly number[])[] = Array.from({ length: slotCount }, () => Object.freeze([0, 0, 0]))
const wordsOfTriples = new Int32Array(slotCount * 4)

function slotOf(hash: number): number {
  return (hash ^ (hash >>> 15) ^ (hash >>> 24)) & (slotCount - 1)
}

function mixed(hash: number, word: number): number {
  return Math.imul(hash ^ word, 0x9e3779b1) ^ (hash >>> 13)
}

/** Bytes that are all there, as text. Bytes that are not UTF-8 become U+FFFD, as in Java. */
export function textAt(bytes: Uint8Array, view: DataView, start: number, length: number): string {
  if (length === 0) return ''
  if (length > textBytesMax) return utf8.decode(bytes.subarray(start, start + length))
  let hash = length
  let topBits = 0
  const wholeEnd = start + (length & ~3)
  let at = start
  for (; at < wholeEnd; at += 4) {
    const word = view.getInt32(at)
    topBits |= word
    hash = mixed(hash, word)
  }
  let rest = 0
  for (; at < start + length; at++) rest = (rest << 8) | view.getUint8(at)
  if (((topBits | rest) & 0x80808080) !== 0) return utf8.decode(bytes.subarray(start, start + length))
  const slot = slotOf(mixed(hash, rest))
  const remembered = texts[slot]!
  if (remembered.length === length && hasWords(slot * textWords, view, start, wholeEnd, rest)) return remembered
  return rememberText(slot, bytes, view, start, length, rest)
}

function hasWords(base: number, view: DataView, start: number, wholeEnd: number, rest: number): boolean {
  let word = base
  for (let at = start; at < wholeEnd; at += 4) {
    if (wordsOfTexts[word++] !== view.getInt32(at)) return false
  }
  return word === base + textWords || wordsOfTexts[word] === rest
}

function rememberText(
  slot: number,
  bytes: Uint8Array,
  view: DataView,
  start: number,
  length: number,
  rest: number
): string {
  const text =
    length > plainTextBytesMax ? utf8.decode(bytes.subarray(start, start + length)) : ascii(view, start, length)
  let word = slot * textWords
  const wholeEnd = start + (length & ~3)
  for (let at = start; at < wholeEnd; at += 4) wordsOfTexts[word++] = view.getInt32(at)
  if (word < (slot + 1) * textWords) wordsOfTexts[word] = rest
  texts[slot] = text
  return text
}

/** Eight at a time, and the rest by itself, since a text that grows by single characters becomes a tree of them. */
function ascii(view: DataView, start: number, length: number): string {
  let text = ''
  let at = start
  const end = start + length
  for (; at + 8 <= end; at += 8) {
    const high = view.getInt32(at)
    const low = view.getInt32(at + 4)
    text += String.fromCharCode(
      high >>> 24,
      (high >> 16) & 0x7f,
      (high >> 8) & 0x7f,
      high & 0x7f,
      low >>> 24,
      (low >> 16) & 0x7f,
      (low >> 8) & 0x7f,
      low & 0x7f
    )
  }
  let rest = ''
  for (; at < end; at++) rest += String.fromCharCode(view.getUint8(at))
  return text + rest
}

/** Sixteen bytes that are there, as a uuid. */
export function uuidAt(view: DataView, start: number): Uuid {
  const a = view.getInt32(start)
  const b = view.getInt32(start + 4)
  const c = view.getInt32(start + 8)
  const d = view.getInt32(start + 12)
  if ((a | b | c | d) === 0) return zeroUuid
  const slot = slotOf(mixed(mixed(mixed(mixed(0, a), b), c), d))
  const word = slot * 4
  if (wordsOfUuids[word] === a && wordsOfUuids[word + 1] === b && wordsOfUuids[word + 2] === c) {
    if (wordsOfUuids[word + 3] === d) return uuids[slot]!
  }
  wordsOfUuids[word] = a
  wordsOfUuids[word + 1] = b
  wordsOfUuids[word + 2] = c
  wordsOfUuids[word + 3] = d
  const text = base64Url(view, start)
  uuids[slot] = text
  return text
}

function base64Url(view: DataView, start: number): Uuid {
  const last = view.getUint8(start + 15)
  const end = String.fromCharCode(base64UrlCodes[last >> 2]!, base64UrlCodes[(last & 3) << 4]!)
  // Two pieces of up to twelve letters, which are copied together, and not a tree of them.
  const head = fourLetters(view, start) + fourLetters(view, start + 3) + fourLetters(view, start + 6)
  return head + (fourLetters(view, start + 9) + fourLetters(view, start + 12) + end)
}

/** Three bytes as letters. */
function fourLetters(view: DataView, start: number): string {
  const three = (view.getUint16(start) << 8) | view.getUint8(start + 2)
  return String.fromCharCode(
    base64UrlCodes[three >> 18]!,
    base64UrlCodes[(three >> 12) & 63]!,
    base64UrlCodes[(three >> 6) & 63]!,
    base64UrlCodes[three & 63]!
  )
}

/**
 * A list of int32 that is all there, frozen. Three replicas are what most partitions have, so the time of reading Metadata
 * goes into lists of three.
 */
export function int32ListAt(view: DataView, start: number, length: number): readonly number[] {
  if (length !== 3) return otherListAt(view, start, length)
  const a = view.getInt32(start)
  const b = view.getInt32(start + 4)
  const c = view.getInt32(start + 8)
  const slot = (Math.imul(Math.imul(a, 31) + b, 31) + c) & (slotCount - 1)
  const word = slot << 2
  if (wordsOfTriples[word] === a && wordsOfTriples[word + 1] === b && wordsOfTriples[word + 2] === c) {
    return triples[slot]!
  }
  wordsOfTriples[word] = a
  wordsOfTriples[word + 1] = b
  wordsOfTriples[word + 2] = c
  return (triples[slot] = Object.freeze([a, b, c]))
}

function otherListAt(view: DataView, start: number, length: number): readonly number[] {
  if (length === 0) return emptyList
  if (length > listLengthMax) return longList(view, start, length)
  const a = view.getInt32(start)
  const b = length > 1 ? view.getInt32(start + 4) : 0
  const c = length > 2 ? view.getInt32(start + 8) : 0
  const d = length > 3 ? view.getInt32(start + 12) : 0
  const slot = (Math.imul(Math.imul(Math.imul(a, 31) + b, 31) + c, 31) + d) & (slotCount - 1)
  const list = lists[slot]!
  if (list.length === length && list[0] === a) {
    if (length === 1 || (list[1] === b && (length === 2 || (list[2] === c && list[3] === d)))) return list
  }
  return (lists[slot] = Object.freeze(length === 1 ? [a] : length === 2 ? [a, b] : [a, b, c, d]))
}

function longList(view: DataView, start: number, length: number): readonly number[] {
  // oxlint-disable-next-line unicorn/no-new-array -- a list that grows takes up to two and a half times its room
  const list = new Array<number>(length)
  for (let i = 0; i < length; i++) list[i] = view.getInt32(start + i * 4)
  return Object.freeze(list)
}
