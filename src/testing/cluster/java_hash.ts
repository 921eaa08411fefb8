// Owns the choice of the internal topic's partition that keeps a group or a transactional id. It must agree with Kafka's,
// since tools and tests look for the coordinator of a key by themselves.
// Source: java.lang.String.hashCode, org.apache.kafka.common.utils.Utils.abs, GroupMetadataManager.partitionFor.

/** Java's `String.hashCode`: over UTF-16 units, signed, 32 bits. */
export function javaHash(text: string): number {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0
  return hash
}

/** The partition, of `partitionCount`, in which Kafka keeps the state of `key`. */
export function coordinatorPartition(key: string, partitionCount: number): number {
  const hash = javaHash(key)
  // Utils.abs answers 0 for the one number without a positive counterpart.
  return (hash === -0x80000000 ? 0 : Math.abs(hash)) % partitionCount
}
