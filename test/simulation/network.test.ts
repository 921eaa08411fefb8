// Connections of the simulated network as a client and a server see them, under each of the faults.
import type { ServerRuntime, Socket } from 'kafka-once/runtime'
import { describe, expect, test } from 'vitest'
import type { Exchange, FrameFate } from '../../src/testing/simulation/link.ts'
import type { VirtualProcess } from '../../src/testing/simulation/process.ts'
import { simulate } from '../../src/testing/simulation/simulate.ts'
import type { World } from '../../src/testing/simulation/world.ts'

interface Scene {
  readonly world: World
  readonly client: VirtualProcess
  readonly runtime: ServerRuntime
  readonly port: number
  /** What happened at both ends, in order. */
  readonly told: string[]
  readonly atServer: Socket[]
  readonly atClient: Socket
}

/** A frame as programs write them: size, API key, version, correlation id, and some text. */
function frame(correlationId: number, text: string): Uint8Array {
  const bytes = Buffer.alloc(12 + text.length)
  bytes.writeInt32BE(8 + text.length)
  bytes.writeInt16BE(3, 4)
  bytes.writeInt32BE(correlationId, 8)
  bytes.write(text, 12)
  return bytes
}

const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes)
    .toString('latin1')
    .replaceAll(/[^a-z]/g, '')

async function scene(program: (scene: Scene) => Promise<void>, fate?: (exchange: Exchange) => FrameFate | undefined) {
  const run = await simulate({ seed: 11 }, async (world) => {
    const server = world.spawn('there', 'server')
    const { process: client, runtime } = world.spawn('here', 'client')
    const told: string[] = []
    const atServer: Socket[] = []
    const note = (who: string, what: string): unknown => told.push(`${who} ${what}`)
    const handlerOf = (who: string, onData: (bytes: Uint8Array) => void) => ({
      onData,
      onClose: (error?: Error) => note(who, `closed${error === undefined ? '' : ' by a reset'}`),
      onDrain: () => note(who, 'drained')
    })
    const { port } = await server.runtime.listen({ host: '127.0.0.1', port: 0 }, (socket) => {
      atServer.push(socket)
      return handlerOf('server', (bytes) => {
        note('server', `got ${textOf(bytes)}`)
        if (bytes.length < 12) return
        const reply = Buffer.alloc(8)
        reply.writeInt32BE(4)
        reply.writeInt32BE(Buffer.from(bytes).readInt32BE(8), 4)
        socket.write([reply, Buffer.from(textOf(bytes).toUpperCase().toLowerCase())])
      })
    })
    const target = { host: '127.0.0.1', port, timeoutMs: 1000 }
    const atClient = await runtime.connect(
      target,
      handlerOf('client', (bytes) => note('client', `got ${textOf(bytes)}`))
    )
    world.watch({
      fateOf: (exchange) => fate?.(exchange),
      calls: () => undefined,
      called: () => undefined,
      passes: () => undefined
    })
    await program({ world, client, runtime, port, told, atServer, atClient })
    return told
  })
  if (run.outcome.kind === 'failed') throw run.outcome.error
  return run.outcome.value
}

const once = (fate: FrameFate, direction: Exchange['direction'] = 'request') => {
  let isDone = false
  return (exchange: Exchange): FrameFate | undefined => {
    if (isDone || exchange.direction !== direction) return undefined
    isDone = true
    return fate
  }
}

const rest = (runtime: ServerRuntime, delayMs = 100): Promise<void> => runtime.sleep(delayMs)

