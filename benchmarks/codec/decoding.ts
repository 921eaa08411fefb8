// What a subject that decodes a message consists of, and the one notation in which all clients' results are compared.
import { deepStrictEqual } from 'node:assert'
import type { CodecSubject } from './workload.ts'

/** What every client must have found in a Metadata response. */
export interface MetadataFacts {
  readonly brokers: readonly (readonly [nodeId: number, host: string, port: number, rack: string | null])[]
  readonly topics: readonly {
    readonly name: string | null
    readonly partitions: readonly (readonly [index: number, leader: number, replicas: string, isr: string])[]
  }[]
}

/** What every client must have found in a Fetch response. Topics are names or the 32 hexadecimal digits of an id. */
export interface FetchFacts {
  readonly topics: readonly {
    readonly topic: string
    readonly partitions: readonly (readonly [index: number, errorCode: number, highWatermark: string, stable: string])[]
  }[]
}

/** How a client decodes, and how its result is brought into the common notation. */
export interface Decoding<T, F> {
  readonly decode: () => T | Promise<T>
  readonly facts: (decoded: T) => F
}

/** Keeps the last result alive for a moment, so that no compiler finds out that nobody wants it. */
export let lastDecoded: unknown

/** A subject that decodes again and again, and must find the facts. */
export function decodingSubject<T, F>({ decode, facts }: Decoding<T, F>, expected: F): CodecSubject {
  return {
    check: async () => deepStrictEqual(facts(await decode()), expected),
    run(times) {
      for (let i = 0; i < times; i++) lastDecoded = decode()
    }
  }
}

/** The same for a client that answers promises. */
export function awaitedSubject<T, F>({ decode, facts }: Decoding<T, F>, expected: F): CodecSubject {
  return {
    check: async () => deepStrictEqual(facts(await decode()), expected),
    async run(times) {
      for (let i = 0; i < times; i++) lastDecoded = await decode()
    }
  }
}
