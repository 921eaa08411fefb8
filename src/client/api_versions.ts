// What a broker offers: the range of versions of each API and the finalized features of its cluster. Owns the choice of
// a version for a request and the first questions on a new connection. KIP-35, KIP-511, KIP-584, KIP-1242.
import { apis, errorCode } from '../protocol/index.ts'
import type { ApiName, ResponseOf } from '../protocol/index.ts'
import { KafkaError } from './errors.ts'

export interface BrokerVersions {
  /** First and last version of each API key. */
  readonly ranges: ReadonlyMap<number, readonly [first: number, last: number]>
  /** Level of each feature that the cluster has finalized. */
  readonly features: ReadonlyMap<string, number>
  /** Grows with each change of the features; -1 where the broker knows none. */
  readonly featuresEpoch: bigint
}

export interface VersionLimits {
  readonly versionMin?: number
  readonly versionMax?: number
}

/** A broker's answer about its versions, as it is kept. */
export function brokerVersions(response: ResponseOf<'ApiVersions'>): BrokerVersions {
  const isFinal = response.finalizedFeaturesEpoch >= 0n
  return {
    ranges: new Map(response.apiKeys.map(({ apiKey, minVersion, maxVersion }) => [apiKey, [minVersion, maxVersion]])),
    features: new Map(
      isFinal ? response.finalizedFeatures.map(({ name, maxVersionLevel }) => [name, maxVersionLevel]) : []
    ),
    featuresEpoch: response.finalizedFeaturesEpoch
  }
}

/**
 * The highest version of an API that both sides have, within the limits; undefined where there is none. A version that
 * Kafka marks as unstable is used only where `versionMax` names it.
 */
export function versionToUse(api: ApiName, broker: BrokerVersions, limits: VersionLimits = {}): number | undefined {
  const range = broker.ranges.get(apis[api].key)
  if (range === undefined) return undefined
  const [first, last] = apis[api].versions
  const version = Math.min(range[1], last, limits.versionMax ?? apis[api].latestStableVersion)
  return version < Math.max(range[0], first, limits.versionMin ?? 0) ? undefined : version
}

/** Says which versions of the API the broker and the client have. */
export function noCommonVersion(
  api: ApiName,
  broker: BrokerVersions,
  address: string,
  limits: VersionLimits = {}
): KafkaError {
  const range = broker.ranges.get(apis[api].key)
  const theirs = range === undefined ? 'does not have it' : `has its versions ${range[0]} to ${range[1]}`
  const first = Math.max(apis[api].versions[0], limits.versionMin ?? 0)
  const last = Math.min(apis[api].versions[1], limits.versionMax ?? apis[api].latestStableVersion)
  return new KafkaError(
    'BROKER_TOO_OLD',
    `${api} needs one of the versions ${first} to ${last}, but the broker ${address} ${theirs}.`,
    { broker: address, api }
  )
}

/**
 * Asks a broker for its versions, first in the newest form, then in one that it says it has. Brokers before Kafka 2.4
 * refuse an unknown form with an empty list; those understand version 0.
 */
export async function askVersions(
  ask: (version: number) => Promise<ResponseOf<'ApiVersions'>>
): Promise<ResponseOf<'ApiVersions'>> {
  const { key, latestStableVersion } = apis.ApiVersions
  const response = await ask(latestStableVersion)
  if (response.errorCode !== errorCode.UNSUPPORTED_VERSION) return response
  const theirs = response.apiKeys.find(({ apiKey }) => apiKey === key)
  return ask(Math.min(theirs?.maxVersion ?? 0, latestStableVersion))
}

/** The newest finalized features that any broker has told; brokers learn of a change one after another. */
export class FinalizedFeatures {
  #epoch = -1n
  #levels: ReadonlyMap<string, number> = new Map()

  learn(broker: BrokerVersions): void {
    if (broker.featuresEpoch < this.#epoch) return
    this.#epoch = broker.featuresEpoch
    this.#levels = broker.features
  }

  /** 0 where the cluster has not finalized the feature. */
  level(feature: string): number {
    return this.#levels.get(feature) ?? 0
  }
}
