// Owns listening TCP servers as Node makes them, with the connections that they have accepted: closing one closes all of
// them, so that nothing keeps the process alive afterwards.

import { createServer } from 'node:net'
import type { Server, Socket as NodeSocket } from 'node:net'
import { wrapSocket } from './node_socket.ts'
import type { Listener, ListenOptions, Socket, SocketHandler } from './runtime.ts'

/** Listens; rejects with Node's error and its `code` where it cannot. */
export function listenOnSocket(options: ListenOptions, accept: (socket: Socket) => SocketHandler): Promise<Listener> {
  const open = new Set<NodeSocket>()
  const server = createServer({ noDelay: true }, (socket) => {
    open.add(socket)
    serve(socket, accept, () => open.delete(socket))
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port, options.host, () => {
      // What goes wrong later concerns single connections, each of which is told.
      server.off('error', reject).on('error', () => undefined)
      resolve({ port: portOf(server), close: () => close(server, open) })
    })
  })
}

function serve(socket: NodeSocket, accept: (socket: Socket) => SocketHandler, forget: () => void): void {
  const handler = accept(wrapSocket(socket))
  let failure: Error | undefined
  socket.on('data', (bytes) => handler.onData(bytes))
  socket.on('drain', () => handler.onDrain())
  socket.on('error', (error) => {
    failure ??= error
  })
  socket.once('close', () => {
    forget()
    handler.onClose(failure)
  })
}

function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('A TCP server has a port')
  return address.port
}

function close(server: Server, open: ReadonlySet<NodeSocket>): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    for (const socket of open) socket.destroy()
  })
}
