// Fetch, API 1: reads batches from partitions, and waits for them. Serves versions 4 to 18.
//
// Behaviour: a fetch that finds fewer bytes than it wants waits for more, at most `maxWaitMs`; it is woken by appends,
// markers and elections. The first batch of a response comes whole whatever its size, the last one may be cut off. A
// consumer may read from any replica in sync (KIP-392), as they all have the same log here.
//
// Versions: 7 sessions (KIP-227); 9 leader epochs (KIP-320); 11 racks; 12 truncation found by the fetch itself (KIP-595); 13 topic ids;
// 16 leaders in the answer (KIP-951).

import { errorCode } from '../../protocol/index.ts'
import type { EncodableResponseOf, RequestOf } from '../../protocol/index.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { LeaderHints } from '../cluster/lookup.ts'
import { isEnough, waitForMore } from '../fetch/delayed_fetch.ts'
import { readItems } from '../fetch/fetch_reader.ts'
import type { Fetched, FetchItem, FetchParams } from '../fetch/fetch_reader.ts'
import type { FetchContext, SessionAnswer } from '../fetch/fetch_sessions.ts'
import { handler } from './handler.ts'
import type { RequestContext } from './handler.ts'

type Request = RequestOf<'Fetch'>
type Response = EncodableResponseOf<'Fetch'>
type TopicResponse = Response['responses'][number]
type PartitionResponse = TopicResponse['partitions'][number]

const readCommitted = 1

export const fetchRecords = handler('Fetch', (request, context) => {
  const { broker } = context
  const params = paramsOf(request, context)
  const session = sessionOf(request, context)
  if (typeof session === 'number') return { throttleTimeMs: 0, errorCode: session, responses: [] }
  const { items } = session
  const fetched = readItems(broker, items, params)
  if (isEnough(fetched, params)) return respond(session.finish(fetched), context)
  const again = (): Response => respond(session.finish(readItems(broker, items, params)), context)
  return waitForMore(broker, items, params).then(again)
})

function sessionOf(request: Request, { broker, version }: RequestContext): FetchContext | number {
  const { cluster } = broker
  const { sessionId, sessionEpoch: epoch } = request
  const forgotten = request.forgottenTopicsData.flatMap(({ topic, topicId, partitions }) =>
    partitions.map((index) => ({ topic, topicId, index }))
  )
  return broker.fetchSessions.open({ sessionId, epoch, version, items: itemsOf(request, version, cluster), forgotten })
}

function paramsOf(request: Request, { broker, version }: RequestContext): FetchParams {
  const bytesMax = Math.min(request.maxBytes, broker.cluster.settings.number('fetch.max.bytes'))
  return {
    isolation: request.isolationLevel === readCommitted ? 'lastStable' : 'highWatermark',
    bytesMin: Math.min(request.minBytes, bytesMax),
    bytesMax,
    maxWaitMs: request.maxWaitMs,
    allowFollower: version >= 11,
    version
  }
}

function itemsOf(request: Request, version: number, cluster: Cluster): FetchItem[] {
  const items: FetchItem[] = []
  for (const { topic, topicId, partitions } of request.topics) {
    const known = version >= 13 ? cluster.topicById(topicId) : cluster.topics.get(topic)
    for (const one of partitions) {
      items.push({
        topic: known?.name ?? topic,
        topicId: known?.id ?? topicId,
        index: one.partition,
        fetchOffset: one.fetchOffset,
        bytesMax: one.partitionMaxBytes,
        leaderEpoch: one.currentLeaderEpoch,
        lastFetchedEpoch: one.lastFetchedEpoch
      })
    }
  }
  return items
}

function respond(answer: SessionAnswer, { broker, version }: RequestContext): Response {
  const hints = new LeaderHints(broker.cluster)
  const responses: { topic: string; topicId: string; partitions: PartitionResponse[] }[] = []
  for (const one of answer.fetched) {
    const { topic, topicId } = one.item
    let last = responses.at(-1)
    if (last === undefined || last.topic !== topic || last.topicId !== topicId) {
      responses.push((last = { topic, topicId, partitions: [] }))
    }
    last.partitions.push(partitionResponse(one, version, hints))
  }
  const { errorCode: code, sessionId } = answer
  return { throttleTimeMs: 0, errorCode: code, sessionId, responses, nodeEndpoints: hints.endpoints() }
}

function partitionResponse(fetched: Fetched, version: number, hints: LeaderHints): PartitionResponse {
  const { item, errorCode: code, highWatermark, lastStableOffset, logStartOffset, diverging } = fetched
  const isMoved = code === errorCode.NOT_LEADER_OR_FOLLOWER || code === errorCode.FENCED_LEADER_EPOCH
  return {
    partitionIndex: item.index,
    errorCode: code,
    highWatermark,
    lastStableOffset,
    logStartOffset,
    divergingEpoch: diverging,
    currentLeader: isMoved && version >= 16 ? hints.of(item.topic, item.index) : undefined,
    abortedTransactions: fetched.aborted,
    records: fetched.pieces
  }
}
