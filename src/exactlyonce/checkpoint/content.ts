// What stands inside a checkpoint and a run record, as JSON. A checkpoint is an array, since names would be a large part
// of a small one: its order is the format. What is read back is untrusted: every field is checked, and the answer to
// anything unexpected is a reason, not an exception.
import type { StateValue } from '../functions.ts'
import type { ParticipantSnapshot, PendingTransaction } from '../participant.ts'
import { decodeStateValue, encodeStateValue, isJsonArray } from '../state.ts'
import type { JsonValue, ListSnapshot, OperatorState, SubtaskState } from '../state.ts'
import type { Checkpoint, RunRecord } from './storage.ts'

export type Decoded<T> = { readonly value: T } | { readonly corrupt: string }

type JsonObject = { readonly [name: string]: JsonValue }

/** Thrown and caught in this file only. */
class Unexpected extends Error {}

export function encodeCheckpoint(checkpoint: Checkpoint): string {
  const operators = Array.from(checkpoint.operators, ([name, state]) => [name, encodeOperator(state)] as const)
  const participants = Array.from(checkpoint.participants, ([name, snapshot]) => {
    return [name, encodeParticipant(name, snapshot)] as const
  })
  return JSON.stringify([
    checkpoint.jobName,
    checkpoint.checkpointId,
    checkpoint.previousCheckpointId ?? null,
    checkpoint.incarnation,
    checkpoint.runId,
    checkpoint.takenAtMs,
    Object.fromEntries(operators),
    Object.fromEntries(participants)
  ])
}

function encodeOperator(state: OperatorState): JsonValue {
  return state.map((subtask) => Object.fromEntries(Array.from(subtask, ([name, list]) => [name, encodeList(list)])))
}

function encodeList(list: ListSnapshot): JsonValue {
  return list.redistribution === 'union' ? { union: list.elements } : list.elements
}

function encodeParticipant(name: string, snapshot: ParticipantSnapshot): JsonValue {
  const pending = snapshot.pending.map(({ checkpointId, handle }) => {
    return [checkpointId, encodeStateValue(handle, `handle ${checkpointId} of ${name}`)]
  })
  return [pending, encodeStateValue(snapshot.recorded, `recorded of ${name}`)]
}

export function decodeCheckpoint(text: string): Decoded<Checkpoint> {
  return decode(text, (json) => {
    const fields = arrayOf(json, 'the whole')
    if (fields.length !== 8) throw new Unexpected(`it has ${fields.length} fields`)
    const [jobName, checkpointId, previousCheckpointId, incarnation, runId, takenAtMs, operators, participants] = fields
    return {
      jobName: stringOf(jobName, 'jobName'),
      checkpointId: countOf(checkpointId, 'checkpointId'),
      previousCheckpointId: optionalCountOf(previousCheckpointId, 'previousCheckpointId'),
      incarnation: countOf(incarnation, 'incarnation'),
      runId: stringOf(runId, 'runId'),
      takenAtMs: countOf(takenAtMs, 'takenAtMs'),
      operators: mapOf(objectOf(operators, 'operators'), decodeOperator),
      participants: mapOf(objectOf(participants, 'participants'), decodeParticipant)
    }
  })
}

function decodeOperator(json: JsonValue, name: string): OperatorState {
  return arrayOf(json, name).map((subtask): SubtaskState => mapOf(objectOf(subtask, name), decodeList))
}

function decodeList(json: JsonValue, name: string): ListSnapshot {
  if (isJsonArray(json)) return { redistribution: 'split', elements: json }
  return { redistribution: 'union', elements: arrayOf(objectOf(json, name)['union'], name) }
}

function decodeParticipant(json: JsonValue, name: string): ParticipantSnapshot {
  const [pending, recorded] = arrayOf(json, name)
  return { pending: decodePending(arrayOf(pending, name), name), recorded: valueOf(recorded, name) }
}

function decodePending(json: readonly JsonValue[], name: string): readonly PendingTransaction[] {
  let last = -1
  return json.map((pair) => {
    const [checkpointId, handle] = arrayOf(pair, name)
    if (!isCount(checkpointId) || checkpointId <= last) throw new Unexpected(`pending of ${name} is not in order`)
    last = checkpointId
    return { checkpointId, handle: valueOf(handle, name) }
  })
}

function valueOf(json: JsonValue | undefined, name: string): StateValue {
  const value = json === undefined ? undefined : decodeStateValue(json)
  if (value === undefined) throw new Unexpected(`${name} holds what is not a value`)
  return value
}

export function encodeRun(run: RunRecord): string {
  return JSON.stringify({ ...run, restoredCheckpointId: run.restoredCheckpointId ?? null })
}

export function decodeRun(text: string): Decoded<RunRecord> {
  return decode(text, (json) => {
    const run = objectOf(json, 'the whole')
    return {
      jobName: stringOf(run['jobName'], 'jobName'),
      incarnation: countOf(run['incarnation'], 'incarnation'),
      runId: stringOf(run['runId'], 'runId'),
      restoredCheckpointId: optionalCountOf(run['restoredCheckpointId'], 'restoredCheckpointId'),
      firstCheckpointId: countOf(run['firstCheckpointId'], 'firstCheckpointId'),
      concurrentMax: countOf(run['concurrentMax'], 'concurrentMax'),
      startedAtMs: countOf(run['startedAtMs'], 'startedAtMs')
    }
  })
}

function decode<T>(text: string, read: (json: JsonValue) => T): Decoded<T> {
  let json: JsonValue
  try {
    json = JSON.parse(text)
  } catch {
    return { corrupt: 'its content is not JSON' }
  }
  try {
    return { value: read(json) }
  } catch (error) {
    if (error instanceof Unexpected) return { corrupt: error.message }
    throw error
  }
}

function objectOf(json: JsonValue | undefined, name: string): JsonObject {
  if (typeof json !== 'object' || json === null || isJsonArray(json)) throw new Unexpected(`${name} is not an object`)
  return json
}

function arrayOf(json: JsonValue | undefined, name: string): readonly JsonValue[] {
  if (!isJsonArray(json)) throw new Unexpected(`${name} is not an array`)
  return json
}

function stringOf(value: JsonValue | undefined, name: string): string {
  if (typeof value !== 'string') throw new Unexpected(`${name} is not a string`)
  return value
}

function countOf(value: JsonValue | undefined, name: string): number {
  if (!isCount(value)) throw new Unexpected(`${name} is not a whole number from 0 on`)
  return value
}

function optionalCountOf(value: JsonValue | undefined, name: string): number | undefined {
  return value === null ? undefined : countOf(value, name)
}

function isCount(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

function mapOf<T>(json: JsonObject, read: (item: JsonValue, name: string) => T): ReadonlyMap<string, T> {
  return new Map(Object.entries(json).map(([name, item]) => [name, read(item, name)]))
}
