// Owns one simulated TCP connection: bytes arrive in order, after a delay, whole or in pieces; either end may go, the
// network may cut it at any byte, or hold one direction still for as long as it likes. What a dead process has written
// still arrives. Frames are recognised by their writes, since both sides write one frame at a time; that is how a fault
// finds its request.

import type { Socket, SocketHandler } from '../../runtime/index.ts'
import type { VirtualNetwork } from './network.ts'
import type { VirtualProcess } from './process.ts'
import { failure } from './disk.ts'

/** A request or a response on its way, as faults see it. */
export interface Exchange {
  readonly link: Link
  readonly direction: 'request' | 'response'
  readonly apiKey: number
  readonly version: number
  readonly correlationId: number
  readonly bytes: Uint8Array
}

/** What the network does with a frame. Undefined: it delivers it. */
export type FrameFate =
  /** It and all that follows in this direction wait so long. */
  | { readonly do: 'delay'; readonly delayMs: number }
  /** So many bytes arrive, then both ends see a reset. */
  | { readonly do: 'cut'; readonly keptBytes: number }
  /** The client sees a reset at once, the broker gets the request so much later. */
  | { readonly do: 'late'; readonly delayMs: number }
  /** It arrives, and once more so much later, on a connection of its own. */
  | { readonly do: 'repeat'; readonly delayMs: number }
  /** It arrives in pieces of at most so many bytes. */
  | { readonly do: 'slice'; readonly pieceBytesMax: number }
  /** Nothing arrives in this direction any more, and neither end is told. */
  | { readonly do: 'swallow' }

/** Bytes under way from which on a writer is asked to wait, as a socket's buffer in the kernel does. */
const bufferBytes = 64 * 1024

/** From API key to correlation id, behind the size. */
const headBytes = 12

const pieceGapMs = 0.02

export class End implements Socket {
  readonly link: Link
  readonly process: VirtualProcess
  handler: SocketHandler | undefined
  isOpen = true
  /** When the last of what was written arrives, at the earliest. */
  arrivesMs = 0
  /** Nothing that is written here arrives any more. */
  isSwallowed = false
  bytesUnderWay = 0
  wantsDrain = false

  constructor(link: Link, process: VirtualProcess) {
    this.link = link
    this.process = process
  }

  write(buffers: readonly Uint8Array[]): boolean {
    if (!this.isOpen || this.process.state === 'dead') return false
    const bytes = joined(buffers)
    this.link.network.calls(this.process, 'write')
    this.bytesUnderWay += bytes.length
    this.process.whenRunning(() => this.link.send(this, bytes))
    this.link.network.called(this.process, 'write')
    if (this.bytesUnderWay <= bufferBytes) return true
    this.wantsDrain = true
    return false
  }

  destroy(error?: Error): void {
    this.process.whenRunning(() => this.link.end(this, error))
  }

  onDeath(): void {
    this.link.end(this)
  }
}

/** A frame that was sent and is not yet answered. */
interface Asked {
  readonly apiKey: number
  readonly version: number
  readonly correlationId: number
}

export class Link {
  readonly number: number
  readonly network: VirtualNetwork
  readonly client: End
  readonly server: End
  readonly port: number
  #asked: Asked[] = []
  /** Nothing new gets through. */
  #isCut = false

  constructor(number: number, network: VirtualNetwork, client: VirtualProcess, server: VirtualProcess, port: number) {
    this.number = number
    this.network = network
    this.client = new End(this, client)
    this.server = new End(this, server)
    this.port = port
    client.underWay.add(this.client)
    server.underWay.add(this.server)
  }

