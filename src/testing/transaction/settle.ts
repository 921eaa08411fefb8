// Turns a call that answers through a callback into a value where it answers at once, and into a promise where it does
// not: most requests of an embedded broker never wait, and a promise would cost each of them a turn.

/** Calls `start`, which must call back once. */
export function settle<T>(start: (done: (value: T) => void) => void): T | Promise<T> {
  const answered: T[] = []
  let resolve: ((value: T) => void) | undefined
  start((value) => {
    if (resolve === undefined) answered.push(value)
    else resolve(value)
  })
  if (answered.length > 0) return answered[0]!
  return new Promise<T>((later) => {
    resolve = later
  })
}

/** All values at once where none of them is a promise, else a promise of all. */
export function settleAll<T>(values: readonly (T | Promise<T>)[]): readonly T[] | Promise<readonly T[]> {
  const ready: T[] = []
  for (const value of values) {
    if (value instanceof Promise) return Promise.all(values)
    ready.push(value)
  }
  return ready
}
