// Finds a Kafka for tests, the demo and benchmarks: brokers that KAFKA_BROKERS names, else a container, else the broker's
// own jars on a local Java. The demo has the embedded one unless it is told otherwise. Says in one line what it found, or what to install or set where there is none.
import { startBroker } from './broker.ts'
import type { BrokerOptions } from './broker.ts'
import { startContainer } from './container.ts'
import { startEmbeddedBroker } from './embedded.ts'
import { findJars } from './jars.ts'
import { askBroker } from './probe.ts'

export interface FoundKafka {
  readonly via: 'brokers' | 'container' | 'jars' | 'embedded'
  /** `host:port`, more than one with commas. */
  readonly bootstrap: string
  /** Stops what was started; nothing for brokers that KAFKA_BROKERS names. */
  stop(): Promise<void>
}

export interface NoKafka {
  readonly via: 'none'
  /** What to install or set. */
  readonly reason: string
}

export interface FindOptions {
  /** Receives the one line. Default: standard output. */
  readonly say?: (line: string) => void
  /** For a broker started from jars or in a container: its settings. */
  readonly config?: Readonly<Record<string, string>>
}

/** What the broker is for: a benchmark's is given more memory and all of the JVM's compilers. */
export type Purpose = 'tests' | 'demo' | 'bench'

/** How long an image may take to come when a container was asked for, and when jars would do. */
const forcedPullTimeoutMs = 300_000
const optionalPullTimeoutMs = 60_000

/** Finds or starts a real Kafka. `KAFKA_VIA=jars|container|embedded` forces one; KAFKA_BROKERS wins over all. */
export async function findKafka(purpose: Purpose, options: FindOptions = {}): Promise<FoundKafka | NoKafka> {
  const say = options.say ?? ((line: string) => console.log(line))
  const outcome = await search(purpose, options)
  say(outcome.line)
  return outcome.kafka
}

interface Outcome {
  readonly line: string
  readonly kafka: FoundKafka | NoKafka
}

async function search(purpose: Purpose, options: FindOptions): Promise<Outcome> {
  const brokers = process.env['KAFKA_BROKERS']
  if (brokers !== undefined && brokers !== '') return named(brokers)
  const via = process.env['KAFKA_VIA'] ?? ''
  if (!['', 'jars', 'container', 'embedded'].includes(via)) {
    return none(`KAFKA_VIA is '${via}', but only 'jars', 'container' and 'embedded' are meant`)
  }
  if (via === 'embedded' || (via === '' && purpose === 'demo')) return embedded(options)
  const reasons: string[] = []
  if (via !== 'jars') {
    const found = await container(options, via === 'container' ? forcedPullTimeoutMs : optionalPullTimeoutMs)
    if (typeof found !== 'string') return found
    reasons.push(`for a container: ${found}`)
  }
  if (via !== 'container') {
    const found = await jars(purpose, options)
    if (typeof found !== 'string') return found
    reasons.push(`for a local broker: ${found}`)
  }
  return none(`set KAFKA_BROKERS=host:port, or ${reasons.join('; or ')}`)
}

async function named(brokers: string): Promise<Outcome> {
  const failures: string[] = []
  for (const address of brokers.split(',')) {
    try {
      const { nodes } = await askBroker(address.trim())
      const line = `kafka: ${brokers} (KAFKA_BROKERS), ${nodes.length} node${nodes.length === 1 ? '' : 's'}`
      return { line, kafka: { via: 'brokers', bootstrap: brokers, stop: () => Promise.resolve() } }
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error))
    }
  }
  return none(`no broker that KAFKA_BROKERS names answers: ${failures.join('; ')}`)
}

async function container(options: FindOptions, pullTimeoutMs: number): Promise<Outcome | string> {
  const config = options.config === undefined ? {} : { config: options.config }
  const started = await startContainer({ pullTimeoutMs, ...config })
  if ('reason' in started) return started.reason
  const kafka: FoundKafka = { via: 'container', bootstrap: started.bootstrap, stop: () => started.stop() }
  return { line: `kafka: ${started.image} in a container at ${started.bootstrap}`, kafka }
}

async function embedded(options: FindOptions): Promise<Outcome> {
  const broker = await startEmbeddedBroker(options.config === undefined ? {} : { config: options.config })
  const stop = async (): Promise<void> => broker[Symbol.asyncDispose]()
  const kafka: FoundKafka = { via: 'embedded', bootstrap: broker.bootstrap, stop }
  return { line: `kafka: the embedded one, in this process, at ${broker.bootstrap}`, kafka }
}

async function jars(purpose: Purpose, options: FindOptions): Promise<Outcome | string> {
  const found = await findJars()
  if ('reason' in found) return found.reason
  const size: BrokerOptions = purpose === 'bench' ? { heapMb: 1024, longLived: true } : { heapMb: 768 }
  const broker = await startBroker({ ...size, ...(options.config === undefined ? {} : { config: options.config }) })
  const kafka: FoundKafka = {
    via: 'jars',
    bootstrap: broker.bootstrap,
    stop: async () => broker[Symbol.asyncDispose]()
  }
  return { line: `kafka: ${broker.version} from jars at ${broker.bootstrap}`, kafka }
}

function none(reason: string): Outcome {
  return { line: `kafka: none found: ${reason}`, kafka: { via: 'none', reason } }
}
