// Owns real Apache Kafka brokers started from their jars for a test: one node or three, any supported version and
// transaction version, killed, paused and restarted on the same ports and data as the test asks. They listen on
// 127.0.0.1 only and end with the process that started them. Ready means that each node answers Metadata with all nodes.
import { randomBytes } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { SaslOptions } from 'kafka-once/testing'
import {
  dataFolderOf,
  loggingOption,
  loggingProperties,
  mechanismsOf,
  metaProperties,
  needsZooKeeper,
  serverProperties,
  transactionVersionsOf,
  zookeeperProperties
} from './broker_config.ts'
import type { ClusterConfig, NodeConfig } from './broker_config.ts'
import { hasEmbeddedBrokers, startEmbeddedBroker } from './embedded.ts'
import { classPath, findJars, javaCommand } from './jars.ts'
import type { KafkaJars, KafkaVersion } from './jars.ts'
import { releasePort, reservePort } from './ports.ts'
import { askBroker } from './probe.ts'
import { setScramPasswords } from './scram_passwords.ts'
import { clearLeftovers, startServer } from './processes.ts'
import type { Server } from './processes.ts'
import { classArchive, formattedFolder } from './warm_start.ts'

export { quickRestart } from './broker_config.ts'

export interface BrokerOptions {
  /** Default 4.4.0. Versions before 3.3 bring their ZooKeeper with them. */
  readonly version?: KafkaVersion
  /** Default 2 on 4.4.0; older versions know only 0. */
  readonly transactionVersion?: 0 | 1 | 2
  /** Three nodes replicate all topics three times with min.insync.replicas 2. */
  readonly nodes?: 1 | 3
  /** Broker settings, which win over the defaults of test brokers. */
  readonly config?: Readonly<Record<string, string>>
  readonly heapMb?: number
  /** Kept at the end, and used again when it holds data; a temporary folder is removed. */
  readonly dataFolder?: string
  /** `host:port` per node that clients are sent to in its stead (a proxy's). */
  readonly advertised?: readonly string[]
  /** Users, who have to log in by SASL_PLAINTEXT. Not before Kafka 3.9. */
  readonly sasl?: SaslOptions
  /** All of the JVM's compilers: slower to start, faster in the long run. For benchmarks. */
  readonly longLived?: boolean
  readonly startTimeoutMs?: number
}

export interface TestNode {
  readonly id: number
  /** Where the node listens for clients, whatever it advertises. */
  readonly address: string
}

/** A cluster of one or three nodes. Without a node's id, a call means all nodes. */
export interface TestBroker extends AsyncDisposable {
  readonly version: KafkaVersion
  /** What clients are told: the advertised addresses. */
  readonly bootstrap: string
  readonly nodes: readonly TestNode[]
  pid(node?: number): number
  /** SIGKILL. */
  kill(node?: number): Promise<void>
  /** SIGKILL at this very moment; `kill` then waits until it is gone. */
  killNow(node?: number): void
  /** Orderly shutdown; the data stays until the end of the cluster. */
  stop(node?: number): Promise<void>
  /** Starts what is not running, on the same ports and data, and waits until it is ready. */
  start(node?: number): Promise<void>
  /** SIGKILL, then start. */
  restart(node?: number): Promise<void>
  /** SIGSTOP. */
  pause(node?: number): void
  /** SIGCONT. */
  resume(node?: number): void
  /** The last lines that a node logged, warnings and above. */
  logTail(node?: number, lines?: number): string
}

const startTimeoutMsDefault = 120_000
const stopGraceMs = 20_000
const pollMs = 50
const zookeeperHeapMb = 96

/**
 * Starts a cluster and returns when it is ready; an embedded one where that was asked for. Throws with what to install
 * where there is no Java or no jars.
 */
export async function startBroker(options: BrokerOptions = {}): Promise<TestBroker> {
  if (hasEmbeddedBrokers()) return startEmbeddedBroker(options)
  clearLeftovers()
  const jars = await findJars(options.version)
  if ('reason' in jars) throw new Error(`no Kafka ${options.version ?? '4.4.0'} can be started: ${jars.reason}`)
  const allowed = transactionVersionsOf(jars.version)
  const transactionVersion = options.transactionVersion ?? allowed.at(-1) ?? 0
  if (!allowed.includes(transactionVersion)) {
    throw new Error(`Kafka ${jars.version} has no transaction.version ${transactionVersion}`)
  }
  const archive = needsZooKeeper(jars.version) ? undefined : await classArchive(jars, trainArchive)
  const layout = await layOut(jars, options)
  if (!needsZooKeeper(jars.version)) await format(jars, layout, transactionVersion)
  const broker = new JarBroker(jars, layout, options, archive === undefined ? [] : [`-XX:SharedArchiveFile=${archive}`])
  await startOrDispose(broker)
  const { sasl } = options
  if (sasl !== undefined) await setScramPasswords(broker, sasl, mechanismsOf(sasl))
  return broker
}

