// A server of the real runtime, with real connections on loopback.
import { describe, expect, test } from 'vitest'
import { deferred, nodeRuntime } from 'kafka-once/runtime'
import type { Socket, SocketHandler } from 'kafka-once/runtime'

const runtime = nodeRuntime()
const host = '127.0.0.1'

function collecting(): SocketHandler & { readonly text: () => string; readonly closed: Promise<Error | undefined> } {
  let text = ''
  const closed = deferred<Error | undefined>()
  return {
    text: () => text,
    closed: closed.promise,
    onData: (bytes) => {
      text += Buffer.from(bytes).toString()
    },
    onClose: (error) => closed.resolve(error),
    onDrain: () => undefined
  }
}

describe('a server', () => {
  test('answers on the connection that asks', async () => {
    const listener = await runtime.listen({ host, port: 0 }, (socket) => ({
      ...collecting(),
      onData: (bytes) => void socket.write([Buffer.from('you said '), bytes])
    }))
    const handler = collecting()
    const socket = await runtime.connect({ host, port: listener.port, timeoutMs: 5_000 }, handler)
    socket.write([Buffer.from('hello')])
    await expect.poll(handler.text).toBe('you said hello')
    await listener.close()
    await handler.closed
  })

  test('takes its connections along when it closes, and frees its port', async () => {
    const ends: Promise<unknown>[] = []
    const listener = await runtime.listen({ host, port: 0 }, () => {
      const handler = collecting()
      ends.push(handler.closed)
      return handler
    })
    const handler = collecting()
    await runtime.connect({ host, port: listener.port, timeoutMs: 5_000 }, handler)
    await expect.poll(() => ends.length).toBe(1)
    await listener.close()
    await Promise.all([handler.closed, ...ends])
    const again = await runtime.listen({ host, port: listener.port }, () => collecting())
    await again.close()
  })

  test('can end a connection by itself', async () => {
    const accepted: Socket[] = []
    const listener = await runtime.listen({ host, port: 0 }, (socket) => {
      accepted.push(socket)
      return collecting()
    })
    const handler = collecting()
    await runtime.connect({ host, port: listener.port, timeoutMs: 5_000 }, handler)
    await expect.poll(() => accepted.length).toBe(1)
    accepted[0]?.destroy()
    await handler.closed
    await listener.close()
  })

  test('says why it cannot listen', async () => {
    const listener = await runtime.listen({ host, port: 0 }, () => collecting())
    const second = runtime.listen({ host, port: listener.port }, () => collecting())
    await expect(second).rejects.toMatchObject({ code: 'EADDRINUSE' })
    await listener.close()
  })
})
