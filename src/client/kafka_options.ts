// What a client can be told: where the cluster is, how to speak to it, how long to wait. Owns the defaults and the
// checks of `new Kafka(...)`. Names follow Java's ClientConfig; times end in Ms, limits in Max.
import { decodedBytesMaxDefault } from '../protocol/index.ts'
import { nodeRuntime } from '../runtime/index.ts'
import type { Runtime, TlsOptions } from '../runtime/index.ts'
import { silentLogger } from './logger.ts'
import type { Logger } from './logger.ts'
import type { ClusterSettings } from './network_cluster.ts'
import { boolean, checkOptions, integer, list, string, value, withMethods } from './options.ts'
import type { Checked, Contradiction } from './options.ts'

const mebibyte = 1024 * 1024

/** Requests to one broker that wait for their turn; one more is refused with BUFFER_FULL. */
const queuedRequestsMax = 1_000

/** Options of a client; only `brokers` is required. */
export interface KafkaOptions {
  /** Where to begin, as `host:port`; the cluster tells the rest. One suffices, two survive one that is down. */
  readonly brokers: readonly string[]
  /** Shown in the logs, quotas and metrics of the brokers. Default `kafka-once`. */
  readonly clientId?: string | undefined
  /** Where the client logs to: any object with debug, info, warn and error. Default: nowhere. */
  readonly logger?: Logger | undefined
  /** TLS; `true` where the system's certificates will do. Default: plaintext. */
  readonly tls?: TlsOptions | boolean | undefined
  /** Time for one request, milliseconds (request.timeout.ms). Default 30,000. */
  readonly requestTimeoutMs?: number | undefined
  /** Time to connect, TLS included, milliseconds. Default 10,000. */
  readonly connectTimeoutMs?: number | undefined
  /** First wait before a request or connection is tried again, milliseconds (retry.backoff.ms). Default 100. */
  readonly retryBackoffMs?: number | undefined
  /** Longest such wait, milliseconds (retry.backoff.max.ms). Default 1,000. */
  readonly retryBackoffMsMax?: number | undefined
  /** Metadata that is older is asked for again when it is needed, milliseconds (metadata.max.age.ms). Default 300,000. */
  readonly metadataMaxAgeMs?: number | undefined
  /** Requests on one connection that are not answered yet (max.in.flight.requests.per.connection). Default 5. */
  readonly inFlightRequestsMax?: number | undefined
  /** Largest reply that is accepted, bytes. Default 100 MiB. */
  readonly frameBytesMax?: number | undefined
  /**
   * Memory that the values of one reply may take by estimate, records left aside, bytes; Metadata takes about 300 for each
   * partition. A reply may always take 16 MiB and twice its own bytes. Default 256 MiB.
   */
  readonly decodedBytesMax?: number | undefined
  /** Clocks, sockets and files; for tests. Default: those of this process. */
  readonly runtime?: Runtime | undefined
}

interface Address {
  readonly host: string
  readonly port: number
}

/** `host:port` or `[IPv6]:port` in its parts; undefined where it is neither. */
export function parseAddress(text: string): Address | undefined {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:/\s[\]]+)):(\d{1,5})$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  return host === undefined || port < 1 || port > 65_535 ? undefined : { host, port }
}

const address = value(
  'host:port, without a scheme',
  (given): given is string => typeof given === 'string' && parseAddress(given) !== undefined
)

const isPem = (given: unknown): given is string | Uint8Array =>
  (typeof given === 'string' && given !== '') || given instanceof Uint8Array
const pem = 'a PEM text or its bytes'

const tlsRules = {
  ca: value(pem, isPem, { optional: true, secret: true }),
  cert: value(pem, isPem, { optional: true, secret: true }),
  key: value(pem, isPem, { optional: true, secret: true }),
  servername: string({ optional: true }),
  dangerouslySkipVerification: boolean({ optional: true })
}

const rules = {
  brokers: list(address, { lengthMin: 1 }),
  clientId: string({ default: 'kafka-once' }),
  logger: withMethods<Logger, { default: Logger }>('a logger', ['debug', 'info', 'warn', 'error'], {
    default: silentLogger
  }),
  tls: value(
    `true, false or an object with ${Object.keys(tlsRules).join(', ')}`,
    (given): given is TlsOptions | boolean =>
      typeof given === 'boolean' || (typeof given === 'object' && given !== null),
    { default: false }
  ),
  requestTimeoutMs: integer({ min: 10, max: 3_600_000, default: 30_000 }),
  connectTimeoutMs: integer({ min: 10, max: 600_000, default: 10_000 }),
  retryBackoffMs: integer({ min: 1, max: 60_000, default: 100 }),
  retryBackoffMsMax: integer({ min: 1, max: 600_000, default: 1_000 }),
  metadataMaxAgeMs: integer({ min: 0, default: 300_000 }),
  inFlightRequestsMax: integer({ min: 1, max: 1_000, default: 5 }),
  frameBytesMax: integer({ min: 1_024, max: 0x7fffffff, default: 100 * mebibyte }),
  decodedBytesMax: integer({ min: 16 * mebibyte, default: decodedBytesMaxDefault }),
  runtime: withMethods<Runtime, { optional: true }>('a runtime', ['nowMs', 'monotonicMs', 'setTimer', 'connect'], {
    optional: true
  })
}

const contradictions: readonly Contradiction<typeof rules>[] = [
  ({ retryBackoffMs, retryBackoffMsMax }) =>
    retryBackoffMs > retryBackoffMsMax
      ? `retryBackoffMs is ${retryBackoffMs}, more than retryBackoffMsMax, which is ${retryBackoffMsMax}.`
      : undefined
]

/** Checks the options and fills in the defaults. Throws KafkaError INVALID_OPTION. */
export function clusterSettings(given: KafkaOptions): ClusterSettings {
  const { brokers, runtime = nodeRuntime(), tls, ...rest } = checkOptions('Kafka', given, rules, contradictions)
  return Object.freeze({
    ...rest,
    runtime,
    tls: tlsSettings(tls),
    queuedRequestsMax,
    bootstrap: brokers.flatMap((broker) => parseAddress(broker) ?? [])
  })
}

function tlsSettings(given: TlsOptions | boolean): TlsOptions | undefined {
  if (given === false) return undefined
  const checked: Checked<typeof tlsRules> = checkOptions('Kafka.tls', given === true ? {} : given, tlsRules, [
    ({ cert, key }) => ((cert === undefined) === (key === undefined) ? undefined : 'give cert and key, or neither.')
  ])
  // TlsOptions has no undefined ones.
  return Object.fromEntries(Object.entries(checked).filter(([, one]) => one !== undefined))
}
