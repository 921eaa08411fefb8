// Where no Kafka can be had, the reason says what to install or set.
import { createServer } from 'node:net'
import { afterEach, expect, test, vi } from 'vitest'
import { findKafka } from './find.ts'
import { reservePort } from './ports.ts'

afterEach(() => vi.unstubAllEnvs())

async function found(): Promise<{ readonly kafka: Awaited<ReturnType<typeof findKafka>>; readonly lines: string[] }> {
  const lines: string[] = []
  return { kafka: await findKafka('tests', { say: (line) => lines.push(line) }), lines }
}

test('brokers that were named and do not answer are not replaced by others', async () => {
  vi.stubEnv('KAFKA_BROKERS', `127.0.0.1:${await reservePort()}`)
  const { kafka, lines } = await found()
  expect(kafka).toMatchObject({ via: 'none', reason: expect.stringContaining('ECONNREFUSED') })
  expect(lines).toEqual([expect.stringMatching(/^kafka: none found: no broker that KAFKA_BROKERS names answers/)])
})

test('a server that speaks another protocol is not a broker', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
  })
  const port = await reservePort()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  vi.stubEnv('KAFKA_BROKERS', `127.0.0.1:${port}`)
  expect((await found()).kafka).toMatchObject({ via: 'none', reason: expect.stringContaining('Kafka protocol') })
  server.close()
})

test('an unknown way is refused with what is meant', async () => {
  vi.stubEnv('KAFKA_BROKERS', '')
  vi.stubEnv('KAFKA_VIA', 'carrier pigeon')
  expect((await found()).kafka).toEqual({
    via: 'none',
    reason: "KAFKA_VIA is 'carrier pigeon', but only 'jars', 'container' and 'embedded' are meant"
  })
})

test('a missing Java is named', async () => {
  vi.stubEnv('KAFKA_BROKERS', '')
  vi.stubEnv('KAFKA_VIA', 'jars')
  vi.stubEnv('JAVA_HOME', '/nowhere')
  expect((await found()).kafka).toMatchObject({ via: 'none', reason: expect.stringContaining('install Java 17') })
})
