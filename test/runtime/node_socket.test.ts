// A connection delivers all bytes in order, tells its end exactly once, and checks whom it talks to.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { Server, Socket as NodeSocket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { afterEach, describe, expect, test } from 'vitest'
import { deferred, nodeRuntime } from 'kafka-once/runtime'
import type { ConnectOptions, SocketHandler, TlsOptions } from 'kafka-once/runtime'

const runtime = nodeRuntime()
const host = '127.0.0.1'
const servers: Server[] = []
const serverSockets: NodeSocket[] = []

afterEach(async () => {
  for (const socket of serverSockets.splice(0)) socket.destroy()
  for (const server of servers.splice(0)) await new Promise((resolve) => server.close(resolve))
})

async function listen(server: Server): Promise<ConnectOptions> {
  servers.push(server)
  server.on('connection', (socket: NodeSocket) => serverSockets.push(socket.on('error', () => {})))
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return { host, port: address.port, timeoutMs: 5000 }
}

function serveTcp(serve: (socket: NodeSocket) => void): Promise<ConnectOptions> {
  return listen(createServer(serve))
}

function certificate(name: string): Buffer {
  return readFileSync(new URL(`certificates/${name}`, import.meta.url))
}

async function serveTls(name: string, tls: TlsOptions): Promise<ConnectOptions & { names: (string | false)[] }> {
  const names: (string | false)[] = []
  const files = { cert: certificate(`${name}.pem`), key: certificate(`${name}.key`) }
  const server = createTlsServer(files, (socket) => {
    names.push(socket.servername ?? '')
    socket.on('error', () => {})
    socket.pipe(socket)
  })
  server.on('tlsClientError', () => {})
  return { ...(await listen(server)), tls, names }
}

/** Remembers what a handler was told. */
function recorder() {
  const chunks: Uint8Array[] = []
  const ends: (Error | undefined)[] = []
  const closed = deferred<Error | undefined>()
  const drained = deferred<void>()
  let onBytes: (() => void) | undefined
  const total = (): number => chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  const handler: SocketHandler = {
    onData(bytes) {
      expect(ends).toEqual([])
      chunks.push(bytes)
      onBytes?.()
    },
    onClose(error) {
      ends.push(error)
      closed.resolve(error)
    },
    onDrain: () => drained.resolve()
  }
  const received = (count: number): Promise<Uint8Array> =>
    new Promise((resolve) => {
      onBytes = () => {
        if (total() >= count) resolve(Buffer.concat(chunks))
      }
      onBytes()
    })
  return { handler, ends, closed: closed.promise, drained: drained.promise, received }
}

describe('a connection', () => {
  test('reads into the memory of a handler that has some', async () => {
    const content = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251))
    const options = await serveTcp((socket) => socket.end(content))
    const { handler, closed, ends, received } = recorder()
    const memory = new Uint8Array(400_000)
    let filled = 0
    await runtime.connect(options, {
      ...handler,
      readBuffer: () => memory.subarray(filled),
      onData(bytes) {
        expect(bytes.buffer).toBe(memory.buffer)
        expect(bytes.byteOffset).toBe(filled)
        filled += bytes.length
        handler.onData(bytes)
      }
    })
    expect(Buffer.compare(await received(content.length), content)).toBe(0)
    expect(await closed).toBeUndefined()
    expect(ends).toHaveLength(1)
  })

  test('sends lists of buffers in order, and never writes into what it has handed out', async () => {
    const { handler, received } = recorder()
    const socket = await runtime.connect(await serveTcp((peer) => peer.pipe(peer)), handler)
    const sent = Array.from({ length: 3000 }, (_, i) => Buffer.alloc((i * 37) % 1500, i % 251))
    for (let i = 0; i < sent.length; i += 100) socket.write(sent.slice(i, i + 100))
    const whole = Buffer.concat(sent)
    const answer = await received(whole.length)
    expect(whole.equals(answer)).toBe(true)
    socket.destroy()
  })

  test('asks its writer to wait, and says when there is room', async () => {
    let peer: NodeSocket | undefined
    const options = await serveTcp((socket) => {
      peer = socket.pause()
    })
    const { handler, drained } = recorder()
    const socket = await runtime.connect(options, handler)
    const piece = new Uint8Array(1024 * 1024)
    let pieces = 0
    while (socket.write([piece]) && pieces < 200) pieces++
    expect(pieces).toBeLessThan(200)
    peer?.resume()
    await drained
    expect(socket.write([piece])).toBeTypeOf('boolean')
    socket.destroy()
  })

  test('ends once, without an error, when the other side closes', async () => {
    const { handler, closed, ends } = recorder()
    const socket = await runtime.connect(await serveTcp((peer) => peer.end('bye')), handler)
    expect(await closed).toBeUndefined()
    socket.destroy()
    await runtime.sleep(20)
    expect(ends).toEqual([undefined])
  })

  test('ends once, with the error, when it is destroyed with one', async () => {
    const { handler, closed, ends } = recorder()
    const socket = await runtime.connect(await serveTcp((peer) => peer.pipe(peer)), handler)
    const reason = new Error('a frame was too large')
    socket.destroy(reason)
    socket.destroy(new Error('again'))
    expect(await closed).toBe(reason)
    expect(socket.write([new Uint8Array(3)])).toBe(false)
    await runtime.sleep(20)
    expect(ends).toEqual([reason])
  })

  test('ends once, with an error, when the other side resets it', async () => {
    const { handler, closed, ends } = recorder()
    const options = await serveTcp((peer) => peer.once('data', () => peer.resetAndDestroy()))
    const socket = await runtime.connect(options, handler)
    socket.write([new Uint8Array(10)])
    expect(await closed).toMatchObject({ code: 'ECONNRESET' })
    await runtime.sleep(20)
    expect(ends).toHaveLength(1)
  })
})

