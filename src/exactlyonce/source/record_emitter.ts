// Turns fetched batches into elements, and does what was chosen about records that cannot be read. The loop over the
// records makes nothing but the elements; only a bad record leaves it.
import type { ConsumedBatch } from '../../client/index.ts'
import { JobError } from '../errors.ts'
import type { SubtaskContext } from '../functions.ts'
import { badRecordOf } from '../schemas.ts'
import type { BadRecord, DeserializationSchema, OnBadRecord } from '../schemas.ts'

export class RecordEmitter<T> {
  private readonly schema: DeserializationSchema<T>
  private readonly onBadRecord: OnBadRecord<T>
  private readonly context: Pick<SubtaskContext, 'logger' | 'report'>

  constructor(
    schema: DeserializationSchema<T>,
    onBadRecord: OnBadRecord<T>,
    context: Pick<SubtaskContext, 'logger' | 'report'>
  ) {
    this.schema = schema
    this.onBadRecord = onBadRecord
    this.context = context
  }

  /** Adds the elements of the first `count` records. Throws JobError for a bad record where that is the choice. */
  emit(batch: ConsumedBatch, count: number, elements: T[]): void {
    const { schema } = this
    let i = 0
    while (i < count) {
      try {
        for (; i < count; i++) {
          const element = schema.deserialize(batch, i)
          if (element !== undefined) elements.push(element)
        }
      } catch (error) {
        this.emitBad(badRecordOf(batch, i, error), elements)
        i++
      }
    }
  }

  private emitBad(bad: BadRecord, elements: T[]): void {
    const { onBadRecord } = this
    const where = `record ${bad.topic}-${bad.partition}@${bad.offset}`
    if (onBadRecord === 'fail') {
      throw new JobError('JOB_FAILED', `The ${where} cannot be read: ${bad.error.message}.`, {
        fatal: true,
        nextStep:
          "Correct the schema, or choose with onBadRecord what is done about such records: 'skip' or a function.",
        cause: bad.error
      })
    }
    if (onBadRecord === 'skip') {
      const { topic, partition, offset } = bad
      this.context.logger.warn(`Left out the ${where}`, { reason: bad.error.message })
      this.context.report({ kind: 'badRecord', topic, partition, offset, reason: bad.error.message })
      return
    }
    const element = onBadRecord(bad)
    if (element !== undefined) elements.push(element)
  }
}
