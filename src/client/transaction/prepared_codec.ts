// Owns the text form of a prepared transaction: sealing one with its checksum, and reading one back from a place that
// may have been tampered with. Nothing is believed before its type, its size and the checksum are right. Pure.
import { crc32c, zeroUuid } from '../../protocol/index.ts'
import { KafkaError } from '../errors.ts'
import { show as showOption } from '../options.ts'
import type { ForeignTransaction, PreparedPartition, PreparedTransaction, Witness } from './prepared.ts'

/** Bytes of a handle as JSON, at most. */
export const handleBytesMax = 8 * 1024 * 1024
/** Partitions that one transaction may have written to, at most. */
export const handlePartitionsMax = 100_000

const show = (value: unknown): string => showOption(value, false)

const int16Max = 0x7fff
const int32Max = 0x7fffffff
const int64Max = 0x7fffffffffffffffn
const topicLengthMax = 249
const idLengthMax = 32_767

/** Adds the checksum. The order of the fields is part of what it covers. */
export function sealPrepared(fields: Omit<PreparedTransaction, 'checksum'>): PreparedTransaction {
  return Object.freeze({ ...fields, checksum: checksumOf(fields) })
}

/**
 * Reads a prepared transaction from an untrusted value: what JSON.parse gave, or the JSON itself. Throws KafkaError
 * INVALID_OPTION that says what is wrong with it.
 */
export function parsePrepared(value: unknown): PreparedTransaction {
  const given = object(typeof value === 'string' ? parseJson(value) : value, 'the handle', preparedFields)
  if (given['format'] !== 1) refuse(`format is ${show(given['format'])}; only 1 is known here`)
  const partitions = given['partitions']
  if (!Array.isArray(partitions) || partitions.length > handlePartitionsMax) {
    refuse(`partitions must be an array of at most ${handlePartitionsMax}`)
  }
  const hasData = flag(given, 'hasData')
  // One that never wrote anything may never have had a producer id.
  const idMin = hasData ? 0 : -1
  const fields: Omit<PreparedTransaction, 'checksum'> = {
    format: 1,
    clusterId: text(given, 'clusterId', idLengthMax),
    transactionalId: text(given, 'transactionalId', idLengthMax),
    producerId: decimal(given, 'producerId', BigInt(idMin)),
    producerEpoch: whole(given, 'producerEpoch', idMin, int16Max),
    transactionVersion: transactionVersion(given),
    endTxnVersion: whole(given, 'endTxnVersion', 0, 5),
    transactionTimeoutMs: whole(given, 'transactionTimeoutMs', 1, int32Max),
    startedAtMs: whole(given, 'startedAtMs', 0, Number.MAX_SAFE_INTEGER),
    hasData,
    partitions: partitions.map((partition: unknown, i) => parsePartition(partition, `partitions[${i}]`)),
    witness: given['witness'] === null ? null : parseWitness(given['witness'])
  }
  if (fields.transactionVersion === 2 ? fields.endTxnVersion < 5 : fields.endTxnVersion > 4) {
    refuse(`endTxnVersion ${fields.endTxnVersion} does not go with transactionVersion ${fields.transactionVersion}`)
  }
  if (!fields.hasData && (fields.witness !== null || fields.partitions.length > 0)) {
    refuse('hasData is false, but there are partitions or a witness')
  }
  const checksum = checksumOf(fields)
  if (given['checksum'] !== checksum) refuse(`checksum is ${show(given['checksum'])}, but the fields have ${checksum}`)
  return Object.freeze({ ...fields, checksum })
}

/** A transaction that another client left open, checked as far as it can be. Throws KafkaError INVALID_OPTION. */
export function parseForeign(value: unknown): {
  readonly transactionalId: string
  readonly producerId: bigint
  readonly producerEpoch: number
} {
  const given = object(value, 'the transaction to resume', foreignFields)
  return {
    transactionalId: text(given, 'transactionalId', idLengthMax),
    producerId: anyInteger(given, 'producerId'),
    producerEpoch: whole(given, 'producerEpoch', 0, int16Max)
  }
}

/** Whether a handle is one of ours, to be judged by `parsePrepared`. */
export function isPrepared(handle: PreparedTransaction | ForeignTransaction): handle is PreparedTransaction {
  const given: unknown = handle
  if (typeof given !== 'object' || given === null) return false
  return Object.hasOwn(given, 'format') || Object.hasOwn(given, 'checksum')
}

const preparedFields: readonly (keyof PreparedTransaction)[] = [
  'format',
  'clusterId',
  'transactionalId',
  'producerId',
  'producerEpoch',
  'transactionVersion',
  'endTxnVersion',
  'transactionTimeoutMs',
  'startedAtMs',
  'hasData',
  'partitions',
  'witness',
  'checksum'
]
const partitionFields: readonly (keyof PreparedPartition)[] = ['topic', 'topicId', 'partition', 'firstOffset']
const witnessFields: readonly (keyof Witness)[] = [
  'groupId',
  'topic',
  'partition',
  'offset',
  'randomId',
  'previousRandomId'
]
const foreignFields: readonly (keyof ForeignTransaction)[] = ['transactionalId', 'producerId', 'producerEpoch']

