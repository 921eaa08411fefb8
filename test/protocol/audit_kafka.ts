// Owns the comparison of all that is declared here with all definitions of one Kafka, both ways: every definition is
// either compared field by field or known to be of no concern to a client, and nothing is declared that Kafka lacks.

import type { Message } from '../../src/protocol/schema.ts'
import { auditMessage, newReport, type AuditReport } from './audit.ts'
import type { OfficialMessage } from './official_definitions.ts'
import { declaredMessages, irrelevantFiles, type Irrelevance } from './official_files.ts'

/** Every other listener is new, and what listens there may be for clients. */
const knownListeners: readonly string[] = ['broker', 'controller']

export interface AuditScope {
  readonly declared: readonly Message[]
  readonly irrelevant: ReadonlyMap<string, Irrelevance>
}

const wholeScope: AuditScope = { declared: declaredMessages, irrelevant: irrelevantFiles }

/** Compares everything; a newer API, version, field or listener is named by a difference. */
export function auditKafka(
  official: ReadonlyMap<string, OfficialMessage>,
  scope: AuditScope = wholeScope
): AuditReport {
  const report = newReport()
  const declared = new Map(scope.declared.map((message) => [message.name, message]))
  for (const [name, definition] of official) {
    auditListeners(definition, declared, report)
    const ours = declared.get(name)
    const reason = scope.irrelevant.get(name)
    if (ours !== undefined && reason !== undefined)
      report.differences.push(`${name}: is declared, and called ${reason}`)
    if (ours !== undefined) auditMessage(definition, ours, report)
    else if (reason !== undefined) auditReason(definition, reason, report)
    else report.differences.push(`${name}: is not known here (a ${definition.type})`)
  }
  for (const name of [...declared.keys(), ...scope.irrelevant.keys()]) {
    if (!official.has(name)) report.differences.push(`${name}: has no official definition`)
  }
  return report
}

function auditListeners(
  { name, type, listeners }: OfficialMessage,
  declared: ReadonlyMap<string, Message>,
  report: AuditReport
): void {
  if (type !== 'request') return
  for (const listener of listeners ?? []) {
    if (!knownListeners.includes(listener)) report.differences.push(`${name}: the listener ${listener} is not known`)
  }
  const isForClients = listeners?.includes('broker') === true
  if (isForClients === declared.has(name)) return
  const where = isForClients ? 'listen' : 'do not listen'
  report.differences.push(`${name}: brokers ${where} to it, and it is ${isForClients ? 'not ' : ''}declared`)
}

function auditReason(definition: OfficialMessage, reason: Irrelevance, report: AuditReport): void {
  const { name, validVersions } = definition
  if (reason === 'removed' ? validVersions === 'none' : validVersions !== 'none') return
  report.differences.push(`${name}: is called ${reason} and has the versions ${validVersions}`)
}
