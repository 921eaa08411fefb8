// What tests may do to the transactions of a cluster from outside. Outlives brokers.
import { MarkerControl } from './marker_control.ts'

export class TransactionControls {
  readonly markers = new MarkerControl()
  /**
   * How long a coordinator takes to load a partition that holds transactions, milliseconds. It answers
   * COORDINATOR_LOAD_IN_PROGRESS meanwhile.
   */
  loadMs = 0
}
