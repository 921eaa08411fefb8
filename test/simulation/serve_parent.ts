// Lets a process play the chunks of seeds that its parent asks for over their channel. It imports no code, so that a test
// can run it as it is.
import type { Chunk, Player } from './campaign.ts'

/** Until the parent goes. */
export function serveParent(player: Player): void {
  process.on('message', (chunk: Chunk) => void player(chunk).then((result) => process.send?.(result)))
  process.on('disconnect', () => process.exit())
}
