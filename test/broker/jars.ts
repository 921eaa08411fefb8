// Owns the jars of real Apache Kafka brokers: found in the project's cache or fetched once by Maven, with Java's own
// classes and the official message definitions in them. Never fetches anything but what test/containers/pom.xml names.
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { delimiter, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { run, withFileLock } from './processes.ts'

export type KafkaVersion = '4.4.0' | '3.9.1' | '2.8.2' | '1.1.1'

export interface KafkaJars {
  /** Holds the broker's jars and nothing else that ends in `.jar`. */
  readonly folder: string
  readonly version: KafkaVersion
}

export interface NoJars {
  /** What to install or set. */
  readonly reason: string
}

/** The Java major version that Kafka 4 needs. */
const javaVersionMin = 17
const fetchTimeoutMs = 10 * 60_000

/** How the older versions differ from the properties' defaults in the pom. */
const olderLogging = ['-Dlogging.group=org.slf4j', '-Dlogging.artifact=slf4j-reload4j', '-Dlogging.version=1.7.36']
const mavenProperties: Readonly<Record<KafkaVersion, readonly string[]>> = {
  '4.4.0': [],
  '3.9.1': olderLogging,
  '2.8.2': olderLogging,
  '1.1.1': ['-Dscala.version=2.12', ...olderLogging]
}

const found = new Map<KafkaVersion, Promise<KafkaJars | NoJars>>()

/** The jars of a broker; undefined where they cannot be had here, for the reason that `findJars` tells. */
export async function kafkaJars(version: KafkaVersion = '4.4.0'): Promise<KafkaJars | undefined> {
  const jars = await findJars(version)
  return 'reason' in jars ? undefined : jars
}

/** The jars of a broker, or what is missing on this machine. */
export function findJars(version: KafkaVersion = '4.4.0'): Promise<KafkaJars | NoJars> {
  const known = found.get(version)
  if (known !== undefined) return known
  const search = resolveJars(version)
  found.set(version, search)
  return search
}

/** The folder that holds package.json, from the sources as well as from the built programs. */
export function projectFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url))
  while (!isProject(folder)) {
    const parent = dirname(folder)
    if (parent === folder) throw new Error('no package.json of kafka-once above this file')
    folder = parent
  }
  return folder
}

function isProject(folder: string): boolean {
  const file = join(folder, 'package.json')
  if (!existsSync(file)) return false
  const manifest: { name?: string } = JSON.parse(readFileSync(file, 'utf8'))
  return manifest.name === 'kafka-once'
}

/** Where jars and what is made from them are kept between runs. */
export function cacheFolder(): string {
  return resolve(process.env['KAFKA_JARS_CACHE'] ?? join(projectFolder(), '.kafka'))
}

/** `$JAVA_HOME/bin/java`, or the one on the path. */
export function javaCommand(): string {
  const home = process.env['JAVA_HOME']
  return home === undefined || home === '' ? 'java' : join(home, 'bin', 'java')
}

/** The version text of the Java here, or why there is none that Kafka 4 runs on. */
export async function findJava(): Promise<{ readonly version: string } | NoJars> {
  const told = await run(javaCommand(), ['-version'], { timeoutMs: 20_000 })
  const version = /version "([^"]+)"/.exec(told.stderr)?.[1]
  if (version === undefined) return { reason: `install Java ${javaVersionMin} or newer (no java command was found)` }
  const major = Number.parseInt(version, 10)
  if (major < javaVersionMin) return { reason: `install Java ${javaVersionMin} or newer (found ${version})` }
  return { version }
}

/** A class path that does not depend on the order in which a folder is listed. */
export function classPath(jars: KafkaJars): string {
  const names = readdirSync(jars.folder).filter((name) => name.endsWith('.jar'))
  return names
    .toSorted()
    .map((name) => join(jars.folder, name))
    .join(delimiter)
}

async function resolveJars(version: KafkaVersion): Promise<KafkaJars | NoJars> {
  const java = await findJava()
  if ('reason' in java) return java
  const folder = join(cacheFolder(), version)
  if (existsSync(folder)) return { folder, version }
  mkdirSync(cacheFolder(), { recursive: true })
  return withFileLock(`${folder}.lock`, async () => {
    if (existsSync(folder)) return { folder, version }
    return fetchJars(version, folder)
  })
}

async function fetchJars(version: KafkaVersion, folder: string): Promise<KafkaJars | NoJars> {
  const maven = await run('mvn', ['-v'], { timeoutMs: 60_000 })
  if (maven.code !== 0) return { reason: 'install Maven, which fetches the jars of Apache Kafka (no mvn command)' }
  const partial = `${folder}.${process.pid}.partial`
  rmSync(partial, { recursive: true, force: true })
  const pom = join(projectFolder(), 'test', 'containers', 'pom.xml')
  const goal = ['dependency:copy-dependencies', `-DoutputDirectory=${partial}`, `-Dkafka.version=${version}`]
  const args = ['-q', '-B', '-f', pom, ...goal, ...mavenProperties[version]]
  const fetched = await run('mvn', args, { timeoutMs: fetchTimeoutMs })
  if (fetched.code !== 0) {
    rmSync(partial, { recursive: true, force: true })
    return { reason: `let Maven reach a repository: it could not fetch Kafka ${version}: ${firstError(fetched)}` }
  }
  try {
    renameSync(partial, folder)
  } catch (error) {
    if (!existsSync(folder)) throw error // another process was as fast, and its copy is as good
    rmSync(partial, { recursive: true, force: true })
  }
  return { folder, version }
}

function firstError(result: { readonly stdout: string; readonly stderr: string }): string {
  const lines = `${result.stdout}\n${result.stderr}`.split('\n').filter((line) => line.trim() !== '')
  return (lines.find((line) => line.includes('ERROR')) ?? lines[0] ?? 'no output').slice(0, 300)
}
