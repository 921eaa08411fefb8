// One plain connection for judges: sends a request in a given version and waits for its reply. It uses the protocol
// layer's codecs, which are audited against Kafka's own definitions, and nothing of the client under test.
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { decodeResponse, encodeRequest, FrameSplitter, readCorrelationId } from 'kafka-once/protocol'
import type { ApiName, EncodableRequestOf, ResponseOf } from 'kafka-once/protocol'
import { parseAddress } from './probe.ts'

const timeoutMsDefault = 30_000

interface Waiting {
  readonly onFrame: (frame: Uint8Array) => void
  readonly onError: (error: Error) => void
}

export class Wire implements Disposable {
  readonly address: string
  readonly #socket: Socket
  readonly #waiting = new Map<number, Waiting>()
  #lastCorrelationId = 0
  #failure: Error | undefined

  private constructor(address: string, socket: Socket) {
    this.address = address
    this.#socket = socket
    const splitter = new FrameSplitter()
    socket.on('data', (bytes: Uint8Array) => splitter.push(bytes, (frame) => this.#take(frame)))
    socket.on('error', (error) => this.#fail(error))
    for (const end of ['end', 'close']) {
      socket.on(end, () => this.#fail(new Error(`${address} closed the connection`)))
    }
  }

  static open(address: string): Promise<Wire> {
    return new Promise((resolve, reject) => {
      const socket = connect(parseAddress(address))
      socket.once('error', reject)
      socket.once('connect', () => {
        socket.off('error', reject)
        resolve(new Wire(address, socket))
      })
    })
  }

  /** Sends a request and returns the reply's body. Rejects when the connection ends or no reply comes in time. */
  request<N extends ApiName>(
    api: N,
    version: number,
    body: EncodableRequestOf<N>,
    timeoutMs: number = timeoutMsDefault
  ): Promise<ResponseOf<N>> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    const correlationId = ++this.#lastCorrelationId
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(deadline)
        this.#waiting.delete(correlationId)
      }
      const onError = (error: Error): void => {
        settle()
        reject(error)
      }
      const late = new Error(`${this.address} did not answer ${api} within ${timeoutMs} ms`)
      const deadline = setTimeout(() => onError(late), timeoutMs)
      const onFrame = (frame: Uint8Array): void => {
        settle()
        try {
          resolve(decodeResponse(api, version, frame).body)
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)))
        }
      }
      this.#waiting.set(correlationId, { onFrame, onError })
      const pieces = encodeRequest({ api, version, correlationId, clientId: 'judge', body })
      this.#socket.write(Buffer.concat(pieces))
    })
  }

  [Symbol.dispose](): void {
    this.#socket.destroy()
  }

  #take(frame: Uint8Array): void {
    this.#waiting.get(readCorrelationId(frame))?.onFrame(frame)
  }

  #fail(error: Error): void {
    this.#failure ??= error
    for (const waiting of this.#waiting.values()) waiting.onError(this.#failure)
  }
}
