// Owns the disk of one simulated machine: folders and files as programs see them, and what of that is on the platters.
// Content is safe after `sync`, names are safe after `syncFolder`; a power cut takes some of the rest, in any
// combination. The death of a process takes nothing: what was written is in the kernel. Source: the promises of POSIX
// fsync, and what file systems were seen to lose (Pillai and others, OSDI 2014).

import type { Chance } from './chance.ts'

/** What a file system call may be refused with. */
export type DiskFault = 'ENOSPC' | 'EIO'

/** Whether a call is to fail. Asked before each one. */
export type DiskFaults = (call: DiskCall, path: string) => DiskFault | undefined

export type DiskCall =
  | 'mkdir'
  | 'list'
  | 'read'
  | 'create'
  | 'write'
  | 'sync'
  | 'link'
  | 'rename'
  | 'remove'
  | 'syncFolder'

/** The content of one file, under whatever names. */
class Content {
  bytes: Uint8Array = new Uint8Array(0)
  /** What `sync` has made safe. */
  safeLength = 0

  append(bytes: Uint8Array): void {
    const whole = new Uint8Array(this.bytes.length + bytes.length)
    whole.set(this.bytes)
    whole.set(bytes, this.bytes.length)
    this.bytes = whole
  }

  /** Any part of what was not safe may be there, and what is not may read as zeros. */
  losePower(chance: Chance): void {
    if (this.bytes.length > this.safeLength) {
      const length = chance.between(this.safeLength, this.bytes.length)
      const left = this.bytes.slice(0, length)
      if (chance.is(0.25)) left.fill(0, chance.between(this.safeLength, length))
      this.bytes = left
    }
    this.safeLength = this.bytes.length
  }
}

/** A change of names that no `syncFolder` has made safe. Undefined: the name is gone. */
type NameChange = readonly (readonly [name: string, entry: Content | Folder | undefined])[]

class Folder {
  readonly entries = new Map<string, Content | Folder>()
  #safe = new Map<string, Content | Folder>()
  #changes: NameChange[] = []

  change(change: NameChange): void {
    apply(this.entries, change)
    this.#changes.push(change)
  }

  sync(): void {
    this.#safe = new Map(this.entries)
    this.#changes = []
  }

