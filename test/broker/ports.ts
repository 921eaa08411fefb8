// Owns the choice of TCP ports for servers that tests start. A broker keeps its port over a restart, so a port must stay
// ours while nobody listens on it: ports below every system's ephemeral range are used, where no outgoing connection
// can take one, and each is reserved in a file against other test processes on the machine.
import { rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { claimFile, claimIsStale, machineFolder } from './processes.ts'

const portMin = 10_300
const portMax = 31_900
const attemptsMax = 500

const reserved = new Set<number>()

process.once('exit', () => {
  for (const port of reserved) releasePort(port)
})

/** A port on 127.0.0.1 that nobody listens on, reserved until `releasePort` or the end of this process. */
export async function reservePort(): Promise<number> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const port = portMin + Math.floor(Math.random() * (portMax - portMin))
    if (!reserve(port)) continue
    if (await isFree(port)) return port
    releasePort(port)
  }
  throw new Error(`no free port found on 127.0.0.1 between ${portMin} and ${portMax}`)
}

export async function reservePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  for (let i = 0; i < count; i++) ports.push(await reservePort())
  return ports
}

export function releasePort(port: number): void {
  reserved.delete(port)
  rmSync(reservationFile(port), { force: true })
}

/** Whether a server could listen on this port of 127.0.0.1 now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}

function reservationFile(port: number): string {
  return join(machineFolder('ports'), String(port))
}

function reserve(port: number): boolean {
  const file = reservationFile(port)
  if (claimFile(file)) {
    reserved.add(port)
    return true
  }
  // Freed for a later attempt: taking it over at once could race with another test process.
  if (claimIsStale(file)) releasePort(port)
  return false
}
