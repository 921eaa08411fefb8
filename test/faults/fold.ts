// What the pipeline under test keeps in its state and writes to its output: for each input partition how many records it
// has seen and a hash over all of them in order. A record that is lost, doubled, swapped or processed with a wrong state
// changes every output record after it. Shared by the program and its judge.

/** How far one input partition has come. */
export interface Folded {
  readonly count: number
  /** FNV-1a over the values in order, each with its end. */
  readonly hash: number
}

export const nothingFolded: Folded = Object.freeze({ count: 0, hash: 0x811c9dc5 })

export function fold(before: Folded, value: string): Folded {
  let { hash } = before
  for (let i = 0; i < value.length; i++) hash = Math.imul(hash ^ value.charCodeAt(i), 0x01000193)
  return { count: before.count + 1, hash: Math.imul(hash ^ 0x1ff, 0x01000193) >>> 0 }
}

export function formatFolded({ count, hash }: Folded): string {
  return `${count} ${hash.toString(16).padStart(8, '0')}`
}

/** Undefined where the text is not the output of the pipeline. */
export function parseFolded(text: string): Folded | undefined {
  const [, count, hash] = /^(\d+) ([0-9a-f]{8})$/.exec(text) ?? []
  if (count === undefined || hash === undefined) return undefined
  return { count: Number(count), hash: Number.parseInt(hash, 16) }
}
