// Owns a real Apache Kafka broker in a container, through Testcontainers. Works with the public apache/kafka image and
// with the one that test/containers/build-image makes. Connects to loopback only, and removes its containers itself:
// Testcontainers' reaper is an image of its own, which is not there where no registry can be reached.
import type { ContainerRuntimeClient, StartedTestContainer } from 'testcontainers'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { releasePort, reservePort } from './ports.ts'
import { askBroker } from './probe.ts'
import { claimFile, claimIsStale, machineFolder } from './processes.ts'

export interface ContainerKafka {
  readonly bootstrap: string
  readonly image: string
  stop(): Promise<void>
}

export interface NoContainer {
  /** What to install, start or set. */
  readonly reason: string
}

export interface ContainerOptions {
  /** How long an image that is not here may take to come. */
  readonly pullTimeoutMs?: number
  /** Broker settings, which win over the defaults. */
  readonly config?: Readonly<Record<string, string>>
}

const engineTimeoutMs = 10_000
const pullTimeoutMsDefault = 60_000
const startTimeoutMs = 180_000
const insidePort = 9092

export function containerImage(): string {
  return process.env['KAFKA_IMAGE'] ?? 'apache/kafka:4.4.0'
}

/** Starts a broker in a container, or tells what is missing for it. */
export async function startContainer(options: ContainerOptions = {}): Promise<ContainerKafka | NoContainer> {
  process.env['TESTCONTAINERS_RYUK_DISABLED'] ??= 'true'
  process.env['TESTCONTAINERS_HOST_OVERRIDE'] ??= 'localhost'
  const engine = await findEngine()
  if ('reason' in engine) return engine
  await removeLeftovers(engine)
  const image = containerImage()
  const missing = await fetchImage(engine, image, options.pullTimeoutMs ?? pullTimeoutMsDefault)
  if (missing !== undefined) return { reason: missing }
  const port = await reservePort()
  try {
    const container = await start(image, port, options.config ?? {})
    const claim = join(machineFolder('containers'), container.getId())
    claimFile(claim)
    const bootstrap = `127.0.0.1:${port}`
    const stop = async (): Promise<void> => {
      await container.stop({ timeout: 0, remove: true, removeVolumes: true })
      rmSync(claim, { force: true })
      releasePort(port)
    }
    await askBroker(bootstrap)
    return { bootstrap, image, stop }
  } catch (error) {
    releasePort(port)
    return { reason: `a container of ${image} did not start: ${messageOf(error)}` }
  }
}

async function findEngine(): Promise<ContainerRuntimeClient | NoContainer> {
  try {
    const { getContainerRuntimeClient } = await import('testcontainers')
    return await inTime(getContainerRuntimeClient(), engineTimeoutMs)
  } catch (error) {
    return { reason: `start a Docker engine (none answers: ${messageOf(error)})` }
  }
}

async function fetchImage(
  engine: ContainerRuntimeClient,
  image: string,
  timeoutMs: number
): Promise<string | undefined> {
  const { ImageName } = await import('testcontainers')
  const name = ImageName.fromString(image)
  try {
    if (await inTime(engine.image.exists(name), engineTimeoutMs)) return undefined
    await inTime(engine.image.pull(name), timeoutMs)
    return undefined
  } catch (error) {
    return `run test/containers/build-image: ${image} is not here and could not be pulled (${messageOf(error)})`
  }
}

async function start(
  image: string,
  port: number,
  config: Readonly<Record<string, string>>
): Promise<StartedTestContainer> {
  const { GenericContainer, Wait } = await import('testcontainers')
  return new GenericContainer(image)
    .withExposedPorts({ container: insidePort, host: port })
    .withEnvironment(environment(port, config))
    .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/))
    .withStartupTimeout(startTimeoutMs)
    .start()
}

/** The public image drops all of its defaults as soon as one setting is given, so all are. */
function environment(port: number, config: Readonly<Record<string, string>>): Record<string, string> {
  const settings: Record<string, string> = {
    'node.id': '1',
    'process.roles': 'broker,controller',
    'controller.quorum.voters': '1@localhost:9093',
    'controller.listener.names': 'CONTROLLER',
    'inter.broker.listener.name': 'INTERNAL',
    listeners: `PLAINTEXT://:${insidePort},INTERNAL://:9094,CONTROLLER://:9093`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port},INTERNAL://localhost:9094`,
    'listener.security.protocol.map': 'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,INTERNAL:PLAINTEXT',
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    'auto.create.topics.enable': 'false',
    ...config
  }
  return Object.fromEntries(Object.entries(settings).map(([name, value]) => [variableName(name), value]))
}

/** The image's rule for names: dots become `_`, `_` becomes `__`, hyphens become `___`. */
function variableName(setting: string): string {
  const escaped = setting.replaceAll('_', '__').replaceAll('-', '___').replaceAll('.', '_')
  return `KAFKA_${escaped.toUpperCase()}`
}

/** Removes containers whose starter was killed before it could. */
async function removeLeftovers(engine: ContainerRuntimeClient): Promise<void> {
  const folder = machineFolder('containers')
  for (const id of readdirSync(folder)) {
    if (!claimIsStale(join(folder, id))) continue
    await engine.container.dockerode
      .getContainer(id)
      .remove({ force: true, v: true })
      .catch(() => undefined) // gone already, or another engine's
    rmSync(join(folder, id), { force: true })
  }
}

async function inTime<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return (text.split('\n')[0] ?? '').slice(0, 300)
}
