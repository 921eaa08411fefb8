// Owns what the group coordinator asks of its surroundings: time, chance, settings and the cluster's topics.

import type { Uuid } from '../../protocol/index.ts'
import type { Timer } from '../../runtime/index.ts'

/** A topic as groups see it. */
export interface GroupTopic {
  readonly name: string
  readonly id: Uuid
  readonly partitionCount: number
}

export interface GroupPorts {
  /** Milliseconds since 1970. */
  nowMs(): number
  /** Fires at most once; never after the broker died. */
  setTimer(delayMs: number, fire: () => void): Timer
  /** A random uuid in Kafka's base64url form. */
  newUuid(): Uuid
  /** Number of the setting that is in force at this broker. */
  setting(name: string): number
  /** Text of a setting. */
  text(name: string): string
  topicByName(name: string): GroupTopic | undefined
  topicById(id: Uuid): GroupTopic | undefined
  /** All topics, for subscriptions by pattern. */
  topics(): readonly GroupTopic[]
}
