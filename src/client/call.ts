// One call of a user that may take several requests: how long it may take altogether, and how long each of them. Owns
// the way from a call's options to a loop of attempts.
import type { Cluster } from './cluster.ts'
import { abortSignal, checkOptions, integer } from './options.ts'
import { retry } from './retry.ts'
import type { Attempt } from './retry.ts'

/** Time and patience of one call. */
export interface CallOptions {
  /** For all attempts together, milliseconds; the client's requestTimeoutMs where absent. */
  readonly deadlineMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/** What CallOptions may be. */
export const callRules = { deadlineMs: integer({ min: 1, optional: true }), signal: abortSignal() }

/** How a call is given up for which there is nothing else to say. */
export interface WaitOptions {
  /** Ends the waiting, not the work. */
  readonly signal?: AbortSignal | undefined
}

/** Throws KafkaError INVALID_OPTION. `call` is its name, such as `producer.send`. */
export function checkWaitOptions(call: string, given: WaitOptions | undefined): void {
  if (given !== undefined) checkOptions(call, given, waitRules)
}

const waitRules = { signal: abortSignal() }

/** What one request of a call gets; fits RequestOptions. */
export interface AttemptOptions {
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

/** Retries with the backoff of the client; see retry. `number` counts attempts from 1. */
export function retryCall<T>(
  cluster: Cluster,
  what: string,
  options: CallOptions,
  attempt: (request: AttemptOptions, number: number) => Promise<Attempt<T>>
): Promise<T> {
  const { runtime, logger, retryBackoffMs, retryBackoffMsMax, requestTimeoutMs } = cluster
  const { deadlineMs = requestTimeoutMs, signal } = options
  const limits = { deadlineMs, backoffMs: retryBackoffMs, backoffMsMax: retryBackoffMsMax, signal, what, logger }
  return retry(runtime, limits, (leftMs, number) => {
    const timeoutMs = Math.min(requestTimeoutMs, leftMs)
    return attempt(signal === undefined ? { timeoutMs } : { timeoutMs, signal }, number)
  })
}

/** The signal of a call, for options that may not hold an undefined one. */
export function signalOf(options: CallOptions): { readonly signal?: AbortSignal } {
  return options.signal === undefined ? {} : { signal: options.signal }
}
