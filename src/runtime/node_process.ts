// Owns the question which process this is and whether another one still runs. Numbers of processes come back, so a
// process is known by the boot of its machine and by its own start as well; only Linux tells both.

import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { codeOf } from './failure_code.ts'
import type { ProcessIdentity } from './runtime.ts'

/** Stands for what the platform does not tell; equal on both sides of a comparison, so it never claims a death. */
const unknown = 'unknown'

/** This process. Boot and start are `unknown` where the platform does not tell them. */
export function ownIdentity(): ProcessIdentity {
  let bootId = unknown
  let startTime = unknown
  try {
    bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    startTime = parseStat(readFileSync('/proc/self/stat', 'utf8'))?.startTime ?? unknown
  } catch {
    // Not Linux: the number of the process alone must do.
  }
  return Object.freeze({ host: hostname(), bootId, pid: process.pid, startTime })
}

/**
 * Whether that process still runs. Undefined where this process cannot know: on another host, in another boot, which
 * may be another machine of the same name, or where the system hides the process.
 */
export async function isProcessAlive(identity: ProcessIdentity, self: ProcessIdentity): Promise<boolean | undefined> {
  if (identity.host !== self.host || identity.bootId !== self.bootId) return undefined
  if (!exists(identity.pid)) return false
  if (identity.startTime === unknown) return true
  let stat: string
  try {
    stat = await readFile(`/proc/${identity.pid}/stat`, 'utf8')
  } catch {
    return exists(identity.pid) ? undefined : false
  }
  const found = parseStat(stat)
  if (found === undefined) return undefined
  return found.startTime === identity.startTime && !found.isGone
}

function exists(pid: number): boolean {
  // Zero and negative numbers would ask about whole groups of processes.
  if (!Number.isInteger(pid) || pid < 1) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it is there, but belongs to somebody else.
    return codeOf(error) === 'EPERM'
  }
}

// The second field is the program's name in brackets and may itself contain brackets and blanks, so the count begins
// after the last one. Field 3 is the state, field 22 the start in clock ticks since the boot.
function parseStat(stat: string): { startTime: string; isGone: boolean } | undefined {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const startTime = fields[19]
  if (startTime === undefined || !/^\d+$/.test(startTime)) return undefined
  return { startTime, isGone: fields[0] === 'Z' || fields[0] === 'X' }
}
