// Owns the large inputs: bodies of up to a mebibyte whose values would take many times that, for which a limit of memory
// counts that no small input reaches. They are few, since each takes as long as thousands of small ones.

import { apis } from '../../src/protocol/apis.ts'
import { decodedBytesMin } from '../../src/protocol/decoded_size.ts'
import type { Message } from '../../src/protocol/schema.ts'
import type { Dice } from '../faults/seeded.ts'
import { hostileBody, listPaths, shapes, taggedBody } from '../protocol/hostile_frames.ts'
import { bodyTarget, versionsOf } from './message_targets.ts'
import type { Target } from './target.ts'

const bytesMax = 1024 * 1024
/** What is read in a whole second is not endless; garbage of the young generation comes to the values. */
const costs = { executionMs: 2_000, allocatedBytes: decodedBytesMin + 96 * 1024 * 1024 }

export interface LargeInput {
  readonly target: Target
  readonly bytes: Uint8Array
}

const messages = Object.values(apis).flatMap(({ request, response }): Message[] => [request, response])

/** An input by the dice, every other one spoiled in one byte. */
export function largeInput(dice: Dice): LargeInput {
  const message = dice.pick(messages)
  const version = dice.pick(versionsOf(message))
  const size = dice.between(bytesMax >> 5, bytesMax)
  const paths = listPaths(message.fields, version)
  const isTagged = version >= message.flexible && (paths.length === 0 || dice.next() < 0.1)
  const bytes =
    isTagged || paths.length === 0
      ? taggedBody(message, version, size, dice)
      : hostileBody(message, version, dice.pick(paths), dice.pick(shapes), size, dice)
  if (dice.next() < 0.5) bytes[dice.between(0, bytes.length - 1)]! ^= 1 << dice.between(0, 7)
  return { target: { ...bodyTarget(message, version, [], decodedBytesMin), costs }, bytes }
}
