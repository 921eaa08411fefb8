// What calls of a transaction may be given, so that a misspelled option is refused before anything is sent. Owns the
// tables of sendOffsets and of the calls that end a transaction.
import { memberRules, offsetRules } from '../admin/group_offsets.ts'
import { callRules } from '../call.ts'
import { boolean, checkOptions, integer, list, options, string } from '../options.ts'

const settleRules = { ...callRules, mayInitProducerId: boolean({ optional: true }) }
const proveRules = { ...settleRules, proofDeadlineMs: integer({ min: 1, optional: true }) }
const offsetsRules = {
  groupId: string({ lengthMin: 0 }),
  offsets: list(options(offsetRules)),
  member: options(memberRules, { optional: true })
}

/** Throws KafkaError INVALID_OPTION, as all of these. `call` is its name, such as `transaction.commit`. */
export function checkDecideOptions(call: string, given: object): void {
  checkOptions(call, given, callRules)
}

export function checkSettleOptions(call: string, given: object): void {
  checkOptions(call, given, settleRules)
}

export function checkProveOptions(call: string, given: object): void {
  checkOptions(call, given, proveRules)
}

export function checkOffsetsToCommit(given: object): void {
  checkOptions('transaction.sendOffsets', given, offsetsRules)
}
