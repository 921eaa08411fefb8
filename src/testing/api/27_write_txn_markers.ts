// WriteTxnMarkers, API 27: appends the markers that end a transaction. Serves versions 1 and 2.
//
// Behaviour: the log takes any marker whose epochs are not behind what it knows, so an administrator can end what hangs,
// or tear a transaction apart. Brokers send markers to each other without this API here.
//
// Versions: 2 the transaction version, from which follows whether the marker's epoch must be a later one (KIP-1228).

import type { EncodableResponseOf, RequestOf } from '../../protocol/index.ts'
import type { Broker } from '../cluster/broker.ts'
import { writeMarkers } from '../transaction/broker_transactions.ts'
import { handler } from './handler.ts'

type RequestMarker = RequestOf<'WriteTxnMarkers'>['markers'][number]
type ResponseMarker = EncodableResponseOf<'WriteTxnMarkers'>['markers'][number]

export const writeTxnMarkers = handler('WriteTxnMarkers', async ({ markers }, { broker }) => ({
  markers: await Promise.all(markers.map((marker) => write(broker, marker)))
}))

async function write(broker: Broker, marker: RequestMarker): Promise<ResponseMarker> {
  const { producerId, producerEpoch, transactionResult, coordinatorEpoch, transactionVersion, topics } = marker
  const writing = topics.map(async ({ name, partitionIndexes }) => {
    const codes = await writeMarkers(broker, {
      producerId,
      producerEpoch,
      coordinatorEpoch,
      committed: transactionResult,
      transactionVersion: transactionVersion >= 2 ? 2 : 0,
      partitions: partitionIndexes.map((partition) => ({ topic: name, partition }))
    })
    const partitions = partitionIndexes.map((partitionIndex, i) => ({ partitionIndex, errorCode: codes[i] ?? -1 }))
    return { name, partitions }
  })
  return { producerId, topics: await Promise.all(writing) }
}
