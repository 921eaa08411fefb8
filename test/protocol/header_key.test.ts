// A header key is read and written as what it is, also where another one that looks like it came before.
import { expect, test } from 'vitest'
import { headerKey, headerKeyBytes } from '../../src/protocol/header_key.ts'

function read(bytes: Uint8Array): string {
  // In the middle of others, so that a read beyond either end would show.
  const around = new Uint8Array(bytes.length + 20).fill(0x78)
  around.set(bytes, 10)
  return headerKey(new DataView(around.buffer), 10, 10 + bytes.length)
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const letters = 'abcdefghijklmnopqrstuvwxyz'.repeat(4)

test('keys of every length come out as they are, the second time too', () => {
  for (let round = 0; round < 3; round++) {
    for (let length = 0; length <= 100; length++) {
      const text = letters.slice(0, length)
      expect(read(Buffer.from(text))).toBe(text)
    }
  }
})

test('keys that differ in one byte only are told apart', () => {
  for (let length = 1; length <= 70; length++) {
    for (let at = 0; at < length; at++) {
      const bytes = Buffer.from(letters.slice(0, length))
      expect(read(bytes)).toBe(letters.slice(0, length))
      bytes[at] = 0x21
      expect(read(bytes)).toBe(bytes.toString())
    }
  }
})

test.each([
  ['other alphabets', Buffer.from('заголовок')],
  ['a byte order mark', Buffer.from('\u{feff}key')],
  ['bytes that are no text', Buffer.from([0xff, 0xfe, 0x80, 0x41, 0xc3])],
  ['a character that is cut off', Buffer.from([0x6b, 0xc3])],
  ['zeros', Buffer.alloc(5)],
  ['one zero', Buffer.alloc(1)],
  ['nothing', Buffer.alloc(0)]
])('%s are read as UTF-8', (_what, bytes) => {
  for (let round = 0; round < 2; round++) expect(read(bytes)).toBe(decoder.decode(bytes))
})

test('keys are written as UTF-8, whatever came before them', () => {
  const texts = [
    '',
    'a',
    'b',
    'trace-id',
    'trace-ie',
    'urace-id',
    'заголовок',
    '\u{feff}key',
    'half \ud800',
    '\u{1f600}'
  ]
  for (let length = 1; length <= 100; length++) texts.push(letters.slice(0, length), letters.slice(1, length + 1))
  for (let round = 0; round < 3; round++) {
    for (const text of texts) expect(Buffer.from(headerKeyBytes(text))).toEqual(Buffer.from(text))
  }
})
