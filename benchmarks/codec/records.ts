// Encoding and decoding of batches of 1,000 records: small, usual and large values, and records that have everything.
// What is encoded must be readable, with its checksum, and be the same records; what is decoded too.
import { deepStrictEqual } from 'node:assert'
import { RecordBatch, RecordBatchBuilder } from '../../test/programs/protocol.ts'
import {
  recordFacts,
  recordGroup,
  recordShapes,
  recordsPerBatch,
  takenFacts,
  Taking,
  textRecords
} from './records_data.ts'
import type { RecordFacts, RecordShape, TextRecord } from './records_data.ts'
import { limitOf } from './records_limit.ts'
import { ownCodec, ownNativeCodec, ownUncheckedCodec } from './records_own.ts'
import { recordPeers } from './records_peers.ts'
import type { MakeRecordCodec, RecordCodec } from './records_peers.ts'
import { codecClientNames } from './workload.ts'
import type { CodecClientName, CodecSubject, CodecWorkload } from './workload.ts'

const codecs: { readonly [C in CodecClientName]?: MakeRecordCodec } = {
  'kafka-once': ownCodec,
  'kafka-once-native': ownNativeCodec,
  'kafka-once-unchecked': ownUncheckedCodec,
  ...recordPeers,
  limit: limitOf.plain,
  'limit-native': limitOf.native,
  'limit-unchecked': limitOf.unchecked
}

const works = {
  encode: 'Encode a batch',
  values: 'Decode a batch and hand out each value',
  places: 'Decode a batch, find where each value lies and read its first and its last byte',
  everything: 'Decode a batch and hand out key, value, headers, offset and timestamp of each record'
} as const

type Work = keyof typeof works

function encodedBatch(records: readonly TextRecord[]): Buffer {
  const builder = new RecordBatchBuilder({ batchBytesMax: 4 * 1024 * 1024 })
  for (const { key, value, headers, timestamp } of records) {
    const bytes = headers.map(([name, text]) => [name, Buffer.from(text)] as const)
    builder.append(key === null ? null : Buffer.from(key), Buffer.from(value), bytes, timestamp)
  }
  return Buffer.from(builder.finishPlain())
}

/** What a reader that checks everything finds in an encoded batch. */
function factsIn(batch: Uint8Array): RecordFacts[] {
  return [...RecordBatch.parse(batch).records()].map(takenFacts)
}

async function subjectOf(make: MakeRecordCodec, work: Work, shape: RecordShape): Promise<CodecSubject> {
  const records = textRecords(shape)
  const taking = new Taking()
  const batch = encodedBatch(records)
  const expected = recordFacts(records)
  const codec = await make(records, batch, taking)
  const check = async (): Promise<void> => {
    if (work === 'encode') return deepStrictEqual(factsIn(await codec.encode()), expected)
    if (work === 'places') {
      taking.endsSum = 0
      await codec.places()
      return deepStrictEqual(taking.endsSum, endsSumOf(records))
    }
    taking.all = []
    await codec[work]()
    const found = taking.all.map(takenFacts)
    taking.all = undefined
    if (work === 'everything') return deepStrictEqual(found, expected)
    deepStrictEqual(
      found.map(([, value]) => value),
      expected.map(([, value]) => value)
    )
  }
  return { check, run: runnerOf(codec, work) }
}

function endsSumOf(records: readonly TextRecord[]): number {
  const taking = new Taking()
  for (const { value } of records) taking.takeEnds(value.charCodeAt(0), value.charCodeAt(value.length - 1))
  return taking.endsSum
}

/** Keeps the last batch alive for a moment, so that no compiler finds out that nobody wants it. */
export let lastEncoded: unknown

function runnerOf(codec: RecordCodec, work: Work): CodecSubject['run'] {
  if (work === 'encode') {
    return async (times) => {
      for (let i = 0; i < times; i++) {
        const encoded = codec.encode()
        lastEncoded = encoded instanceof Promise ? await encoded : encoded
      }
    }
  }
  return async (times) => {
    for (let i = 0; i < times; i++) {
      const done = codec[work]()
      if (done !== undefined) await done
    }
  }
}

function workload(work: Work, shape: RecordShape): CodecWorkload {
  const subjects: Partial<Record<CodecClientName, () => Promise<CodecSubject>>> = {}
  for (const client of codecClientNames) {
    const make = codecs[client]
    if (make !== undefined) subjects[client] = () => subjectOf(make, work, shape)
  }
  return {
    group: recordGroup,
    name: `${work}-${shape.name}`,
    title: `${works[work]}: ${recordsPerBatch} records of ${shape.title}`,
    unit: 'record',
    unitsPerRun: recordsPerBatch,
    subjects
  }
}

export const recordWorkloads: readonly CodecWorkload[] = recordShapes.flatMap((shape) => {
  return (['encode', 'values', 'everything'] as const).map((work) => workload(work, shape))
})

const usual = recordShapes.find(({ name }) => name === '100')
export const placeWorkloads: readonly CodecWorkload[] = usual === undefined ? [] : [workload('places', usual)]
