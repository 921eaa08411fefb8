// Owns making a failing input smaller: parts are cut out, halves first, and what cannot be cut out becomes zero.

import { splice } from './mutator.ts'

const triesMax = 3_000
const nothing = new Uint8Array(0)

/** The smallest input found with which it still fails. */
export async function minimized(
  input: Uint8Array,
  fails: (candidate: Uint8Array) => Promise<boolean>
): Promise<Uint8Array> {
  let best = input
  let tries = 0
  const accept = async (candidate: Uint8Array): Promise<boolean> => {
    if (tries++ >= triesMax || !(await fails(candidate))) return false
    best = candidate
    return true
  }
  for (let size = Math.ceil(best.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < best.length;) {
      const removed = Math.min(size, best.length - at)
      if (!(await accept(splice(best, at, removed, nothing)))) at += size
    }
  }
  for (let at = 0; at < best.length; at++) {
    if (best[at] !== 0) await accept(splice(best, at, 1, Uint8Array.of(0)))
  }
  return best
}
