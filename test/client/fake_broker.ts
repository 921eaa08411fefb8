// A TCP server on loopback that speaks Kafka's frames and answers what a test tells it to, so that tests can show a
// client brokers that are old, wrong, slow or gone. It knows nothing of topics or groups by itself.
import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { apis, decodeRequest, encodeResponse, FrameSplitter } from '../../src/protocol/index.ts'
import type { ApiName, DecodedRequest, EncodableResponseOf, RequestOf } from '../../src/protocol/index.ts'

export interface FakeRequest<A extends ApiName = ApiName> {
  readonly api: A
  readonly version: number
  readonly correlationId: number
  readonly clientId: string | null
  readonly body: RequestOf<A>
}

type Answer<A extends ApiName> = EncodableResponseOf<A> | 'silence' | 'hang up'

/** How each API is answered. */
export type Handlers = {
  [A in ApiName]?: (request: FakeRequest<A>) => Answer<A> | Promise<Answer<A>>
}

// oxlint-disable-next-line typescript/no-generated-empty-object-type -- any answer at all
type AnyHandler = (request: DecodedRequest) => Answer<ApiName> | Promise<Answer<ApiName>>

export interface FakeBrokerOptions {
  readonly handlers?: Handlers
  /** Ranges that ApiVersions tells, by name; every declared version where absent. */
  readonly versions?: Partial<Record<ApiName, readonly [number, number]>>
  readonly features?: { readonly epoch: bigint; readonly levels: Readonly<Record<string, number>> }
  readonly port?: number
}

export class FakeBroker implements AsyncDisposable {
  readonly handlers: Handlers
  readonly requests: DecodedRequest[] = []
  readonly sockets = new Set<Socket>()
  features: FakeBrokerOptions['features']
  readonly #versions: FakeBrokerOptions['versions']
  readonly #server: Server

  private constructor(options: FakeBrokerOptions) {
    this.handlers = options.handlers ?? {}
    this.features = options.features
    this.#versions = options.versions
    this.#server = createServer((socket) => this.#serve(socket))
  }

  static async start(options: FakeBrokerOptions = {}): Promise<FakeBroker> {
    const broker = new FakeBroker(options)
    await new Promise<void>((resolve, reject) => {
      broker.#server.once('error', reject)
      broker.#server.listen(options.port ?? 0, '127.0.0.1', resolve)
    })
    return broker
  }

  get port(): number {
    const address = this.#server.address()
    if (typeof address !== 'object' || address === null) throw new Error('The server does not listen.')
    return address.port
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  /** Bodies of the requests of one API that came. */
  received<A extends ApiName>(api: A): RequestOf<A>[] {
    return this.requests.flatMap((request) => (isOf(request, api) ? [request.body] : []))
  }

  /** Ends every connection at once. */
  hangUp(): void {
    for (const socket of this.sockets) socket.destroy()
  }

  async close(): Promise<void> {
    this.hangUp()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #serve(socket: Socket): void {
    const splitter = new FrameSplitter()
    // Replies go out in the order of the requests, as a broker's do.
    let last = Promise.resolve()
    this.sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => this.sockets.delete(socket))
    socket.on('data', (bytes) => {
      splitter.push(bytes, (frame) => {
        const request = decodeRequest(frame)
        this.requests.push(request)
        last = last.then(() => this.#reply(socket, request))
      })
    })
  }

  async #reply(socket: Socket, request: DecodedRequest): Promise<void> {
    const { api, version, correlationId } = request
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- one handler belongs to one API
    const handler = (this.handlers[api] ?? this.#defaults[api]) as AnyHandler | undefined
    if (handler === undefined) throw new Error(`No handler for ${api}`)
    const answer = await handler(request)
    if (answer === 'silence') return
    if (answer === 'hang up') {
      socket.destroy()
      return
    }
    // A refused ApiVersions is answered in version 0, whatever was asked (KIP-511).
    const isRefusal = api === 'ApiVersions' && 'errorCode' in answer && answer.errorCode === 35
    const frame = encodeResponse({ api, version: isRefusal ? 0 : version, correlationId, body: answer })
    for (const piece of frame) socket.write(piece)
  }

  readonly #defaults: Handlers = {
    ApiVersions: () => ({
      errorCode: 0,
      apiKeys: Object.values(apis).map(({ name, key, versions }) => {
        const [minVersion, maxVersion] = this.#versions?.[name] ?? versions
        return { apiKey: key, minVersion, maxVersion }
      }),
      finalizedFeaturesEpoch: this.features?.epoch ?? -1n,
      finalizedFeatures: Object.entries(this.features?.levels ?? {}).map(([name, level]) => ({
        name,
        maxVersionLevel: level,
        minVersionLevel: 1
      }))
    })
  }
}

function isOf<A extends ApiName>(request: DecodedRequest, api: A): request is DecodedRequest & { body: RequestOf<A> } {
  return request.api === api
}
