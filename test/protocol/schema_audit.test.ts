// Every message is declared as Kafka's own definitions say, which are read out of the kafka-clients jar when the test
// runs; and the comparison is able to see each kind of difference.

import { beforeAll, describe, expect, test } from 'vitest'
import { apis } from '../../src/protocol/apis.ts'
import { RequestHeader, ResponseHeader } from '../../src/protocol/header.ts'
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription
} from '../../src/protocol/messages/consumer_protocol.ts'
import type { Message } from '../../src/protocol/schema.ts'
import { findJars } from '../broker/jars.ts'
import { auditMessage, newReport } from './audit.ts'
import { readOfficialDefinitions, type OfficialMessage } from './official_definitions.ts'
import { mutations } from './schema_mutations.ts'

const jarsTimeoutMs = 11 * 60_000

const declared: readonly Message[] = [
  ...Object.values(apis).flatMap((api): Message[] => [api.request, api.response]),
  RequestHeader,
  ResponseHeader,
  ConsumerProtocolSubscription,
  ConsumerProtocolAssignment
]

function differences(official: OfficialMessage, ours: Message): string[] {
  const report = newReport()
  auditMessage(official, ours, report)
  return report.differences
}

describe('the declared messages of Kafka 4.4.0', () => {
  let official = new Map<string, OfficialMessage>()
  let missing = ''

  beforeAll(async () => {
    const jars = await findJars('4.4.0')
    if ('reason' in jars) missing = jars.reason
    else official = readOfficialDefinitions(jars.folder)
  }, jarsTimeoutMs)

  test('agree with the official definitions, field by field and both ways', (context) => {
    context.skip(missing !== '', `not run: ${missing}`)
    const report = newReport()
    for (const ours of declared) {
      const definition = official.get(ours.name)
      if (definition === undefined) report.differences.push(`${ours.name}: has no official definition`)
      else auditMessage(definition, ours, report)
    }
    expect(report.differences).toEqual([])
    expect(report.fieldsCompared).toBeGreaterThan(1200)
  })

  test('are those of every API that a broker listens to', (context) => {
    context.skip(missing !== '', `not run: ${missing}`)
    const requests = [...official.values()].filter(
      ({ type, listeners }) => type === 'request' && listeners?.includes('broker') === true
    )
    const names = requests.map(({ name }) => name.replace(/Request$/, ''))
    expect(Object.keys(apis).toSorted()).toEqual(names.toSorted())
    expect(names).toHaveLength(79)
  })

  test('cannot change in one attribute without the audit seeing it', (context) => {
    context.skip(missing !== '', `not run: ${missing}`)
    const unseen: string[] = []
    let count = 0
    for (const ours of declared) {
      const definition = official.get(ours.name)
      if (definition === undefined) throw new Error(`There is no definition of ${ours.name}`)
      for (const { change, mutant } of mutations(ours)) {
        count++
        if (differences(definition, mutant).length === 0) unseen.push(`${ours.name}: ${change}`)
      }
    }
    expect(unseen).toEqual([])
    expect(count).toBeGreaterThan(15_000)
  })
})
