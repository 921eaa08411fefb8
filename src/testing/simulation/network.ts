// Owns the simulated network: who listens where, connections between processes, how long bytes take, and the one place
// where faults decide about a frame. Ports are those of one host, 127.0.0.1, as in tests over real sockets.

import { onAbort } from '../../runtime/index.ts'
import type { ConnectOptions, Listener, ListenOptions, Socket, SocketHandler } from '../../runtime/index.ts'
import type { Chance } from './chance.ts'
import { failure } from './disk.ts'
import type { EventQueue } from './event_queue.ts'
import { End, Link } from './link.ts'
import type { Exchange, FrameFate } from './link.ts'
import type { VirtualProcess } from './process.ts'
import type { Trace } from './trace.ts'

/** How long bytes are under way, milliseconds. */
export interface Latency {
  readonly minMs: number
  /** What comes on top, on average. */
  readonly jitterMs: number
}

/** What happens on the network, for faults and for whoever counts. */
export interface NetworkWatcher {
  /** A frame is written; undefined delivers it. */
  fateOf(exchange: Exchange): FrameFate | undefined
  /** Around each call that a program makes through its socket. */
  calls(process: VirtualProcess, call: string): void
  called(process: VirtualProcess, call: string): void
}

interface Service {
  readonly process: VirtualProcess
  readonly accept: (socket: Socket) => SocketHandler
  readonly links: Set<Link>
}

const firstPort = 9092
const hashKinds = Object.freeze({ arrived: 101, closed: 102 })
/** So long the second sender of a repeated request waits for the answer that nobody reads. */
const repeatPatienceMs = 10_000

export class VirtualNetwork {
  readonly queue: EventQueue
  readonly chance: Chance
  latency: Latency = { minMs: 0.05, jitterMs: 0.1 }
  watcher: NetworkWatcher | undefined
  readonly #trace: Trace
  readonly #services = new Map<number, Service>()
  /** Whose repeated requests they are: nobody's that runs. */
  readonly #ghost: VirtualProcess
  /** Until when a pair of a process and a port cannot reach each other. */
  readonly #partedUntilMs = new Map<VirtualProcess, Map<number, number>>()
  #links = 0
  #nextPort = firstPort

  constructor(queue: EventQueue, chance: Chance, trace: Trace, ghost: VirtualProcess) {
    this.queue = queue
    this.chance = chance
    this.#trace = trace
    this.#ghost = ghost
  }

  latencyMs(): number {
    return this.latency.minMs + this.chance.exponential(this.latency.jitterMs)
  }

  listen(process: VirtualProcess, options: ListenOptions, accept: Service['accept']): Listener {
    const port = options.port === 0 ? this.#freePort() : options.port
    if (this.#services.has(port)) throw failure('EADDRINUSE', `port ${port}`)
    const service: Service = { process, accept, links: new Set() }
    this.#services.set(port, service)
    return {
      port,
      close: () => {
        if (this.#services.get(port) === service) this.#services.delete(port)
        for (const link of service.links) link.server.destroy()
        return Promise.resolve()
      }
    }
  }

  /** Opens a connection; the promise is settled by an event of the process. */
  connect(process: VirtualProcess, options: ConnectOptions, handler: SocketHandler): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const { host, port, timeoutMs, signal, tls } = options
      if (signal?.aborted === true) return reject(signal.reason)
      let isSettled = false
      const settle = (action: () => void): void => {
        if (isSettled) return
        isSettled = true
        timer.cancel()
        forget?.()
        action()
      }
      const fail = (code: string): void => settle(() => reject(failure(code, `connect ${host}:${port}`)))
      const timer = this.queue.after(timeoutMs, 'timer', process, () => fail('ETIMEDOUT'))
      const forget = signal && onAbort(signal, () => settle(() => reject(signal.reason)))
      const there = Math.max(this.#reachableMs(process, port), this.queue.nowMs + this.latencyMs())
      this.queue.at(there, 'io', undefined, () => {
        const service = this.#services.get(port)
        // A plaintext server answers a TLS greeting by going away.
        const refusal = service === undefined ? 'ECONNREFUSED' : tls === undefined ? undefined : 'ECONNRESET'
        if (service === undefined || refusal !== undefined || process.state === 'dead') {
          this.queue.after(this.latencyMs(), 'io', process, () => fail(refusal ?? 'ECONNRESET'))
          return
        }
        const link = this.#open(process, service, port)
        link.client.handler = handler
        this.queue.after(this.latencyMs(), 'io', process, () => {
          if (isSettled) return link.end(link.client)
          settle(() => resolve(link.client))
        })
      })
    })
  }

  /** The same request once more, later, on a connection of its own; its answer is read by nobody. */
  repeat(link: Link, bytes: Uint8Array, delayMs: number): void {
    this.queue.after(delayMs, 'io', undefined, () => {
      const service = this.#services.get(link.port)
      if (service === undefined) return
      const again = this.#open(this.#ghost, service, link.port)
      again.send(again.client, bytes)
      this.queue.after(repeatPatienceMs, 'io', undefined, () => again.end(again.client))
    })
  }

  /** For so long, nothing passes between a process and a port; what is written meanwhile arrives afterwards. */
  part(process: VirtualProcess, port: number, durationMs: number): void {
    const untilMs = this.queue.nowMs + durationMs
    const ports = this.#partedUntilMs.get(process) ?? new Map<number, number>()
    this.#partedUntilMs.set(process, ports.set(port, untilMs))
    for (const link of this.linksOf(process, port)) {
      link.hold(link.client, untilMs)
      link.hold(link.server, untilMs)
    }
  }

  /** Open connections of a process, to one port or to all. */
  linksOf(process: VirtualProcess, port?: number): Link[] {
    const links: Link[] = []
    for (const one of process.underWay) {
      if (one instanceof End && one === one.link.client && (port ?? one.link.port) === one.link.port) {
        links.push(one.link)
      }
    }
    return links
  }

  /** The machine of a process is gone: nobody is told. */
  vanish(process: VirtualProcess): void {
    for (const one of process.underWay) if (one instanceof End) one.link.vanish(one)
  }

  fateOf(exchange: Exchange): FrameFate | undefined {
    return exchange.link.client.process === this.#ghost ? undefined : this.watcher?.fateOf(exchange)
  }

  calls(process: VirtualProcess, call: string): void {
    process.calls++
    this.watcher?.calls(process, call)
  }

  called(process: VirtualProcess, call: string): void {
    this.watcher?.called(process, call)
  }

  arrived(link: Link, to: End, bytes: Uint8Array): void {
    this.#trace.mix(hashKinds.arrived, link.number * 2 + (to === link.client ? 1 : 0))
    this.#trace.mixBytes(bytes)
  }

  closed(link: Link, end: End): void {
    this.#trace.mix(hashKinds.closed, link.number * 2 + (end === link.client ? 1 : 0))
    if (end === link.server) this.#services.get(link.port)?.links.delete(link)
  }

  #open(process: VirtualProcess, service: Service, port: number): Link {
    const link = new Link(this.#links++, this, process, service.process, port)
    service.links.add(link)
    link.server.handler = service.accept(link.server)
    return link
  }

  #reachableMs(process: VirtualProcess, port: number): number {
    return this.#partedUntilMs.get(process)?.get(port) ?? 0
  }

  #freePort(): number {
    while (this.#services.has(this.#nextPort)) this.#nextPort++
    return this.#nextPort++
  }
}
