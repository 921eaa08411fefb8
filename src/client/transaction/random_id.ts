// Random ids by which a transaction is told from every other: 128 bits, as 32 hexadecimal digits.
import type { Runtime } from '../../runtime/index.ts'

export function newRandomId(runtime: Pick<Runtime, 'randomBytes'>): string {
  let text = ''
  for (const byte of runtime.randomBytes(16)) text += byte.toString(16).padStart(2, '0')
  return text
}
