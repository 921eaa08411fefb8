// What is played in a scene: which program runs, what it is given, when it is through, and how its outcome is judged.
import type { Exchange, World } from 'kafka-once/testing'
import type { PipelineEvent } from '../faults/orders.ts'
import type { ClusterSite } from './cluster_site.ts'
import type { Plan } from './plan.ts'
import type { Launch } from './supervisor.ts'

export interface PlayParts {
  readonly world: World
  readonly plan: Plan
  readonly site: ClusterSite
  readonly machine: string
  /** Where programs keep what they must not lose. */
  readonly folder: string
}

export interface Play {
  readonly launch: Launch
  /** One more step of the input. */
  feed(): void
  /** The input has ended; what it is can be seen in the logs from now on. */
  ended(): void
  /** A program has sent something. Answers what is wrong about doing so at this moment. */
  sent(exchange: Exchange): readonly string[]
  /** A program has told something. Answers what is not true at this moment. */
  told(event: PipelineEvent): readonly string[]
  /** Whether programs have told that they have done everything. */
  isThrough(): boolean
  /**
   * Everything that is not as it must be. `isWhole` is false where a program has rightly stopped for good: then something
   * may be missing, but nothing may be wrong.
   */
  judge(events: readonly PipelineEvent[], isWhole: boolean): Promise<readonly string[]>
}
