// Owns the few things about promises that the language of Node 20 lacks: a promise resolved from outside, a deadline,
// and giving up when a signal aborts. None leaves a timer, a listener or an unhandled rejection behind.

import { onAbort } from './abort.ts'
import type { Runtime } from './runtime.ts'

/** A promise together with what settles it. */
export interface Deferred<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T | PromiseLike<T>) => void
  readonly reject: (reason: unknown) => void
}

/** Makes a promise that is settled from outside. */
export function deferred<T>(): Deferred<T> {
  let resolve!: Deferred<T>['resolve']
  let reject!: Deferred<T>['reject']
  const promise = new Promise<T>((onValue, onReason) => {
    resolve = onValue
    reject = onReason
  })
  return { promise, resolve, reject }
}

/** Answers the same promise, whose rejection is no longer reported as unhandled when nobody else waits for it. */
export function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}

/** Says that something took longer than it was given. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError'
  readonly code = 'DEADLINE_EXCEEDED'
  readonly deadlineMs: number

  constructor(deadlineMs: number) {
    super(`There was no result within ${deadlineMs} ms`)
    this.deadlineMs = deadlineMs
  }
}

/**
 * Waits for `promise`, but not longer than `deadlineMs`; then it rejects with what `makeError` answers, a DeadlineError
 * unless given. The work behind the promise goes on, and a late rejection of it is ignored.
 */
export function withDeadline<T>(
  runtime: Pick<Runtime, 'setTimer'>,
  promise: Promise<T>,
  deadlineMs: number,
  makeError: () => Error = () => new DeadlineError(deadlineMs)
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = runtime.setTimer(deadlineMs, () => reject(makeError()))
    promise.then(
      (value) => {
        timer.cancel()
        resolve(value)
      },
      (reason: unknown) => {
        timer.cancel()
        reject(reason)
      }
    )
  })
}

/**
 * Waits for `promise` until `signal` aborts; then it rejects with the signal's reason. The work behind the promise goes
 * on, and a late rejection of it is ignored.
 */
export function raceAbort<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  if (signal.aborted) {
    promise.catch(() => {})
    return Promise.reject(signal.reason)
  }
  return new Promise<T>((resolve, reject) => {
    const forget = onAbort(signal, () => reject(signal.reason))
    promise.then(
      (value) => {
        forget()
        resolve(value)
      },
      (reason: unknown) => {
        forget()
        reject(reason)
      }
    )
  })
}