/** One start and orderly stop of a broker whose JVM writes the archive of its classes at exit. */
async function trainArchive(jars: KafkaJars, file: string): Promise<void> {
  const layout = await layOut(jars, {})
  await format(jars, layout, transactionVersionsOf(jars.version).at(-1) ?? 0)
  const broker = new JarBroker(jars, layout, {}, [`-XX:ArchiveClassesAtExit=${file}`])
  await startOrDispose(broker)
  await broker.stop()
  await broker[Symbol.asyncDispose]()
}

async function startOrDispose(broker: JarBroker): Promise<void> {
  try {
    await broker.start()
  } catch (error) {
    await broker[Symbol.asyncDispose]()
    throw error
  }
}

interface Layout extends ClusterConfig {
  readonly folder: string
  readonly temporary: boolean
}

async function layOut(jars: KafkaJars, options: BrokerOptions): Promise<Layout> {
  const folder = options.dataFolder ?? mkdtempSync(join(tmpdir(), 'kafka-once-broker-'))
  const nodes: NodeConfig[] = []
  for (let id = 1; id <= (options.nodes ?? 1); id++) {
    const clientPort = await reservePort()
    const nodeFolder = join(folder, `node-${id}`)
    mkdirSync(nodeFolder, { recursive: true })
    nodes.push({
      id,
      folder: nodeFolder,
      clientPort,
      internalPort: await reservePort(),
      controllerPort: await reservePort(),
      advertised: options.advertised?.[id - 1] ?? `127.0.0.1:${clientPort}`
    })
  }
  const zookeeperPort = needsZooKeeper(jars.version) ? await reservePort() : undefined
  const temporary = options.dataFolder === undefined
  const { config = {}, sasl } = options
  return { version: jars.version, folder, temporary, nodes, zookeeperPort, config, sasl }
}

/** Gives each node the formatted log folder that StorageTool would make, unless it has one. */
async function format(jars: KafkaJars, layout: Layout, transactionVersion: 0 | 1 | 2): Promise<void> {
  const formatted = await formattedFolder(jars, transactionVersion)
  const clusterId = newUuid()
  for (const node of layout.nodes) {
    const folder = dataFolderOf(node)
    if (existsSync(join(folder, 'meta.properties'))) continue
    cpSync(formatted, folder, { recursive: true })
    writeFileSync(join(folder, 'meta.properties'), metaProperties(clusterId, node.id, newUuid()))
  }
}

/** Kafka's form of a UUID. One that begins with a hyphen would look like an option to Kafka's own tools. */
function newUuid(): string {
  for (;;) {
    const text = randomBytes(16).toString('base64url')
    if (!text.startsWith('-')) return text
  }
}

class JarBroker implements TestBroker {
  readonly version: KafkaVersion
  readonly bootstrap: string
  readonly nodes: readonly TestNode[]
  readonly #jars: KafkaJars
  readonly #layout: Layout
  readonly #options: BrokerOptions
  readonly #jvmOptions: readonly string[]
  readonly #servers = new Map<number, Server>()
  #zookeeper: Server | undefined
  #disposed = false

  constructor(jars: KafkaJars, layout: Layout, options: BrokerOptions, jvmOptions: readonly string[]) {
    this.version = jars.version
    this.bootstrap = layout.nodes.map((node) => node.advertised).join(',')
    this.nodes = layout.nodes.map((node) => ({ id: node.id, address: `127.0.0.1:${node.clientPort}` }))
    this.#jars = jars
    this.#layout = layout
    this.#options = options
    this.#jvmOptions = jvmOptions
  }

  pid(node = 1): number {
    return this.#running(node).pid
  }

  /** Where the first node listens for other nodes, who need no login. */
  get internalAddress(): string {
    return `127.0.0.1:${this.#nodeConfig(1).internalPort}`
  }

