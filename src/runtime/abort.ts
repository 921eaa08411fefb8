// Owns waiting for a signal to abort. Any number of calls may share one signal, as those of one job do: a listener for
// each would make Node warn of a leak from the eleventh on, so all of them stand behind one.

interface Waiting {
  readonly listeners: Set<() => void>
  readonly tellAll: () => void
}

const waitingFor = new WeakMap<AbortSignal, Waiting>()

/**
 * Calls `listener` once when `signal` aborts, which must not have happened yet. Answers what takes that back, to be
 * called when nobody waits any more.
 */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  const { listeners, tellAll } = waitingFor.get(signal) ?? listen(signal)
  // A function of its own, so that the same listener may wait twice.
  const own = (): void => listener()
  listeners.add(own)
  return () => {
    if (!listeners.delete(own) || listeners.size > 0) return
    signal.removeEventListener('abort', tellAll)
    waitingFor.delete(signal)
  }
}

function listen(signal: AbortSignal): Waiting {
  const listeners = new Set<() => void>()
  const tellAll = (): void => {
    waitingFor.delete(signal)
    for (const listener of listeners) listener()
  }
  const waiting = { listeners, tellAll }
  waitingFor.set(signal, waiting)
  signal.addEventListener('abort', tellAll, { once: true })
  return waiting
}
