// Records with everything that a key, a value, a header and a timestamp may hold, and what the pipeline under test makes
// of them. Shared by the program and its judge: that the transformation is right is not what is proven, but that all of
// its bytes arrive.
import { Dice } from '../faults/seeded.ts'

export type Header = readonly [name: string, value: Uint8Array | null]

/** What users put into a record. */
export interface Content {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly Header[]
  /** Milliseconds since 1970. */
  readonly timestamp: number
}

const bytes = (text: string): Uint8Array => Buffer.from(text)
const empty = new Uint8Array(0)
const everyByte = Uint8Array.from({ length: 256 }, (_, i) => i)
/** With its overhead just below what a broker takes by default. */
const largeValueBytes = 1_000_000

/** Corner cases among small records, for one partition; the same for the same seed. */
export function corpus(seed: number, count: number, firstTimestamp: number): Content[] {
  const dice = new Dice(seed)
  const special = dice.shuffled(specialContents(dice))
  const step = Math.max(1, Math.floor(count / special.length))
  return Array.from({ length: count }, (_, i) => {
    const own = i % step === 0 ? special[i / step] : undefined
    return { ...(own ?? smallContent(dice, i)), timestamp: firstTimestamp + i }
  })
}

type Untimed = Omit<Content, 'timestamp'>

function smallContent(dice: Dice, i: number): Untimed {
  const key = dice.between(0, 3) === 0 ? null : bytes(`key ${dice.between(0, 20)}`)
  const headers: Header[] = dice.between(0, 3) === 0 ? [['number', bytes(String(i))]] : []
  return { key, value: randomBytes(dice, dice.between(1, 300)), headers }
}

function specialContents(dice: Dice): Untimed[] {
  const key = bytes('key')
  const value = bytes('value')
  const names = ['__proto__', 'constructor', 'toString', '', 'größe', '名前', 'a,b=c']
  return [
    { key: null, value: null, headers: [] },
    { key: empty, value: empty, headers: [['', empty]] },
    { key: null, value: empty, headers: [] },
    { key: empty, value: null, headers: [['null', null]] },
    { key, value: null, headers: [] },
    { key: everyByte, value: everyByte, headers: [['every', everyByte]] },
    { key: bytes('ключ'), value: bytes('\u0000 \ud83d\ude00 \n\r\t'), headers: [] },
    { key, value: Uint8Array.of(0xff, 0xfe, 0xc3, 0x28), headers: [] },
    {
      key,
      value,
      headers: [
        ['again', bytes('first')],
        ['again', null],
        ['again', bytes('third')]
      ]
    },
    { key, value, headers: names.map((name) => [name, bytes(`of ${name}`)]) },
    { key, value, headers: Array.from({ length: 100 }, (_, i) => [`h${i}`, bytes(String(i))]) },
    { key: randomBytes(dice, 10_000), value, headers: [['long', randomBytes(dice, 50_000)]] },
    { key, value: randomBytes(dice, largeValueBytes), headers: [] },
    { key: null, value: new Uint8Array(largeValueBytes), headers: [] }
  ]
}

function randomBytes(dice: Dice, length: number): Uint8Array {
  const random = new Uint8Array(length)
  for (let i = 0; i < length; i++) random[i] = dice.between(0, 255)
  return random
}

/** What the pipeline makes of a record: nothing is left as it was, and nothing is lost. */
export function transformed({ key, value, headers, timestamp }: Content): Content {
  return {
    key: key?.toReversed() ?? null,
    value: value?.map((byte) => byte ^ 0x5a) ?? null,
    headers: [
      ...headers.map(([name, content]) => [`x-${name}`, content?.toReversed() ?? null] as const),
      ['end', null]
    ],
    timestamp: timestamp - 1
  }
}
