import { readFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket as NodeSocket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { clientSoftware, Connection } from '../../src/client/connection.ts'
import type { ConnectionSettings } from '../../src/client/connection.ts'
import { KafkaError } from '../../src/client/errors.ts'
import { silentLogger } from '../../src/client/logger.ts'
import { nodeRuntime } from '../../src/runtime/index.ts'
import { FakeBroker } from './fake_broker.ts'
import type { FakeBrokerOptions } from './fake_broker.ts'

const settings: ConnectionSettings = {
  runtime: nodeRuntime(),
  logger: silentLogger,
  clientId: 'test',
  tls: undefined,
  connectTimeoutMs: 10_000,
  requestTimeoutMs: 10_000,
  inFlightRequestsMax: 5,
  queuedRequestsMax: 10,
  frameBytesMax: 1_000_000,
  decodedBytesMax: 20_000_000
}

const certificate = (name: string) => readFileSync(new URL(`../runtime/certificates/${name}`, import.meta.url), 'utf8')
const localhost = { cert: certificate('localhost.pem'), key: certificate('localhost.key') }

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close()
})

async function listen(server: Server): Promise<number> {
  const sockets = new Set<NodeSocket>()
  server.on('connection', (socket: NodeSocket) => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  closers.push(() => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => server.close(resolve))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a TCP server has such an address
  return (server.address() as AddressInfo).port
}

/** A server that answers the first bytes with these. */
function answering(bytes: Uint8Array | string): Promise<number> {
  return listen(createServer((socket) => socket.once('data', () => socket.write(bytes))))
}

async function open(port: number, own: Partial<ConnectionSettings> = {}): Promise<Connection> {
  const connection = await Connection.open({ ...settings, ...own }, { host: '127.0.0.1', port })
  closers.push(() => connection.close())
  return connection
}

async function fake(options: FakeBrokerOptions, own: Partial<ConnectionSettings> = {}) {
  const broker = await FakeBroker.start(options)
  closers.push(() => broker.close())
  return { broker, connection: await open(broker.port, own) }
}

async function failure(promise: Promise<unknown>): Promise<KafkaError> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason
  )
  if (error instanceof KafkaError) return error
  throw new Error(`Expected a KafkaError, got ${String(error)}`)
}

const findGroup = { key: 'g', keyType: 0 }
const found = { errorCode: 0, nodeId: 1, host: '127.0.0.1', port: 1 }
const patience = { timeoutMs: 5_000 }

function deferredAnswer<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve!: (value: T) => void
  const promise = new Promise<T>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

