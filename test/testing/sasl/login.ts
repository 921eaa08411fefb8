// A connection that logs in, or tries to: requests and bare tokens, frame by frame, and when the broker ends it. Its SCRAM
// is made of Node's own hashes and shares nothing with the broker under test.
import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { decodeResponse, encodeRequest, FrameSplitter } from 'kafka-once/protocol'
import type { ApiName, EncodableRequestOf, ResponseOf } from 'kafka-once/protocol'
import { parseAddress } from '../../broker/probe.ts'

/** How the broker ended a connection: without an answer. */
export const cut = 'cut'

const patienceMs = 10_000

export class Login implements Disposable {
  readonly #socket: Socket
  readonly #frames: Uint8Array[] = []
  readonly #ended: Promise<void>
  #isEnded = false
  #wake = (): void => {}
  #correlationId = 0

  private constructor(socket: Socket) {
    this.#socket = socket
    const splitter = new FrameSplitter()
    socket.on('data', (bytes: Uint8Array) => {
      splitter.push(bytes, (frame) => this.#frames.push(frame.slice()))
      this.#wake()
    })
    this.#ended = new Promise((resolve) => {
      socket.on('error', () => {})
      socket.once('close', () => {
        this.#isEnded = true
        this.#wake()
        resolve()
      })
    })
  }

  static open(address: string): Promise<Login> {
    return new Promise((resolve, reject) => {
      const socket = connect(parseAddress(address))
      const login = new Login(socket)
      socket.once('connect', () => resolve(login))
      socket.once('error', reject)
    })
  }

  /** Sends a request, and answers what comes. */
  async request<N extends ApiName>(
    api: N,
    version: number,
    body: EncodableRequestOf<N>
  ): Promise<ResponseOf<N> | typeof cut> {
    this.send(api, version, body)
    return this.next(api, version)
  }

  send<N extends ApiName>(api: N, version: number, body: EncodableRequestOf<N>): void {
    const frame = { api, version, correlationId: ++this.#correlationId, clientId: 'login', body }
    this.#socket.write(Buffer.concat(encodeRequest(frame)))
  }

  async next<N extends ApiName>(api: N, version: number): Promise<ResponseOf<N> | typeof cut> {
    const frame = await this.#next()
    return frame === cut ? cut : decodeResponse(api, version, frame).body
  }

  /** Sends a token that is no request. */
  async bare(token: string | Uint8Array): Promise<Uint8Array | typeof cut> {
    const bytes = Buffer.from(token)
    const size = Buffer.alloc(4)
    size.writeInt32BE(bytes.length)
    this.#socket.write(Buffer.concat([size, bytes]))
    return this.#next()
  }

  handshake(mechanism: string, version = 1): Promise<ResponseOf<'SaslHandshake'> | typeof cut> {
    return this.request('SaslHandshake', version, { mechanism })
  }

  token(token: string | Uint8Array, version = 2): Promise<ResponseOf<'SaslAuthenticate'> | typeof cut> {
    return this.request('SaslAuthenticate', version, { authBytes: Buffer.from(token) })
  }

  /** All of a login by PLAIN; the answer to the token. */
  async plain(user: string, password: string) {
    await this.handshake('PLAIN')
    return this.token(`\0${user}\0${password}`)
  }

  /** All of a login by SCRAM; the answer to the last token, or to the first one that was refused. */
  async scram(mechanism: string, user: string, password: string) {
    await this.handshake(mechanism)
    const scram = new ScramClient(mechanism, user, password)
    const challenge = await this.token(scram.first())
    if (challenge === cut || challenge.errorCode !== 0) return challenge
    const answer = await this.token(scram.final(Buffer.from(challenge.authBytes).toString()))
    if (answer !== cut && answer.errorCode === 0) scram.check(answer.authBytes)
    return answer
  }

  /** Whether the broker serves this connection. */
  async isServed(): Promise<boolean> {
    return (await this.request('Metadata', 12, { topics: [] })) !== cut
  }

  /** How long it takes the broker to end the connection; fails where it does not. */
  async endedAfterMs(): Promise<number> {
    const beganMs = performance.now()
    const timer = setTimeout(() => this.#socket.destroy(new Error('still open')), patienceMs)
    await this.#ended
    clearTimeout(timer)
    const tookMs = performance.now() - beganMs
    if (tookMs > patienceMs) throw new Error('the broker does not end the connection')
    return tookMs
  }

  [Symbol.dispose](): void {
    this.#socket.destroy()
  }

  async #next(): Promise<Uint8Array | typeof cut> {
    const deadlineMs = performance.now() + patienceMs
    for (;;) {
      const frame = this.#frames.shift()
      if (frame !== undefined) return frame
      if (this.#isEnded) return cut
      if (performance.now() > deadlineMs) throw new Error(`no frame within ${patienceMs} ms`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 100)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }
}

const hashes: Readonly<Record<string, readonly [name: string, bytes: number]>> = {
  'SCRAM-SHA-256': ['sha256', 32],
  'SCRAM-SHA-512': ['sha512', 64]
}

/** The client's side of RFC 5802. */
export class ScramClient {
  readonly #hash: string
  readonly #hashBytes: number
  readonly #password: string
  readonly #name: string
  readonly #nonce: string
  #signature = ''

  constructor(mechanism: string, user: string, password: string, nonce = randomBytes(12).toString('base64url')) {
    const [hash, hashBytes] = hashes[mechanism] ?? ['sha256', 32]
    this.#hash = hash
    this.#hashBytes = hashBytes
    this.#password = password
    this.#name = user.replaceAll('=', '=3D').replaceAll(',', '=2C')
    this.#nonce = nonce
  }

  first(): string {
    return `n,,${this.#bare}`
  }

  final(challenge: string): string {
    const {
      nonce = '',
      salt = '',
      iterations = ''
    } = /^r=(?<nonce>[^,]+),s=(?<salt>[^,]+),i=(?<iterations>\d+)/.exec(challenge)?.groups ?? {}
    const salted = pbkdf2Sync(
      this.#password,
      Buffer.from(salt, 'base64'),
      Number(iterations),
      this.#hashBytes,
      this.#hash
    )
    const clientKey = this.#hmac(salted, 'Client Key')
    const storedKey = createHash(this.#hash).update(clientKey).digest()
    const signed = `${this.#bare},${challenge},c=biws,r=${nonce}`
    const signature = this.#hmac(storedKey, signed)
    this.#signature = this.#hmac(this.#hmac(salted, 'Server Key'), signed).toString('base64')
    const proof = Buffer.from(clientKey.map((byte, i) => byte ^ signature[i]!)).toString('base64')
    return `c=biws,r=${nonce},p=${proof}`
  }

  /** Whether it is the right broker. */
  check(last: Uint8Array): void {
    if (Buffer.from(last).toString() !== `v=${this.#signature}`) throw new Error('the broker has not proven itself')
  }

  get #bare(): string {
    return `n=${this.#name},r=${this.#nonce}`
  }

  #hmac(key: Uint8Array, text: string): Buffer {
    return createHmac(this.#hash, key).update(text).digest()
  }
}