type Given = Readonly<Record<string, unknown>>

function parsePartition(value: unknown, where: string): PreparedPartition {
  const given = object(value, where, partitionFields)
  return {
    topic: text(given, 'topic', topicLengthMax),
    topicId: text(given, 'topicId', zeroUuid.length),
    partition: whole(given, 'partition', 0, int32Max),
    firstOffset: decimal(given, 'firstOffset', -1n)
  }
}

function parseWitness(value: unknown): Witness {
  const given = object(value, 'witness', witnessFields)
  return {
    groupId: text(given, 'groupId', idLengthMax),
    topic: text(given, 'topic', topicLengthMax),
    partition: whole(given, 'partition', 0, int32Max),
    offset: decimal(given, 'offset', 0n),
    randomId: randomId(given, 'randomId'),
    previousRandomId: given['previousRandomId'] === null ? null : randomId(given, 'previousRandomId')
  }
}

function parseJson(json: string): unknown {
  if (json.length > handleBytesMax) refuse(`it has ${json.length} characters, more than ${handleBytesMax}`)
  try {
    return JSON.parse(json)
  } catch (cause) {
    throw new KafkaError('INVALID_OPTION', 'Prepared transaction: it is not JSON.', { cause })
  }
}

// A plain object with exactly these fields of its own.
function object(value: unknown, where: string, fields: readonly string[]): Given {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse(`${where} is not an object`)
  for (const name of fields) if (!Object.hasOwn(value, name)) refuse(`${where} lacks ${name}`)
  const names = Object.keys(value)
  const strange = names.find((name) => !fields.includes(name))
  if (strange !== undefined) refuse(`${where} has an unknown field ${show(strange)}`)
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- an object whose names have been checked
  return value as Given
}

function text(given: Given, name: string, lengthMax: number): string {
  const value = given[name]
  if (typeof value !== 'string' || value.length === 0 || value.length > lengthMax) {
    refuse(`${name} must be a string of 1 to ${lengthMax} characters`)
  }
  return value
}

function whole(given: Given, name: string, min: number, max: number): number {
  const value = given[name]
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < min || value > max) {
    refuse(`${name} is ${show(value)}, but must be a whole number from ${min} to ${max}`)
  }
  return value
}

function decimal(given: Given, name: string, min: bigint): string {
  const value = given[name]
  const isDecimal = typeof value === 'string' && /^(0|-?[1-9][0-9]{0,18})$/.test(value)
  if (!isDecimal || BigInt(value) < min || BigInt(value) > int64Max) {
    refuse(`${name} is ${show(value)}, but must be a decimal of at least ${min}`)
  }
  return value
}

function anyInteger(given: Given, name: string): bigint {
  const value = given[name]
  if (typeof value === 'string') return BigInt(decimal(given, name, 0n))
  if (typeof value === 'bigint' && value >= 0n && value <= int64Max) return value
  return BigInt(whole(given, name, 0, Number.MAX_SAFE_INTEGER))
}

function randomId(given: Given, name: string): string {
  const value = given[name]
  if (typeof value !== 'string' || !/^[0-9a-f]{32}$/.test(value)) refuse(`${name} must be 32 hexadecimal digits`)
  return value
}

function flag(given: Given, name: string): boolean {
  const value = given[name]
  if (typeof value !== 'boolean') refuse(`${name} must be true or false`)
  return value
}

function transactionVersion(given: Given): 0 | 1 | 2 {
  const value = given['transactionVersion']
  if (value !== 0 && value !== 1 && value !== 2) refuse(`transactionVersion is ${show(value)}, but must be 0, 1 or 2`)
  return value
}

// Fields in the order of the type, whatever order they came in.
function checksumOf(fields: Omit<PreparedTransaction, 'checksum'>): string {
  const { partitions, witness } = fields
  const canonical = [
    fields.format,
    fields.clusterId,
    fields.transactionalId,
    fields.producerId,
    fields.producerEpoch,
    fields.transactionVersion,
    fields.endTxnVersion,
    fields.transactionTimeoutMs,
    fields.startedAtMs,
    fields.hasData,
    partitions.map((one) => [one.topic, one.topicId, one.partition, one.firstOffset]),
    witness && [
      witness.groupId,
      witness.topic,
      witness.partition,
      witness.offset,
      witness.randomId,
      witness.previousRandomId
    ]
  ]
  return crc32c(new TextEncoder().encode(JSON.stringify(canonical)))
    .toString(16)
    .padStart(8, '0')
}

function refuse(what: string): never {
  throw new KafkaError('INVALID_OPTION', `Prepared transaction: ${what}.`, {
    nextStep: 'Take the handle exactly as prepare() gave it.'
  })
}