  losePower(chance: Chance): void {
    const isOrdered = chance.is(0.5)
    const kept = isOrdered ? chance.between(0, this.#changes.length) : 0
    const left = this.#changes.filter((_, i) => (isOrdered ? i < kept : chance.is(0.5)))
    this.entries.clear()
    for (const [name, entry] of this.#safe) this.entries.set(name, entry)
    for (const change of left) apply(this.entries, change)
    this.sync()
    for (const entry of this.entries.values()) entry.losePower(chance)
  }
}

function apply(entries: Map<string, Content | Folder>, change: NameChange): void {
  for (const [name, entry] of change) {
    if (entry === undefined) entries.delete(name)
    else entries.set(name, entry)
  }
}

/** One file that is open for writing. */
export class OpenFile {
  readonly #content: Content
  readonly #guard: (call: DiskCall) => void
  #isOpen = true

  constructor(content: Content, guard: (call: DiskCall) => void) {
    this.#content = content
    this.#guard = guard
  }

  write(bytes: Uint8Array): void {
    if (!this.#isOpen) throw failure('EBADF', 'a closed file')
    try {
      this.#guard('write')
    } catch (error) {
      // A disk that is full takes what still fits.
      this.#content.append(bytes.subarray(0, bytes.length >> 1))
      throw error
    }
    this.#content.append(bytes)
  }

  /** Writes a part only, as a process does that dies meanwhile. */
  tear(bytes: Uint8Array, length: number): void {
    this.#content.append(bytes.subarray(0, length))
  }

  sync(): void {
    if (!this.#isOpen) throw failure('EBADF', 'a closed file')
    this.#guard('sync')
    this.#content.safeLength = this.#content.bytes.length
  }

  close(): void {
    this.#isOpen = false
  }
}

/** Paths are absolute and use slashes. Calls throw errors with Node's codes. */
export class Disk {
  /** Makes calls fail; undefined for none. */
  faults: DiskFaults | undefined
  readonly #root = new Folder()
  /** Those that were asked for, by their paths. A folder goes only when the power does. */
  readonly #folders = new Map<string, Folder>()

  mkdir(path: string): void {
    this.#guard('mkdir', path)
    let folder = this.#root
    for (const name of namesOf(path)) {
      let next = folder.entries.get(name)
      if (next === undefined) folder.change([[name, (next = new Folder())]])
      if (!(next instanceof Folder)) throw failure('ENOTDIR', path)
      folder = next
    }
  }

  list(path: string): string[] {
    this.#guard('list', path)
    return [...this.#folder(path).entries.keys()].toSorted()
  }

  read(path: string, bytesMax = Number.POSITIVE_INFINITY): Uint8Array {
    this.#guard('read', path)
    const { bytes } = this.#file(path)
    if (bytes.length > bytesMax) throw failure('EFBIG', path)
    return bytes.slice()
  }

  create(path: string): OpenFile {
    this.#guard('create', path)
    const [folder, name] = this.#place(path)
    if (folder.entries.has(name)) throw failure('EEXIST', path)
    const content = new Content()
    folder.change([[name, content]])
    return new OpenFile(content, (call) => this.#guard(call, path))
  }

  link(from: string, to: string): void {
    this.#guard('link', to)
    const content = this.#file(from)
    const [folder, name] = this.#place(to)
    if (folder.entries.has(name)) throw failure('EEXIST', to)
    folder.change([[name, content]])
  }

  rename(from: string, to: string): void {
    this.#guard('rename', to)
    const content = this.#file(from)
    const [source, oldName] = this.#place(from)
    const [target, newName] = this.#place(to)
    // Two names of one file: POSIX leaves both.
    if (target.entries.get(newName) === content) return
    if (source !== target) throw failure('EXDEV', to)
    source.change([
      [oldName, undefined],
      [newName, content]
    ])
  }

  remove(path: string): void {
    this.#guard('remove', path)
    this.#file(path)
    const [folder, name] = this.#place(path)
    folder.change([[name, undefined]])
  }

  syncFolder(path: string): void {
    this.#guard('syncFolder', path)
    this.#folder(path).sync()
  }

  /** What was not made safe may be lost. */
  losePower(chance: Chance): void {
    this.#folders.clear()
    this.#root.losePower(chance)
  }

  /** The whole content of a folder, to be put back later. */
  snapshot(path: string): ReadonlyMap<string, Uint8Array> {
    const files = new Map<string, Uint8Array>()
    for (const [name, entry] of this.#folder(path).entries) if (entry instanceof Content) files.set(name, entry.bytes)
    return files
  }

  /** Replaces what is in a folder, for good. */
  restore(path: string, files: ReadonlyMap<string, Uint8Array>): void {
    const folder = this.#folder(path)
    folder.entries.clear()
    for (const [name, bytes] of files) {
      const content = new Content()
      content.append(bytes)
      content.safeLength = bytes.length
      folder.entries.set(name, content)
    }
    folder.sync()
  }

  #guard(call: DiskCall, path: string): void {
    const fault = this.faults?.(call, path)
    if (fault !== undefined) throw failure(fault, path)
  }

  #folder(path: string): Folder {
    const known = this.#folders.get(path)
    if (known !== undefined) return known
    let folder = this.#root
    for (const name of namesOf(path)) {
      const next = folder.entries.get(name)
      if (next === undefined) throw failure('ENOENT', path)
      if (!(next instanceof Folder)) throw failure('ENOTDIR', path)
      folder = next
    }
    this.#folders.set(path, folder)
    return folder
  }

  #place(path: string): [folder: Folder, name: string] {
    const at = path.lastIndexOf('/')
    return [this.#folder(path.slice(0, at)), path.slice(at + 1)]
  }

  #file(path: string): Content {
    const [folder, name] = this.#place(path)
    const entry = folder.entries.get(name)
    if (entry === undefined) throw failure('ENOENT', path)
    if (entry instanceof Folder) throw failure('EISDIR', path)
    return entry
  }
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '')
}

/** An error as Node's file calls throw it. */
export function failure(code: string, what: string): Error {
  return Object.assign(new Error(`${code}: ${what}`), { code })
}
