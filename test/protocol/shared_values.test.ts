// What is read from memory of earlier messages is what the bytes say, however often a place in that memory was taken by
// something else; and nobody can change what is shared.

import { describe, expect, test } from 'vitest'
import { emptyBytes, emptyList, int32ListAt, textAt, uuidAt } from '../../src/protocol/shared_values.ts'
import { Dice } from '../faults/seeded.ts'

const seed = 482
/** More than there is room for, so that everything is forgotten and read again. */
const valueCount = 3_000
const readsPerValue = 4

interface Place {
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly start: number
}

/** Bytes in the middle of others. */
function placed(content: Uint8Array, before: number): Place {
  const bytes = new Uint8Array(before + content.length + 3).fill(0xee)
  bytes.set(content, before)
  return { bytes, view: new DataView(bytes.buffer), start: before }
}

function int(dice: Dice, limit: number): number {
  return Math.floor(dice.next() * limit)
}

/** Reads each content several times in random order and compares with what the bytes say. */
function readAll<T>(
  contents: readonly Uint8Array[],
  dice: Dice,
  read: (at: Place, length: number) => T,
  say: (content: Uint8Array) => T
): void {
  for (let i = 0; i < contents.length * readsPerValue; i++) {
    // Neighbours come again soon, others after a while.
    const content = contents[dice.next() < 0.5 ? int(dice, contents.length) : (i >> 3) % contents.length]!
    const place = placed(content, int(dice, 5))
    expect(read(place, content.length)).toEqual(say(content))
  }
}

describe('texts', () => {
  test(`are those of the bytes, whatever was read before (seed ${seed})`, () => {
    const dice = new Dice(seed)
    const contents = Array.from({ length: valueCount }, () => {
      const letters = dice.next() < 0.8 ? 'abcdef-._0123\x00\x7f' : 'aäßñ漢字🙂é'
      const units = Array.from(letters)
      const text = Array.from({ length: int(dice, 40) }, () => units[int(dice, units.length)]).join('')
      return Buffer.from(text)
    })
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
    readAll(
      contents,
      dice,
      ({ bytes, view, start }, length) => textAt(bytes, view, start, length),
      (content) => decoder.decode(content)
    )
  })

  test('that differ in one byte, or in the zeros at their end, are told apart', () => {
    const word = 'partition-of-orders-eu-west-0001'
    for (let length = 0; length <= word.length; length++) {
      for (let at = 0; at <= length; at++) {
        for (const text of [
          word.slice(0, length),
          `${word.slice(0, at)}\0${word.slice(at + 1, length)}`,
          `${word.slice(0, at)}\0`
        ]) {
          const { bytes, view, start } = placed(Buffer.from(text), 1)
          expect(textAt(bytes, view, start, text.length)).toBe(text)
        }
      }
    }
  })

  test('that differ in the zeros at their beginning are told apart', () => {
    for (let first = 0x20; first < 0x7f; first++) {
      for (let second = 0x20; second < 0x7f; second++) {
        const short = String.fromCharCode(first, second)
        for (const text of [short, `\0${short}`]) {
          const { bytes, view, start } = placed(Buffer.from(text), 1)
          if (textAt(bytes, view, start, text.length) !== text) expect.unreachable(JSON.stringify(text))
        }
      }
    }
  })
})

describe('uuids', () => {
  test('that differ in their last bytes only are told apart', () => {
    for (let last = 0; last < valueCount; last++) {
      const content = Buffer.alloc(16, 7)
      content.writeInt32BE(last, 12)
      expect(uuidAt(placed(content, 2).view, 2)).toBe(content.toString('base64url'))
    }
  })

  test(`are those of the bytes, whatever was read before (seed ${seed})`, () => {
    const dice = new Dice(seed)
    const contents = Array.from({ length: valueCount }, () =>
      Uint8Array.from({ length: 16 }, () => int(dice, dice.next() < 0.5 ? 2 : 256))
    )
    contents.push(new Uint8Array(16))
    readAll(
      contents,
      dice,
      ({ view, start }) => uuidAt(view, start),
      (content) => Buffer.from(content).toString('base64url')
    )
  })
})

describe('lists of int32', () => {
  test(`are those of the bytes, whatever was read before (seed ${seed})`, () => {
    const dice = new Dice(seed)
    const contents = Array.from({ length: valueCount }, () => {
      const numbers = Array.from({ length: int(dice, 7) }, () =>
        dice.next() < 0.9 ? int(dice, 5) : int(dice, 2 ** 32) | 0
      )
      const view = new DataView(new ArrayBuffer(numbers.length * 4))
      for (const [i, number] of numbers.entries()) view.setInt32(i * 4, number)
      return new Uint8Array(view.buffer)
    })
    readAll(
      contents,
      dice,
      ({ view, start }, length) => int32ListAt(view, start, length / 4),
      (content) => {
        const { buffer, byteOffset, byteLength } = content
        const view = new DataView(buffer, byteOffset, byteLength)
        return Array.from({ length: byteLength / 4 }, (_, i) => view.getInt32(i * 4))
      }
    )
  })

  test('cannot be written into, long or short', () => {
    const view = new DataView(new ArrayBuffer(400))
    for (let length = 0; length < 100; length++) expect(Object.isFrozen(int32ListAt(view, 0, length))).toBe(true)
    expect(Object.isFrozen(emptyList)).toBe(true)
    expect(emptyBytes.byteLength).toBe(0)
  })
})
