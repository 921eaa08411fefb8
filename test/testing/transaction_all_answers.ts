// All cases that one broker can answer, in every speech that its clients may use.
import { describe } from 'vitest'
import type { AnsweringCluster } from './raw_cluster.ts'
import { initProducerIdAnswers, listAnswers, markerAnswers, partitionAnswers } from './transaction_admin_answers.ts'
import { endTransactionAnswers, misfitAnswers, mixedVersionAnswers, produceAnswers } from './transaction_answers.ts'
import { restartAnswers } from './transaction_failure_answers.ts'
import { offsetAnswers } from './transaction_offset_answers.ts'

/** Clients of transactions v2 are spoken to only where the cluster has finalized them; older clients live on. */
export function allAnswers(cluster: () => AnsweringCluster, transactionVersion: 0 | 1 | 2): void {
  describe.each(transactionVersion === 2 ? (['v5', 'v4'] as const) : (['v4'] as const))('spoken to in %s', (speech) => {
    const site = { cluster, transactionVersion, speech }
    endTransactionAnswers(site)
    produceAnswers(site)
    initProducerIdAnswers(site)
    partitionAnswers(site)
    markerAnswers(site)
    listAnswers(site)
    offsetAnswers(site)
    if (transactionVersion === 2) mixedVersionAnswers(site)
    if (transactionVersion === 0) misfitAnswers(site)
    restartAnswers(site)
  })
}
