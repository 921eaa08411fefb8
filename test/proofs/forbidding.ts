// A broker on which clients behind the proxy may do everything but write markers, until that is allowed to them. Told
// apart by the address that they come from: there is no login on a listener of a test. KIP-140.
import type { EncodableRequestOf } from 'kafka-once/protocol'
import { quickRestart } from '../broker/broker.ts'
import { Wire } from '../broker/wire.ts'
import { startProxiedBroker } from '../proxy/tcp_proxy.ts'
import type { ProxiedBroker } from '../proxy/tcp_proxy.ts'

const proxyHost = '127.0.0.2'
// Java's enums ResourceType, PatternType, AclOperation and AclPermissionType, as they stand on the wire.
const cluster = { resourceType: 4, resourceName: 'kafka-cluster', resourcePatternType: 3, principal: 'User:*' }
const all = 2
/** ALTER and CLUSTER_ACTION: either of them lets a client write markers. */
const markerOperations = [7, 9]
const [deny, allow] = [2, 3]

export async function startForbidding(): Promise<ProxiedBroker> {
  const config = {
    ...quickRestart,
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'allow.everyone.if.no.acl.found': 'true'
  }
  const started = await startProxiedBroker({ config }, { localAddress: proxyHost })
  try {
    // As soon as there is one rule for the cluster, what no rule allows is forbidden.
    await createRules(started, [
      { ...cluster, host: '*', operation: all, permissionType: allow },
      ...markerOperations.map((operation) => ({ ...cluster, host: proxyHost, operation, permissionType: deny }))
    ])
    return started
  } catch (error) {
    await started[Symbol.asyncDispose]()
    throw error
  }
}

async function createRules(
  { broker }: ProxiedBroker,
  creations: EncodableRequestOf<'CreateAcls'>['creations']
): Promise<void> {
  using wire = await Wire.open(broker.nodes[0]?.address ?? '')
  const { results } = await wire.request('CreateAcls', 2, { creations })
  for (const { errorCode, errorMessage } of results) {
    if (errorCode !== 0) throw new Error(`a rule was refused: ${errorCode} ${errorMessage ?? ''}`)
  }
}

/** Lets clients behind the proxy write markers. */
export async function allowMarkers({ broker }: ProxiedBroker): Promise<void> {
  using wire = await Wire.open(broker.nodes[0]?.address ?? '')
  const { resourceType, resourceName, resourcePatternType, principal } = cluster
  const filters = markerOperations.map((operation) => ({
    resourceTypeFilter: resourceType,
    resourceNameFilter: resourceName,
    patternTypeFilter: resourcePatternType,
    principalFilter: principal,
    hostFilter: proxyHost,
    operation,
    permissionType: deny
  }))
  const { filterResults } = await wire.request('DeleteAcls', 2, { filters })
  const removed = filterResults.flatMap(({ matchingAcls }) => matchingAcls)
  if (removed.length !== filters.length) throw new Error(`${removed.length} rules were removed, not ${filters.length}`)
}
