// Owns the targets that make text for people out of bytes: captured frames, whatever is known of them, and layouts. A
// captured frame is never refused: what cannot be read is told.

import { apis, type ApiName } from '../../src/protocol/apis.ts'
import { decodeFrame, type FrameHints, type FrameReport, type KnownRequest } from '../../src/protocol/decode_frame.ts'
import { explain } from '../../src/protocol/explain.ts'
import { decodeRequest, decodeResponse, readCorrelationId } from '../../src/protocol/framing.ts'
import { keptLines, type KeptFrame } from './message_targets.ts'
import { fixedMarks, markedSeed, type Seed } from './seed.ts'
import type { Outcome, Target, TargetGroup } from './target.ts'

const apiNames = Object.values(apis).map(({ name }) => name)

interface Captured {
  readonly bytes: Uint8Array
  readonly request: KnownRequest
  readonly isRequest: boolean
}

export function reportGroups(): TargetGroup[] {
  const frames = ['messages.jsonl', 'captured.jsonl', 'session.jsonl'].flatMap(capturedIn)
  const requests = frames.filter(({ isRequest }) => isRequest)
  const responses = frames.filter(({ isRequest }) => !isRequest)
  const known = responses.map(({ request }) => request)
  const all = frames.map(({ bytes }) => frameSeed(bytes))
  return [
    {
      name: 'captured frames',
      share: 8,
      targets: [
        frameTarget('captured frame', all, {}),
        frameTarget('captured frame after requests', all, { requests: known }),
        frameTarget(
          'captured request',
          requests.map(({ bytes }) => frameSeed(bytes)),
          { direction: 'request' }
        ),
        frameTarget(
          'captured response',
          responses.map(({ bytes }) => frameSeed(bytes)),
          {
            direction: 'response',
            requests: known
          }
        ),
        frameTarget('captured response of Metadata', all, { direction: 'response', api: 'Metadata', version: 12 })
      ]
    },
    { name: 'layouts', share: 1, targets: [layoutTarget()] }
  ]
}

function capturedIn(file: string): Captured[] {
  const kept = keptLines<KeptFrame>(file).filter((frame) => frame.kind === 'request' || frame.kind === 'response')
  return kept.map((frame) => {
    const bytes = new Uint8Array(Buffer.from(frame.bytes, 'hex'))
    const correlationId = readCorrelationId(bytes.subarray(4))
    const request = { api: nameOf(frame.api), version: frame.version, correlationId }
    return { bytes, request, isRequest: frame.kind === 'request' }
  })
}

function nameOf(text: string): ApiName {
  const found = apiNames.find((name) => name === text)
  if (found === undefined) throw new Error(`${text} is no API`)
  return found
}

/** The size, and what stands at the head of a request; what follows is spoiled anywhere. */
function frameSeed(bytes: Uint8Array): Seed {
  const { marks } = markedSeed(bytes, (reader) => {
    reader.int32()
    for (let i = 0; i < 2; i++) reader.int16()
    reader.int32()
    reader.stringLength()
  })
  const numbers = Array.from(
    { length: Math.min(bytes.length, 60) - 16 },
    (_, i) => [16 + i, i % 4 === 3 ? 4 : 1] as const
  )
  return { bytes, marks: [...marks, ...fixedMarks(bytes, bytes.length > 20 ? numbers : [])] }
}

function frameTarget(name: string, seeds: readonly Seed[], hints: FrameHints): Target {
  return {
    name,
    seeds,
    read: (bytes) => decodeFrame(bytes, hints),
    check(bytes, outcome) {
      expectTold(bytes, reportOf(outcome))
    }
  }
}

function reportOf(outcome: Outcome): FrameReport {
  if ('refusal' in outcome) throw new Error(`A captured frame was refused: ${outcome.refusal.message}`)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the target has read
  return outcome.value as FrameReport
}

/** What is told as a message is one, with or without a size before it; a place is inside of the bytes. */
function expectTold(bytes: Uint8Array, report: FrameReport): void {
  if (!report.text.endsWith('\n')) throw new Error('The text does not end with a line')
  if (report.kind === 'unreadable') {
    const { offset } = report
    if (offset !== undefined && (offset < 0 || offset > bytes.length)) throw new Error(`It is unreadable at ${offset}`)
    return
  }
  const { api, version } = report
  const isReadable = (content: Uint8Array): boolean => {
    try {
      const read = report.kind === 'request' ? decodeRequest(content) : decodeResponse(api, version, content)
      return read.correlationId === report.correlationId
    } catch {
      return false
    }
  }
  const claimed = bytes.length < 4 ? 0 : readCorrelationId(bytes)
  if (isReadable(bytes) || isReadable(bytes.subarray(4)) || isReadable(bytes.subarray(4, 4 + claimed))) return
  throw new Error(`It is told as ${report.kind} ${api} v${version} and is none`)
}

/** An API by its place in the table, or by a name that there is not, and a version as int32. */
function layoutTarget(): Target {
  const seeds = Array.from({ length: 40 }, (_, i): Seed => {
    const bytes = Uint8Array.of((i * 7) % apiNames.length, 0, 0, 0, i % 12)
    return {
      bytes,
      marks: fixedMarks(bytes, [
        [0, 1],
        [1, 4]
      ])
    }
  })
  return {
    name: 'layout',
    seeds,
    read(bytes) {
      const name = apiNames[bytes[0] ?? 0] ?? Buffer.from(bytes).toString('latin1')
      const version = bytes.length < 5 ? Number.NaN : readCorrelationId(bytes.subarray(1))
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- programs without types can ask for anything
      return explain(name as ApiName, version)
    }
  }
}
