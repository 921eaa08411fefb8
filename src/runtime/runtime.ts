// The contract between the library and the world outside it: clocks, timers, randomness, sockets, files, other
// threads and the process itself. Everything else in the library is a function of what comes through this door, so a
// simulated Runtime with a seed reproduces a run. Owns no behaviour; node_runtime.ts has the real one.

/** A pending timer. `cancel` is idempotent. */
export interface Timer {
  cancel(): void
}

/** Receives what happens on a socket; no call comes after `onClose`. */
export interface SocketHandler {
  /** Bytes that were read. The view belongs to the handler: the runtime never writes into it again. */
  onData(bytes: Uint8Array): void
  /**
   * Where the next bytes may be read into, so that none has to be copied. Asked before each read; `onData` then gets the
   * part that was filled. A runtime may as well bring memory of its own, and does so where this is absent.
   */
  readBuffer?(): Uint8Array
  /** The socket is gone, by `error` where there was one. Called exactly once. */
  onClose(error?: Error): void
  /** Room again after `write` returned false. */
  onDrain(): void
}

export interface Socket {
  /** Hands over buffers to be written in order (`writev`). False asks the caller to wait for `onDrain`. */
  write(buffers: readonly Uint8Array[]): boolean
  /** Destroys the socket; `onClose` follows. */
  destroy(error?: Error): void
}

/** TLS settings as Node's `tls.connect` takes them. */
export interface TlsOptions {
  readonly ca?: string | Uint8Array
  readonly cert?: string | Uint8Array
  readonly key?: string | Uint8Array
  readonly servername?: string
  readonly dangerouslySkipVerification?: boolean
}

export interface ConnectOptions {
  readonly host: string
  readonly port: number
  readonly timeoutMs: number
  readonly tls?: TlsOptions
  /** Gives up connecting, at once, with its reason; of no effect on a connection that is open. */
  readonly signal?: AbortSignal
}

/** Where a server listens. */
export interface ListenOptions {
  readonly host: string
  /** 0 takes any that is free. */
  readonly port: number
}

/** A server that accepts connections until it is closed. */
export interface Listener {
  /** The one that was asked for, or the one that was taken. */
  readonly port: number
  /** Accepts no more, and destroys the connections that are open. Resolves when the port is free again. */
  close(): Promise<void>
}

/** One open file. */
export interface FileHandle {
  write(bytes: Uint8Array): Promise<void>
  /** fsync. */
  sync(): Promise<void>
  close(): Promise<void>
}

/** Expected failures of file calls carry Node's codes (`ENOENT`, `EEXIST`, ...) in `code`. */
export interface Files {
  mkdir(path: string, mode?: number): Promise<void>
  /** Names in a folder, not paths. */
  list(path: string): Promise<string[]>
  /** Reads a whole file, refusing with `EFBIG` one that is larger than `bytesMax`. */
  read(path: string, bytesMax: number): Promise<Uint8Array>
  /** Creates a file for writing; fails with `EEXIST` when it is there. */
  create(path: string, mode: number): Promise<FileHandle>
  /** A second name for a file; fails with `EEXIST` when `to` is there. */
  link(from: string, to: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  /** fsync of a folder, so that names in it survive a power cut. */
  syncFolder(path: string): Promise<void>
}

/** Tells one process from every other, also across reboots and reuse of process ids. */
export interface ProcessIdentity {
  readonly host: string
  readonly bootId: string
  readonly pid: number
  readonly startTime: string
}

/** zstd of the platform. Both work off the thread. */
export interface PlatformZstd {
  /** Decompresses the first frame and no other. Rejects when the output would exceed `bytesMax`. */
  decompress(frame: Uint8Array, bytesMax: number): Promise<Uint8Array>
  compress(bytes: Uint8Array, level: number): Promise<Uint8Array>
}

export interface Runtime {
  /** Wall clock, milliseconds since 1970. */
  nowMs(): number
  /** Monotonic clock, milliseconds with fractions. */
  monotonicMs(): number
  setTimer(delayMs: number, fire: () => void): Timer
  /** Runs `fire` after the input and output that is ready now (setImmediate). */
  defer(fire: () => void): void
  /** Resolves after `delayMs`; rejects with the signal's reason when it aborts first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>
  /** 0 <= x < 1. Not for secrets. */
  random(): number
  /** Cryptographically random bytes. */
  randomBytes(length: number): Uint8Array
  connect(options: ConnectOptions, handler: SocketHandler): Promise<Socket>
  readonly files: Files
  readonly process: ProcessIdentity
  /** Whether that process still runs here; undefined where this cannot be known (another host). */
  isAlive(identity: ProcessIdentity): Promise<boolean | undefined>
  /** Off the thread. Rejects when the output would exceed `bytesMax`. */
  gunzip(bytes: Uint8Array, bytesMax: number): Promise<Uint8Array>
  gzip(bytes: Uint8Array, level: number): Promise<Uint8Array>
  /** Absent where the platform has no zstd: Node before 22.15. */
  readonly zstd?: PlatformZstd | undefined
  /**
   * A package that users may install besides this one, by its name; undefined where it is not here. A promise only until
   * that is known. Absent where no package is to be looked for.
   */
  optionalPackage?(name: string): object | undefined | Promise<object | undefined>
  /**
   * Marks a place where a crash matters. Nothing in production; tests kill or delay the process here. Returns a promise
   * only where the test wants the caller to wait: call it as `const wait = faultPoint(name); if (wait) await wait`.
   */
  faultPoint(name: string): void | Promise<void>
}

/** A Runtime that others can connect to. A client needs none of this; an embedded broker does. */
export interface ServerRuntime extends Runtime {
  /**
   * Listens, and asks `accept` for the handler of each connection as it comes in; nothing is read before that. Rejects
   * with Node's error and its `code` (`EADDRINUSE`, ...).
   */
  listen(options: ListenOptions, accept: (socket: Socket) => SocketHandler): Promise<Listener>
}
