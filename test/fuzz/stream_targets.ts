// Owns the target that the splitter of a byte stream is: sound and spoiled streams, cut anywhere, must give the frames
// that a simple reading of the sizes gives, and no others.

import { FrameSplitter } from '../../src/protocol/framing.ts'
import { ProtocolError } from '../../src/protocol/protocol_error.ts'
import { Dice } from '../faults/seeded.ts'
import { fixedMarks, type Seed } from './seed.ts'
import type { Outcome, Target, TargetGroup } from './target.ts'

const frameBytesMax = 64 * 1024

/** What came out of a stream. */
interface Split {
  readonly frames: readonly Uint8Array[]
  readonly refusal: ProtocolError | undefined
  readonly pendingBytes: number
}

export function streamGroups(seed: number): TargetGroup[] {
  const dice = new Dice(seed)
  const seeds = Array.from({ length: 40 }, () => streamSeed(dice))
  const target: Target = { name: 'frame splitter', seeds, read: (bytes) => split(bytes), check: expectFrames }
  return [{ name: 'streams', share: 4, targets: [target] }]
}

function streamSeed(dice: Dice): Seed {
  const parts: number[] = []
  const places: [number, number][] = []
  for (let left = dice.between(1, 6); left > 0; left--) {
    const size = dice.pick([0, 1, 3, 4, 5, 100, dice.between(0, 600)])
    places.push([parts.length, 4])
    parts.push(0, 0, size >> 8, size & 0xff)
    for (let i = 0; i < size; i++) parts.push(i & 0xff)
  }
  const bytes = Uint8Array.from(parts)
  return { bytes, marks: fixedMarks(bytes, places) }
}

/** The cuts depend on the bytes alone, so that an input fails again. */
function split(bytes: Uint8Array): Split {
  const dice = new Dice(bytes.length * 31 + (bytes[0] ?? 0) + (bytes.at(-1) ?? 0) * 7)
  const splitter = new FrameSplitter({ frameBytesMax })
  const frames: Uint8Array[] = []
  const most = dice.pick(bytes.length > 300 ? [100, 5_000, 100_000] : [1, 4, 7, 100])
  const reads = dice.next() < 0.5
  try {
    for (let at = 0; at < bytes.length;) {
      const wanted = dice.between(1, most)
      let chunk: Uint8Array = bytes.slice(at, at + wanted)
      if (reads) chunk = readInto(splitter.readBuffer(), chunk)
      at += chunk.length
      splitter.push(chunk, (frame) => {
        frames.push(frame)
      })
    }
    return { frames, refusal: undefined, pendingBytes: splitter.pendingBytes }
  } catch (error) {
    if (error instanceof ProtocolError) return { frames, refusal: error, pendingBytes: 0 }
    throw error
  }
}

/** As a socket does: as much as there is room for. */
function readInto(buffer: Uint8Array, chunk: Uint8Array): Uint8Array {
  const part = chunk.subarray(0, buffer.length)
  buffer.set(part)
  return buffer.subarray(0, part.length)
}

function expectFrames(bytes: Uint8Array, outcome: Outcome): void {
  if (!('value' in outcome)) throw new Error('Refusals are part of what is split')
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what `split` answered
  const found = outcome.value as Split
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  for (const [i, frame] of found.frames.entries()) {
    const size = view.getInt32(at)
    if (size !== frame.length) throw new Error(`Frame ${i} has ${frame.length} bytes, not ${size}`)
    if (Buffer.compare(frame, bytes.subarray(at + 4, at + 4 + size)) !== 0)
      throw new Error(`Frame ${i} has other bytes`)
    at += 4 + size
  }
  const left = bytes.length - at
  const next = left < 4 ? undefined : view.getInt32(at)
  const isRefused = next !== undefined && (next < 0 || next > frameBytesMax)
  if (isRefused !== (found.refusal !== undefined))
    throw new Error(`A size of ${next} is ${isRefused ? 'taken' : 'refused'}`)
  if (isRefused) return
  if (next !== undefined && left >= 4 + next) throw new Error('A frame that is complete was not delivered')
  if (found.pendingBytes !== left) throw new Error(`${found.pendingBytes} bytes are said to be pending, not ${left}`)
}
