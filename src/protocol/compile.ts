// Owns the way from a declared message to its codec at one version, and the cache of codecs. What is behind the codec is
// nobody else's business: emitted source where the process allows it, and closures, which are the reference, where it
// does not, where unknown tags are kept, and wherever the emitted code gives up.

import { closureCodec, type ClosureCodec, type ClosureOptions } from './codec_closure.ts'
import { emittedCodec, gaveUp, mayEmit } from './codec_emit.ts'
import { ProtocolError } from './protocol_error.ts'
import type { Reader } from './reader.ts'
import type { Decoded, Encodable, Message } from './schema.ts'
import { Writer } from './writer.ts'

export interface CompileOptions {
  /** `keep` puts tagged fields that are not declared under the symbol `unknownTags` and writes them again. */
  readonly unknownTags?: 'skip' | 'keep'
}

export interface DecodeOptions extends CompileOptions {
  /**
   * Memory that the decoded values may take by estimate, bytes. Default 256 MiB; never less than 16 MiB and twice the bytes
   * that are read.
   */
  readonly decodedBytesMax?: number
}

/** Reads and writes one message at one version. Both throw ProtocolError, which names the field. */
export interface Codec<D, E> {
  encode(writer: Writer, value: E): void
  decode(reader: Reader): D
}

const caches = { skip: new WeakMap<Message, AnyCodec[]>(), keep: new WeakMap<Message, AnyCodec[]>() }

type AnyCodec = Codec<unknown, unknown>

/**
 * The codec of a message at a version, made at first use.
 * @throws ProtocolError `UNSUPPORTED_VERSION`
 */
export function compile<M extends Message>(
  message: M,
  version: number,
  options: CompileOptions = {}
): Codec<Decoded<M>, Encodable<M>> {
  const keep = options.unknownTags ?? 'skip'
  const cache = caches[keep]
  let codecs = cache.get(message)
  if (codecs === undefined) cache.set(message, (codecs = []))
  const codec = (codecs[version] ??= newCodec(message, version, keep))
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the types and the closures have one declaration
  return codec as Codec<Decoded<M>, Encodable<M>>
}

function newCodec(message: Message, version: number, keep: 'skip' | 'keep'): AnyCodec {
  const [first, last] = message.versions
  if (!Number.isInteger(version) || version < first || version > last) {
    const text = `${message.name} has versions ${first} to ${last}, not ${version}`
    throw new ProtocolError('UNSUPPORTED_VERSION', text)
  }
  const options: ClosureOptions = { unknownTags: keep, traced: false }
  const emits = keep === 'skip' && mayEmit()
  const { encode, decode } = emits ? emittedCodec(message, version) : closureCodec(message, version, options)
  let tracedCodec: ClosureCodec | undefined
  const traced = (): ClosureCodec => (tracedCodec ??= closureCodec(message, version, { ...options, traced: true }))
  return {
    encode(writer, value) {
      try {
        encode(writer, value)
      } catch (error) {
        throw explained(message, version, error, () => traced().encode(new Writer(), value))
      }
    },
    decode(reader) {
      const { position, decodedBytesLeft } = reader
      try {
        return decode(reader)
      } catch {
        reader.position = position
        reader.decodedBytesLeft = decodedBytesLeft
        return decodeAgain(message, version, reader, traced())
      }
    }
  }
}

/** What the reference makes of bytes that were given up: nearly always an error, with the path of its field. */
function decodeAgain(message: Message, version: number, reader: Reader, reference: ClosureCodec): unknown {
  try {
    return reference.decode(reader)
  } catch (error) {
    throw located(message, version, error)
  }
}

/** The error with the path of its field, which only a second, slower attempt knows. */
function explained(message: Message, version: number, error: unknown, again: () => unknown): unknown {
  let found = error
  try {
    again()
  } catch (second) {
    found = second
  }
  if (found === gaveUp) return new Error(`The two codecs of ${message.name} v${version} do not agree`)
  return located(message, version, found)
}

function located(message: Message, version: number, error: unknown): unknown {
  if (!(error instanceof ProtocolError)) return error
  const { code, field, offset } = error
  const where = `${message.name} v${version}${field === undefined ? '' : ` at ${field}`}`
  return new ProtocolError(code, `${where}: ${error.message}`, {
    ...(field === undefined ? {} : { field }),
    ...(offset === undefined ? {} : { offset })
  })
}
