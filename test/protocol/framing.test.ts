// A byte stream becomes frames however it is cut, and what is no frame is refused before it is kept.

import { describe, expect, test } from 'vitest'
import { decodeRequest, decodeResponse, encodeRequest, encodeResponse, FrameSplitter } from 'kafka-once/protocol'
import { ProtocolError, readCorrelationId, readRequestPrefix } from 'kafka-once/protocol'
import { fromHex, toHex } from './record_vectors.ts'

function frame(content: Uint8Array): Uint8Array {
  const whole = new Uint8Array(4 + content.byteLength)
  new DataView(whole.buffer).setInt32(0, content.byteLength)
  whole.set(content, 4)
  return whole
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

function push(splitter: FrameSplitter, ...chunks: readonly Uint8Array[]): Uint8Array[] {
  const frames: Uint8Array[] = []
  for (const chunk of chunks) splitter.push(chunk, (one) => void frames.push(one))
  return frames
}

function refusedCode(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    if (error instanceof ProtocolError) return error.code
    throw error
  }
  return 'accepted'
}

function throwing(): never {
  throw new Error('the receiver fails')
}

const contents = [new Uint8Array([1, 2, 3]), new Uint8Array(0), new Uint8Array(40).fill(7), new Uint8Array([9])]
const stream = concat(...contents.map(frame))

/** Reads as a runtime does: at most `readBytes` at a time, into what the splitter offers. */
function read(splitter: FrameSplitter, bytes: Uint8Array, readBytes: (call: number) => number): Uint8Array[] {
  const frames: Uint8Array[] = []
  for (let at = 0, call = 0; at < bytes.length; call++) {
    const buffer = splitter.readBuffer()
    expect(buffer.length).toBeGreaterThan(0)
    const part = bytes.subarray(at, at + Math.min(readBytes(call), buffer.length))
    buffer.set(part)
    // Sometimes a runtime brings its bytes in memory of its own all the same.
    const isOwn = call % 7 === 6
    splitter.push(isOwn ? part.slice() : buffer.subarray(0, part.length), (one) => void frames.push(one))
    at += part.length
  }
  splitter.readBuffer().fill(0xff)
  return frames
}

