// A handle comes from a place that anybody may have written to: only what was sealed, and all of it, is believed.
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { PreparedTransaction } from 'kafka-once'
import { KafkaError } from '../../../src/client/errors.ts'
import {
  handleBytesMax,
  isPrepared,
  parseForeign,
  parsePrepared,
  sealPrepared
} from '../../../src/client/transaction/prepared_codec.ts'

const sealed: PreparedTransaction = sealPrepared({
  format: 1,
  clusterId: 'Shared0Kafka0Cluster02w',
  transactionalId: 'payments.0.1',
  producerId: '9223372036854775807',
  producerEpoch: 32766,
  transactionVersion: 2,
  endTxnVersion: 5,
  transactionTimeoutMs: 60_000,
  startedAtMs: 1_795_457_240_507,
  hasData: true,
  partitions: [
    { topic: 'a', topicId: 'ZSFT00KyRH6WaNvcwcHJ4Q', partition: 0, firstOffset: '0' },
    { topic: 'a', topicId: 'ZSFT00KyRH6WaNvcwcHJ4Q', partition: 1, firstOffset: '-1' }
  ],
  witness: {
    groupId: 'payments.0.1.ledger',
    topic: 'a',
    partition: 0,
    offset: '17',
    randomId: '3c88a428286372d1617f5c6c326169bb',
    previousRandomId: null
  }
})

function refusal(value: unknown): string {
  try {
    parsePrepared(value)
  } catch (error) {
    if (error instanceof KafkaError && error.code === 'INVALID_OPTION') return error.message
    throw error
  }
  return 'taken'
}

describe('a sealed handle', () => {
  test('is read back as it was, from an object or its JSON', () => {
    expect(parsePrepared(sealed)).toEqual(sealed)
    expect(parsePrepared(JSON.stringify(sealed))).toEqual(sealed)
    expect(parsePrepared(JSON.parse(JSON.stringify(sealed)))).toEqual(sealed)
  })

  test('is read back whatever the order of its fields', () => {
    expect(parsePrepared(Object.fromEntries(Object.entries(sealed).toReversed()))).toEqual(sealed)
  })

  test('may be that of a transaction that never wrote, nor had a producer id', () => {
    const { checksum: _checksum, ...fields } = sealed
    const empty = { ...fields, hasData: false, partitions: [], witness: null, producerId: '-1', producerEpoch: -1 }
    expect(parsePrepared(sealPrepared(empty)).hasData).toBe(false)
  })
})

