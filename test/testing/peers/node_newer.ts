// Finds a Node that is newer than the one that runs the tests, for clients that need one: the one that NODE_NEWER names,
// or this one where it is new enough. It runs TypeScript as it stands.
import { run } from '../../broker/processes.ts'

/** As @platformatic/kafka 2.12.1 asks for, with TypeScript's types taken out without a flag. */
const majorMin = 24

/** The command of a Node that is new enough, or what is missing. */
export async function findNewerNode(): Promise<{ readonly command: string } | { readonly reason: string }> {
  const named = process.env['NODE_NEWER']
  const command = named === undefined || named === '' ? process.execPath : named
  const told = await run(command, ['--version'], { timeoutMs: 20_000 })
  const version = told.stdout.trim()
  if (Number.parseInt(version.slice(1), 10) >= majorMin) return { command }
  return { reason: `set NODE_NEWER to the command of a Node ${majorMin} or newer; this is ${version || command}` }
}
