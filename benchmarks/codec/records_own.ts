// kafka-once at encoding and decoding record batches, with the checksum that it comes with, with the native one, and
// with none, which no client can do: it shows what the checksum takes.
import { RecordBatch, RecordBatchBuilder, useCrc32c } from '../../test/programs/protocol.ts'
import type { RecordHeader } from '../../test/programs/protocol.ts'
import { bytesRecords } from './records_data.ts'
import type { Taking, TextRecord } from './records_data.ts'
import { nativeCrc32c } from './checksums.ts'
import type { RecordCodec } from './records_peers.ts'

const batchBytesMax = 4 * 1024 * 1024

/** What the builder takes, with each part in its own list. */
function columns(records: readonly TextRecord[]) {
  const bytes = bytesRecords(records)
  return {
    keys: bytes.map(({ key }) => key),
    values: bytes.map(({ value }) => value),
    headers: bytes.map(({ headers }) => headers.map(([name, value]): RecordHeader => [name, value])),
    timestamps: bytes.map(({ timestamp }) => timestamp)
  }
}

export function ownCodec(records: readonly TextRecord[], batch: Buffer, taking: Taking): RecordCodec {
  const { keys, values, headers, timestamps } = columns(records)
  // A producer takes the buffer of a batch that was acknowledged for the next one.
  let buffer: Uint8Array = new Uint8Array(batch.length)
  return {
    encode() {
      const builder = new RecordBatchBuilder({ batchBytesMax, buffer })
      for (let i = 0; i < values.length; i++) builder.append(keys[i]!, values[i]!, headers[i]!, timestamps[i]!)
      const finished = builder.finishPlain()
      buffer = new Uint8Array(finished.buffer)
      return finished
    },
    values() {
      const view = RecordBatch.parse(batch).records()
      for (let i = 0; i < view.count; i++) taking.takeValue(view.value(i))
    },
    places() {
      const view = RecordBatch.parse(batch).records()
      const { bytes } = view
      for (let i = 0; i < view.count; i++) {
        const start = view.valueStart(i)
        taking.takeEnds(bytes[start]!, bytes[start + view.valueLength(i) - 1]!)
      }
    },
    everything() {
      const view = RecordBatch.parse(batch).records()
      for (let i = 0; i < view.count; i++) {
        taking.take(view.key(i), view.value(i), view.headers(i), view.offset(i), view.timestamp(i))
      }
    }
  }
}

export function ownNativeCodec(records: readonly TextRecord[], batch: Buffer, taking: Taking): RecordCodec {
  useCrc32c(nativeCrc32c())
  return ownCodec(records, batch, taking)
}

export function ownUncheckedCodec(records: readonly TextRecord[], batch: Buffer, taking: Taking): RecordCodec {
  const claimed = batch.readUint32BE(17)
  const example = 0xe3069283
  // The right answer for the example that a new function is tried with, and for the one batch there is.
  useCrc32c((bytes) => (bytes.length === 9 ? example : claimed))
  return ownCodec(records, batch, taking)
}
