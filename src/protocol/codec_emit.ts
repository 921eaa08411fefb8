// Owns the fast back end of the codecs: source text for one message at one version, made into a function by the engine.
// This is the only file that generates code. It knows no errors: whatever looks wrong makes the emitted function give up,
// and the closures, which are the reference, then say what it was. Nothing from a message gets into the source, only
// what the declarations say. KIP-482.

import type { ClosureCodec } from './codec_closure.ts'
import { readNames, ReadSource } from './codec_emit_read.ts'
import type { EmitContext } from './codec_emit_source.ts'
import { writeNames, WriteSource } from './codec_emit_write.ts'
import type { Reader } from './reader.ts'
import type { Message } from './schema.ts'
import { emptyBytes, emptyList, int32ListAt, textAt, uuidAt } from './shared_values.ts'
import type { Writer } from './writer.ts'

/** Thrown by emitted code, for the closures to explain. */
export const gaveUp: unique symbol = Symbol('gaveUp')

/** Emitted functions; unknown tagged fields are skipped. */
export type EmittedCodec = Pick<ClosureCodec, 'encode' | 'decode'>

let isAllowed: boolean | undefined

/** Whether this process may make functions from text; `--disallow-code-generation-from-strings` forbids it. */
export function mayEmit(): boolean {
  if (isAllowed === undefined) {
    try {
      isAllowed = functionFrom([], 'return true')() === true
    } catch {
      isAllowed = false
    }
  }
  return isAllowed
}

function functionFrom(names: readonly string[], body: string): (...values: readonly unknown[]) => unknown {
  // oxlint-disable-next-line no-implied-eval, typescript/no-implied-eval, typescript/no-unsafe-type-assertion -- this is what the file is for
  return new Function(...names, body) as (...values: readonly unknown[]) => unknown
}

/** The codec of a message at a version. Each half is made when it is first needed. */
export function emittedCodec(message: Message, version: number): EmittedCodec {
  let encode: EmittedCodec['encode'] | undefined
  let decode: EmittedCodec['decode'] | undefined
  return {
    encode: (writer, value) => (encode ??= makeEncode(message, version))(writer, value),
    decode: (reader) => (decode ??= makeDecode(message, version))(reader)
  }
}

/** The source of both functions, for whoever wants to look at it. */
export function emittedSource(message: Message, version: number): string {
  const context = contextOf(message, version)
  const decode = new ReadSource(context).body(message.fields)
  const encode = new WriteSource(context).body(message.fields)
  return `function decode(r) {\n${decode}}\n\nfunction encode(w, x) {\n${encode}}\n`
}

function contextOf(message: Message, version: number): EmitContext {
  return { version, flexible: version >= message.flexible }
}

/** What debuggers and profilers call the function's file. */
function nameOf(message: Message, version: number, half: string): string {
  const name = message.name.replaceAll(/[^A-Za-z0-9]/g, '')
  return `//# sourceURL=kafka-once/${name}.v${version}.${half}.js`
}

function makeDecode(message: Message, version: number): EmittedCodec['decode'] {
  const source = new ReadSource(contextOf(message, version))
  const body = source.body(message.fields)
  const text = `'use strict'\nreturn function decode(r) {\n${body}}\n${nameOf(message, version, 'decode')}`
  const values = { G: gaveUp, D: source.values, text: textAt, uuid: uuidAt, int32List: int32ListAt }
  const all: Record<(typeof readNames)[number], unknown> = { ...values, skipTags, emptyList, emptyBytes }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the source has this shape
  return functionFrom(readNames, text)(...readNames.map((name) => all[name])) as EmittedCodec['decode']
}

function makeEncode(message: Message, version: number): EmittedCodec['encode'] {
  const source = new WriteSource(contextOf(message, version))
  const body = source.body(message.fields)
  const text = `'use strict'\nreturn function encode(w, x) {\n${body}}\n${nameOf(message, version, 'encode')}`
  const all: Record<(typeof writeNames)[number], unknown> = { G: gaveUp, D: source.values, records: writeRecords }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the source has this shape
  return functionFrom(writeNames, text)(...writeNames.map((name) => all[name])) as EmittedCodec['encode']
}

/** Passes over the tagged fields of a struct that declares none. Answers the position after them. */
function skipTags(reader: Reader, start: number): number {
  reader.position = start
  let previous = -1
  for (let left = reader.uvarint(); left > 0; left--) {
    const tag = reader.uvarint()
    if (tag <= previous) throw gaveUp
    previous = tag
    reader.skip(reader.uvarint())
  }
  return reader.position
}

function writeRecords(writer: Writer, value: unknown, compact: boolean): void {
  const pieces: unknown = value
  if (!Array.isArray(pieces)) throw gaveUp
  const checked: Uint8Array[] = pieces.map((piece) => {
    if (piece instanceof Uint8Array) return piece
    throw gaveUp
  })
  writer.records(checked, compact)
}
