// Owns the short wait between two transactions of one id. A broker answers EndTxn before the markers are written, and one
// that gets the next transaction's first batch before that holds the batch back for 20 ms at a time
// (add.partitions.to.txn.retry.backoff.ms). Asking the coordinator whether it is done costs a fraction of a millisecond.
// Whatever goes wrong here is left to the proof of completion.ts. KIP-890.
import type { Cluster } from '../cluster.ts'
import { KafkaError } from '../errors.ts'
import { concurrentDelayMs } from './coordinator_calls.ts'

/** After this time since the end the markers take so long that waiting here gains nothing. */
const markersWaitMsMax = 50

/**
 * Waits until the transaction that the coordinator was told to end at `endedAtMs` (monotonic) has its markers. Answers
 * whether it was seen to have them.
 */
export async function waitForMarkers(cluster: Cluster, transactionalId: string, endedAtMs: number): Promise<boolean> {
  const { runtime } = cluster
  try {
    for (let times = 0; times === 0 || runtime.monotonicMs() - endedAtMs < markersWaitMsMax; times++) {
      const nodeId = await cluster.coordinator('transaction', transactionalId)
      const body = { transactionalIds: [transactionalId] }
      const reply = await cluster.request({ nodeId }, 'DescribeTransactions', body)
      const [described] = reply.transactionStates
      if (described?.errorCode !== 0) return false
      if (!described.transactionState.startsWith('Prepare')) return true
      await runtime.sleep(concurrentDelayMs(times))
    }
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    cluster.logger.debug(`${transactionalId}: whether its last transaction is complete is not known`, {
      error: error.message
    })
  }
  return false
}
