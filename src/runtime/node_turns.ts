// Owns the turns of Node's event loop for a program whose time is not real: it runs one step after the other, and between
// two of them everything that promises have made ready. A turn of the loop by setImmediate costs 0.6 microseconds; asking
// Node to run its queue of promises at once costs 0.04 (measured on Node 20 and 24).

/** Node's own way to run what promises have made ready. Not documented (DEP0134), so it may be absent one day. */
interface WithTickCallback {
  readonly _tickCallback?: () => void
}

/** So many steps are done before others on the event loop have a turn, such as a signal to end the process. */
const stepsPerTurn = 4096

/**
 * Calls `step` until it answers false, each time after everything has run that promises had made ready. Resolves then;
 * rejects with what `step` throws.
 */
export function runTurns(step: () => boolean): Promise<void> {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a property that Node's types do not have
  const runPromises = (process as WithTickCallback)._tickCallback
  return new Promise((resolve, reject) => {
    const turn = (): void => {
      try {
        for (let i = 0; i < (runPromises === undefined ? 1 : stepsPerTurn); i++) {
          if (!step()) return resolve()
          runPromises?.call(process)
        }
        setImmediate(turn)
      } catch (error) {
        reject(error)
      }
    }
    setImmediate(turn)
  })
}
