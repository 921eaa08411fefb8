// The layout of a message is told as its declaration says it, for every API in every version.

import { describe, expect, test } from 'vitest'
import { apis, explain, ProtocolError } from 'kafka-once/protocol'
import type { ApiName, Message } from 'kafka-once/protocol'
import { includesVersion } from '../../src/protocol/schema.ts'
import type { AnyField, Fields } from '../../src/protocol/schema.ts'

describe('explaining', () => {
  test('tells types, null, tags, defaults and what is not there', () => {
    expect(explain('DescribeProducers', 0)).toBe(`\
DescribeProducers v0: API key 61, versions 0 to 0
Compact lengths are a varint of the length and one, 0 for null; every struct ends with its tagged fields.

DescribeProducersRequest v0, after a request header v2 (requestApiKey int16, requestApiVersion int16, correlationId int32, clientId string or null, tagged fields)
  topics              compact array of struct
    name              compact string
    partitionIndexes  compact array of int32

DescribeProducersResponse v0, after a response header v1 (correlationId int32, tagged fields)
  throttleTimeMs               int32
  topics                       compact array of struct
    name                       compact string
    partitions                 compact array of struct
      partitionIndex           int32
      errorCode                int16
      errorMessage             compact string or null, default null
      activeProducers          compact array of struct
        producerId             int64
        producerEpoch          int32
        lastSequence           int32, default -1
        lastTimestamp          int64, default -1
        coordinatorEpoch       int32
        currentTxnStartOffset  int64, default -1
`)
  })

  test('puts tagged fields behind the others, by their tags', () => {
    const text = explain('Fetch', 17)
    const names = ['records', 'divergingEpoch', 'currentLeader', 'snapshotId', 'nodeEndpoints']
    expect(names.map((name) => text.search(new RegExp(`^ +${name} `, 'm')))).toEqual(
      names.map((name) => text.search(new RegExp(`^ +${name} `, 'm'))).toSorted((a, b) => a - b)
    )
    expect(text).toMatch(/divergingEpoch +tag 0: struct\n/)
    expect(text).toMatch(/rackId +compact string, default "", ignorable\n/)
    expect(text).toMatch(/abortedTransactions +compact array of struct, or null\n/)
    expect(text).toMatch(/not in this version:\n {4}responses\.topic, from 0 to 12\n/)
  })

  test('tells plain lengths from compact ones, and headers', () => {
    expect(explain('Metadata', 8)).toMatch(
      /-1 is null\.\n\nMetadataRequest v8, after a request header v1 \(.*, clientId string or null\)\n/
    )
    expect(explain('Metadata', 8)).toMatch(/ host +string\n/)
    expect(explain('Metadata', 9)).toMatch(/MetadataRequest v9, after a request header v2 \(.*, tagged fields\)\n/)
    expect(explain('ApiVersions', 3)).toMatch(
      /ApiVersionsResponse v3, after a response header v0 \(correlationId int32\)\n/
    )
    expect(explain('ApiVersions', 0)).toMatch(
      /ApiVersionsRequest v0, after a request header v1 \(.*\), without fields\n/
    )
    expect(explain('DescribeTopicPartitions', 0)).toMatch(/nextCursor +struct or null, after a byte of 1 or -1\n/)
    expect(explain('InitProducerId', 6)).toMatch(/^InitProducerId v6: .*unstable/)
  })

  test('names every field of every message in every version, or says where it is', () => {
    for (const { name, versions, request, response } of Object.values(apis)) {
      for (let version = versions[0]; version <= versions[1]; version++) {
        const text = explain(name, version)
        for (const declared of [request, response] as readonly Message[]) {
          for (const [path, field] of fieldsOf(declared.fields, version, '')) {
            const isThere = includesVersion(field.spec.versions, version)
            const pattern = isThere
              ? `^ +${path.split('.').at(-1)} +\\S`
              : `^ {4}${path.replaceAll('.', '\\.')}, (from|in) `
            if (!new RegExp(pattern, 'm').test(text))
              expect.unreachable(`${name} v${version} without ${path}:\n${text}`)
          }
        }
      }
    }
  })

  test('refuses a version that is not declared', () => {
    for (const version of [-1, 14, 1.5]) expect(() => explain('Metadata', version)).toThrow(ProtocolError)
  })

  test('refuses a name that no API has', () => {
    for (const name of ['Metadatas', '', 'toString', '__proto__']) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- programs without types can ask for anything
      expect(() => explain(name as ApiName, 0)).toThrow(ProtocolError)
    }
  })
})

/** Fields with their paths, down to those that the version lacks. */
function* fieldsOf(fields: Fields, version: number, path: string): Iterable<[string, AnyField]> {
  for (const [name, field] of Object.entries(fields)) {
    yield [`${path}${name}`, field]
    if (includesVersion(field.spec.versions, version)) yield* fieldsOf(innerFields(field), version, `${path}${name}.`)
  }
}

function innerFields({ spec }: AnyField): Fields {
  if (spec.kind === 'array') return innerFields(spec.element)
  return spec.kind === 'struct' ? spec.fields : {}
}
