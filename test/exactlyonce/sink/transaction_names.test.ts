// A transactional id belongs to this job only if it reads back to itself: everything else is somebody else's.
import { describe, expect, it } from 'vitest'
import {
  formatTransactionName,
  parseTransactionName,
  slotOfTask
} from '../../../src/exactlyonce/sink/transaction_names.ts'

describe('transaction names', () => {
  it('reads back what it wrote, also where the prefix has dots and digits', () => {
    for (const prefix of ['payments', 'a.b.c', 'job.1', 'job.1.2', '0', '-_.']) {
      for (const [task, slot] of [
        [0, 0],
        [3, 12],
        [999, 4]
      ] as const) {
        const name = { prefix, task, slot }
        expect(parseTransactionName(prefix, formatTransactionName(name))).toEqual(name)
      }
    }
    expect(formatTransactionName({ prefix: 'payments', task: 0, slot: 2 })).toBe('payments.0.2')
  })

  it('takes no id that is not written exactly so', () => {
    const foreign = [
      'payments',
      'payments.0',
      'payments.0.',
      'payments..0',
      'payments.0.2.3',
      'payments.00.2',
      'payments.0.02',
      'payments.+0.2',
      'payments.0.2 ',
      'payments.0.2\n',
      'payments.0.0x2',
      'payments.0.1e3',
      'payments.-1.2',
      'payments.0.9999999999',
      'payments2.0.2',
      'Payments.0.2',
      'xpayments.0.2',
      'payments.v2.0.2',
      'payments.٠.٢',
      ''
    ]
    for (const id of foreign) expect(parseTransactionName('payments', id), id).toBeUndefined()
  })

  it('does not take the ids of a job whose prefix goes on where its own ends', () => {
    // job.1 with task 0 slot 2 is no id of job, whatever numbers it holds.
    expect(parseTransactionName('job', 'job.1.0.2')).toBeUndefined()
    expect(parseTransactionName('job.1', 'job.1.0.2')).toEqual({ prefix: 'job.1', task: 0, slot: 2 })
  })

  it('tells the own task from others', () => {
    expect(slotOfTask('payments', 0, 'payments.0.7')).toBe(7)
    expect(slotOfTask('payments', 0, 'payments.1.7')).toBeUndefined()
  })
})
