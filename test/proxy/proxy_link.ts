// One connection through the proxy: two sockets and, for each direction, a queue that keeps frames in order while they
// are delayed, held or cut into pieces.
import type { Socket } from 'node:net'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { FrameCutter } from './frame_cutter.ts'
import type { Asked, Direction, Frame } from './frame_cutter.ts'

/** How bytes of a direction travel. */
export interface Traffic {
  readonly delayMs?: number
  readonly sliceBytes?: number
  /** Bytes vanish and the connection stays open. */
  readonly swallow?: boolean
}

/**
 * What becomes of a frame: `pass`; `drop` it alone; `hold` it, and what follows it in its direction, until it is released;
 * `cut` the connection in its stead; `passThenCut`; `cutInside` it, after half of its bytes; `flipBit` in its middle.
 */
export type Fate = 'pass' | 'drop' | 'hold' | 'cut' | 'passThenCut' | 'cutInside' | 'flipBit'

/** The fate of one frame, and when it may go on if it is held. */
export interface FrameInterceptor {
  readonly fate: Fate
  readonly released: Promise<void>
}

export interface LinkRules {
  traffic(direction: Direction): Traffic
  interceptor(frame: Frame): FrameInterceptor | undefined
}

export class ProxyLink {
  readonly #sockets: Readonly<Record<Direction, { readonly from: Socket; readonly to: Socket }>>
  readonly #queues: Record<Direction, Promise<void>> = { request: Promise.resolve(), response: Promise.resolve() }
  readonly #rules: LinkRules
  readonly #closeListeners: (() => void)[] = []
  #isClosed = false

  constructor(client: Socket, broker: Socket, rules: LinkRules) {
    this.#rules = rules
    this.#sockets = { request: { from: client, to: broker }, response: { from: broker, to: client } }
    const asked: Asked = new Map()
    for (const direction of ['request', 'response'] as const) this.#read(direction, new FrameCutter(direction, asked))
  }

  onClose(listener: () => void): void {
    this.#closeListeners.push(listener)
  }

  close(how: 'end' | 'reset'): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const { from } of Object.values(this.#sockets)) {
      if (how === 'reset') from.resetAndDestroy()
      else from.destroySoon()
    }
    for (const listener of this.#closeListeners) listener()
  }

  #read(direction: Direction, cutter: FrameCutter): void {
    const { from } = this.#sockets[direction]
    from.on('error', () => this.close('reset'))
    from.on('close', () => void this.#queues[direction].then(() => this.close('end')))
    from.on('data', (bytes: Buffer) => {
      try {
        for (const frame of cutter.push(bytes)) this.#enqueue(frame)
      } catch {
        this.close('reset') // not Kafka: nothing that could be passed on frame by frame
      }
    })
  }

  #enqueue(frame: Frame): void {
    const { direction } = frame
    // The rules are those of the moment at which the frame came, not at which its turn comes.
    const interceptor = this.#rules.interceptor(frame)
    const traffic = this.#rules.traffic(direction)
    const dueMs = performance.now() + (traffic.delayMs ?? 0)
    this.#queues[direction] = this.#queues[direction].then(async () => {
      const waitMs = dueMs - performance.now()
      if (waitMs > 0) await sleep(waitMs)
      await this.#forward(frame, traffic, interceptor)
    })
  }

  async #forward(frame: Frame, traffic: Traffic, interceptor: FrameInterceptor | undefined): Promise<void> {
    const fate = interceptor?.fate ?? 'pass'
    if (fate === 'hold') await interceptor?.released
    if (this.#isClosed || traffic.swallow === true || fate === 'drop') return
    if (fate === 'cut') return this.close('reset')
    const { bytes } = frame
    const { to } = this.#sockets[frame.direction]
    if (fate === 'cutInside') await this.#write(to, bytes.subarray(0, bytes.length >> 1), traffic)
    else await this.#write(to, fate === 'flipBit' ? withFlippedBit(bytes) : bytes, traffic)
    if (fate === 'cutInside' || fate === 'passThenCut') {
      await flushed(to)
      this.close('end')
    }
  }

  async #write(to: Socket, bytes: Uint8Array, traffic: Traffic): Promise<void> {
    const { sliceBytes } = traffic
    if (sliceBytes === undefined) {
      to.write(bytes)
      return
    }
    for (let at = 0; at < bytes.length && !this.#isClosed; at += sliceBytes) {
      to.write(bytes.subarray(at, at + sliceBytes))
      await nextTurn()
    }
  }
}

function flushed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.writableLength === 0) resolve()
    else socket.write('', () => resolve())
  })
}

/** A copy with one bit wrong in the middle, behind size and correlation id. */
function withFlippedBit(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice()
  const at = Math.max(8, copy.length >> 1)
  if (at < copy.length) copy[at]! ^= 1
  return copy
}
