// A real cluster of which single answers are replaced: an error code in the place of what the broker said, or no answer
// at all, before or after the broker has done its work.
import type { Cluster } from 'kafka-once'
import { KafkaError } from 'kafka-once'
import type { ApiName, EncodableRequestOf, ResponseOf } from 'kafka-once/protocol'
import type { RequestOptions, Target } from '../../../src/client/cluster.ts'

export interface Injection {
  readonly api: ApiName
  /** Instead of asking the broker, or after it was asked. */
  readonly when: 'before' | 'after'
  /** Undefined: the connection is lost. */
  readonly code: number | undefined
}

type AnyRequest = (target: Target, api: ApiName, body: unknown, options?: RequestOptions) => Promise<unknown>

/** Replaces the answer to the next request that `next` names; counts how often it did. */
export class InjectingCluster {
  next: Injection | undefined
  injected = 0
  readonly cluster: Cluster
  private readonly real: Cluster

  constructor(real: Cluster) {
    this.real = real
    this.cluster = new Proxy(real, {
      get: (target, name) => {
        if (name === 'request') return this.request
        const own: unknown = Reflect.get(target, name, target)
        return typeof own === 'function' ? own.bind(target) : own
      }
    })
  }

  // A broker that refuses, as one beside load does for a moment, has not done its work: the next request is awaited.
  private readonly request: AnyRequest = async (target, api, body, options) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- passed on as it came
    const ask = () => this.real.request(target, api, body as never, options)
    const injection = this.next
    if (injection?.api !== api) return ask()
    this.next = undefined
    const answer = injection.when === 'after' ? await ask() : undefined
    if (hasError(answer)) {
      this.next = injection
      return answer
    }
    this.injected++
    if (injection.code !== undefined) return answerWith(api, injection.code, body)
    const outcomeUnknown = answer !== undefined
    throw new KafkaError('CONNECTION_LOST', 'The connection was lost.', { retriable: true, outcomeUnknown })
  }
}

function hasError(answer: unknown): boolean {
  if (typeof answer !== 'object' || answer === null) return false
  return Object.entries(answer).some(([name, value]) => (/errorCode$/i.test(name) ? value !== 0 : hasError(value)))
}

// What a broker would answer with this code everywhere.
function answerWith(api: ApiName, errorCode: number, given: unknown): unknown {
  const body: unknown = typeof given === 'function' ? given(3) : given
  const none = { throttleTimeMs: 0, producerId: -1n, producerEpoch: -1 }
  switch (api) {
    case 'InitProducerId':
    case 'AddOffsetsToTxn':
    case 'EndTxn':
      return { ...none, errorCode }
    case 'AddPartitionsToTxn': {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the API says
      const { v3AndBelowTopics = [] } = body as EncodableRequestOf<'AddPartitionsToTxn'>
      const resultsByTopicV3AndBelow = v3AndBelowTopics.map(({ name, partitions }) => ({
        name,
        resultsByPartition: partitions.map((partitionIndex) => ({ partitionIndex, partitionErrorCode: errorCode }))
      }))
      return { ...none, resultsByTopicV3AndBelow }
    }
    case 'TxnOffsetCommit': {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the API says
      const { topics } = body as EncodableRequestOf<'TxnOffsetCommit'>
      return {
        ...none,
        topics: topics.map(({ name, partitions }) => ({
          name,
          partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode }))
        }))
      }
    }
    case 'Produce':
      return produceAnswer(body, errorCode)
    default:
      throw new Error(`No answer of ${api} is made here`)
  }
}

function produceAnswer(body: unknown, errorCode: number): ResponseOf<'Produce'> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what the API says
  const { topicData } = body as EncodableRequestOf<'Produce'>
  return {
    throttleTimeMs: 0,
    nodeEndpoints: [],
    responses: topicData.map(({ name, topicId, partitionData }) => ({
      name: name ?? '',
      topicId: topicId ?? '',
      partitionResponses: partitionData.map(({ index }) => ({
        index,
        errorCode,
        baseOffset: -1n,
        logAppendTimeMs: -1n,
        logStartOffset: -1n,
        recordErrors: [],
        errorMessage: null,
        currentLeader: { leaderId: -1, leaderEpoch: -1 }
      }))
    }))
  }
}
