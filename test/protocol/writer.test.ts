// What a writer has written stays as it is, wherever its chunks happen to end.

import { describe, expect, test } from 'vitest'
import { Writer } from 'kafka-once/protocol'

const chunkBytes = 64

function uvarint(value: number): number[] {
  return value > 0x7f ? [(value & 0x7f) | 0x80, ...uvarint(value >>> 7)] : [value]
}

function numbered(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i % 251) + 1)
}

describe('a part with its size before it', () => {
  test.each([0, 1, 2, 3, 127, 128, 129, 16_383, 16_384])('of %i bytes is whole at every place of a chunk', (size) => {
    const part = numbered(size)
    for (let before = 0; before <= 2 * chunkBytes; before++) {
      const writer = new Writer(chunkBytes)
      writer.raw(numbered(before))
      const mark = writer.beginSized()
      writer.raw(part)
      writer.endSized(mark)
      writer.int8(7)
      const expected = [...numbered(before), ...uvarint(size), ...part, 7]
      expect(Buffer.compare(writer.finishWhole(), Uint8Array.from(expected)), `${before} bytes before`).toBe(0)
    }
  })

  test('is whole behind a long byte string that is a piece of its own, and inside of another part', () => {
    const long = numbered(5_000)
    for (let before = 0; before <= 2 * chunkBytes; before++) {
      const writer = new Writer(chunkBytes)
      writer.raw(numbered(before))
      writer.raw(long)
      const outer = writer.beginSized()
      writer.raw(numbered(before))
      const inner = writer.beginSized()
      writer.raw(numbered(200))
      writer.endSized(inner)
      writer.endSized(outer)
      const innerPart = [...uvarint(200), ...numbered(200)]
      const outerPart = [...uvarint(before + innerPart.length), ...numbered(before), ...innerPart]
      const expected = [...numbered(before), ...long, ...outerPart]
      expect(Buffer.compare(writer.finishWhole(), Uint8Array.from(expected)), `${before} bytes before`).toBe(0)
    }
  })
})
