// Owns what is made once per Kafka version so that each start of a broker is cheap: the formatted log folder (saves a JVM
// of a second) and an archive of the loaded classes (JEP 350; a start then costs a third of the CPU time). Both are kept
// in the cache of jars; without the archive a broker only starts slower.
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serverProperties, transactionVersionsOf } from './broker_config.ts'
import { cacheFolder, classPath, findJava, javaCommand } from './jars.ts'
import type { KafkaJars } from './jars.ts'
import { run, withFileLock } from './processes.ts'

/** The folder as StorageTool leaves it for node 1; meta.properties must be replaced for each node. */
export async function formattedFolder(jars: KafkaJars, transactionVersion: 0 | 1 | 2): Promise<string> {
  const folder = join(cacheFolder(), `${jars.version}-formatted-tv${transactionVersion}`)
  if (existsSync(folder)) return folder
  return withFileLock(`${folder}.lock`, async () => {
    if (!existsSync(folder)) await format(jars, transactionVersion, folder)
    return folder
  })
}

async function format(jars: KafkaJars, transactionVersion: 0 | 1 | 2, folder: string): Promise<void> {
  const work = mkdtempSync(join(cacheFolder(), 'formatting-'))
  const port = { clientPort: 1, internalPort: 2, controllerPort: 3 } // nothing listens while formatting
  const node = { id: 1, folder: work, advertised: '127.0.0.1:1', ...port }
  const cluster = { version: jars.version, nodes: [node], zookeeperPort: undefined, config: {} }
  const properties = join(work, 'server.properties')
  writeFileSync(properties, serverProperties(cluster, node))
  const feature =
    transactionVersionsOf(jars.version).length > 1 ? ['--feature', `transaction.version=${transactionVersion}`] : []
  const options = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-cp', classPath(jars), 'kafka.tools.StorageTool']
  const clusterId = '--cluster-id=ABCDEFGHIJKLMNOPQRSTUg'
  const told = await run(javaCommand(), [...options, 'format', clusterId, ...feature, '-c', properties])
  if (told.code === 0) renameSync(join(work, 'data'), folder)
  rmSync(work, { recursive: true, force: true })
  if (told.code !== 0) throw new Error(`StorageTool of Kafka ${jars.version} failed: ${told.stderr || told.stdout}`)
}

/** The archive of a broker's classes, made by `train` where there is none; undefined where it cannot be made. */
export async function classArchive(
  jars: KafkaJars,
  train: (jars: KafkaJars, file: string) => Promise<void>
): Promise<string | undefined> {
  const java = await findJava()
  if ('reason' in java) return undefined
  const file = join(cacheFolder(), `${jars.version}-java-${java.version}.jsa`)
  if (existsSync(file)) return file
  mkdirSync(cacheFolder(), { recursive: true })
  return withFileLock(`${file}.lock`, async () => {
    if (existsSync(file)) return file
    const folder = mkdtempSync(join(tmpdir(), 'kafka-once-archive-'))
    const made = join(folder, 'classes.jsa')
    await train(jars, made).catch(() => undefined) // a JVM without such archives; a broker that cannot start says so next
    if (existsSync(made)) {
      // Through a copy in the cache: the temporary folder may be on another file system.
      await run('cp', [made, `${file}.partial`])
      renameSync(`${file}.partial`, file)
    }
    rmSync(folder, { recursive: true, force: true })
    return existsSync(file) ? file : undefined
  })
}