describe('splitting', () => {
  test('gives the same frames wherever the stream is cut', () => {
    for (let first = 0; first <= stream.byteLength; first++) {
      for (let second = first; second <= stream.byteLength; second++) {
        const splitter = new FrameSplitter()
        const chunks = [stream.subarray(0, first), stream.subarray(first, second), stream.subarray(second)]
        expect(push(splitter, ...chunks).map(toHex)).toEqual(contents.map(toHex))
        expect(splitter.pendingBytes).toBe(0)
      }
    }
    const bytes = Array.from(stream, (byte) => new Uint8Array([byte]))
    expect(push(new FrameSplitter(), ...bytes).map(toHex)).toEqual(contents.map(toHex))
  })

  test('does not copy a frame that lies in one chunk', () => {
    const [first, , third] = push(new FrameSplitter(), stream)
    expect(first?.buffer).toBe(stream.buffer)
    expect(third?.buffer).toBe(stream.buffer)
    const body = new Uint8Array(40)
    const [whole] = push(new FrameSplitter(), fromHex('00000028'), body)
    expect(whole?.buffer).toBe(body.buffer)
  })

  test('collects a frame of many chunks in memory of its own and of its size', () => {
    const content = new Uint8Array(3_000_001).map((_, index) => index % 251)
    const whole = frame(content)
    const chunks: Uint8Array[] = []
    for (let at = 0; at < whole.byteLength; at += 65_536) chunks.push(whole.slice(at, at + 65_536))
    const [collected] = push(new FrameSplitter(), ...chunks)
    for (const chunk of chunks) chunk.fill(0)
    expect(Buffer.compare(collected ?? new Uint8Array(), content)).toBe(0)
    expect(collected?.buffer.byteLength).toBe(content.byteLength)
  })

  test('reserves no memory for bytes that are only announced', () => {
    const before = process.memoryUsage().arrayBuffers
    const splitters = Array.from({ length: 20 }, () => new FrameSplitter())
    for (const splitter of splitters) push(splitter, fromHex('05f5e100'), new Uint8Array(10))
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(25 * 1024 * 1024)
    expect(splitters[0]?.pendingBytes).toBe(14)
  })

  describe('into memory of its own', () => {
    const sizes = [3, 0, 40, 70_000, 9, 3_000_001, 40_000, 1, 32_767, 32_768, 1_048_577]
    const large = sizes.map((size, at) => new Uint8Array(size).map((_, index) => (index + at) % 251))
    const largeStream = concat(...large.map(frame))

    test('gives the same frames however much is read at a time', () => {
      for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
        let state = seed
        const readBytes = (): number => {
          state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
          return 1 + (state % (seed % 2 === 0 ? 100_000 : 2_000_000))
        }
        const splitter = new FrameSplitter()
        const frames = read(splitter, largeStream, readBytes)
        expect(frames.map(({ length }) => length)).toEqual(sizes)
        expect(frames.every((one, at) => Buffer.compare(one, large[at]!) === 0)).toBe(true)
        expect(splitter.pendingBytes).toBe(0)
      }
    })

    test('copies nothing of a large frame', () => {
      const splitter = new FrameSplitter()
      splitter.push(fromHex('000186a0'), () => {})
      const buffer = splitter.readBuffer()
      expect(buffer.length).toBe(100_000)
      expect(push(splitter, buffer)[0]?.buffer).toBe(buffer.buffer)
    })

    test('offers no memory for bytes that are only announced', () => {
      const splitter = new FrameSplitter()
      splitter.push(fromHex('05f5e100'), () => {})
      expect(splitter.readBuffer().buffer.byteLength).toBeLessThanOrEqual(1024 * 1024)
    })
  })

  test('refuses a frame beyond the limit when its size is there', () => {
    const splitter = new FrameSplitter({ frameBytesMax: 40 })
    expect(push(splitter, stream)).toHaveLength(4)
    expect(refusedCode(() => push(splitter, fromHex('00000029')))).toBe('FRAME_TOO_LARGE')
    expect(refusedCode(() => push(new FrameSplitter(), fromHex('06400001')))).toBe('FRAME_TOO_LARGE')
    expect(refusedCode(() => push(new FrameSplitter(), fromHex('06400000')))).toBe('accepted')
  })

  test('refuses a negative size', () => {
    expect(refusedCode(() => push(new FrameSplitter(), fromHex('ffffffff')))).toBe('FRAME_NEGATIVE')
  })

  test.each([
    ['HTTP', Buffer.from('HTTP/1.1 400 Bad Request'), 'SPEAKS_HTTP'],
    ['a TLS alert', fromHex('15030300020246'), 'SPEAKS_TLS'],
    ['a TLS handshake', fromHex('16030100a5'), 'SPEAKS_TLS']
  ])('tells %s from a frame, in one piece or byte by byte', (_what, bytes, code) => {
    expect(refusedCode(() => push(new FrameSplitter(), bytes))).toBe(code)
    const singly = Array.from(bytes, (byte) => new Uint8Array([byte]))
    expect(refusedCode(() => push(new FrameSplitter(), ...singly))).toBe(code)
    expect(refusedCode(() => push(new FrameSplitter({ frameBytesMax: 2 ** 31 - 1 }), bytes))).toBe(code)
  })

  test('hands over what was complete before it refuses the rest, and stays refusing', () => {
    const splitter = new FrameSplitter()
    const frames: Uint8Array[] = []
    const bad = concat(stream, fromHex('80000000'))
    expect(refusedCode(() => splitter.push(bad, (one) => void frames.push(one)))).toBe('FRAME_NEGATIVE')
    expect(frames.map(toHex)).toEqual(contents.map(toHex))
    expect(refusedCode(() => push(splitter, frame(new Uint8Array(1))))).toBe('FRAME_NEGATIVE')
  })

  test('is of no use after a receiver of frames has thrown', () => {
    const splitter = new FrameSplitter()
    expect(() => splitter.push(stream, throwing)).toThrow('the receiver fails')
    expect(() => push(splitter, frame(new Uint8Array([2])))).toThrow('cannot be read any further')
  })
})

