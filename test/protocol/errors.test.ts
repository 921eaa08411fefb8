// Error codes have names, constants and a place for those that come later.
import { expect, test } from 'vitest'
import { errorByCode, errorCode, kafkaErrors, ProtocolError } from 'kafka-once/protocol'

test('every code has one row, in order and without gaps', () => {
  expect(kafkaErrors.map(({ code }) => code)).toEqual(Array.from({ length: 138 }, (_, i) => i - 1))
  expect(new Set(kafkaErrors.map(({ name }) => name)).size).toBe(138)
  for (const info of kafkaErrors) {
    expect(errorByCode(info.code)).toBe(info)
    expect(info.message).toMatch(/^[A-Z].+\.$/)
    expect(Object.isFrozen(info)).toBe(true)
  }
  expect(Object.isFrozen(kafkaErrors)).toBe(true)
})

test('the constants have the codes as their types', () => {
  const sixteen: 16 = errorCode.NOT_COORDINATOR
  expect(errorByCode(sixteen)).toMatchObject({ name: 'NOT_COORDINATOR', retriable: true })
  // @ts-expect-error no error has this name
  expect(errorCode.NO_SUCH_ERROR).toBeUndefined()
})

test.each([137, 9999, -2])('a code from the future has a name and is not retriable: %i', (code) => {
  expect(errorByCode(code)).toMatchObject({ code, name: `UNKNOWN_CODE_${code}`, retriable: false })
})

test('a ProtocolError says where', () => {
  const cause = new Error('inner')
  const error = new ProtocolError('TRUNCATED', 'what to do', { field: 'topics.name', offset: 12, cause })
  expect(error).toBeInstanceOf(Error)
  expect(error).toMatchObject({ name: 'ProtocolError', code: 'TRUNCATED', field: 'topics.name', offset: 12, cause })
  expect(new ProtocolError('MALFORMED', 'text')).toMatchObject({ field: undefined, offset: undefined })
})
