// Decodes hostile frames of every message and version that has a list, and measures the heap from outside: what the
// values take against the estimate, or against a limit, in a process whose heap may be too small for a breach.
//
//   node --expose-gc [--max-old-space-size=N] build/test/programs/decoded_memory.js
//     --mebibytes 1 [--limit-mebibytes 16] [--latest] [--all] [--shapes smallest,nested] [--seed N]
//
// Without a limit every frame is decoded, by both back ends, and must not take more than was estimated. With a limit no
// frame may take more than the limit, 16 MiB, or twice its bytes; all else must be refused. Ends with 1 where one does.
// With `--all` every list of a version has its turn in both ways of decoding; without, one list and way for each shape.
import { GCProfiler, getHeapStatistics } from 'node:v8'
import { parseArgs } from 'node:util'
import { apis } from '../../src/protocol/apis.ts'
import { compile } from '../../src/protocol/compile.ts'
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription
} from '../../src/protocol/messages/consumer_protocol.ts'
import { ProtocolError } from '../../src/protocol/protocol_error.ts'
import { Reader } from '../../src/protocol/reader.ts'
import type { Message } from '../../src/protocol/schema.ts'
import { Dice } from '../faults/seeded.ts'
import { hostileBody, listPaths, shapes, taggedBody } from '../protocol/hostile_frames.ts'

interface Decoder {
  readonly name: string
  decode(reader: Reader): unknown
}

const { values } = parseArgs({
  options: {
    mebibytes: { type: 'string', default: '1' },
    'limit-mebibytes': { type: 'string' },
    latest: { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
    shapes: { type: 'string', default: shapes.map(({ name }) => name).join(',') },
    seed: { type: 'string', default: '4400' }
  }
})
const mebibyte = 1024 * 1024
const frameBytes = Number(values.mebibytes) * mebibyte
const limit = values['limit-mebibytes'] === undefined ? undefined : Number(values['limit-mebibytes']) * mebibyte
const chosenShapes = shapes.filter(({ name }) => values.shapes.split(',').includes(name))
/** What the heap changes by beside the values: code, and what decoded messages have in common. */
const noiseBytes = 256 * 1024
const messages: readonly Message[] = [
  ConsumerProtocolSubscription,
  ConsumerProtocolAssignment,
  ...Object.values(apis).flatMap(({ request, response }): Message[] => [request, response])
]

const found = { frames: 0, values: 0, refusals: 0, breaches: 0, highestShare: 0, highestPeak: 0 }
/** What is decoded lives here while it is measured. */
const held: unknown[] = []

/** Nothing that is decoded owns memory outside of the heap: views lie in the frame. */
function usedBytes(): number {
  globalThis.gc?.()
  return getHeapStatistics().used_heap_size
}

function decodersOf(message: Message, version: number): Decoder[] {
  const kept = compile(message, version, { unknownTags: 'keep' })
  const skipped = compile(message, version)
  return [
    { name: 'kept', decode: (reader) => kept.decode(reader) },
    { name: 'skipped', decode: (reader) => skipped.decode(reader) }
  ]
}

/** Whether it was read; what takes too much is refused, and nothing else may be. */
function decode(decoder: Decoder, reader: Reader): boolean {
  try {
    held.push(decoder.decode(reader))
  } catch (error) {
    if (!(error instanceof ProtocolError) || error.code !== 'FRAME_TOO_LARGE') throw error
    if (!/raise decodedBytesMax|longer than 33554432/.test(error.message)) throw error
    return false
  }
  reader.expectEnd()
  return true
}

interface Frame {
  readonly what: string
  readonly decoder: Decoder
  readonly body: Uint8Array
}

/** Decodes the frames, which are all held; what they take may be as much as was estimated, or the limit. */
function measure(frames: readonly Frame[]): void {
  const before = usedBytes()
  let allowed = 0
  for (const { decoder, body } of frames) {
    const reader = new Reader(body, 0, limit ?? Number.MAX_SAFE_INTEGER)
    const profiler = new GCProfiler()
    if (limit !== undefined) profiler.start()
    found[decode(decoder, reader) ? 'values' : 'refusals']++
    const atEnd = getHeapStatistics().used_heap_size
    const collections = limit === undefined ? [] : profiler.stop().statistics
    const used = collections.map(({ beforeGC }) => beforeGC.heapStatistics.usedHeapSize)
    found.highestPeak = Math.max(found.highestPeak, (Math.max(atEnd, ...used) - before) / reader.decodedBytesMax)
    found.frames++
    allowed += limit === undefined ? reader.decodedBytesMax - reader.decodedBytesLeft : reader.decodedBytesMax
  }
  const live = usedBytes() - before
  held.length = 0
  found.highestShare = Math.max(found.highestShare, (live - noiseBytes) / allowed)
  if (live <= allowed + noiseBytes) return
  found.breaches++
  const names = frames.map(({ what, decoder }) => `${what} ${decoder.name}`)
  console.log(`BREACH: ${live} bytes live, ${allowed} are allowed: ${names.join(', ')}`)
}

function framesOf(message: Message, version: number, bytes: number): Frame[] {
  const name = `${message.name} v${version}`
  const paths = listPaths(message.fields, version)
  const [kept, skipped] = decodersOf(message, version)
  const dice = new Dice(Number(values.seed))
  const frames = chosenShapes.flatMap((shape, i) => {
    const chosen = values.all || paths.length === 0 ? paths : [paths[(i + version) % paths.length]!]
    const turn = shape.tagCount > 0 || (i + version) % 2 === 1 ? [kept!] : [skipped!]
    return chosen.flatMap((path) => {
      const body = hostileBody(message, version, path, shape, bytes, dice)
      const what = `${name} ${path.join('.')} ${shape.name}`
      return (values.all ? [kept!, skipped!] : turn).map((decoder) => ({ what, decoder, body }))
    })
  })
  if (version < message.flexible) return frames
  return [...frames, { what: `${name} tags`, decoder: kept!, body: taggedBody(message, version, bytes, dice) }]
}

for (const message of messages) {
  const [first, last] = message.versions
  const all = Array.from({ length: last - first + 1 }, (_, i) => first + i)
  const versions = values.latest ? [last] : all
  // The first time makes code as well.
  for (const version of versions) {
    for (const { decoder, body } of framesOf(message, version, 1)) decode(decoder, new Reader(body))
  }
  held.length = 0
  // Each collection takes longer than the frames of a version.
  if (limit === undefined) {
    const frames = versions.flatMap((version) => framesOf(message, version, frameBytes))
    if (frames.length > 0) measure(frames)
  } else {
    for (const version of versions) for (const frame of framesOf(message, version, frameBytes)) measure([frame])
  }
}
const { highestShare, highestPeak } = found
console.log(`${found.frames} frames of ${frameBytes} bytes: ${found.values} values, ${found.refusals} refusals`)
console.log(`at most ${(highestShare * 100).toFixed(0)} % of what was allowed`)
if (limit !== undefined) console.log(`with garbage at most ${(highestPeak * 100).toFixed(0)} % of the limit`)
console.log(`${found.breaches} breaches`)
process.exitCode = found.breaches === 0 && found.frames > 0 ? 0 : 1