describe('what answers at an address is told apart', () => {
  it('nothing listens: CONNECTION_REFUSED, retriable', async () => {
    const error = await failure(open(await closedPort()))
    expect(error).toMatchObject({ code: 'CONNECTION_REFUSED', retriable: true, outcomeUnknown: false })
    expect(error.message).toMatch(/No connection to 127\.0\.0\.1:\d+: nothing listens there/)
  })

  it('the name does not resolve: CONNECTION_REFUSED, and the error says so', async () => {
    const error = await failure(Connection.open(settings, { host: 'no-such-host.invalid', port: 9092 }))
    expect(error).toMatchObject({ code: 'CONNECTION_REFUSED', broker: 'no-such-host.invalid:9092' })
  })

  it('a TLS server: SPEAKS_TLS', async () => {
    const port = await listen(createTlsServer(localhost))
    const error = await failure(open(port))
    expect(error).toMatchObject({ code: 'SPEAKS_TLS', retriable: false })
    expect(error.nextStep).toContain('tls')
  })

  it('a TLS alert before the client says anything: SPEAKS_TLS', async () => {
    const port = await listen(createServer((socket) => socket.end(Uint8Array.of(0x15, 3, 3, 0, 2, 2, 80))))
    expect(await failure(open(port))).toMatchObject({ code: 'SPEAKS_TLS' })
  })

  it('an HTTP server: SPEAKS_HTTP', async () => {
    const port = await listen(createHttpServer())
    expect(await failure(open(port))).toMatchObject({ code: 'SPEAKS_HTTP', retriable: false })
  })

  it.each([
    ['a greeting', '220 mail.example ESMTP\r\n'],
    ['a frame of negative size', Uint8Array.of(255, 255, 255, 255, 1, 2, 3, 4)],
    ['a frame that is too large', Uint8Array.of(0x7f, 255, 255, 255, 1, 2, 3, 4)],
    ['a frame that is too short', Uint8Array.of(0, 0, 0, 2, 0, 0)],
    ['an empty frame', Uint8Array.of(0, 0, 0, 0)],
    ['a reply that ends early', Uint8Array.of(0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 5, 5)],
    ['a reply to another request', Uint8Array.of(0, 0, 0, 6, 0, 0, 0, 9, 0, 0)],
    ['zeros', new Uint8Array(64)]
  ])('%s: PROTOCOL_VIOLATION', async (_what, bytes) => {
    const error = await failure(open(await answering(bytes)))
    expect(error).toMatchObject({ code: 'PROTOCOL_VIOLATION', retriable: false })
    expect(error.message).toMatch(/127\.0\.0\.1:\d+ does not answer as a Kafka broker does/)
  })

  it('a server that says nothing: REQUEST_TIMEOUT', async () => {
    const port = await listen(createServer())
    const error = await failure(open(port, { requestTimeoutMs: 50 }))
    expect(error).toMatchObject({ code: 'REQUEST_TIMEOUT', api: 'ApiVersions', retriable: true })
  })

  it('a server that hangs up: CONNECTION_LOST, with a hint', async () => {
    const port = await listen(createServer((socket) => socket.once('data', () => socket.destroy())))
    const error = await failure(open(port))
    expect(error).toMatchObject({ code: 'CONNECTION_LOST', retriable: true })
    expect(error.nextStep).toContain('SASL')
  })

  it('TLS where plaintext is spoken: an error that hints at it', async () => {
    const port = await listen(createServer((socket) => socket.once('data', () => socket.destroy())))
    const error = await failure(open(port, { tls: {} }))
    expect(error.code).toBe('CONNECTION_REFUSED')
    expect(error.nextStep).toContain('TLS')
    const http = await listen(createHttpServer())
    expect(await failure(open(http, { tls: {} }))).toMatchObject({ code: 'TLS_FAILED', retriable: false })
  })

  it('TLS with a certificate that nobody vouches for: TLS_FAILED; with its authority it works', async () => {
    const tlsPort = await listen(createTlsServer(localhost))
    expect(await failure(open(tlsPort, { tls: {} }))).toMatchObject({ code: 'TLS_FAILED', retriable: false })
    const error = await failure(
      open(tlsPort, { tls: { ca: certificate('ca.pem'), servername: 'localhost' }, requestTimeoutMs: 50 })
    )
    expect(error).toMatchObject({ code: 'REQUEST_TIMEOUT' })
  })
})

describe('opening a connection is given up at once with a signal', () => {
  it.each([
    ['while TLS is awaited', { tls: {} }],
    ['while the versions are awaited', {}]
  ])('%s, and no socket is left', async (_when, own) => {
    const sockets = new Set<NodeSocket>()
    const server = createServer((socket) => {
      sockets.add(socket)
      socket.on('data', () => {})
      socket.on('close', () => sockets.delete(socket))
    })
    const port = await listen(server)
    const abort = new AbortController()
    const patient = { ...settings, ...own, connectTimeoutMs: 60_000, requestTimeoutMs: 60_000 }
    const opening = Connection.open(patient, { host: '127.0.0.1', port }, abort.signal)
    await expect.poll(() => sockets.size).toBe(1)
    const reason = new Error('enough')
    abort.abort(reason)
    await expect(opening).rejects.toBe(reason)
    await expect.poll(() => sockets.size).toBe(0)
  })
})

