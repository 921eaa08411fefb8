import { describe, expect, test } from 'vitest'
import { open, seal } from '../../../src/exactlyonce/checkpoint/envelope.ts'
import { nodeRuntime } from '../../../src/runtime/index.ts'

const runtime = nodeRuntime()
const bytesMax = 1_000_000
const long = JSON.stringify(Array.from({ length: 100 }, (_, i) => ({ partition: i, offset: '12345' })))

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

describe('a checkpoint file', () => {
  test('keeps its form: a short one byte by byte', async () => {
    // Magic, format 1, kind 2, as it is, 0, length 2, CRC-32C of "4b4f4353 01020000 00000002 00000000 7b7d" (RFC 3720).
    expect(hex(await seal(runtime, 'run', '{}'))).toBe('4b4f435301020000000000028a4689d47b7d')
  })

  test.each([
    ['short', '{"a":"é"}'],
    ['long', long]
  ])('gives back what a %s one holds', async (_, text) => {
    const bytes = await seal(runtime, 'checkpoint', text)
    expect(await open(runtime, 'checkpoint', bytes, bytesMax)).toEqual({ kind: 'content', text })
  })

  test('is packed when that makes it smaller', async () => {
    expect((await seal(runtime, 'checkpoint', long)).length).toBeLessThan(long.length / 2)
  })

  test.each([
    ['short', '{"a":1}'],
    ['long', long]
  ])('that is torn at any byte, a %s one, is known to be corrupt', async (_, text) => {
    const bytes = await seal(runtime, 'checkpoint', text)
    for (let length = 0; length < bytes.length; length++) {
      expect(await open(runtime, 'checkpoint', bytes.subarray(0, length), bytesMax)).toMatchObject({ kind: 'corrupt' })
    }
  })

  test('with any one bit changed is known to be corrupt', async () => {
    const bytes = await seal(runtime, 'checkpoint', long)
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = bytes.slice()
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(await open(runtime, 'checkpoint', changed, bytesMax)).toMatchObject({ kind: 'corrupt' })
    }
  })

  test('with bytes added, or with zeros where its end was, is known to be corrupt', async () => {
    const bytes = await seal(runtime, 'checkpoint', long)
    const longer = new Uint8Array(bytes.length + 1)
    longer.set(bytes)
    const zeroed = bytes.slice().fill(0, bytes.length >> 1)
    for (const changed of [longer, zeroed, new Uint8Array(bytes.length)]) {
      expect(await open(runtime, 'checkpoint', changed, bytesMax)).toMatchObject({ kind: 'corrupt' })
    }
  })

  test('is not taken for one of another kind', async () => {
    const bytes = await seal(runtime, 'run', '{}')
    expect(await open(runtime, 'checkpoint', bytes, bytesMax)).toMatchObject({ kind: 'corrupt' })
  })

  test('cannot unpack to more than allowed', async () => {
    const bomb = await seal(runtime, 'checkpoint', 'x'.repeat(100_000))
    expect(bomb.length).toBeLessThan(1000)
    expect(await open(runtime, 'checkpoint', bomb, 10_000)).toMatchObject({ kind: 'corrupt' })
  })

  test('of a later format is told apart from damage', async () => {
    const later = Buffer.from('4b4f43530202000000000002000000007b7d', 'hex')
    // The checksum by the definition of CRC-32C, bit by bit.
    let crc = 0xffffffff
    for (const byte of later) {
      crc ^= byte
      for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
    }
    later.writeUInt32BE((crc ^ 0xffffffff) >>> 0, 12)
    expect(await open(runtime, 'run', later, bytesMax)).toEqual({ kind: 'newer', format: 2 })
  })
})
