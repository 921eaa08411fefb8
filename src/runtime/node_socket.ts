// Owns TCP and TLS connections as Node makes them: when one counts as open, how it is written to, and that its end is
// told exactly once. Certificates are verified unless the caller says, at length, that they should not be.

import { connect as connectTcp, isIP } from 'node:net'
import type { OnReadOpts, Socket as NodeSocket } from 'node:net'
import { checkServerIdentity, connect as connectTls } from 'node:tls'
import type { ConnectionOptions } from 'node:tls'
import { onAbort } from './abort.ts'
import type { ConnectOptions, Socket, SocketHandler, TlsOptions } from './runtime.ts'

/** Idle time before the kernel asks whether the other side is still there. */
const keepAliveDelayMs = 30_000

/**
 * Opens a connection. Rejects, without any call of the handler, when it cannot be opened: with Node's error and its
 * `code`, with the code `ETIMEDOUT` after `timeoutMs`, which includes the TLS handshake, or with the signal's reason.
 */
export function connectSocket(options: ConnectOptions, handler: SocketHandler): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const { host, port, timeoutMs, tls, signal } = options
    signal?.throwIfAborted()
    const onread = tls === undefined ? readingInto(handler) : undefined
    const socket =
      tls === undefined
        ? connectTcp(onread === undefined ? { host, port } : { host, port, onread })
        : connectTls(tlsConnectOptions(host, port, tls))
    let failure: Error | undefined
    let isOpen = false
    const timer = setTimeout(() => {
      const message = `No connection to ${host}:${port} within ${timeoutMs} ms`
      socket.destroy(Object.assign(new Error(message), { code: 'ETIMEDOUT' }))
    }, timeoutMs)
    const forget = signal && onAbort(signal, () => socket.destroy())
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      clearTimeout(timer)
      forget?.()
      isOpen = true
      socket.setNoDelay(true)
      socket.setKeepAlive(true, keepAliveDelayMs)
      resolve(wrapSocket(socket))
    })
    if (onread === undefined) socket.on('data', (bytes) => handler.onData(bytes))
    socket.on('drain', () => handler.onDrain())
    socket.on('error', (error) => {
      failure ??= error
    })
    socket.once('close', () => {
      clearTimeout(timer)
      forget?.()
      if (isOpen) handler.onClose(failure)
      else reject(signal?.aborted === true ? signal.reason : (failure ?? closedEarly(host, port)))
    })
  })
}

// Node then reads from the kernel straight into the handler's memory. TLS has memory of its own in any case.
function readingInto(handler: SocketHandler): OnReadOpts | undefined {
  if (handler.readBuffer === undefined) return undefined
  return {
    buffer: () => handler.readBuffer!(),
    callback: (bytesRead, buffer) => {
      handler.onData(buffer.subarray(0, bytesRead))
      return true
    }
  }
}

/** A socket of Node as the contract has it. */
export function wrapSocket(socket: NodeSocket): Socket {
  return {
    write(buffers) {
      if (socket.destroyed) return false
      socket.cork()
      for (const buffer of buffers) if (buffer.length > 0) socket.write(buffer)
      socket.uncork()
      return !socket.writableNeedDrain
    },
    destroy(error) {
      socket.destroy(error)
    }
  }
}

function tlsConnectOptions(host: string, port: number, tls: TlsOptions): ConnectionOptions {
  const name = tls.servername ?? host
  const options: ConnectionOptions = {
    host,
    port,
    // The name indication of TLS is for names only; addresses are checked against the certificate all the same.
    servername: isIP(name) === 0 ? name : '',
    rejectUnauthorized: tls.dangerouslySkipVerification !== true,
    checkServerIdentity: (_host, certificate) => checkServerIdentity(name, certificate)
  }
  if (tls.ca !== undefined) options.ca = pem(tls.ca)
  if (tls.cert !== undefined) options.cert = pem(tls.cert)
  if (tls.key !== undefined) options.key = pem(tls.key)
  return options
}

function pem(value: string | Uint8Array): string | Buffer {
  return typeof value === 'string' ? value : Buffer.from(value)
}

function closedEarly(host: string, port: number): Error {
  return Object.assign(new Error(`${host}:${port} closed the connection while it was being opened`), {
    code: 'ECONNRESET'
  })
}
