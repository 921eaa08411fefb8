// What a broker does with requests that it cannot read, does not know, or that come before others are answered: the same
// cases for the embedded one and for a real Kafka 4.4.0.
import { connect } from 'node:net'
import {
  apiByKey,
  decodeResponse,
  encodeRequest,
  errorCode,
  FrameSplitter,
  readCorrelationId
} from 'kafka-once/protocol'
import { expect } from 'vitest'
import { parseAddress } from '../broker/probe.ts'
import type { AnswerCase } from './produce_answers.ts'
import type { Site } from './site.ts'

const { INVALID_REQUEST, NONE, REBOOTSTRAP_REQUIRED, UNSUPPORTED_VERSION } = errorCode

/** Longer than a broker needs for what is waited for, be it frames or the end. */
const silenceMs = 20_000

/** Sends bytes on a connection of its own; answers the frames that come, and whether the broker cut it. */
function exchange(
  site: Site,
  bytes: Uint8Array,
  frameCount: number
): Promise<{ frames: Uint8Array[]; isCut: boolean }> {
  return new Promise((resolve, reject) => {
    const frames: Uint8Array[] = []
    const splitter = new FrameSplitter()
    const socket = connect(parseAddress(site.address), () => socket.write(bytes))
    const finish = (isCut: boolean): void => {
      clearTimeout(timer)
      socket.destroy()
      resolve({ frames, isCut })
    }
    const timer = setTimeout(() => finish(false), silenceMs)
    socket.on('data', (chunk) => {
      splitter.push(chunk, (frame) => frames.push(frame.slice()))
      if (frames.length === frameCount) finish(false)
    })
    socket.on('close', () => finish(true))
    socket.on('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNRESET' ? finish(true) : reject(error)))
  })
}

/** A frame with a header of version 1, and a body that is no concern of it. */
function frame(apiKey: number, version: number, correlationId: number, body = new Uint8Array(0)): Buffer {
  const header = Buffer.alloc(14)
  header.writeInt32BE(10 + body.length, 0)
  header.writeInt16BE(apiKey, 4)
  header.writeInt16BE(version, 6)
  header.writeInt32BE(correlationId, 8)
  header.writeInt16BE(-1, 12)
  return Buffer.concat([header, body])
}

export const wireAnswers: readonly AnswerCase[] = [
  {
    name: 'tells a client that is too new which versions of ApiVersions there are',
    async run(site) {
      const { frames } = await exchange(site, frame(18, 99, 7, Uint8Array.of(0)), 1)
      const { correlationId, body } = decodeResponse('ApiVersions', 0, frames[0]!)
      expect(correlationId).toBe(7)
      expect(body).toMatchObject({
        errorCode: UNSUPPORTED_VERSION,
        apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 5 }]
      })
    }
  },
  {
    name: 'offers the versions that are declared here',
    async run(site) {
      const { apiKeys } = await site.wire.request('ApiVersions', 0, {})
      for (const { apiKey, minVersion, maxVersion } of apiKeys) {
        const api = apiByKey(apiKey)!
        // Produce is offered from version 0 on for the sake of some clients, but not taken below 3.
        const first = api.name === 'Produce' ? 0 : api.versions[0]
        expect([api.name, minVersion, maxVersion]).toEqual([api.name, first, api.latestStableVersion])
      }
      expect(apiKeys.length).toBeGreaterThanOrEqual(40)
    }
  },
  {
    name: 'tells the features of the cluster',
    async run(site) {
      const client = { clientSoftwareName: 'answers', clientSoftwareVersion: '1.0' }
      const four = await site.wire.request('ApiVersions', 4, client)
      const finalized = new Map(four.finalizedFeatures.map((one) => [one.name, one.maxVersionLevel]))
      expect([finalized.get('transaction.version'), finalized.get('group.version')]).toEqual([2, 1])
      const supported = new Map(four.supportedFeatures.map((one) => [one.name, [one.minVersion, one.maxVersion]]))
      expect(supported.get('transaction.version')).toEqual([0, 2])
      expect(four.finalizedFeaturesEpoch).toBeGreaterThan(0n)
      const three = await site.wire.request('ApiVersions', 3, client)
      expect(three.supportedFeatures.every(({ minVersion }) => minVersion > 0)).toBe(true)
      expect(three.finalizedFeatures).toEqual(four.finalizedFeatures)
    }
  },
  {
    name: 'refuses a client that gives itself no proper name',
    async run(site) {
      for (const [clientSoftwareName, clientSoftwareVersion] of [
        ['', '1'],
        ['a', ''],
        ['-a', '1'],
        ['a b', '1']
      ] as const) {
        const answer = await site.wire.request('ApiVersions', 4, { clientSoftwareName, clientSoftwareVersion })
        expect(answer).toMatchObject({ errorCode: INVALID_REQUEST, apiKeys: [] })
      }
    }
  },
  {
    name: 'sends a client back that meant another cluster or node',
    async run(site) {
      const client = { clientSoftwareName: 'answers', clientSoftwareVersion: '1.0' }
      const { clusterId, brokers } = await site.wire.request('DescribeCluster', 0, {
        includeClusterAuthorizedOperations: false
      })
      const nodeId = brokers[0]!.brokerId
      const ask = async (meant: { clusterId: string | null; nodeId: number }): Promise<number> =>
        (await site.wire.request('ApiVersions', 5, { ...client, ...meant })).errorCode
      expect(await ask({ clusterId: null, nodeId: -1 })).toBe(NONE)
      expect(await ask({ clusterId, nodeId })).toBe(NONE)
      expect(await ask({ clusterId, nodeId: 77 })).toBe(REBOOTSTRAP_REQUIRED)
      expect(await ask({ clusterId: 'another', nodeId })).toBe(REBOOTSTRAP_REQUIRED)
      expect(await ask({ clusterId, nodeId: -1 })).toBe(INVALID_REQUEST)
      expect(await ask({ clusterId: null, nodeId })).toBe(INVALID_REQUEST)
    }
  },
  {
    name: 'cuts a connection on which it cannot read',
    async run(site) {
      const produce = frame(0, 99, 1)
      const ancient = frame(0, 2, 1)
      const unknown = frame(999, 0, 1)
      const short = frame(3, 12, 1)
      const negative = Buffer.from([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0])
      const http = Buffer.from('GET / HTTP/1.1\r\n\r\n')
      for (const bytes of [produce, ancient, unknown, short, negative, http]) {
        expect(await exchange(site, bytes, 1)).toEqual({ frames: [], isCut: true })
      }
    }
  },
  {
    name: 'answers in the order of the requests',
    async run(site) {
      const requests = [1, 2, 3, 4].map((correlationId) => {
        const api = correlationId % 2 === 0 ? 'ApiVersions' : 'Metadata'
        const body = api === 'ApiVersions' ? {} : { topics: [] }
        return Buffer.concat(encodeRequest({ api, version: 1, correlationId, clientId: null, body }))
      })
      const { frames } = await exchange(site, Buffer.concat(requests), 4)
      expect(frames.map(readCorrelationId)).toEqual([1, 2, 3, 4])
    }
  }
]
