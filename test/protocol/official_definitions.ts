// Owns the reading of Kafka's official message definitions, out of the kafka-clients jar: a zip whose entries under
// common/message are JSON with line comments. Knows nothing of our own declarations.

import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { inflateRawSync } from 'node:zlib'

export interface OfficialField {
  readonly name: string
  readonly type: string
  readonly versions?: string
  readonly nullableVersions?: string
  readonly default?: string | number | boolean
  readonly tag?: number
  readonly taggedVersions?: string
  readonly ignorable?: boolean
  readonly flexibleVersions?: string
  readonly fields?: readonly OfficialField[]
}

export interface OfficialStruct {
  readonly name: string
  readonly versions: string
  readonly fields: readonly OfficialField[]
}

export interface OfficialMessage {
  readonly type: 'request' | 'response' | 'header' | 'data' | 'coordinator-key' | 'coordinator-value'
  readonly name: string
  readonly apiKey?: number
  readonly listeners?: readonly string[]
  readonly validVersions: string
  readonly flexibleVersions: string
  readonly latestVersionUnstable?: boolean
  readonly commonStructs?: readonly OfficialStruct[]
  readonly fields?: readonly OfficialField[]
}

/** The definitions in the kafka-clients jar of a folder of jars, by name. */
export function readOfficialDefinitions(folder: string): Map<string, OfficialMessage> {
  const jar = readdirSync(folder).find((name) => /^kafka-clients-[0-9.]+\.jar$/.test(name))
  if (jar === undefined) throw new Error('There is no kafka-clients jar among the jars')
  return readDefinitionsOfJar(join(folder, jar))
}

/** The definitions in a kafka-clients jar, by name. */
export function readDefinitionsOfJar(jar: string): Map<string, OfficialMessage> {
  const definitions = new Map<string, OfficialMessage>()
  for (const [path, content] of zipEntries(readFileSync(jar), /^common\/message\/.*\.json$/)) {
    const definition: OfficialMessage = JSON.parse(withoutComments(content.toString('utf8')))
    if (path !== `common/message/${definition.name}.json`) throw new Error(`${path} defines ${definition.name}`)
    definitions.set(definition.name, definition)
  }
  return definitions
}

/** JSON without its line comments; two slashes inside a string are none. */
export function withoutComments(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|\/\/[^\n]*/g, (match) => (match.startsWith('"') ? match : ''))
}

const endOfDirectory = 0x06054b50
const directoryEntry = 0x02014b50

/** The entries of a zip whose names match, as the directory at its end lists them. */
function* zipEntries(zip: Buffer, names: RegExp): Generator<[string, Buffer]> {
  const end = zip.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]))
  if (end < 0 || zip.readUInt32LE(end) !== endOfDirectory) throw new Error('The jar has no directory')
  let position = zip.readUInt32LE(end + 16)
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    if (zip.readUInt32LE(position) !== directoryEntry) throw new Error('The directory of the jar is damaged')
    const nameBytes = zip.readUInt16LE(position + 28)
    const name = zip.toString('utf8', position + 46, position + 46 + nameBytes)
    if (names.test(name)) yield [name, zipContent(zip, position)]
    position += 46 + nameBytes + zip.readUInt16LE(position + 30) + zip.readUInt16LE(position + 32)
  }
}

function zipContent(zip: Buffer, entry: number): Buffer {
  const method = zip.readUInt16LE(entry + 10)
  const storedBytes = zip.readUInt32LE(entry + 20)
  const local = zip.readUInt32LE(entry + 42)
  const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28)
  const stored = zip.subarray(start, start + storedBytes)
  if (method === 0) return stored
  if (method === 8) return inflateRawSync(stored)
  throw new Error(`Method ${method} of compression is not known`)
}
