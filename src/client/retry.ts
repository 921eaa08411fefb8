// Trying again until it works or the time is up: exponential backoff with jitter, all time and chance through the
// Runtime. Owns when to try again; what may be tried again is said by the attempt and by the error. Retries are told
// at debug only.
import type { Runtime } from '../runtime/index.ts'
import { KafkaError } from './errors.ts'
import type { Logger } from './logger.ts'

/** What one attempt came to: a result, or an error after which another attempt makes sense. */
export type Attempt<T> =
  | { readonly done: T }
  /** `backoffMs` replaces the exponential backoff before the next attempt. */
  | { readonly again: KafkaError; readonly backoffMs?: number }

export interface RetryOptions {
  /** Time for all attempts together, milliseconds from now. */
  readonly deadlineMs: number
  /** Before the second attempt, milliseconds; doubled after each further one. */
  readonly backoffMs: number
  readonly backoffMsMax: number
  readonly signal?: AbortSignal | undefined
  /** Which operation this is, such as `EndTxn of payments.0.1`. */
  readonly what: string
  readonly logger: Logger
}

/**
 * Calls `attempt` until it is done. What it throws ends this too, unless it is a KafkaError that is retriable.
 * `leftMs` is the time that is left, above 0; `number` counts attempts from 1. The last attempt begins shortly before
 * the deadline. Rejects with KafkaError DEADLINE_EXCEEDED, whose cause is the last error and which says whether any
 * attempt has an unknown outcome, or with the reason of the signal.
 */
export async function retry<T>(
  runtime: Runtime,
  options: RetryOptions,
  attempt: (leftMs: number, number: number) => Promise<Attempt<T>>
): Promise<T> {
  const { what, logger, signal } = options
  const deadline = runtime.monotonicMs() + options.deadlineMs
  let outcomeUnknown = false
  let isLast = false
  for (let number = 1; ; number++) {
    signal?.throwIfAborted()
    const result = await oneAttempt(attempt, Math.max(1, deadline - runtime.monotonicMs()), number)
    if ('done' in result) return result.done
    const error = result.again
    outcomeUnknown ||= error.outcomeUnknown
    const leftMs = deadline - runtime.monotonicMs()
    if (isLast || leftMs <= 0) throw deadlineExceeded(what, number, options.deadlineMs, error, outcomeUnknown)
    let delayMs = result.backoffMs ?? backoffDelayMs(runtime, options, number)
    if (delayMs >= leftMs) {
      delayMs = leftMs * 0.8
      isLast = true
    }
    logger.debug(`${what}: trying again`, { attempt: number, delayMs, error: error.reason })
    await runtime.sleep(delayMs, signal)
  }
}

async function oneAttempt<T>(
  attempt: (leftMs: number, number: number) => Promise<Attempt<T>>,
  leftMs: number,
  number: number
): Promise<Attempt<T>> {
  try {
    return await attempt(leftMs, number)
  } catch (error) {
    if (error instanceof KafkaError && error.retriable) return { again: error }
    throw error
  }
}

/**
 * Time to wait after the `failures`-th failure in a row: doubles from `backoffMs` to `backoffMsMax`, then between 80 %
 * and 120 % of that by chance, so that clients that failed together do not come back together (KIP-580).
 */
export function backoffDelayMs(
  runtime: Runtime,
  options: { readonly backoffMs: number; readonly backoffMsMax: number },
  failures: number
): number {
  const doubled = options.backoffMs * 2 ** Math.min(failures - 1, 30)
  return Math.min(doubled, options.backoffMsMax) * (0.8 + 0.4 * runtime.random())
}

function deadlineExceeded(
  what: string,
  attempts: number,
  deadlineMs: number,
  error: KafkaError,
  outcomeUnknown: boolean
): KafkaError {
  const times = attempts === 1 ? 'one attempt' : `${attempts} attempts`
  return new KafkaError(
    'DEADLINE_EXCEEDED',
    `${what}: gave up after ${times} in ${Math.round(deadlineMs)} ms. The last error was: ${error.reason}`,
    {
      retriable: true,
      outcomeUnknown,
      kafkaCode: error.kafkaCode,
      broker: error.broker,
      api: error.api,
      correlationId: error.correlationId,
      nextStep: error.nextStep,
      cause: error
    }
  )
}
