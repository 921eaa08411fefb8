import { describe, expect, it } from 'vitest'
import { hasAdvice, clientNextSteps } from '../../src/client/error_advice.ts'
import { BugError, brokerError, KafkaError } from '../../src/client/errors.ts'
import type { ClientErrorCode } from '../../src/client/errors.ts'
import { kafkaErrors } from '../../src/protocol/index.ts'

const failures = kafkaErrors.filter(({ code }) => code !== 0)

describe('every error says what happened and what to do next', () => {
  it.each(failures.map((info) => [info.name, info] as const))('%s', (name, info) => {
    const error = brokerError(info.code, 'Something of some-id', { broker: '127.0.0.1:9092', api: 'EndTxn' })
    expect(error).toBeInstanceOf(Error)
    expect(error).toMatchObject({
      name: 'KafkaError',
      code: 'BROKER_ERROR',
      kafkaCode: info.code,
      kafkaName: name,
      retriable: info.retriable,
      broker: '127.0.0.1:9092',
      api: 'EndTxn',
      outcomeUnknown: false
    })
    expect(hasAdvice(info.code)).toBe(true)
    expect(error.nextStep).toMatch(/^[A-Z].*\.$/)
    expect(error.message).toContain(`Something of some-id: ${name} (${info.code})`)
    expect(error.message.endsWith(error.nextStep)).toBe(true)
  })

  it('a transaction is never told both to abort and to give up, nor to repeat what ended it', () => {
    for (const { code } of failures) {
      const { abortable, fatal, retriable } = brokerError(code, 'it')
      expect(abortable && fatal, String(code)).toBe(false)
      expect(fatal && retriable, String(code)).toBe(false)
    }
  })

  // KIP-890 and KIP-1050 name these; Java's TransactionManager treats them so.
  it.each([
    [120, { abortable: true, fatal: false, retriable: false }],
    [90, { abortable: false, fatal: true, retriable: false }],
    [47, { abortable: false, fatal: true, retriable: false }],
    [49, { abortable: false, fatal: true, retriable: false }],
    [53, { abortable: false, fatal: true, retriable: false }],
    [22, { abortable: true, fatal: false, retriable: false }],
    [51, { abortable: false, fatal: false, retriable: true }],
    [16, { abortable: false, fatal: false, retriable: true }]
  ])('code %i is classified', (code, expected) => {
    expect(brokerError(code, 'it')).toMatchObject(expected)
  })

  it('an operation that knows better overrides the general advice', () => {
    const error = brokerError(47, 'Produce', { fatal: false, abortable: true, nextStep: 'Abort.' })
    expect(error).toMatchObject({ fatal: false, abortable: true, nextStep: 'Abort.', kafkaCode: 47 })
  })

  it('a code from a newer broker still has a name and a next step', () => {
    const error = brokerError(999, 'it')
    expect(error).toMatchObject({ kafkaCode: 999, kafkaName: 'UNKNOWN_CODE_999', retriable: false })
    expect(error.nextStep).not.toBe('')
  })

  it('0 is not an error', () => {
    expect(() => brokerError(0, 'it')).toThrow(BugError)
  })

  it.each(Object.entries(clientNextSteps))('%s has a next step of its own', (code, nextStep) => {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Object.entries forgets the type of the keys
    const error = new KafkaError(code as ClientErrorCode, 'It failed.')
    expect(error.message).toBe(`It failed. ${nextStep}`)
    expect(error).toMatchObject({ retriable: false, abortable: false, fatal: false, kafkaCode: undefined })
  })

  it('keeps its cause', () => {
    const cause = new Error('deep')
    expect(new KafkaError('CONNECTION_LOST', 'It failed.', { cause }).cause).toBe(cause)
  })
})
