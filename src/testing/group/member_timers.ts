// Owns the timers of members of groups of the consumer protocol. Volatile: the next coordinator of a group sets its own.
// A member of the classic protocol in such a group has the last two kinds, one of the consumer protocol the second.

import type { Timer } from '../../runtime/index.ts'
import type { GroupPorts } from './ports.ts'

/** Until the member is not heard of, has not given up, has not joined again, has not asked for its assignment. */
export type TimerKind = 'session' | 'revocation' | 'join' | 'sync'

const kinds: readonly TimerKind[] = ['session', 'revocation', 'join', 'sync']

export class MemberTimers {
  readonly #ports: GroupPorts
  readonly #timers = new Map<string, Timer>()

  constructor(ports: GroupPorts) {
    this.#ports = ports
  }

  /** In the place of a timer of that kind that runs already. */
  set(groupId: string, memberId: string, kind: TimerKind, delayMs: number, fire: () => void): void {
    this.cancel(groupId, memberId, kind)
    const key = keyOf(groupId, memberId, kind)
    const timer = this.#ports.setTimer(delayMs, () => {
      this.#timers.delete(key)
      fire()
    })
    this.#timers.set(key, timer)
  }

  isSet(groupId: string, memberId: string, kind: TimerKind): boolean {
    return this.#timers.has(keyOf(groupId, memberId, kind))
  }

  cancel(groupId: string, memberId: string, kind: TimerKind): void {
    const key = keyOf(groupId, memberId, kind)
    this.#timers.get(key)?.cancel()
    this.#timers.delete(key)
  }

  cancelAll(groupId: string, memberId: string): void {
    for (const kind of kinds) this.cancel(groupId, memberId, kind)
  }
}

function keyOf(groupId: string, memberId: string, kind: TimerKind): string {
  return JSON.stringify([groupId, memberId, kind])
}
