// Every message is declared as Kafka's own definitions say, which are read out of the kafka-clients jar when the test
// runs; and the comparison is able to see each kind of difference.

import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { apis } from '../../src/protocol/apis.ts'
import type { Message } from '../../src/protocol/schema.ts'
import { findJars } from '../broker/jars.ts'
import { auditKafka } from './audit_kafka.ts'
import { auditMessage, newReport } from './audit.ts'
import { readDefinitionsOfJar, readOfficialDefinitions, type OfficialMessage } from './official_definitions.ts'
import { declaredMessages, irrelevantFiles, transactionLogMessages } from './official_files.ts'
import { mutations } from './schema_mutations.ts'

const jarsTimeoutMs = 11 * 60_000

function differences(official: OfficialMessage, ours: Message): string[] {
  const report = newReport()
  auditMessage(official, ours, report)
  return report.differences
}

describe('the declared messages of Kafka 4.4.0', () => {
  let official = new Map<string, OfficialMessage>()
  let missing = ''
  let jarFolder = ''

  beforeAll(async () => {
    const jars = await findJars('4.4.0')
    if ('reason' in jars) missing = jars.reason
    else official = readOfficialDefinitions((jarFolder = jars.folder))
  }, jarsTimeoutMs)

  /** The audit of definitions of which one is new or has changed. */
  const auditWith = (definition: OfficialMessage): string[] => {
    return auditKafka(new Map(official).set(definition.name, definition)).differences
  }

  const definitionOf = (name: string): OfficialMessage => {
    const definition = official.get(name)
    if (definition === undefined) throw new Error(`There is no definition of ${name}`)
    return definition
  }

  test('agree with the official definitions, field by field and both ways', (context) => {
    context.skip(missing !== '', `not run: ${missing}`)
    const report = auditKafka(official)
    expect(report.differences).toEqual([])
    expect(report.fieldsCompared).toBeGreaterThan(1500)
  })

  test('agree with the definitions of the transaction log, which are in a jar of their own', (context) => {
    context.skip(missing !== '', `not run: ${missing}`)
    const known = readDefinitionsOfJar(join(jarFolder, 'kafka-transaction-coordinator-4.4.0.jar'))
    const report = auditKafka(known, { declared: transactionLogMessages, irrelevant: new Map() })
    expect(report.differences).toEqual([])
    expect(report.fieldsCompared).toBe(14)
  })

  test('and those that are of no concern to a client are all 203 definitions', (context) => {
    context.skip(missing !== '', `not run: ${missing}`)
    expect(official.size).toBe(203)
    expect(Object.keys(apis)).toHaveLength(79)
    const names = [...declaredMessages.map(({ name }) => name), ...irrelevantFiles.keys()]
    expect(names.toSorted()).toEqual([...official.keys()].toSorted())
  })

  test('are not all there is once Kafka has a new API, version, field or listener, which is named', (context) => {
    context.skip(missing !== '', `not run: ${missing}`)
    const request = definitionOf('HeartbeatRequest')
    const newApi: OfficialMessage = { ...request, name: 'NewsRequest', apiKey: 1_000 }
    expect(auditWith(newApi)).toEqual([
      'NewsRequest: brokers listen to it, and it is not declared',
      'NewsRequest: is not known here (a request)'
    ])
    expect(auditWith({ ...newApi, type: 'data' })).toEqual(['NewsRequest: is not known here (a data)'])
    expect(auditWith({ ...request, validVersions: '0-5' })[0]).toBe(
      'HeartbeatRequest: validVersions: officially 0,1,2,3,4,5, here 0,1,2,3,4'
    )
    const field = { name: 'News', type: 'string', versions: '4+', ignorable: true }
    expect(auditWith({ ...request, fields: [...(request.fields ?? []), field] })).toEqual([
      'HeartbeatRequest.news: is missing'
    ])
    expect(auditWith({ ...request, listeners: ['broker', 'spectator'] })).toEqual([
      'HeartbeatRequest: the listener spectator is not known'
    ])
    expect(auditWith({ ...definitionOf('VoteRequest'), listeners: ['controller', 'broker'] })).toEqual([
      'VoteRequest: brokers listen to it, and it is not declared'
    ])
    expect(auditWith({ ...definitionOf('StopReplicaRequest'), validVersions: '5' })).toEqual([
      'StopReplicaRequest: is called removed and has the versions 5'
    ])
    expect(auditWith({ ...definitionOf('VotersRecord'), validVersions: 'none' })).toHaveLength(1)
  })

  test('cannot change in one attribute without the audit seeing it', (context) => {
    context.skip(missing !== '', `not run: ${missing}`)
    const unseen: string[] = []
    let count = 0
    for (const ours of declaredMessages) {
      const definition = definitionOf(ours.name)
      for (const { change, mutant } of mutations(ours)) {
        count++
        if (differences(definition, mutant).length === 0) unseen.push(`${ours.name}: ${change}`)
      }
    }
    expect(unseen).toEqual([])
    expect(count).toBeGreaterThan(15_000)
  })
})
