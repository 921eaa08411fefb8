// What a cluster says of itself: its brokers and its settings. Owns DescribeCluster, with Metadata in its place on
// brokers before Kafka 2.8, and DescribeConfigs. KIP-133, KIP-226, KIP-700.
import { errorCode } from '../../protocol/index.ts'
import { retryCall } from '../call.ts'
import type { CallOptions } from '../call.ts'
import type { BrokerAddress, Cluster } from '../cluster.ts'
import { brokerError } from '../errors.ts'
import { unknownTopic } from './partitions.ts'

export interface ClusterBroker extends BrokerAddress {
  readonly rack: string | null
}

export interface ClusterDescription {
  readonly clusterId: string
  /** Node id; without ZooKeeper, of a broker that passes requests on to the controller. -1 where there is none. */
  readonly controllerId: number
  readonly brokers: readonly ClusterBroker[]
}

export function describeCluster(cluster: Cluster, options: CallOptions): Promise<ClusterDescription> {
  return retryCall(cluster, 'DescribeCluster', options, async (request) => {
    if ((await cluster.negotiatedVersion('any', 'DescribeCluster', request)) === undefined) {
      const { clusterId, controllerId, brokers } = await cluster.request('any', 'Metadata', { topics: [] }, request)
      return { done: { clusterId: clusterId ?? '', controllerId, brokers: brokers.map(brokerOf) } }
    }
    const response = await cluster.request(
      'any',
      'DescribeCluster',
      { includeClusterAuthorizedOperations: false },
      request
    )
    if (response.errorCode !== errorCode.NONE) {
      throw brokerError(response.errorCode, 'DescribeCluster', { api: 'DescribeCluster' })
    }
    const { clusterId, controllerId } = response
    const brokers = response.brokers.map((broker) => brokerOf({ ...broker, nodeId: broker.brokerId }))
    return { done: { clusterId, controllerId, brokers } }
  })
}

function brokerOf({ nodeId, host, port, rack }: ClusterBroker): ClusterBroker {
  return { nodeId, host, port, rack }
}

/** Whose settings: those of a topic, or those in force at a broker. */
export type ConfigResource = { readonly topic: string } | { readonly nodeId: number }

export interface ConfigEntry {
  /** Null for a secret. */
  readonly value: string | null
  readonly isReadOnly: boolean
  readonly isSensitive: boolean
  /** Whether nobody has set it; undefined where the broker does not tell. */
  readonly isDefault: boolean | undefined
}

// Source: org.apache.kafka.common.config.ConfigResource.Type and DescribeConfigsResponse.ConfigSource.
const topicType = 2
const brokerType = 4
const unknownSource = 0
const defaultSource = 5

/** Settings by name; all of them where `names` is absent. Needs DESCRIBE_CONFIGS on the topic or the cluster. */
export function describeConfigs(
  cluster: Cluster,
  resource: ConfigResource,
  names: readonly string[] | undefined,
  options: CallOptions
): Promise<ReadonlyMap<string, ConfigEntry>> {
  const isTopic = 'topic' in resource
  const resourceName = isTopic ? resource.topic : String(resource.nodeId)
  const what = `DescribeConfigs of ${isTopic ? 'the topic' : 'broker'} ${resourceName}`
  const target = isTopic ? 'any' : { nodeId: resource.nodeId }
  const one = { resourceType: isTopic ? topicType : brokerType, resourceName, configurationKeys: names ?? null }
  const startMs = cluster.runtime.monotonicMs()
  return retryCall(cluster, what, options, async (request) => {
    const { results } = await cluster.request(target, 'DescribeConfigs', { resources: [one] }, request)
    const [result] = results
    const code = result?.errorCode ?? errorCode.UNKNOWN_SERVER_ERROR
    if (code === errorCode.UNKNOWN_TOPIC_OR_PARTITION) {
      throw unknownTopic(what, cluster.runtime.monotonicMs() - startMs)
    }
    if (result === undefined || code !== errorCode.NONE) {
      throw brokerError(code, result?.errorMessage ? `${what} (${result.errorMessage})` : what, {
        api: 'DescribeConfigs'
      })
    }
    const entries = result.configs.map(
      ({ name, value, readOnly, isSensitive, configSource }): [string, ConfigEntry] => {
        const isDefault = configSource <= unknownSource ? undefined : configSource === defaultSource
        return [name, { value, isReadOnly: readOnly, isSensitive, isDefault }]
      }
    )
    return { done: new Map(entries) }
  })
}