describe('a connection that does not come about', () => {
  test('rejects with the code of its cause, and the handler hears nothing', async () => {
    const options = await serveTcp(() => {})
    await new Promise((resolve) => servers.pop()?.close(resolve))
    const { handler, ends } = recorder()
    await expect(runtime.connect(options, handler)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    expect(ends).toEqual([])
  })

  test('rejects after its time, which includes the handshake of TLS', async () => {
    const options = await serveTcp(() => {})
    const { handler, ends } = recorder()
    const connecting = runtime.connect({ ...options, timeoutMs: 50, tls: {} }, handler)
    await expect(connecting).rejects.toMatchObject({
      code: 'ETIMEDOUT',
      message: expect.stringContaining(`${host}:${options.port}`)
    })
    expect(ends).toEqual([])
  })

  test('rejects when the other side hangs up in the handshake', async () => {
    const options = await serveTcp((peer) => peer.destroy())
    const { handler, ends } = recorder()
    await expect(runtime.connect({ ...options, tls: {} }, handler)).rejects.toMatchObject({ code: 'ECONNRESET' })
    expect(ends).toEqual([])
  })
})

async function echoes(options: ConnectOptions): Promise<string> {
  const { handler, received } = recorder()
  const socket = await runtime.connect(options, handler)
  socket.write([Buffer.from('he'), Buffer.from('llo')])
  const answer = Buffer.from(await received(5)).toString()
  socket.destroy()
  return answer
}

describe('a connection over TLS', () => {
  const ca = certificate('ca.pem')

  test('to an address checks the certificate and names nobody', async () => {
    const options = await serveTls('localhost', { ca })
    expect(await echoes(options)).toBe('hello')
    expect(options.names).toEqual([false])
  })

  test('to a name sends the name', async () => {
    const options = await serveTls('localhost', { ca: ca.toString(), servername: 'localhost' })
    expect(await echoes(options)).toBe('hello')
    expect(options.names).toEqual(['localhost'])
  })

  test.each([
    ['from an unknown authority', 'localhost', {}, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ['for another name', 'elsewhere', { ca }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    [
      'for another name than asked',
      'localhost',
      { ca, servername: 'elsewhere.example' },
      'ERR_TLS_CERT_ALTNAME_INVALID'
    ],
    ['for another address than asked', 'localhost', { ca, servername: '127.0.0.2' }, 'ERR_TLS_CERT_ALTNAME_INVALID']
  ])('is refused with a certificate %s', async (_what, name, tls: TlsOptions, code) => {
    const { handler, ends } = recorder()
    await expect(runtime.connect(await serveTls(name, tls), handler)).rejects.toMatchObject({ code })
    expect(ends).toEqual([])
  })

  test('is not verified only when that is said at length', async () => {
    expect(await echoes(await serveTls('elsewhere', { dangerouslySkipVerification: true }))).toBe('hello')
  })

  test('shows a certificate of its own where it has one', async () => {
    const files = { cert: certificate('localhost.pem'), key: certificate('localhost.key'), ca }
    const names: string[] = []
    const server = createTlsServer({ ...files, requestCert: true, rejectUnauthorized: true }, (socket) => {
      names.push(String(socket.getPeerCertificate().subject.CN))
      socket.pipe(socket)
    })
    const tls = { ca, cert: certificate('elsewhere.pem'), key: certificate('elsewhere.key') }
    expect(await echoes({ ...(await listen(server)), tls })).toBe('hello')
    expect(names).toEqual(['elsewhere'])
  })

  test('is refused, without showing it, with a key that cannot be read', async () => {
    const options = await serveTls('localhost', { ca, cert: certificate('localhost.pem'), key: 'my secret' })
    const refusal = await runtime.connect(options, recorder().handler).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(Error)
    expect(`${String(refusal)} ${JSON.stringify(refusal)}`).not.toContain('my secret')
  })
})
