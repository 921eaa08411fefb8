// What a consumer can be told, with the limits of its memory. Names and meanings follow Java's ConsumerConfig; sizes
// end in Max or Min, times in Ms.
import { decompressedBytesMaxDefault } from '../../protocol/index.ts'
import { checkOptions, integer, oneOf, string } from '../options.ts'
import type { Checked, Contradiction } from '../options.ts'

const mebibyte = 1024 * 1024

const rules = {
  /**
   * `read_committed` (default) hands out no record of a transaction before it is committed; `read_uncommitted` hands
   * out every record (KIP-98).
   */
  isolationLevel: oneOf(['read_committed', 'read_uncommitted'], { default: 'read_committed' }),
  /** Group whose committed offsets are read and written; the consumer does not become a member of it. */
  groupId: string({ optional: true, lengthMax: 32_767 }),
  /** What happens when a position lies outside the log, or nothing was committed. Default: an error. */
  offsetReset: oneOf(['error', 'earliest', 'latest'], { default: 'error' }),
  /** Bytes of one fetch reply (fetch.max.bytes). A larger first batch comes all the same, alone. */
  fetchBytesMax: integer({ min: 1, max: 0x7fffffff, default: 50 * mebibyte }),
  /** Bytes of one partition in a fetch reply (max.partition.fetch.bytes). A larger first batch comes all the same. */
  partitionFetchBytesMax: integer({ min: 1, max: 0x7fffffff, default: mebibyte }),
  /** How long a broker may wait for `fetchBytesMin`, milliseconds (fetch.max.wait.ms). */
  fetchWaitMs: integer({ min: 0, max: 300_000, default: 500 }),
  /** Bytes for which a broker does not wait any longer (fetch.min.bytes). */
  fetchBytesMin: integer({ min: 0, max: 0x7fffffff, default: 1 }),
  /** Fetched bytes that may wait to be handed out; no fetch is sent while they do not fit. */
  bufferedBytesMax: integer({ min: 1, default: 64 * mebibyte }),
  /** Bytes that one batch may decompress to. */
  decompressedBytesMax: integer({ min: 1, default: decompressedBytesMaxDefault })
}

/** Options after the check, with every default filled in. */
export type CheckedConsumerOptions = Checked<typeof rules>

/** Options of a consumer; each has a default. See the comments in this file. */
export type ConsumerOptions = { readonly [K in keyof CheckedConsumerOptions]?: CheckedConsumerOptions[K] | undefined }

const contradictions: readonly Contradiction<typeof rules>[] = [
  ({ fetchBytesMin, fetchBytesMax }) =>
    fetchBytesMin > fetchBytesMax
      ? `fetchBytesMin is ${fetchBytesMin}, more than fetchBytesMax, which is ${fetchBytesMax}.`
      : undefined
]

/** Throws KafkaError INVALID_OPTION. */
export function checkConsumerOptions(given: ConsumerOptions | undefined): CheckedConsumerOptions {
  return checkOptions('consumer', given, rules, contradictions)
}
