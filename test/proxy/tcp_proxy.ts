// Owns a TCP proxy in front of one broker that knows Kafka's frames, so that a test can break the network exactly where
// it means to: between a request and its reply, in the middle of a frame, for one API only. A broker is brought behind it
// by advertising the proxy's address. Only clients pass through it: brokers talk to each other on a listener of their own.
import { connect, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { startBroker } from '../broker/broker.ts'
import type { BrokerOptions, TestBroker } from '../broker/broker.ts'
import { parseAddress } from '../broker/probe.ts'
import { releasePort, reservePort } from '../broker/ports.ts'
import { ProxyLink } from './proxy_link.ts'
import type { Fate, Traffic } from './proxy_link.ts'
import type { Direction, Frame } from './frame_cutter.ts'

export type { Direction, Frame } from './frame_cutter.ts'
export type { Fate, Traffic } from './proxy_link.ts'

export interface Interception {
  /** Default: requests. */
  readonly direction?: Direction
  /** Only frames of this API; a response has the API of its request. Default: all. */
  readonly apiKey?: number
  /** Only frames for which this holds. */
  readonly when?: (frame: Frame) => boolean
  /** How many frames it meets before it ends. Default: 1. */
  readonly count?: number
  readonly fate: Fate
}

/** An interception that is in force. */
export interface Intercepted {
  /** Resolves with the first frame that it met. */
  readonly first: Promise<Frame>
  /** All frames that it has met, in order. */
  readonly frames: readonly Frame[]
  /** Sends on what it holds; frames met from now on are no longer held. */
  release(): void
  /** Ends it and sends on what it holds. */
  cancel(): void
}

export interface ProxyOptions {
  /** Where the broker sees its clients come from, such as 127.0.0.2: access rules may tell them from others by it. */
  readonly localAddress?: string
}

const replayTimeoutMs = 15_000

export class TcpProxy implements AsyncDisposable {
  /** Where clients connect. */
  readonly address: string
  readonly #port: number
  readonly #server: Server
  readonly #options: ProxyOptions
  readonly #links = new Set<ProxyLink>()
  readonly #interceptions = new Set<Interceptor>()
  readonly #traffic: Record<Direction, Traffic> = { request: {}, response: {} }
  #target: string | undefined
  #refusing = false

  private constructor(port: number, server: Server, options: ProxyOptions) {
    this.#port = port
    this.#options = options
    this.address = `127.0.0.1:${port}`
    this.#server = server
    server.on('connection', (client) => this.#accept(client))
  }

  /** Listens at once; `target` may come later, when the broker knows its port. */
  static async start(target?: string, options: ProxyOptions = {}): Promise<TcpProxy> {
    const port = await reservePort()
    const server = createServer({ noDelay: true })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen({ port, host: '127.0.0.1', exclusive: true }, resolve)
    })
    const proxy = new TcpProxy(port, server, options)
    proxy.#target = target
    return proxy
  }

  /** Where new connections lead to, `host:port`. */
  setTarget(target: string): void {
    this.#target = target
  }

  get connectionCount(): number {
    return this.#links.size
  }

  /** Ends all connections, in order (FIN) or by a reset. */
  cut(how: 'end' | 'reset' = 'reset'): void {
    for (const link of this.#links) link.close(how)
  }

  /** Whether new connections are closed as soon as they come. */
  refuse(refusing: boolean): void {
    this.#refusing = refusing
  }

  /**
   * How bytes of a direction travel from now on, on all connections: `delayMs` later, in pieces of `sliceBytes`, or, with
   * `swallow`, not at all while the connection looks open. An empty object heals; what was swallowed stays lost.
   */
  setTraffic(direction: Direction | 'both', traffic: Traffic): void {
    const directions: readonly Direction[] = direction === 'both' ? ['request', 'response'] : [direction]
    for (const each of directions) this.#traffic[each] = traffic
  }

  /** Gives the next frames of a kind a fate of their own. The oldest interception that fits a frame decides on it. */
  intercept(interception: Interception): Intercepted {
    const interceptor = new Interceptor(interception, (ended) => this.#interceptions.delete(ended))
    this.#interceptions.add(interceptor)
    return interceptor
  }

  /** Sends a request that was seen once more, byte for byte, on a connection of its own, and returns the reply. */
  replay(frame: Frame): Promise<Uint8Array> {
    const target = this.#targetOrThrow()
    return new Promise((resolve, reject) => {
      const socket = connect(parseAddress(target))
      const end = (): void => {
        clearTimeout(deadline)
        socket.destroy()
      }
      const fail = (error: Error): void => {
        end()
        reject(error)
      }
      const deadline = setTimeout(() => fail(new Error('no reply to the repeated request')), replayTimeoutMs)
      let reply = Buffer.alloc(0)
      socket.on('data', (bytes) => {
        reply = Buffer.concat([reply, bytes])
        if (reply.length < 4 || reply.length < 4 + reply.readInt32BE(0)) return
        end()
        resolve(reply.subarray(4))
      })
      socket.once('error', fail)
      socket.once('close', () => fail(new Error('the broker closed the connection of the repeated request')))
      socket.write(frame.bytes)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.cut('reset')
    await closed
    releasePort(this.#port)
  }

  #targetOrThrow(): string {
    if (this.#target === undefined) throw new Error('the proxy has no target yet')
    return this.#target
  }

  #accept(client: Socket): void {
    if (this.#refusing || this.#target === undefined) {
      client.on('error', () => undefined)
      client.destroy()
      return
    }
    const broker = connect({ ...parseAddress(this.#target), ...this.#options, noDelay: true })
    const link = new ProxyLink(client, broker, {
      traffic: (direction) => this.#traffic[direction],
      interceptor: (frame) => this.#interceptorOf(frame)
    })
    this.#links.add(link)
    link.onClose(() => this.#links.delete(link))
  }

  #interceptorOf(frame: Frame): Interceptor | undefined {
    for (const interceptor of this.#interceptions) if (interceptor.take(frame)) return interceptor
    return undefined
  }
}

class Interceptor implements Intercepted {
  readonly first: Promise<Frame>
  readonly frames: Frame[] = []
  readonly #interception: Interception
  readonly #onEnd: (self: Interceptor) => void
  #resolveFirst: (frame: Frame) => void = () => undefined
  #releaseHeld: () => void = () => undefined
  readonly #held: Promise<void>
  #isReleased = false

  constructor(interception: Interception, onEnd: (self: Interceptor) => void) {
    this.#interception = interception
    this.#onEnd = onEnd
    this.first = new Promise((resolve) => {
      this.#resolveFirst = resolve
    })
    this.#held = new Promise((resolve) => {
      this.#releaseHeld = resolve
    })
  }

  get fate(): Fate {
    return this.#isReleased && this.#interception.fate === 'hold' ? 'pass' : this.#interception.fate
  }

  /** Resolves when held frames may go. */
  get released(): Promise<void> {
    return this.#held
  }

  take(frame: Frame): boolean {
    const { direction = 'request', apiKey, when, count = 1 } = this.#interception
    if (frame.direction !== direction || (apiKey !== undefined && frame.apiKey !== apiKey)) return false
    if (when !== undefined && !when(frame)) return false
    this.frames.push(frame)
    this.#resolveFirst(frame)
    if (this.frames.length >= count) this.#onEnd(this)
    return true
  }

  release(): void {
    this.#isReleased = true
    this.#releaseHeld()
  }

  cancel(): void {
    this.#onEnd(this)
    this.release()
  }
}

/** A cluster whose nodes are reached through proxies only; `proxies[i]` stands before node `i + 1`. */
export interface ProxiedBroker extends AsyncDisposable {
  readonly broker: TestBroker
  readonly proxies: readonly TcpProxy[]
  /** The proxies' addresses. */
  readonly bootstrap: string
}

export async function startProxiedBroker(
  options: BrokerOptions = {},
  proxyOptions: ProxyOptions = {}
): Promise<ProxiedBroker> {
  const proxies: TcpProxy[] = []
  for (let node = 1; node <= (options.nodes ?? 1); node++) proxies.push(await TcpProxy.start(undefined, proxyOptions))
  const disposeProxies = async (): Promise<void> => {
    for (const proxy of proxies) await proxy[Symbol.asyncDispose]()
  }
  try {
    const broker = await startBroker({ ...options, advertised: proxies.map(({ address }) => address) })
    for (const [i, { address }] of broker.nodes.entries()) proxies[i]?.setTarget(address)
    const dispose = async (): Promise<void> => {
      await disposeProxies()
      await broker[Symbol.asyncDispose]()
    }
    return { broker, proxies, bootstrap: broker.bootstrap, [Symbol.asyncDispose]: dispose }
  } catch (error) {
    await disposeProxies()
    throw error
  }
}
