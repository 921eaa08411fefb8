// A real Runtime that kills or pauses its own process at one place: at a named fault point of the engine, or when a
// request has been written to a socket or its reply has come but is not yet seen by the client. Before that it says so
// in one line, so that the harness knows that the process ended there and nowhere else.
import { writeSync } from 'node:fs'
import { apiByKey, FrameSplitter } from 'kafka-once/protocol'
import { nodeRuntime } from 'kafka-once/runtime'
import type { ConnectOptions, Runtime, Socket, SocketHandler } from 'kafka-once/runtime'
import type { FaultOrder, PipelineEvent } from '../faults/orders.ts'

/** Writes one event, whole, before it returns. */
export function tell(event: PipelineEvent): void {
  const bytes = Buffer.from(`${JSON.stringify(event)}\n`)
  for (let written = 0; written < bytes.length;) {
    try {
      written += writeSync(1, bytes, written)
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) throw error
    }
  }
}

export class Faults {
  readonly runtime: Runtime
  readonly #order: FaultOrder | undefined
  readonly #traces: boolean
  #isRecovering = true
  #hits = 0
  #isArmed: boolean

  constructor(order: FaultOrder | undefined, traces: boolean) {
    this.#order = order
    this.#traces = traces
    this.#isArmed = order?.after === undefined
    const real = nodeRuntime({ faultPoint: (name) => this.#pass(name) })
    this.runtime = { ...real, connect: (options, handler) => this.#connect(real, options, handler) }
  }

  /** Records begin to flow: hits are counted anew. */
  recovered(): void {
    this.#isRecovering = false
  }

  #pass(point: string): void {
    const order = this.#order
    if (this.#traces && !point.startsWith('wire.')) tell({ event: 'passed', point })
    if (order === undefined) return
    if (order.phase !== 'any' && (order.phase === 'recovery') !== this.#isRecovering) return
    if (!this.#isArmed) {
      this.#isArmed = point === order.after && ++this.#hits === order.hit
      return
    }
    if (point !== order.point) return
    if (order.after === undefined && ++this.#hits < order.hit) return
    this.#isArmed = false
    this.#hits = Number.NEGATIVE_INFINITY
    tell({ event: 'fault', point, hit: order.hit, action: order.action })
    if (order.action === 'fail') throw new Error(`told to fail at ${point}`)
    process.kill(process.pid, order.action === 'kill' ? 'SIGKILL' : 'SIGSTOP')
  }

  async #connect(real: Runtime, options: ConnectOptions, handler: SocketHandler): Promise<Socket> {
    const sent: string[] = []
    const splitter = new FrameSplitter()
    const socket = await real.connect(options, {
      onData: (bytes) => {
        splitter.push(bytes.slice(), () => {
          const api = sent.shift()
          if (api !== undefined) this.#pass(`wire.${api}.answered`)
        })
        handler.onData(bytes)
      },
      onClose: (error) => handler.onClose(error),
      onDrain: () => handler.onDrain()
    })
    return {
      write: (buffers) => {
        const api = apiOf(buffers)
        sent.push(api)
        const hasRoom = socket.write(buffers)
        this.#pass(`wire.${api}.sent`)
        return hasRoom
      },
      destroy: (error) => socket.destroy(error)
    }
  }
}

/** A connection writes one request at a time: four bytes of size, then the API's number. */
function apiOf(buffers: readonly Uint8Array[]): string {
  const head = Buffer.concat(buffers.map((buffer) => buffer.subarray(0, 6)))
  return apiByKey(head.readInt16BE(4))?.name ?? 'unknown'
}
