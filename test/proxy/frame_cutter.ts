// Cuts the bytes of one direction of a connection into Kafka's frames and tells of each what it is. Responses carry no
// API key, so both directions of a connection share the memory of what was asked.

export type Direction = 'request' | 'response'

/** One frame on its way. */
export interface Frame {
  readonly direction: Direction
  readonly apiKey: number
  readonly version: number
  readonly correlationId: number
  /** The whole frame with its four bytes of size. */
  readonly bytes: Uint8Array
}

/** What was asked on a connection and not answered yet, by correlation id. */
export type Asked = Map<number, { readonly apiKey: number; readonly version: number }>

const frameBytesMax = 128 * 1024 * 1024

export class FrameCutter {
  readonly #direction: Direction
  readonly #asked: Asked
  #chunks: Buffer[] = []
  #length = 0

  constructor(direction: Direction, asked: Asked) {
    this.#direction = direction
    this.#asked = asked
  }

  /** Takes bytes and returns the frames that they complete. */
  push(bytes: Buffer): Frame[] {
    this.#chunks.push(bytes)
    this.#length += bytes.length
    const frames: Frame[] = []
    for (let size = this.#frameSize(); size !== undefined && this.#length >= size; size = this.#frameSize()) {
      frames.push(this.#describe(this.#take(size)))
    }
    return frames
  }

  /** Size of the frame in front, its size field included; undefined before that has come. */
  #frameSize(): number | undefined {
    if (this.#length < 4) return undefined
    if ((this.#chunks[0]?.length ?? 0) < 4) this.#chunks = [Buffer.concat(this.#chunks)]
    const size = this.#chunks[0]?.readInt32BE(0) ?? 0
    if (size < 4 || size > frameBytesMax) throw new Error(`not a Kafka frame: ${size} bytes`)
    return 4 + size
  }

  #take(size: number): Buffer {
    const all = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
    this.#chunks = all.length === size ? [] : [all.subarray(size)]
    this.#length -= size
    return all.subarray(0, size)
  }

  #describe(bytes: Buffer): Frame {
    if (this.#direction === 'request') {
      const asked = { apiKey: bytes.readInt16BE(4), version: bytes.readInt16BE(6) }
      const correlationId = bytes.readInt32BE(8)
      this.#asked.set(correlationId, asked)
      return { direction: 'request', ...asked, correlationId, bytes }
    }
    const correlationId = bytes.readInt32BE(4)
    const asked = this.#asked.get(correlationId) ?? { apiKey: -1, version: -1 }
    this.#asked.delete(correlationId)
    return { direction: 'response', ...asked, correlationId, bytes }
  }
}
