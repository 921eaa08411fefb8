// Owns what EmbeddedKafka.start may be given, and refuses what makes no sense before anything listens: an option that is
// dropped in silence costs its user an afternoon. Errors name the option, the value and what was meant.

import { nodeRuntime } from '../runtime/index.ts'
import type { ServerRuntime } from '../runtime/index.ts'
import { startSettingFault } from './cluster/setting_view.ts'
import type { SaslOptions } from './sasl/credentials.ts'

export interface EmbeddedKafkaOptions {
  /** How many brokers; their ids are 1, 2, and so on. Default 1. */
  readonly brokers?: number | undefined
  /** Clock, chance and network. Default: this process's. */
  readonly runtime?: ServerRuntime | undefined
  /** Where brokers listen. Default 127.0.0.1. */
  readonly host?: string | undefined
  /** One per broker; 0 or absent for any that is free. */
  readonly ports?: readonly number[] | undefined
  /** `host:port` per broker that clients are sent to in its stead, as to a proxy. */
  readonly advertised?: readonly string[] | undefined
  /**
   * The finalized level of `transaction.version`. Default 2, as a new cluster of Kafka 4.4.0 has it; what a data folder
   * holds counts more.
   */
  readonly transactionVersion?: 0 | 1 | 2 | undefined
  /**
   * How long followers take to fetch what a leader has appended; what they do not have is lost when the leader dies.
   * Default 0: they have it at once.
   */
  readonly replicationDelayMs?: number | undefined
  /**
   * A folder in which topics, records, transactions, groups and settings are kept from one run to the next. They are
   * written when the cluster is closed, and by `save`. Default: nothing is kept.
   */
  readonly dataFolder?: string | undefined
  /**
   * Users, who then have to log in by SASL (SASL_PLAINTEXT) before anything else is answered. Default: everybody may do
   * everything.
   */
  readonly sasl?: SaslOptions | undefined
  /** Settings of brokers by Kafka's names. */
  readonly config?: Readonly<Record<string, string | number | boolean>> | undefined
}

/** Options after the check. */
export interface StartOptions {
  readonly brokers: number
  readonly runtime: ServerRuntime
  readonly host: string
  readonly ports: readonly number[]
  readonly advertised: readonly Address[]
  readonly transactionVersion: number
  readonly replicationDelayMs: number
  readonly dataFolder: string | undefined
  readonly sasl: SaslOptions | undefined
  readonly config: Readonly<Record<string, string>>
}

export interface Address {
  readonly host: string
  readonly port: number
}

const brokersMax = 100
const portMax = 65_535
const shownLettersMax = 100
const shownElementsMax = 20

interface Rule {
  /** To be read after "must be". */
  readonly allowed: string
  readonly isAllowed: (value: unknown) => boolean
}

const isText = (value: unknown): boolean => typeof value === 'string' && value !== ''
const isWithin = (value: unknown, min: number, max: number): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
const isList = (value: unknown, isElement: (one: unknown) => boolean): boolean =>
  Array.isArray(value) && value.every(isElement)
const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isValue = (value: unknown): boolean => ['string', 'number', 'boolean'].includes(typeof value)

const rules: Readonly<Record<keyof EmbeddedKafkaOptions, Rule>> = {
  brokers: {
    allowed: `a whole number from 1 to ${brokersMax}`,
    isAllowed: (value) => isWithin(value, 1, brokersMax)
  },
  runtime: {
    allowed: 'a runtime that others can connect to',
    isAllowed: (value) => isRecord(value) && typeof value['listen'] === 'function'
  },
  host: { allowed: 'a name or an address', isAllowed: isText },
  ports: {
    allowed: `a list of whole numbers from 0 to ${portMax}`,
    isAllowed: (value) => isList(value, (port) => isWithin(port, 0, portMax))
  },
  advertised: {
    allowed: "a list of 'host:port'",
    isAllowed: (value) => isList(value, (one) => addressOf(one) !== undefined)
  },
  transactionVersion: { allowed: '0, 1 or 2', isAllowed: (value) => isWithin(value, 0, 2) },
  replicationDelayMs: {
    allowed: 'a number of milliseconds, 0 or more',
    isAllowed: (value) => typeof value === 'number' && value >= 0 && Number.isFinite(value)
  },
  dataFolder: { allowed: 'the path of a folder', isAllowed: isText },
  sasl: {
    allowed: 'an object with users, whose passwords are strings',
    isAllowed: (value) => isRecord(value) && isRecord(value['users']) && Object.values(value['users']).every(isString)
  },
  config: {
    allowed: 'an object of settings, each a string, a number or a boolean',
    isAllowed: (value) => isRecord(value) && Object.values(value).every(isValue)
  }
}

