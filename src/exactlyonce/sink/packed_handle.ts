// A prepared transaction as it stands in a checkpoint: the same facts in an array, so that a name is written once and
// not for each partition. Keeps the checksum of the handle as it was; whether the content makes sense is for
// `parsePrepared` to say, to which everything that is read back goes.
import { ledgerGroupOf, parsePrepared } from '../../client/index.ts'
import type { PreparedPartition, PreparedTransaction, Witness } from '../../client/index.ts'
import { JobError } from '../errors.ts'
import type { StateValue } from '../functions.ts'

const packedFormat = 1

export function packHandle(handle: PreparedTransaction): StateValue {
  return [
    packedFormat,
    handle.clusterId,
    handle.transactionalId,
    handle.producerId,
    handle.producerEpoch,
    handle.transactionVersion,
    handle.endTxnVersion,
    handle.transactionTimeoutMs,
    handle.startedAtMs,
    handle.hasData,
    packPartitions(handle.partitions),
    handle.witness === null ? null : packWitness(handle.witness, handle.transactionalId),
    handle.checksum
  ]
}

function packPartitions(partitions: readonly PreparedPartition[]): StateValue {
  const byTopic = new Map<string, [string, string, (number | string)[]]>()
  for (const { topic, topicId, partition, firstOffset } of partitions) {
    let packed = byTopic.get(topic)
    if (packed === undefined) byTopic.set(topic, (packed = [topic, topicId, []]))
    packed[2].push(partition, firstOffset)
  }
  return [...byTopic.values()]
}

// The group follows from the id unless somebody chose another.
function packWitness(witness: Witness, transactionalId: string): StateValue {
  const groupId = witness.groupId === ledgerGroupOf(transactionalId) ? null : witness.groupId
  return [groupId, witness.topic, witness.partition, witness.offset, witness.randomId, witness.previousRandomId]
}

/** Throws JobError CHECKPOINT_CORRUPT where the value is not a handle, or not the one that was packed. */
export function unpackHandle(value: StateValue): PreparedTransaction {
  try {
    return parsePrepared(unpack(value))
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new JobError('CHECKPOINT_CORRUPT', `A pending transaction in the checkpoint cannot be read: ${reason}`, {
      fatal: true,
      cause
    })
  }
}

function unpack(value: StateValue): unknown {
  const fields = array(value, 13)
  if (fields[0] !== packedFormat) throw new TypeError(`its format is ${String(fields[0])}, not ${packedFormat}`)
  const transactionalId = fields[2]
  return {
    format: 1,
    clusterId: fields[1],
    transactionalId,
    producerId: fields[3],
    producerEpoch: fields[4],
    transactionVersion: fields[5],
    endTxnVersion: fields[6],
    transactionTimeoutMs: fields[7],
    startedAtMs: fields[8],
    hasData: fields[9],
    partitions: array(fields[10]).flatMap(unpackTopic),
    witness: fields[11] === null ? null : unpackWitness(fields[11], transactionalId),
    checksum: fields[12]
  }
}

function unpackTopic(value: unknown): unknown[] {
  const [topic, topicId, numbers] = array(value, 3)
  const pairs = array(numbers)
  if (pairs.length % 2 !== 0) throw new TypeError('a partition has no first offset')
  const partitions: unknown[] = []
  for (let i = 0; i < pairs.length; i += 2) {
    partitions.push({ topic, topicId, partition: pairs[i], firstOffset: pairs[i + 1] })
  }
  return partitions
}

function unpackWitness(value: unknown, transactionalId: unknown): unknown {
  const [groupId, topic, partition, offset, randomId, previousRandomId] = array(value, 6)
  return {
    groupId: groupId ?? ledgerGroupOf(String(transactionalId)),
    topic,
    partition,
    offset,
    randomId,
    previousRandomId
  }
}

function array(value: unknown, length?: number): readonly unknown[] {
  if (!Array.isArray(value) || (length !== undefined && value.length !== length)) {
    throw new TypeError(`it is no array${length === undefined ? '' : ` of ${length}`}`)
  }
  return value
}