describe('the handshake asks for versions', () => {
  it('tells the software by the name and version of the package', async () => {
    const { broker } = await fake({})
    const [body] = broker.received('ApiVersions')
    expect(body).toMatchObject({ clientSoftwareName: 'kafka-once', clientSoftwareVersion: clientSoftware.version })
    expect(broker.requests[0]).toMatchObject({ clientId: 'test', version: 5 })
    const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))
    expect(manifest).toMatchObject({ name: clientSoftware.name, version: clientSoftware.version })
  })

  it('a broker before 2.4 refuses with an empty list and is asked again in version 0', async () => {
    const { broker, connection } = await fake({
      handlers: { ApiVersions: ({ version }) => olderThan(version, 0, []) }
    })
    expect(broker.requests.map(({ version }) => version)).toEqual([5, 0])
    expect(connection.versions.ranges.get(3)).toEqual([0, 5])
  })

  it('a broker that names its versions is asked in the last of them', async () => {
    const { broker } = await fake({
      handlers: {
        ApiVersions: ({ version }) => olderThan(version, 3, [{ apiKey: 18, minVersion: 0, maxVersion: 3 }])
      }
    })
    expect(broker.requests.map(({ version }) => version)).toEqual([5, 3])
  })

  it('a broker that refuses the client is told with its code', async () => {
    const broker = await FakeBroker.start({ handlers: { ApiVersions: () => ({ errorCode: 58, apiKeys: [] }) } })
    closers.push(() => broker.close())
    expect(await failure(open(broker.port))).toMatchObject({ code: 'BROKER_ERROR', kafkaCode: 58, retriable: false })
  })
})