  async kill(node?: number): Promise<void> {
    await Promise.all(this.#serversOf(node).map((server) => server.kill()))
  }

  killNow(node?: number): void {
    for (const server of this.#serversOf(node)) process.kill(server.pid, 'SIGKILL')
  }

  async stop(node?: number): Promise<void> {
    await Promise.all(this.#serversOf(node).map((server) => server.stop(stopGraceMs)))
  }

  async restart(node?: number): Promise<void> {
    await this.kill(node)
    await this.start(node)
  }

  async start(node?: number): Promise<void> {
    if (this.#disposed) throw new Error('this broker was disposed of')
    const deadlineMs = performance.now() + (this.#options.startTimeoutMs ?? startTimeoutMsDefault)
    this.#startZookeeper()
    const ids = node === undefined ? this.#layout.nodes.map(({ id }) => id) : [node]
    for (const id of ids) this.#startNode(id)
    for (const id of ids) await this.#untilReady(id, deadlineMs)
  }

  pause(node?: number): void {
    for (const server of this.#serversOf(node)) server.signal('SIGSTOP')
  }

  resume(node?: number): void {
    for (const server of this.#serversOf(node)) server.signal('SIGCONT')
  }

  logTail(node = 1, lines = 40): string {
    const file = logFileOf(this.#nodeConfig(node))
    if (!existsSync(file)) return ''
    return readFileSync(file, 'utf8').trimEnd().split('\n').slice(-lines).join('\n')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#disposed) return
    this.#disposed = true
    await this.kill()
    await this.#zookeeper?.kill()
    for (const { clientPort, internalPort, controllerPort } of this.#layout.nodes) {
      for (const port of [clientPort, internalPort, controllerPort]) releasePort(port)
    }
    if (this.#layout.zookeeperPort !== undefined) releasePort(this.#layout.zookeeperPort)
    if (this.#layout.temporary) rmSync(this.#layout.folder, { recursive: true, force: true })
  }

  #nodeConfig(id: number): NodeConfig {
    const node = this.#layout.nodes.find((candidate) => candidate.id === id)
    if (node === undefined) throw new Error(`this cluster has no node ${id}`)
    return node
  }

  #running(id: number): Server {
    const server = this.#servers.get(this.#nodeConfig(id).id)
    if (server === undefined || server.isGone()) throw new Error(`node ${id} is not running`)
    return server
  }

  #serversOf(node: number | undefined): Server[] {
    if (node === undefined) return [...this.#servers.values()]
    const server = this.#servers.get(this.#nodeConfig(node).id)
    return server === undefined ? [] : [server]
  }

  #startNode(id: number): void {
    const known = this.#servers.get(id)
    if (known !== undefined && !known.isGone()) return
    const node = this.#nodeConfig(id)
    const properties = join(node.folder, 'server.properties')
    writeFileSync(properties, serverProperties(this.#layout, node))
    const heapMb = this.#options.heapMb ?? 512
    this.#servers.set(id, this.#startJvm(node.folder, heapMb, ['kafka.Kafka', properties]))
  }

  #startZookeeper(): void {
    const port = this.#layout.zookeeperPort
    if (port === undefined || (this.#zookeeper !== undefined && !this.#zookeeper.isGone())) return
    const folder = join(this.#layout.folder, 'zookeeper')
    mkdirSync(folder, { recursive: true })
    const properties = join(folder, 'zoo.cfg')
    writeFileSync(properties, zookeeperProperties(port, folder))
    const main = 'org.apache.zookeeper.server.quorum.QuorumPeerMain'
    this.#zookeeper = this.#startJvm(folder, zookeeperHeapMb, [
      '-Dzookeeper.admin.enableServer=false',
      main,
      properties
    ])
  }

  #startJvm(folder: string, heapMb: number, program: readonly string[]): Server {
    const logging = join(folder, 'logging.properties')
    writeFileSync(logging, loggingProperties(this.version))
    const compilers = this.#options.longLived === true ? [] : ['-XX:TieredStopAtLevel=1']
    const options = [
      `-Xmx${heapMb}m`,
      '-XX:+UseSerialGC',
      ...compilers,
      ...this.#jvmOptions,
      loggingOption(this.version, logging),
      ...(needsZooKeeper(this.version) ? ['-Dzookeeper.jmx.log4j.disable=true'] : []),
      '-cp',
      classPath(this.#jars)
    ]
    return startServer(javaCommand(), [...options, ...program], {
      cwd: folder,
      logFile: join(folder, logFileName),
      folders: this.#layout.temporary ? [this.#layout.folder] : []
    })
  }

  async #untilReady(id: number, deadlineMs: number): Promise<void> {
    const node = this.#nodeConfig(id)
    let last = ''
    while (performance.now() < deadlineMs) {
      if (this.#servers.get(id)?.isGone() !== false) {
        const log = this.logTail(id)
        // In ZooKeeper the registration of a killed broker refuses its successor until it expires; and on a busy machine
        // its own may expire while it starts.
        const mayTryAgain = needsZooKeeper(this.version) && /NodeExists|SessionExpired/.test(log)
        if (!mayTryAgain) throw new Error(`node ${id} of Kafka ${this.version} ended while starting:\n${log}`)
        this.#startNode(id)
      }
      try {
        // The clients' listener tells nothing to who is not logged in.
        const port = this.#layout.sasl === undefined ? node.clientPort : node.internalPort
        const { nodes } = await askBroker(`127.0.0.1:${port}`, { timeoutMs: 2000 })
        const missing = this.#runningIds().filter((wanted) => !nodes.some((seen) => seen.id === wanted))
        if (missing.length === 0) return
        last = `node ${id} does not see ${missing.join(', ')}`
      } catch (error) {
        last = String(error)
      }
      await sleep(pollMs)
    }
    throw new Error(`node ${id} of Kafka ${this.version} is not ready in time: ${last}\n${this.logTail(id)}`)
  }

  #runningIds(): number[] {
    return [...this.#servers].filter(([, server]) => !server.isGone()).map(([id]) => id)
  }
}

const logFileName = 'broker.log'

function logFileOf(node: NodeConfig): string {
  return join(node.folder, logFileName)
}
