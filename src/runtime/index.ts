// The door of the runtime: the contract with the outside world, its implementation on Node, and helpers that need
// nothing but the contract.

export { codeOf } from './failure_code.ts'
export { onAbort } from './abort.ts'
export { linked, NoLinksError, unlessMissing } from './file_calls.ts'
export { FolderHeldError, lockFolder } from './folder_lock.ts'
export type { FolderLock } from './folder_lock.ts'
export { digestBytes, digestNow, hmacNow, pbkdf2Now } from './node_hash.ts'
export type { HashName } from './node_hash.ts'
export { nodeRuntime } from './node_runtime.ts'
export type { NodeRuntimeOptions } from './node_runtime.ts'
export { runTurns } from './node_turns.ts'
export { gunzipNow, gzipNow } from './node_zlib.ts'
export { DeadlineError, deferred, handled, raceAbort, withDeadline } from './promises.ts'
export type { Deferred } from './promises.ts'
export type {
  ConnectOptions,
  FileHandle,
  Files,
  Listener,
  ListenOptions,
  PlatformZstd,
  ProcessIdentity,
  Runtime,
  ServerRuntime,
  Socket,
  SocketHandler,
  Timer,
  TlsOptions
} from './runtime.ts'
