// ApiVersions, API 18: tells which versions of which APIs this broker serves, and the features of the cluster. Serves
// versions 0 to 5; a newer one is answered in version 0 with UNSUPPORTED_VERSION (connection.ts).
//
// Behaviour: only APIs that have a handler are listed. Produce is listed from version 0 on, as Kafka does for the sake of
// old librdkafka, though it is taken from 3 on only. Versions from 5 on may name the cluster and node that the client
// expects to meet; a wrong one is answered with REBOOTSTRAP_REQUIRED (KIP-1242).
//
// Versions: 3 features (KIP-584), and the client's name, which must be well formed; 4 features from level 0.

import { apis, errorCode } from '../../protocol/index.ts'
import { handler } from './handler.ts'

/** As Kafka requires of a client's name and version. KIP-511. */
const softwareName = /^[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?$/

export const apiVersions = handler('ApiVersions', (request, { broker, connection, version }) => {
  if (version >= 3) {
    const { clientSoftwareName, clientSoftwareVersion } = request
    if (!softwareName.test(clientSoftwareName) || !softwareName.test(clientSoftwareVersion)) {
      return { errorCode: errorCode.INVALID_REQUEST, apiKeys: [] }
    }
  }
  const { cluster } = broker
  if (version >= 5) {
    const { clusterId, nodeId } = request
    if ((clusterId === null) !== (nodeId === -1)) return { errorCode: errorCode.INVALID_REQUEST, apiKeys: [] }
    if (clusterId !== null && (clusterId !== cluster.clusterId || nodeId !== broker.id)) {
      return { errorCode: errorCode.REBOOTSTRAP_REQUIRED, apiKeys: [] }
    }
  }
  connection.session.versionsTold()
  const isUnstableOffered = cluster.settings.boolean('unstable.api.versions.enable')
  const apiKeys = [...broker.handlers.values()].map(({ key, versions, latestStableVersion }) => ({
    apiKey: key,
    minVersion: key === apis.Produce.key ? 0 : versions[0],
    maxVersion: isUnstableOffered ? versions[1] : latestStableVersion
  }))
  const { features } = cluster
  // Before version 4 a range from 0 on cannot be read, and Kafka leaves such a feature out.
  const supported = features.supported().filter(({ min }) => version >= 4 || min > 0)
  return {
    errorCode: 0,
    apiKeys,
    supportedFeatures: supported.map(({ name, min, max }) => ({ name, minVersion: min, maxVersion: max })),
    finalizedFeaturesEpoch: features.epoch,
    finalizedFeatures: features.finalized().map(([name, level]) => ({
      name,
      maxVersionLevel: level,
      minVersionLevel: level
    }))
  }
})
