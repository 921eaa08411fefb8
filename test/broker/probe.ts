// Asks a broker over its own few lines of the Kafka protocol whether it is there and complete, and lets tests create a
// topic before any client exists. It shares no code with the client under test: a broker that this finds ready is ready
// whatever the client thinks. ApiVersions v0, Metadata v1 and CreateTopics v2 are understood by Kafka 1.0 to 4.4.
import { connect } from 'node:net'

export interface BrokerNode {
  readonly id: number
  readonly host: string
  readonly port: number
}

export interface BrokerAnswer {
  /** The highest version of each API key. */
  readonly apis: ReadonlyMap<number, number>
  readonly nodes: readonly BrokerNode[]
}

export interface ProbeOptions {
  readonly timeoutMs?: number
}

const apiVersionsKey = 18
const metadataKey = 3
const createTopicsKey = 19
const replyBytesMax = 16 * 1024 * 1024

/** What the broker at `address` says of itself and its cluster. Throws where it does not answer in time. */
export async function askBroker(address: string, options: ProbeOptions = {}): Promise<BrokerAnswer> {
  const [versions, metadata] = await exchange(address, options, [
    { key: apiVersionsKey, version: 0, body: Buffer.alloc(0) },
    { key: metadataKey, version: 1, body: int32(0) }
  ])
  if (versions === undefined || metadata === undefined) throw new Error(`no complete answer from ${address}`)
  return { apis: readApiVersions(versions), nodes: readNodes(metadata) }
}

/** Creates a topic and returns Kafka's error code, 0 where it went well. Must be sent to the controller on Kafka 1. */
export async function createTopic(
  address: string,
  topic: { readonly name: string; readonly partitions: number; readonly replicationFactor?: number },
  options: ProbeOptions = {}
): Promise<number> {
  const waitMs = options.timeoutMs ?? 15_000
  const shape = [int32(topic.partitions), int16(topic.replicationFactor ?? 1), int32(0), int32(0)]
  const validateOnly = Buffer.from([0])
  const described = Buffer.concat([int32(1), string(topic.name), ...shape, int32(waitMs), validateOnly])
  const [reply] = await exchange(address, options, [{ key: createTopicsKey, version: 2, body: described }])
  if (reply === undefined) throw new Error(`no answer from ${address} to CreateTopics`)
  const reader = new Reader(reply, 8) // throttle time, count of topics
  reader.string()
  return reader.int16()
}

interface ProbeRequest {
  readonly key: number
  readonly version: number
  readonly body: Buffer
}

/** Sends all requests at once on one connection and returns the bodies of the replies in order. */
function exchange(address: string, options: ProbeOptions, requests: readonly ProbeRequest[]): Promise<Buffer[]> {
  const { host, port } = parseAddress(address)
  const timeoutMs = options.timeoutMs ?? 15_000
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0)
    const replies: Buffer[] = []
    const socket = connect({ host, port })
    const fail = (why: string): void => {
      clearTimeout(deadline)
      socket.destroy()
      reject(new Error(`${address} ${why}`))
    }
    const deadline = setTimeout(() => fail(`gave no answer within ${timeoutMs} ms`), timeoutMs)
    socket.once('connect', () => socket.write(Buffer.concat(requests.map(requestFrame))))
    socket.once('error', (error) => fail(`cannot be asked: ${error.message}`))
    socket.once('close', () => fail('closed the connection'))
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      while (received.length >= 4) {
        const size = received.readInt32BE(0)
        if (size < 4 || size > replyBytesMax) return fail('does not speak the Kafka protocol')
        if (received.length < 4 + size) return
        replies.push(received.subarray(8, 4 + size))
        received = received.subarray(4 + size)
        if (replies.length === requests.length) {
          clearTimeout(deadline)
          socket.removeAllListeners('close').destroy()
          return resolve(replies)
        }
      }
    })
  })
}

/** `host:port`, the host without brackets. */
export function parseAddress(address: string): { readonly host: string; readonly port: number } {
  const at = address.lastIndexOf(':')
  const port = Number(address.slice(at + 1))
  if (at < 1 || !Number.isInteger(port) || port < 1 || port > 65_535) throw new Error(`not host:port: ${address}`)
  return { host: address.slice(0, at).replace(/^\[|\]$/g, ''), port }
}

function requestFrame(request: ProbeRequest, correlationId: number): Buffer {
  const header = [int16(request.key), int16(request.version), int32(correlationId), string('probe')]
  const frame = Buffer.concat([...header, request.body])
  return Buffer.concat([int32(frame.length), frame])
}

function readApiVersions(reply: Buffer): Map<number, number> {
  const reader = new Reader(reply)
  const code = reader.int16()
  if (code !== 0) throw new Error(`ApiVersions was answered with error ${code}`)
  const apis = new Map<number, number>()
  for (let left = reader.int32(); left > 0; left--) {
    const key = reader.int16()
    reader.int16()
    apis.set(key, reader.int16())
  }
  return apis
}

function readNodes(reply: Buffer): BrokerNode[] {
  const reader = new Reader(reply)
  const nodes: BrokerNode[] = []
  for (let left = reader.int32(); left > 0; left--) {
    nodes.push({ id: reader.int32(), host: reader.string(), port: reader.int32() })
    reader.string() // rack
  }
  return nodes
}

class Reader {
  readonly #bytes: Buffer
  #at: number

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes
    this.#at = at
  }

  int16(): number {
    this.#at += 2
    return this.#bytes.readInt16BE(this.#at - 2)
  }

  int32(): number {
    this.#at += 4
    return this.#bytes.readInt32BE(this.#at - 4)
  }

  /** A null string reads as an empty one. */
  string(): string {
    const length = Math.max(0, this.int16())
    this.#at += length
    return this.#bytes.toString('utf8', this.#at - length, this.#at)
  }
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

function string(value: string): Buffer {
  const bytes = Buffer.from(value)
  return Buffer.concat([int16(bytes.length), bytes])
}
