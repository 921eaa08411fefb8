// The audit of all declared messages against the definitions in one kafka-clients jar, which Maven fetches. Says what is
// different, the first time a newer Kafka has something that is not known here; ends with 1 where anything is.
//
//   npm run audit -- [--version 4.4.0]
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { run } from '../broker/processes.ts'
import { auditKafka } from '../protocol/audit_kafka.ts'
import { readOfficialDefinitions } from '../protocol/official_definitions.ts'
import type { OfficialMessage } from '../protocol/official_definitions.ts'

const fetchTimeoutMs = 5 * 60_000

const { values } = parseArgs({ options: { version: { type: 'string', default: '4.4.0' } } })
const { version } = values
if (!/^\d+\.\d+\.\d+$/.test(version)) throw new Error(`${version} is not a version of Kafka, such as 4.4.0`)

async function definitionsOf(kafkaVersion: string): Promise<Map<string, OfficialMessage>> {
  const folder = mkdtempSync(join(tmpdir(), 'kafka-once-audit-'))
  try {
    const artifact = `-Dartifact=org.apache.kafka:kafka-clients:${kafkaVersion}`
    const jars = join(folder, 'jars')
    mkdirSync(jars)
    const args = ['-q', '-B', 'dependency:copy', artifact, `-DoutputDirectory=${jars}`]
    const fetched = await run('mvn', args, { cwd: folder, timeoutMs: fetchTimeoutMs })
    if (fetched.code !== 0) throw new Error(`Maven could not fetch it: ${fetched.stdout}${fetched.stderr}`)
    return readOfficialDefinitions(jars)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const definitions = await definitionsOf(version)
const { differences, fieldsCompared } = auditKafka(definitions)
for (const difference of differences) console.log(difference)
const [first] = differences
console.log(
  `Kafka ${version}: ${definitions.size} definitions, ${fieldsCompared} fields, ${differences.length} differences`
)
if (first !== undefined) {
  console.log(`first difference: ${first}`)
  process.exitCode = 1
}