describe('requests share a connection', () => {
  it('five are under way at a time, the others wait, and all are answered in order', async () => {
    const gate = deferredAnswer<void>()
    const { broker, connection } = await fake({
      handlers: {
        FindCoordinator: async ({ body }) => {
          await gate.promise
          return { ...found, nodeId: Number(body.key) }
        }
      }
    })
    const asked = Array.from({ length: 12 }, (_, index) =>
      connection.send('FindCoordinator', 3, { key: String(index), keyType: 0 }, patience)
    )
    await expect.poll(() => broker.received('FindCoordinator').length).toBe(5)
    expect(connection.load).toBe(12)
    gate.resolve()
    const answers = await Promise.all(asked)
    expect(answers.map(({ nodeId }) => nodeId)).toEqual(Array.from({ length: 12 }, (_, index) => index))
    expect(connection.load).toBe(0)
  })

  it('more than queuedRequestsMax are refused with BUFFER_FULL, and nothing else is harmed', async () => {
    const gate = deferredAnswer<void>()
    const { connection } = await fake(
      { handlers: { FindCoordinator: () => gate.promise.then(() => found) } },
      { inFlightRequestsMax: 1, queuedRequestsMax: 2 }
    )
    const ask = () => connection.send('FindCoordinator', 3, findGroup, patience)
    const good = [ask(), ask(), ask()]
    expect(await failure(ask())).toMatchObject({ code: 'BUFFER_FULL', outcomeUnknown: false, retriable: true })
    gate.resolve()
    expect(await Promise.all(good)).toHaveLength(3)
  })

  it('a connection that ends fails what was sent as unknown, and what waited as not sent', async () => {
    const { broker, connection } = await fake(
      { handlers: { FindCoordinator: () => 'silence' } },
      { inFlightRequestsMax: 1 }
    )
    const sent = failure(connection.send('FindCoordinator', 3, findGroup, patience))
    const waiting = failure(connection.send('FindCoordinator', 3, findGroup, patience))
    await expect.poll(() => broker.received('FindCoordinator').length).toBe(1)
    broker.hangUp()
    expect(await sent).toMatchObject({
      code: 'CONNECTION_LOST',
      outcomeUnknown: true,
      retriable: true,
      api: 'FindCoordinator',
      correlationId: 1
    })
    expect(await waiting).toMatchObject({ code: 'CONNECTION_LOST', outcomeUnknown: false, retriable: true })
    expect(connection.isOpen).toBe(false)
    expect(await failure(connection.send('FindCoordinator', 3, findGroup, patience))).toMatchObject({
      code: 'CONNECTION_LOST',
      outcomeUnknown: false
    })
  })

  it('an overdue reply ends the connection: its own request timed out, the others lost it', async () => {
    const { broker, connection } = await fake(
      { handlers: { FindCoordinator: () => 'silence' } },
      { requestTimeoutMs: 500 }
    )
    let closed = 0
    connection.onUnusable = () => closed++
    const overdue = failure(connection.send('FindCoordinator', 3, findGroup, { timeoutMs: 500 }))
    const other = failure(connection.send('FindCoordinator', 3, findGroup, patience))
    expect(await overdue).toMatchObject({ code: 'REQUEST_TIMEOUT', outcomeUnknown: true, api: 'FindCoordinator' })
    expect(await other).toMatchObject({ code: 'CONNECTION_LOST', outcomeUnknown: true })
    expect(closed).toBe(1)
    await expect.poll(() => broker.sockets.size).toBe(0)
  })

  it('a caller in a hurry gives up its request only; the late reply does no harm', async () => {
    const gate = deferredAnswer<void>()
    let isFirst = true
    const { connection } = await fake({
      handlers: {
        FindCoordinator: async ({ body }) => {
          if (isFirst) await gate.promise
          isFirst = false
          return { ...found, host: body.key }
        }
      }
    })
    const hurried = connection.send('FindCoordinator', 3, { key: 'a', keyType: 0 }, { timeoutMs: 20 })
    const other = connection.send('FindCoordinator', 3, { key: 'b', keyType: 0 }, patience)
    expect(await failure(hurried)).toMatchObject({ code: 'REQUEST_TIMEOUT', outcomeUnknown: true })
    gate.resolve()
    expect((await other).host).toBe('b')
    expect(connection.isOpen).toBe(true)
  })

  it('but a reply that never comes ends the connection after requestTimeoutMs all the same', async () => {
    const { connection } = await fake({ handlers: { FindCoordinator: () => 'silence' } }, { requestTimeoutMs: 100 })
    expect(await failure(connection.send('FindCoordinator', 3, findGroup, { timeoutMs: 20 }))).toMatchObject({
      code: 'REQUEST_TIMEOUT'
    })
    expect(connection.isOpen).toBe(true)
    await expect.poll(() => connection.isOpen).toBe(false)
  })

  it('a request that could not be sent in time has no unknown outcome, and the connection stays', async () => {
    const { connection } = await fake(
      { handlers: { FindCoordinator: () => 'silence' } },
      { inFlightRequestsMax: 1, requestTimeoutMs: 2_000 }
    )
    void connection.send('FindCoordinator', 3, findGroup, { timeoutMs: 2_000 }).catch(() => {})
    expect(await failure(connection.send('FindCoordinator', 3, findGroup, { timeoutMs: 30 }))).toMatchObject({
      code: 'REQUEST_TIMEOUT',
      outcomeUnknown: false
    })
    expect(connection.isOpen).toBe(true)
  })

  it('a signal gives up one request with its reason and leaves the connection as it is', async () => {
    const gate = deferredAnswer<void>()
    const { connection } = await fake({ handlers: { FindCoordinator: () => gate.promise.then(() => found) } })
    const abort = new AbortController()
    const given = connection.send('FindCoordinator', 3, findGroup, { ...patience, signal: abort.signal })
    const other = connection.send('FindCoordinator', 3, findGroup, patience)
    const reason = new Error('enough')
    abort.abort(reason)
    await expect(given).rejects.toBe(reason)
    gate.resolve()
    expect((await other).nodeId).toBe(1)
    await expect(connection.send('FindCoordinator', 3, findGroup, { ...patience, signal: abort.signal })).rejects.toBe(
      reason
    )
  })

  it('close fails what is under way with CLOSED and leaves no socket', async () => {
    const { broker, connection } = await fake({ handlers: { FindCoordinator: () => 'silence' } })
    const sent = failure(connection.send('FindCoordinator', 3, findGroup, patience))
    await expect.poll(() => broker.received('FindCoordinator').length).toBe(1)
    connection.close()
    connection.close()
    expect(await sent).toMatchObject({ code: 'CLOSED', outcomeUnknown: true, retriable: false })
    await expect.poll(() => broker.sockets.size).toBe(0)
  })

  it('a reply of the wrong form: PROTOCOL_VIOLATION for its request, CONNECTION_LOST for the others', async () => {
    const { broker, connection } = await fake({ handlers: { FindCoordinator: () => 'silence' } })
    const first = failure(connection.send('FindCoordinator', 3, findGroup, patience))
    const second = failure(connection.send('FindCoordinator', 3, findGroup, patience))
    await expect.poll(() => broker.received('FindCoordinator').length).toBe(2)
    for (const socket of broker.sockets) socket.write(Uint8Array.of(0, 0, 0, 7, 0, 0, 0, 1, 0, 1, 2))
    expect(await first).toMatchObject({ code: 'PROTOCOL_VIOLATION', outcomeUnknown: true, correlationId: 1 })
    expect(await second).toMatchObject({ code: 'CONNECTION_LOST', outcomeUnknown: true, correlationId: 2 })
  })

  it('a reply whose values take more memory than they may: PROTOCOL_VIOLATION, which says what to raise', async () => {
    const topics = Array.from({ length: 80_000 }, () => ({ errorCode: 0, name: 't', partitions: [] }))
    const handlers = { Metadata: () => ({ brokers: [], topics }) }
    const large = { frameBytesMax: 10_000_000, requestTimeoutMs: 10_000 }
    const ask = { topics: null, allowAutoTopicCreation: false }
    const { connection } = await fake({ handlers }, { ...large, decodedBytesMax: 1 })
    const error = await failure(connection.send('Metadata', 9, ask, patience))
    expect(error).toMatchObject({ code: 'PROTOCOL_VIOLATION', api: 'Metadata', retriable: false })
    expect(error.message).toMatch(/MetadataResponse v9 at topics: A list of 80000 elements .* raise decodedBytesMax/)
    const { connection: patient } = await fake({ handlers }, { ...large, decodedBytesMax: 30_000_000 })
    expect((await patient.send('Metadata', 9, ask, patience)).topics).toHaveLength(80_000)
  })

  it('a reply that nobody asked for ends the connection', async () => {
    const { broker, connection } = await fake({})
    for (const socket of broker.sockets) socket.write(Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 1))
    await expect.poll(() => connection.isOpen).toBe(false)
  })

  it('a field that the version lacks is refused before anything is sent', async () => {
    const { broker, connection } = await fake({})
    const error = await failure(
      connection.send('OffsetFetch', 6, { groupId: 'g', topics: [], requireStable: true }, patience)
    )
    expect(error).toMatchObject({ code: 'BROKER_TOO_OLD', api: 'OffsetFetch', outcomeUnknown: false })
    expect(error.message).toContain('requireStable')
    expect(broker.received('OffsetFetch')).toHaveLength(0)
    expect(connection.isOpen).toBe(true)
  })

  it('a broker that throttles is left alone for that long', async () => {
    let isFirst = true
    const { connection } = await fake({
      handlers: {
        FindCoordinator: () => {
          const throttleTimeMs = isFirst ? 150 : 0
          isFirst = false
          return { ...found, throttleTimeMs }
        }
      }
    })
    await connection.send('FindCoordinator', 3, findGroup, patience)
    const start = performance.now()
    await connection.send('FindCoordinator', 3, findGroup, patience)
    expect(performance.now() - start).toBeGreaterThan(120)
  })
})

// A broker that knows ApiVersions up to `last` only.
function olderThan(version: number, last: number, list: { apiKey: number; minVersion: number; maxVersion: number }[]) {
  if (version <= last) return { errorCode: 0, apiKeys: [{ apiKey: 3, minVersion: 0, maxVersion: 5 }] }
  return { errorCode: 35, apiKeys: list }
}

async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a TCP server has such an address
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