describe('frames', () => {
  const request = { api: 'ApiVersions', version: 3, correlationId: 258, clientId: 'c' } as const
  const body = { clientSoftwareName: 'k', clientSoftwareVersion: '1' }

  test('of requests have the header that their version asks for', () => {
    const classic = encodeRequest({ ...request, version: 2, body: {} })
    expect(classic.map(toHex)).toEqual(['0000000b0012000200000102000163'])
    const flexible = encodeRequest({ ...request, body })
    expect(flexible.map(toHex)).toEqual(['00000011001200030000010200016300026b023100'])
    const anonymous = encodeRequest({ ...request, version: 0, clientId: null, body: {} })
    expect(anonymous.map(toHex)).toEqual(['0000000a0012000000000102ffff'])
  })

  test('of ApiVersions are answered under the first header in every version', () => {
    const answer = { correlationId: 5, body: { errorCode: 35, apiKeys: [] } }
    for (const version of [0, 1, 2, 3, 4]) {
      const [bytes = new Uint8Array()] = encodeResponse({ api: 'ApiVersions', version, ...answer })
      expect(toHex(bytes).slice(8, 20)).toBe('000000050023')
      expect(decodeResponse('ApiVersions', version, bytes.subarray(4)).correlationId).toBe(5)
    }
  })

  test('tell what they are before they are decoded', () => {
    const [bytes = new Uint8Array()] = encodeRequest({ ...request, body })
    expect(readRequestPrefix(bytes.subarray(4))).toEqual({ apiKey: 18, version: 3, correlationId: 258 })
    expect(readCorrelationId(fromHex('fffffffe'))).toBe(-2)
  })

  test('with bytes left over are refused, and so are unknown APIs and versions', () => {
    const [bytes = new Uint8Array()] = encodeRequest({ ...request, body })
    const longer = concat(bytes.subarray(4), new Uint8Array(1))
    expect(refusedCode(() => decodeRequest(longer))).toBe('TRAILING_BYTES')
    expect(refusedCode(() => decodeResponse('Heartbeat', 0, fromHex('000000010000ff')))).toBe('TRAILING_BYTES')
    expect(refusedCode(() => decodeRequest(fromHex('7fff000000000000ffff')))).toBe('UNSUPPORTED_VERSION')
    expect(refusedCode(() => decodeRequest(fromHex('0012006300000000ffff')))).toBe('UNSUPPORTED_VERSION')
    expect(refusedCode(() => decodeRequest(fromHex('0012')))).toBe('TRUNCATED')
    expect(refusedCode(() => decodeResponse('Heartbeat', 0, new Uint8Array(0)))).toBe('TRUNCATED')
  })

  test('are refused by name where no API has it', () => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as a program that is not checked would
    const name = 'toString' as string as 'Heartbeat'
    const body = { groupId: '', generationId: 1, memberId: '' }
    const request = { api: name, version: 0, correlationId: 1, clientId: null, body }
    for (const call of [
      () => encodeRequest(request),
      () => encodeResponse({ api: name, version: 0, correlationId: 1, body: { errorCode: 0 } }),
      () => decodeResponse(name, 0, new Uint8Array(6))
    ]) {
      expect(call).toThrowError(expect.objectContaining({ code: 'INVALID_VALUE' }))
    }
  })

  test('hand long record batches to the socket uncopied', () => {
    const records = new Uint8Array(10_000)
    const pieces = encodeRequest({
      api: 'Produce',
      version: 9,
      correlationId: 1,
      clientId: 'c',
      body: { acks: -1, timeoutMs: 1, topicData: [{ name: 't', partitionData: [{ index: 0, records }] }] }
    })
    expect(pieces).toContain(records)
    const whole = concat(...pieces)
    expect(new DataView(whole.buffer).getInt32(0)).toBe(whole.byteLength - 4)
  })
})
