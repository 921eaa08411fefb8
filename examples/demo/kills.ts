// Which moment the next kill is aimed at, and when there have been enough. What it really met is for the observer to
// say: a kill that came too late is only one more kill.
import type { Met } from './observer.ts'

/**
 * `random`: some time after the process has written records. `prepared`: the moment a checkpoint is published.
 * `recovering`: while the process settles what the one before had prepared, so before it writes anything.
 */
export type Aim = 'random' | 'prepared' | 'recovering'

/** The least that must have been met. Kills of a recovering process come on top of those after written records. */
const afterRecordsMin = 20
const openMin = 5
const preparedMin = 5
const recoveringMin = 2

export class Kills {
  total = 0
  afterRecords = 0
  open = 0
  prepared = 0
  recovering = 0
  #last: Met | undefined

  /** `wroteRecords`: whether the process had written records since it was started. */
  add(met: Met, wroteRecords: boolean): void {
    this.total++
    if (wroteRecords) this.afterRecords++
    if (met.open) this.open++
    if (met.prepared) this.prepared++
    if (met.recovering) this.recovering++
    this.#last = met
  }

  get areEnough(): boolean {
    return (
      this.afterRecords >= afterRecordsMin &&
      this.open >= openMin &&
      this.prepared >= preparedMin &&
      this.recovering >= recoveringMin
    )
  }

  nextAim(): Aim {
    if (this.#last?.prepared === true && this.recovering < recoveringMin) return 'recovering'
    if (this.prepared < preparedMin || this.recovering < recoveringMin)
      return this.total % 2 === 0 ? 'prepared' : 'random'
    return 'random'
  }
}