describe('a changed handle', () => {
  test('is refused, whichever field was changed, removed or added', () => {
    const changes: [string, (copy: Record<string, unknown>) => void][] = Object.keys(sealed).flatMap((name) => [
      [`${name} removed`, (copy: Record<string, unknown>) => void delete copy[name]],
      [`${name} null`, (copy: Record<string, unknown>) => void (copy[name] = name === 'witness' ? {} : null)],
      [`${name} an object`, (copy: Record<string, unknown>) => void (copy[name] = { length: 1 })],
      [`${name} text`, (copy: Record<string, unknown>) => void (copy[name] = 'x'.repeat(40_000))],
      [`${name} a number`, (copy: Record<string, unknown>) => void (copy[name] = 2 ** 60)]
    ])
    changes.push(['a field more', (copy) => void (copy['more'] = 1)])
    for (const [what, change] of changes) {
      const copy: Record<string, unknown> = { ...sealed }
      change(copy)
      expect(refusal(copy), what).toContain('Prepared transaction:')
    }
  })

  test('is refused by its checksum where every field is possible', () => {
    expect(refusal({ ...sealed, producerEpoch: 5 })).toContain('checksum')
    expect(refusal({ ...sealed, producerId: '5' })).toContain('checksum')
    expect(refusal({ ...sealed, hasData: false, partitions: [], witness: null })).toContain('checksum')
    expect(refusal({ ...sealed, partitions: sealed.partitions.toReversed() })).toContain('checksum')
    expect(refusal({ ...sealed, witness: { ...sealed.witness, previousRandomId: 'f'.repeat(32) } })).toContain(
      'checksum'
    )
  })

  test('is refused where its fields contradict each other, even if sealed', () => {
    const { checksum: _checksum, ...fields } = sealed
    expect(refusal(sealPrepared({ ...fields, endTxnVersion: 4 }))).toContain('endTxnVersion 4')
    expect(refusal(sealPrepared({ ...fields, transactionVersion: 1 }))).toContain('transactionVersion 1')
    expect(refusal(sealPrepared({ ...fields, hasData: false }))).toContain('hasData')
    expect(refusal(sealPrepared({ ...fields, producerId: '-1' }))).toContain('producerId')
    expect(refusal(sealPrepared({ ...fields, producerEpoch: -1 }))).toContain('producerEpoch')
    expect(refusal(sealPrepared({ ...fields, producerId: '9223372036854775808' }))).toContain('producerId')
  })

  test('is refused where it is no object, too large, or no JSON', () => {
    const nothing = [
      undefined,
      null,
      1,
      2n,
      true,
      [],
      [sealed],
      () => sealed,
      Symbol('x'),
      new Map(),
      'x',
      '',
      '[]',
      'null'
    ]
    for (const value of nothing) expect(refusal(value)).not.toBe('taken')
    expect(refusal(' '.repeat(handleBytesMax + 1))).toContain('more than')
    expect(refusal({ ...sealed, partitions: Array.from({ length: 100_001 }, () => sealed.partitions[0]) })).toContain(
      'partitions'
    )
  })

  test('is refused where names come from the prototype', () => {
    expect(refusal(Object.create(sealed))).toContain('lacks')
    expect(refusal(JSON.parse(`{"__proto__": ${JSON.stringify(sealed)}}`))).toContain('lacks')
    const polluted = JSON.stringify(sealed).replace('{', '{"__proto__": {"format": 2},')
    expect(refusal(polluted)).toContain('__proto__')
    expect(refusal(JSON.stringify(sealed).replace('{', '{"constructor": 1,'))).toContain('constructor')
  })

  test('is refused whatever is done to its text', () => {
    const text = JSON.stringify(sealed)
    fc.assert(
      fc.property(fc.nat(text.length - 1), fc.string({ minLength: 0, maxLength: 3 }), fc.nat(5), (at, insert, cut) => {
        const changed = text.slice(0, at) + insert + text.slice(at + cut)
        const result = refusal(changed)
        // White space may be added, and a number written in another way.
        if (result === 'taken') expect(parsePrepared(changed)).toEqual(sealed)
      }),
      { numRuns: 5_000 }
    )
  })

  test('is refused whatever value it is', () => {
    fc.assert(
      fc.property(fc.anything({ withBigInt: true, withMap: true, withTypedArray: true }), (value) => {
        expect(refusal(value)).not.toBe('taken')
      }),
      { numRuns: 2_000 }
    )
  })

  test('is told without what it says', () => {
    const secret = 'S3cret'.repeat(100)
    for (const name of Object.keys(sealed)) expect(refusal({ ...sealed, [name]: secret })).not.toContain(secret)
  })
})

describe('another client’s transaction', () => {
  test('has its numbers in any form', () => {
    const expected = { transactionalId: 'id', producerId: 7n, producerEpoch: 3 }
    for (const producerId of [7, 7n, '7']) {
      const given = { transactionalId: 'id', producerId, producerEpoch: 3 }
      expect(isPrepared(given)).toBe(false)
      expect(parseForeign(given)).toEqual(expected)
    }
    expect(isPrepared(sealed)).toBe(true)
  })

  test('is refused with impossible numbers', () => {
    const good = { transactionalId: 'id', producerId: 7, producerEpoch: 3 }
    const wrong: object[] = [
      { ...good, producerId: -1 },
      { ...good, producerId: 1.5 },
      { ...good, producerId: '-1' },
      { ...good, producerId: '1e3' },
      { ...good, producerId: -1n },
      { ...good, producerId: 2n ** 63n },
      { ...good, producerId: null },
      { ...good, producerEpoch: -1 },
      { ...good, producerEpoch: 40_000 },
      { ...good, transactionalId: '' },
      { ...good, more: 1 },
      { transactionalId: 'id' }
    ]
    for (const one of wrong)
      expect(() => parseForeign(one)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
  })

  test('is refused where it is no object at all', () => {
    for (const nothing of [null, undefined, 'handle', 7]) {
      expect(Reflect.apply(isPrepared, undefined, [nothing])).toBe(false)
      expect(() => parseForeign(nothing)).toThrow(expect.objectContaining({ code: 'INVALID_OPTION' }))
    }
  })
})