/** The options with what is absent filled in. Throws where they make no sense. */
export function checkedStartOptions(given: EmbeddedKafkaOptions): StartOptions {
  const options: unknown = given
  if (!isRecord(options)) refuse(`takes an object of options, not ${shown(options)}`)
  for (const [name, value] of Object.entries(given)) {
    const rule = Object.entries(rules).find(([known]) => known === name)?.[1]
    if (rule === undefined) refuse(`knows no option ${name}; known are ${Object.keys(rules).join(', ')}`)
    const { allowed, isAllowed } = rule
    if (value === undefined || isAllowed(value)) continue
    // Passwords are for nobody's eyes.
    refuse(name === 'sasl' ? `needs as sasl ${allowed}` : `has ${name}: ${shown(value)}, which must be ${allowed}`)
  }
  const { brokers = 1, host = '127.0.0.1', ports = [], advertised = [], config = {} } = given
  const used = ports.filter((port) => port !== 0)
  if (ports.length > brokers) refuse(`has ${ports.length} ports for ${counted(brokers)}`)
  if (new Set(used).size < used.length) refuse(`has a port twice in ports: ${shown(ports)}`)
  if (advertised.length > 0 && advertised.length !== brokers) {
    refuse(`has ${advertised.length} addresses in advertised for ${counted(brokers)}: each needs one`)
  }
  if (['0.0.0.0', '::'].includes(host) && advertised.length === 0) {
    refuse(`listens everywhere with host ${host}: say in advertised where clients find the brokers`)
  }
  return {
    brokers,
    host,
    ports,
    advertised: advertised.flatMap((one) => addressOf(one) ?? []),
    runtime: given.runtime ?? nodeRuntime(),
    transactionVersion: given.transactionVersion ?? 2,
    replicationDelayMs: given.replicationDelayMs ?? 0,
    dataFolder: given.dataFolder,
    sasl: given.sasl,
    config: checkedConfig(config)
  }
}

/** An address as clients write it: what has colons stands in brackets. */
export function addressText({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function checkedConfig(config: Readonly<Record<string, string | number | boolean>>): Record<string, string> {
  const texts = Object.entries(config).map(([name, value]) => [name, String(value)] as const)
  for (const [name, value] of texts) {
    const fault = startSettingFault(name, value)
    if (fault !== undefined) refuse(`has in config ${fault}`)
  }
  return Object.fromEntries(texts)
}

function addressOf(text: unknown): Address | undefined {
  const [, bracketed, plain, port] =
    (typeof text === 'string' && /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d+)$/.exec(text)) || []
  const host = bracketed ?? plain
  return host === undefined || !isWithin(Number(port), 1, portMax) ? undefined : { host, port: Number(port) }
}

function isString(value: unknown): boolean {
  return typeof value === 'string'
}

function counted(brokers: number): string {
  return brokers === 1 ? '1 broker' : `${brokers} brokers`
}

/** A value as it may stand in an error; an object may hold secrets, or itself. */
function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, shownLettersMax))
  if (typeof value === 'bigint') return `${value}n`
  if (typeof value === 'function') return 'a function'
  if (Array.isArray(value)) return `[${value.slice(0, shownElementsMax).map(shown).join(', ')}]`
  return isRecord(value) ? 'an object' : String(value)
}

function refuse(what: string): never {
  throw new Error(`EmbeddedKafka.start ${what}.`)
}
