// The types of messages follow from their declarations, exactly. Checked by the compiler only (`npm run types`): an
// unused `@ts-expect-error` is an error too.

import {
  apis,
  compile,
  encodeRequest,
  decodeRequest,
  decodeResponse,
  encodeResponse,
  Reader
} from 'kafka-once/protocol'
import type { ApiName, Decoded, Encodable, EncodableRequestOf, EncodableResponseOf } from 'kafka-once/protocol'
import type { RequestOf, ResponseOf, Uuid } from 'kafka-once/protocol'
import { array, bool, bytes, float64, int32, int64, message, records, string } from '../../src/protocol/schema.ts'
import { struct, uuid } from '../../src/protocol/schema.ts'

/** Holds only where two types are the same, `any` and `readonly` included. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- two generic functions are how the compiler is asked
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

const Sample = message('Sample', {
  versions: [0, 9],
  fields: {
    required: int32,
    requiredNullable: string.nullable(),
    limited: bool.from(1),
    ended: float64.until(3),
    defaulted: int64.orElse(-1n),
    nullable: bytes.nullable(2).orElse(null),
    tagged: uuid.from(3).tagged(0),
    ignorable: int32.ignorable(),
    batches: records.nullable(),
    parts: array(struct({ id: int32, labels: array(string), hint: string.from(1) })).nullable(),
    matrix: array(array(int64))
  }
})

export const decodedExactly: Same<
  Decoded<typeof Sample>,
  {
    readonly required: number
    readonly requiredNullable: string | null
    readonly limited: boolean
    readonly ended: number
    readonly defaulted: bigint
    readonly nullable: Uint8Array | null
    readonly tagged: Uuid
    readonly ignorable: number
    readonly batches: Uint8Array | null
    readonly parts: readonly { readonly id: number; readonly labels: readonly string[]; readonly hint: string }[] | null
    readonly matrix: readonly (readonly bigint[])[]
  }
> = true

export const encodableExactly: Same<
  Encodable<typeof Sample>,
  {
    readonly required: number
    readonly requiredNullable: string | null
    readonly ignorable: number
    readonly batches: Uint8Array | readonly Uint8Array[] | null
    readonly parts:
      | readonly { readonly id: number; readonly labels: readonly string[]; readonly hint?: string | undefined }[]
      | null
    readonly matrix: readonly (readonly bigint[])[]
    readonly limited?: boolean | undefined
    readonly ended?: number | undefined
    readonly defaulted?: bigint | undefined
    readonly nullable?: Uint8Array | null | undefined
    readonly tagged?: Uuid | undefined
  }
> = true

export const requestExactly: Same<
  RequestOf<'InitProducerId'>,
  {
    readonly transactionalId: string | null
    readonly transactionTimeoutMs: number
    readonly producerId: bigint
    readonly producerEpoch: number
    readonly enable2Pc: boolean
    readonly keepPreparedTxn: boolean
  }
> = true

export const nameExactly: Same<typeof apis.Produce.name, 'Produce'> = true

// What was decoded can be encoded again, whatever the API.
export const echoed: { readonly [N in ApiName]: EncodableRequestOf<N> } | undefined = undefined as
  | { readonly [N in ApiName]: RequestOf<N> }
  | undefined
export const answered: { readonly [N in ApiName]: EncodableResponseOf<N> } | undefined = undefined as
  | { readonly [N in ApiName]: ResponseOf<N> }
  | undefined

export function mistakes(frame: Uint8Array): void {
  const header = { api: 'Metadata', version: 12, correlationId: 1, clientId: null } as const
  encodeRequest({ ...header, body: { topics: null } })
  encodeRequest({ ...header, body: { topics: [{ name: 'a' }], allowAutoTopicCreation: undefined } })
  // @ts-expect-error a required field is missing
  encodeRequest({ ...header, body: {} })
  // @ts-expect-error a required field of a list's element is missing
  encodeRequest({ ...header, body: { topics: [{}] } })
  // @ts-expect-error a number is no name
  encodeRequest({ ...header, body: { topics: [{ name: 1 }] } })
  // @ts-expect-error no such field
  encodeRequest({ ...header, body: { topics: null, topic: null } })
  // @ts-expect-error no such API
  encodeRequest({ ...header, api: 'Metadatas', body: {} })
  const end = { transactionalId: '', producerEpoch: 0, committed: true }
  // @ts-expect-error an int64 is a bigint
  encodeRequest({ ...header, api: 'EndTxn', body: { ...end, producerId: 1 } })
  // @ts-expect-error a required field of a response is missing
  encodeResponse({ api: 'Heartbeat', version: 0, correlationId: 1, body: {} })

  const { body } = decodeResponse('Metadata', 12, frame)
  const bodyExactly: Same<typeof body, ResponseOf<'Metadata'>> = true
  // @ts-expect-error a leader's id is a number, not `any`
  const text: string = body.topics[0]?.partitions[0]?.leaderId
  // @ts-expect-error what was decoded is not written into
  body.topics.push()

  const request = decodeRequest(frame)
  if (request.api !== 'Produce') return
  const produceExactly: Same<typeof request.body, RequestOf<'Produce'>> = true
  const value = compile(apis.EndTxn.response, 5).decode(new Reader(frame))
  const responseExactly: Same<typeof value, ResponseOf<'EndTxn'>> = true
  void [text, bodyExactly, produceExactly, responseExactly]
  // @ts-expect-error bytes are not text
  message('Wrong', { versions: [0, 0], fields: { data: bytes.orElse('') } })
  // @ts-expect-error null needs a nullable field
  message('Wrong', { versions: [0, 0], fields: { name: string.orElse(null) } })
}
