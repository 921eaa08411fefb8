// One request to the coordinator of a group or transactional id, sent again as long as that helps: it moved, it is
// loading, the connection was lost, the reply did not come. Owns only that; every other error code is the caller's, and
// so is the question whether repeating the request is harmless.
import { withDeadline } from '../runtime/index.ts'
import { errorCode } from '../protocol/index.ts'
import type { ApiName, EncodableRequestOf, ResponseOf } from '../protocol/index.ts'
import { retryCall } from './call.ts'
import type { AttemptOptions, CallOptions } from './call.ts'
import type { Cluster, CoordinatorType, RequestOptions } from './cluster.ts'
import { brokerError, KafkaError } from './errors.ts'

export interface CoordinatorRequestOptions<A extends ApiName> extends Omit<RequestOptions, 'signal' | 'timeoutMs'> {
  /** The code that decides whether to go on; 0 where the response has none. */
  readonly errorCodeOf: (response: ResponseOf<A>) => number
  /** Which operation this is, such as `EndTxn of payments.0.1`; the API and the key where absent. */
  readonly what?: string
  /** Time for all attempts together, milliseconds; the cluster's requestTimeoutMs where absent. */
  readonly deadlineMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  /**
   * Further codes to repeat the request on: answers the time to wait before, milliseconds, or undefined where the
   * response shall be returned. `times` counts how often this was answered before.
   */
  readonly alsoRetry?: (errorCode: number, times: number) => number | undefined
  /** Told of each attempt of which the outcome is unknown, before the next one. */
  readonly onUnknownOutcome?: (error: KafkaError) => void
}

const moved: ReadonlySet<number> = new Set([errorCode.COORDINATOR_NOT_AVAILABLE, errorCode.NOT_COORDINATOR])

/**
 * Sends the request until a coordinator gives an answer other than that it is loading (14), not available (15) or
 * another one (16). Rejects with DEADLINE_EXCEEDED, which tells whether any attempt may have taken effect; with what
 * `Cluster.request` rejects with and cannot be retried; or with the reason of the signal.
 */
export function coordinatorRequest<A extends ApiName>(
  cluster: Cluster,
  type: CoordinatorType,
  key: string,
  api: A,
  body: EncodableRequestOf<A> | ((version: number) => EncodableRequestOf<A>),
  options: CoordinatorRequestOptions<A>
): Promise<ResponseOf<A>> {
  const { errorCodeOf, what = `${api} of ${key}`, deadlineMs, signal, ...rest } = options
  const { alsoRetry, onUnknownOutcome, ...limits } = rest
  let times = 0
  return retryCall(cluster, what, { deadlineMs, signal }, async (request) => {
    try {
      const nodeId = await findCoordinator(cluster, type, key, request)
      const response = await cluster.request({ nodeId }, api, body, { ...limits, ...request })
      const code = errorCodeOf(response)
      if (moved.has(code)) cluster.invalidateCoordinator(type, key)
      if (moved.has(code) || code === errorCode.COORDINATOR_LOAD_IN_PROGRESS) {
        return { again: brokerError(code, what, { api }) }
      }
      const backoffMs = code === errorCode.NONE ? undefined : alsoRetry?.(code, times)
      if (backoffMs === undefined) return { done: response }
      times++
      return { again: brokerError(code, what, { api }), backoffMs }
    } catch (error) {
      if (!(error instanceof KafkaError) || !error.retriable) throw error
      cluster.invalidateCoordinator(type, key)
      if (error.outcomeUnknown) onUnknownOutcome?.(error)
      return { again: error }
    }
  })
}

/**
 * Version in which the coordinator takes requests of this API; undefined where there is none in common. Repeated and
 * rejected as coordinatorRequest: a coordinator that has died is looked up again.
 */
export function coordinatorVersion(
  cluster: Cluster,
  type: CoordinatorType,
  key: string,
  api: ApiName,
  options: CallOptions & Pick<RequestOptions, 'versionMin' | 'versionMax'> = {}
): Promise<number | undefined> {
  const { deadlineMs, signal, ...limits } = options
  const what = `Asking the coordinator of the ${type} ${key} for its versions`
  return retryCall(cluster, what, { deadlineMs, signal }, async (request) => {
    try {
      const nodeId = await findCoordinator(cluster, type, key, request)
      return { done: await cluster.negotiatedVersion({ nodeId }, api, { ...limits, ...request }) }
    } catch (error) {
      if (!(error instanceof KafkaError) || !error.retriable) throw error
      cluster.invalidateCoordinator(type, key)
      return { again: error }
    }
  })
}

/** The node id of the coordinator, looked up within the time of one attempt. Rejects with REQUEST_TIMEOUT after it. */
export function findCoordinator(
  cluster: Cluster,
  type: CoordinatorType,
  key: string,
  { timeoutMs, signal }: AttemptOptions
): Promise<number> {
  const found = cluster.coordinator(type, key, signal)
  return withDeadline(cluster.runtime, found, timeoutMs, () => notFound(type, key, timeoutMs))
}

function notFound(type: CoordinatorType, key: string, leftMs: number): KafkaError {
  return new KafkaError('REQUEST_TIMEOUT', `No coordinator of the ${type} ${key} within ${Math.round(leftMs)} ms.`, {
    retriable: true,
    api: 'FindCoordinator'
  })
}
