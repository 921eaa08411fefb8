import { describe, expect, expectTypeOf, it } from 'vitest'
import { KafkaError } from '../../src/client/errors.ts'
import * as rules from '../../src/client/options.ts'
import { checkOptions } from '../../src/client/options.ts'

const table = {
  transactionalId: rules.string(),
  lingerMs: rules.number({ min: 0, max: 60_000, default: 5 }),
  batchBytesMax: rules.integer({ min: 1, default: 1_000_000 }),
  compression: rules.oneOf(['none', 'gzip', 'snappy'], { default: 'none' }),
  groupId: rules.string({ optional: true }),
  partitions: rules.list(rules.integer({ min: 0 }), { lengthMin: 1, default: [0] }),
  password: rules.string({ optional: true, secret: true }),
  partitioner: rules.value('a function', (given): given is () => number => typeof given === 'function', {
    optional: true
  }),
  ledger: rules.options({ topic: rules.string(), partition: rules.integer({ min: 0 }) }, { optional: true })
}

function refusal(given: unknown, contradictions: readonly rules.Contradiction<typeof table>[] = []): string {
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- hostile input on purpose
    checkOptions('transactionalProducer', given as object, table, contradictions)
  } catch (error) {
    expect(error).toBeInstanceOf(KafkaError)
    expect(error).toMatchObject({ code: 'INVALID_OPTION', retriable: false })
    return error instanceof KafkaError ? error.message : ''
  }
  throw new Error('Nothing was refused.')
}

describe('options are checked when given', () => {
  it('fills in what is absent and counts undefined as absent', () => {
    const checked = checkOptions('producer', { transactionalId: 'a', lingerMs: undefined }, table)
    expect(checked).toMatchObject({ transactionalId: 'a', lingerMs: 5, compression: 'none', partitions: [0] })
    expect(checked.groupId).toBeUndefined()
    expect(Object.isFrozen(checked)).toBe(true)
    expectTypeOf(checked.lingerMs).toEqualTypeOf<number>()
    expectTypeOf(checked.groupId).toEqualTypeOf<string | undefined>()
    expectTypeOf(checked.compression).toEqualTypeOf<'none' | 'gzip' | 'snappy'>()
    expectTypeOf(checked.transactionalId).toEqualTypeOf<string>()
    expectTypeOf(checked.partitions).toEqualTypeOf<readonly number[]>()
    expectTypeOf(checked.ledger).toEqualTypeOf<{ readonly topic: string; readonly partition: number } | undefined>()
  })

  it('fills in what is absent inside an option', () => {
    const nested = { retry: rules.options({ backoffMs: rules.integer({ default: 100 }) }, { optional: true }) }
    expect(checkOptions('it', { retry: {} }, nested).retry).toEqual({ backoffMs: 100 })
    expect(checkOptions('it', {}, nested).retry).toBeUndefined()
  })

  it.each([
    ['maxBatchBytes', 'batchBytesMax'],
    ['batchSize', 'batchBytesMax'],
    ['linger', 'lingerMs'],
    ['lingerms', 'lingerMs'],
    ['linger.ms', 'lingerMs'],
    ['transactionId', 'transactionalId'],
    ['compresion', 'compression']
  ])('an unknown %s is refused, and %s is what was meant', (given, meant) => {
    const message = refusal({ transactionalId: 'a', [given]: 123 })
    expect(message).toContain(`${given} (given as 123) is not an option. Did you mean ${meant}?`)
    expect(message).toContain('transactionalProducer')
  })

  it('lists what is known where nothing is near', () => {
    expect(refusal({ zzz: 1 })).toMatch(/zzz \(given as 1\) is not an option\. Known are transactionalId, lingerMs/)
  })

  it.each([
    [{ lingerMs: 70_000 }, 'lingerMs is 70000, but must be a number from 0 to 60000.'],
    [{ lingerMs: Number.NaN }, 'lingerMs is NaN, but must be'],
    [{ lingerMs: '5' }, 'lingerMs is "5", but must be'],
    [{ batchBytesMax: 1.5 }, 'batchBytesMax is 1.5, but must be a whole number of at least 1.'],
    [{ compression: 'lz5' }, `compression is "lz5", but must be one of 'none', 'gzip', 'snappy'.`],
    [{ compression: null }, 'compression is null'],
    [{ transactionalId: '' }, 'transactionalId is "", but must be a non-empty string'],
    [{ transactionalId: 'a'.repeat(40_000) }, 'transactionalId is "aaa'],
    [{ transactionalId: undefined }, 'transactionalId is missing; it must be a non-empty string'],
    [{ partitions: [] }, 'partitions is an array of 0, but must be an array of at least 1'],
    [{ partitions: [0, -1] }, 'element 1 is -1'],
    [{ partitioner: 7 }, 'partitioner is 7, but must be a function'],
    [{ ledger: { topic: 'a' } }, 'partition is missing'],
    [{ ledger: { topic: 'a', partiton: 1 } }, 'Did you mean partition? Correct']
  ])('%j is refused with the value and what is allowed', (given, expected) => {
    const message = refusal({ transactionalId: 'a', ...given })
    expect(message).toContain(expected)
    expect(message.length).toBeLessThan(400)
  })

  it('never shows a secret', () => {
    expect(refusal({ transactionalId: 'a', passwort: 'hunter2' })).not.toContain('hunter2')
    expect(refusal({ transactionalId: 'a', saslPassword: 'hunter2' })).not.toContain('hunter2')
    expect(refusal({ transactionalId: 'a', password: ['hunter2'] })).not.toContain('hunter2')
    expect(refusal({ transactionalId: 'a', wat: { password: 'hunter2' } })).not.toContain('hunter2')
    const address = refusal({ transactionalId: 'a', wat: 'kafka://user:hunter2@broker:9092' })
    expect(address).not.toMatch(/user|hunter2/)
    expect(address).toContain('broker:9092')
  })

  it('refuses contradictions in their own words', () => {
    const message = refusal({ transactionalId: 'a', compression: 'gzip' }, [
      (options) => (options.compression === 'gzip' ? 'gzip is not for today.' : undefined)
    ])
    expect(message).toContain('Options of transactionalProducer contradict each other: gzip is not for today.')
  })

  it.each([[null], ['a'], [[1]], [7]])('%j instead of options is refused', (given) => {
    expect(refusal(given)).toContain('must be an object')
  })

  it('is not fooled by names that every object has', () => {
    const hostile: unknown = JSON.parse('{"transactionalId":"a","__proto__":{"lingerMs":1}}')
    expect(refusal(hostile)).toContain('__proto__')
    expect(refusal({ transactionalId: 'a', constructor: 1 })).toContain('constructor')
  })
})