describe('a connection', () => {
  test('carries bytes both ways in order, and tells the end once', async () => {
    const told = await scene(async ({ runtime, atClient }) => {
      atClient.write([frame(1, 'a')])
      atClient.write([frame(2, 'b')])
      await rest(runtime)
      atClient.destroy()
      atClient.destroy()
      await rest(runtime)
    })
    expect(told.filter((one) => one.startsWith('client'))).toEqual(['client got a', 'client got b', 'client closed'])
    expect(told.filter((one) => one.startsWith('server'))).toEqual(['server got a', 'server got b', 'server closed'])
  })

  test('asks a fast writer to wait, and tells when there is room', async () => {
    const told = await scene(async ({ runtime, atClient }) => {
      expect(atClient.write([new Uint8Array(60_000)])).toBe(true)
      expect(atClient.write([new Uint8Array(60_000)])).toBe(false)
      await rest(runtime)
    })
    expect(told.filter((one) => one === 'client drained')).toHaveLength(1)
  })

  test('takes a copy of what is written', async () => {
    const told = await scene(async ({ runtime, atClient }) => {
      const bytes = frame(1, 'a')
      atClient.write([bytes])
      bytes.fill(0)
      await rest(runtime)
    })
    expect(told).toEqual(['server got a', 'client got a'])
  })

  test('to a port where nobody listens is refused, and one that takes too long times out', async () => {
    await scene(async ({ world, client, runtime, port }) => {
      const handler = { onData: () => undefined, onClose: () => undefined, onDrain: () => undefined }
      const target = { host: '127.0.0.1', timeoutMs: 1000 }
      await expect(runtime.connect({ ...target, port: 1 }, handler)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
      await expect(runtime.connect({ ...target, port, tls: {} }, handler)).rejects.toMatchObject({ code: 'ECONNRESET' })
      const abort = new AbortController()
      const aborted = runtime.connect({ ...target, port, signal: abort.signal }, handler)
      abort.abort(new Error('no longer'))
      await expect(aborted).rejects.toThrow('no longer')
      world.network.part(client, port, 5000)
      await expect(runtime.connect({ ...target, port }, handler)).rejects.toMatchObject({ code: 'ETIMEDOUT' })
    })
  })
})

describe('the network', () => {
  test('cuts a connection within a frame', async () => {
    const told = await scene(
      async ({ runtime, atClient }) => {
        atClient.write([frame(1, 'abcdef')])
        await rest(runtime)
      },
      once({ do: 'cut', keptBytes: 14 })
    )
    expect(told.toSorted()).toEqual(
      ['client closed by a reset', 'server closed by a reset', 'server got ab'].toSorted()
    )
    expect(told.indexOf('server got ab')).toBeLessThan(told.indexOf('server closed by a reset'))
  })

  test('delivers a request late, long after the client has seen a reset', async () => {
    const told = await scene(
      async ({ world, runtime, atClient }) => {
        atClient.write([frame(1, 'a')])
        await rest(runtime, 59_000)
        world.tell('now')
        await rest(runtime, 2000)
      },
      once({ do: 'late', delayMs: 60_000 })
    )
    expect(told).toEqual(['client closed by a reset', 'server got a', 'server closed by a reset'])
  })

  test('delivers a request twice', async () => {
    const told = await scene(
      async ({ runtime, atClient }) => {
        atClient.write([frame(1, 'a')])
        await rest(runtime, 4000)
        atClient.write([frame(2, 'b')])
        await rest(runtime, 3000)
      },
      once({ do: 'repeat', delayMs: 5000 })
    )
    const expected = ['server got a', 'client got a', 'server got b', 'client got b', 'server got a']
    expect(told).toEqual(expected)
  })

  test('loses a reply and cuts the connection', async () => {
    const told = await scene(
      async ({ runtime, atClient }) => {
        atClient.write([frame(1, 'a')])
        await rest(runtime)
      },
      once({ do: 'cut', keptBytes: 0 }, 'response')
    )
    expect(told).toContain('server got a')
    expect(told).toContain('client closed by a reset')
    expect(told).not.toContain('client got a')
  })

  test('holds one direction still without telling', async () => {
    const told = await scene(
      async ({ runtime, atClient }) => {
        atClient.write([frame(1, 'a')])
        atClient.write([frame(2, 'b')])
        await rest(runtime, 100_000)
      },
      once({ do: 'swallow' }, 'response')
    )
    expect(told).toEqual(['server got a', 'server got b'])
  })

  test('delivers pieces', async () => {
    const told = await scene(
      async ({ runtime, atClient }) => {
        atClient.write([frame(1, 'abcdefgh')])
        await rest(runtime)
      },
      once({ do: 'slice', pieceBytesMax: 3 })
    )
    expect(told.length).toBeGreaterThan(3)
    expect(told.map((one) => one.slice('server got '.length)).join('')).toContain('abcdefgh')
  })

  test('parts a process from a port, and delivers afterwards', async () => {
    const told = await scene(async ({ world, client, runtime, port, told, atClient }) => {
      world.network.part(client, port, 1000)
      atClient.write([frame(1, 'a')])
      await rest(runtime, 900)
      expect(told).toEqual([])
      await rest(runtime, 200)
    })
    expect(told).toEqual(['server got a', 'client got a'])
  })
})

describe('a process', () => {
  test('that dies has sent what it wrote, and its peer is told', async () => {
    const told = await scene(async ({ world, client, atClient }) => {
      const { runtime } = world.spawn('here', 'another')
      atClient.write([frame(1, 'a')])
      setTimeoutIn(runtime, 0, () => world.kill(client))
      await rest(runtime)
      // Its program is still in memory, and can do nothing.
      atClient.write([frame(2, 'b')])
      await rest(runtime)
    }).catch((error: unknown) => [String(error)])
    expect(told).toEqual(['server got a', 'server closed'])
  })

  test('that is paused holds back what it does and what comes, until it wakes', async () => {
    const told = await scene(async ({ world, client, told, atClient }) => {
      const { runtime } = world.spawn('here', 'another')
      world.pause(client)
      atClient.write([frame(1, 'a')])
      await rest(runtime, 500)
      expect(told).toEqual([])
      world.resume(client)
      await rest(runtime, 0)
      world.pause(client)
      await rest(runtime)
      expect(told).toEqual(['server got a'])
      world.resume(client)
      await rest(runtime)
    })
    expect(told).toEqual(['server got a', 'client got a'])
  })

  test('on a machine without power is gone without a word', async () => {
    const told = await scene(async ({ world }) => {
      const { runtime } = world.spawn('elsewhere', 'another')
      world.cutPower('here')
      await rest(runtime, 100_000)
    })
    expect(told).toEqual([])
  })
})

function setTimeoutIn(runtime: ServerRuntime, delayMs: number, action: () => void): void {
  runtime.setTimer(delayMs, action)
}