  /** Puts a write on its way, as far as the network lets it. */
  send(from: End, bytes: Uint8Array): void {
    if (!from.isOpen || this.#isCut) return
    const exchange = from === this.client ? this.#request(bytes) : this.#response(bytes)
    const fate = exchange === undefined ? undefined : this.network.fateOf(exchange)
    switch (fate?.do) {
      case undefined:
        return this.#deliver(from, bytes, 0)
      case 'delay':
        return this.#deliver(from, bytes, fate.delayMs)
      case 'slice':
        return this.#deliverPieces(from, bytes, fate.pieceBytesMax)
      case 'cut':
        this.#deliver(from, bytes.subarray(0, fate.keptBytes), 0)
        return this.cut()
      case 'late':
        this.#deliver(from, bytes, fate.delayMs)
        this.#isCut = true
        this.#close(from, 0, reset(this.port))
        return this.#close(this.#other(from), this.#pendingMs(from), reset(this.port))
      case 'repeat':
        this.network.repeat(this, bytes, fate.delayMs)
        return this.#deliver(from, bytes, 0)
      case 'swallow':
        from.isSwallowed = true
    }
  }

  /** One end goes, in good order or not; the other one learns it after all that is on its way. */
  end(from: End, error?: Error): void {
    if (!from.isOpen) return
    from.isOpen = false
    this.network.queue.after(0, 'io', from.process, () => this.#tell(from, error))
    if (!from.isSwallowed && !this.#isCut) this.#close(this.#other(from), this.#pendingMs(from), undefined)
  }

  /** The network ends it: both ends see a reset behind what is still on its way to them. */
  cut(): void {
    if (this.#isCut) return
    this.#isCut = true
    this.#close(this.client, this.#pendingMs(this.server), reset(this.port))
    this.#close(this.server, this.#pendingMs(this.client), reset(this.port))
  }

  /** The machine of an end is gone without a word, as by a power cut. */
  vanish(end: End): void {
    end.isOpen = false
    end.process.underWay.delete(end)
  }

  /** What is written by an end arrives not before that time. */
  hold(end: End, untilMs: number): void {
    end.arrivesMs = Math.max(end.arrivesMs, untilMs)
  }

  #close(end: End, delayMs: number, error: Error | undefined): void {
    this.network.queue.after(delayMs, 'io', end.process, () => {
      if (!end.isOpen) return
      end.isOpen = false
      this.#tell(end, error)
    })
  }

  #tell(end: End, error: Error | undefined): void {
    end.process.underWay.delete(end)
    this.network.closed(this, end)
    end.handler?.onClose(error)
    end.handler = undefined
  }

  /** Until all that an end has written has arrived, and a little more. */
  #pendingMs(end: End): number {
    return Math.max(0, end.arrivesMs - this.network.queue.nowMs) + this.network.latencyMs()
  }

  #deliver(from: End, bytes: Uint8Array, delayMs: number): void {
    if (from.isSwallowed) return
    const { queue } = this.network
    const to = this.#other(from)
    from.arrivesMs = Math.max(from.arrivesMs, queue.nowMs + delayMs + this.network.latencyMs())
    queue.at(from.arrivesMs, 'io', to.process, () => this.#arrive(from, to, bytes))
  }

  #deliverPieces(from: End, bytes: Uint8Array, pieceBytesMax: number): void {
    for (let at = 0; at < bytes.length;) {
      const length = this.network.chance.between(1, pieceBytesMax)
      this.#deliver(from, bytes.subarray(at, at + length), pieceGapMs)
      at += length
    }
  }

  #arrive(from: End, to: End, bytes: Uint8Array): void {
    from.bytesUnderWay -= bytes.length
    this.network.arrived(this, to, bytes)
    if (from.wantsDrain && from.isOpen && from.bytesUnderWay < bufferBytes / 2) {
      from.wantsDrain = false
      this.network.queue.after(0, 'io', from.process, () => {
        if (from.isOpen) from.handler?.onDrain()
      })
    }
    if (to.isOpen) to.handler?.onData(bytes)
  }

  #other(end: End): End {
    return end === this.client ? this.server : this.client
  }

  #request(bytes: Uint8Array): Exchange | undefined {
    if (bytes.length < headBytes) return undefined
    const asked = { apiKey: int16(bytes, 4), version: int16(bytes, 6), correlationId: int32(bytes, 8) }
    this.#asked.push(asked)
    return { link: this, direction: 'request', ...asked, bytes }
  }

  #response(bytes: Uint8Array): Exchange | undefined {
    const asked = this.#asked.shift()
    if (asked === undefined || bytes.length < 8 || int32(bytes, 4) !== asked.correlationId) return undefined
    return { link: this, direction: 'response', ...asked, bytes }
  }
}

function reset(port: number): Error {
  return failure('ECONNRESET', `the connection to port ${port}`)
}

/** A copy: the writer may go on with its memory. */
function joined(buffers: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const buffer of buffers) length += buffer.length
  const bytes = Buffer.allocUnsafe(length)
  let at = 0
  for (const buffer of buffers) {
    bytes.set(buffer, at)
    at += buffer.length
  }
  return bytes
}

function int16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!
}

function int32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}
