// Owns the embedded Kafka as a broker of tests: it stands where a broker from the jars would, in this process, and breaks
// in the same ways. What it cannot be (an older version, a process with a pid) is refused with the reason.
import { EmbeddedKafka } from 'kafka-once/testing'
import type { BrokerOptions, TestBroker, TestNode } from './broker.ts'

/** Set for test processes where brokers cannot be started from jars, and nobody has asked for jars. */
const ownBrokersVariable = 'KAFKA_OWN_BROKERS'

/** Whether brokers that suites start for themselves are embedded ones. */
export function hasEmbeddedBrokers(): boolean {
  return isEmbeddedRun() || process.env[ownBrokersVariable] === 'embedded'
}

/** Whether this run was asked to do without a real Kafka. */
export function isEmbeddedRun(): boolean {
  return process.env['KAFKA_VIA'] === 'embedded'
}

/** From here on, in this process and in those that it starts. */
export function useEmbeddedBrokers(): void {
  process.env[ownBrokersVariable] = 'embedded'
}

/** Why suites that need Apache Kafka's own programs are not run. */
export const needsRealKafka = 'KAFKA_VIA=embedded has no program of Apache Kafka'

/** As test brokers are set unless the test says otherwise; brokers from jars have the same. */
const settingsDefault: Readonly<Record<string, string>> = {
  'auto.create.topics.enable': 'false',
  'group.initial.rebalance.delay.ms': '0',
  'offsets.topic.num.partitions': '4',
  'transaction.state.log.num.partitions': '4'
}

export async function startEmbeddedBroker(options: BrokerOptions): Promise<TestBroker> {
  const { version = '4.4.0', nodes = 1, transactionVersion, advertised, config, dataFolder, sasl } = options
  if (version !== '4.4.0') throw new Error(`the embedded Kafka is no Kafka ${version}`)
  const kafka = await EmbeddedKafka.start({
    brokers: nodes,
    config: { ...settingsDefault, ...config },
    ...(transactionVersion === undefined ? {} : { transactionVersion }),
    ...(advertised === undefined ? {} : { advertised }),
    ...(sasl === undefined ? {} : { sasl }),
    ...(dataFolder === undefined ? {} : { dataFolder })
  })
  return new EmbeddedTestBroker(kafka)
}

class EmbeddedTestBroker implements TestBroker {
  readonly version = '4.4.0'
  readonly bootstrap: string
  readonly nodes: readonly TestNode[]
  readonly #kafka: EmbeddedKafka

  constructor(kafka: EmbeddedKafka) {
    this.#kafka = kafka
    this.bootstrap = kafka.bootstrap
    this.nodes = [...kafka.cluster.nodes.values()].map(({ id, listenPort }) => {
      return { id, address: `127.0.0.1:${listenPort}` }
    })
  }

  pid(): number {
    throw new Error('an embedded broker has no process of its own')
  }

  kill(node?: number): Promise<void> {
    return this.#kafka.kill(node)
  }

  killNow(node?: number): void {
    void this.#kafka.kill(node)
  }

  stop(node?: number): Promise<void> {
    return this.#kafka.stop(node)
  }

  start(node?: number): Promise<void> {
    return this.#kafka.start(node)
  }

  restart(node?: number): Promise<void> {
    return this.#kafka.restart(node)
  }

  pause(node?: number): void {
    this.#kafka.pause(node)
  }

  resume(node?: number): void {
    this.#kafka.resume(node)
  }

  /** Brokers that are programs of their own cannot do it. */
  advanceTime(ms: number): Promise<void> {
    return this.#kafka.advanceTime(ms)
  }

  logTail(): string {
    return ''
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#kafka.close()
  }
}
