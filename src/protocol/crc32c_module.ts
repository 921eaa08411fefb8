// Owns the text of a small WebAssembly module, put together here instruction by instruction so that it can be read: one
// function that takes sixteen equal parts of the bytes at once through CRC-32C, one part in each lane of a vector. It is
// the usual step by bytes, crc = table[(crc ^ byte) & 0xff] ^ (crc >>> 8), with the table cut into two of sixteen
// entries, by the low and by the high half of the index, which is what one `swizzle` looks up for sixteen lanes.
// Source: RFC 3720; the WebAssembly core specification, chapter 5.

/** Parts that are worked on at once. */
export const lanes = 16

/** Columns of each part that one turn of the loop takes. */
const columns = 16

/** Where things are in the module's memory, in bytes. */
export const memoryLayout = Object.freeze({
  /** Eight vectors: the four bytes of the table's entries by the low half of the index, then by the high half. */
  tables: 0,
  /** Sixteen int32: where the function leaves the checksum of each part. */
  results: 128,
  data: 256,
  dataBytes: 60 * 1024,
  pages: 1
} as const)

/** One CRC-32C step for each value of a byte. */
export const byteTable: Int32Array = makeByteTable()

function makeByteTable(): Int32Array {
  const table = new Int32Array(256)
  for (let i = 0; i < 256; i++) {
    let crc = i
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
    table[i] = crc
  }
  return table
}

/** Fills in the two tables that the function reads. */
export function fillTables(memory: Uint8Array): void {
  for (let index = 0; index < 16; index++) {
    for (let byte = 0; byte < 4; byte++) {
      const at = memoryLayout.tables + byte * 16 + index
      memory[at] = byteTable[index]! >>> (byte * 8)
      memory[at + 64] = byteTable[index << 4]! >>> (byte * 8)
    }
  }
}

const type = Object.freeze({ i32: 0x7f, v128: 0x7b } as const)

// What is written with one byte, and after it what a vector instruction's number is.
const plain = Object.freeze({
  loop: 0x03,
  end: 0x0b,
  brIf: 0x0d,
  localGet: 0x20,
  localSet: 0x21,
  i32Const: 0x41,
  i32LtU: 0x49,
  i32Add: 0x6a,
  i32ShrU: 0x76
} as const)

const vector = Object.freeze({
  load: 0x00,
  store: 0x0b,
  constant: 0x0c,
  shuffle: 0x0d,
  swizzle: 0x0e,
  i8x16Splat: 0x0f,
  i8x16ReplaceLane: 0x17,
  and: 0x4e,
  xor: 0x51,
  i16x8ShrU: 0x8d,
  /** Differs from `swizzle` only for indices that do not occur here; fewer instructions of the processor. */
  relaxedSwizzle: 0x100
} as const)

/** The lanes of two vectors, taken in turn: single bytes or pairs, of the first or the second half. */
function zipped(laneBytes: 1 | 2, half: 0 | 1): number[] {
  return Array.from({ length: 16 }, (_, i) => {
    const pair = Math.floor(i / (2 * laneBytes)) * laneBytes + (i % laneBytes)
    return half * 8 + pair + (Math.floor(i / laneBytes) % 2) * 16
  })
}

/** Instructions of one function, appended one after the other. */
class Code {
  readonly bytes: number[] = []
  private vectorCount = 0
  private readonly parameterCount: number

  constructor(parameterCount: number) {
    this.parameterCount = parameterCount
  }

  /** New local variables of vectors; they come after the parameters. */
  vectors(count: number): number[] {
    const first = this.parameterCount + this.vectorCount
    this.vectorCount += count
    return Array.from({ length: count }, (_, i) => first + i)
  }

  plain(name: keyof typeof plain, ...immediates: number[]): this {
    this.bytes.push(plain[name], ...immediates)
    return this
  }

  vector(name: keyof typeof vector, ...immediates: number[]): this {
    this.bytes.push(0xfd, ...unsigned(vector[name]), ...immediates)
    return this
  }

  get(local: number): this {
    return this.plain('localGet', ...unsigned(local))
  }

  set(local: number): this {
    return this.plain('localSet', ...unsigned(local))
  }

  constant(value: number): this {
    return this.plain('i32Const', ...signed(value))
  }

  /** Loads from the address on the stack. */
  load(offset: number): this {
    return this.vector('load', 0, ...unsigned(offset))
  }

  store(offset: number): this {
    return this.vector('store', 0, ...unsigned(offset))
  }

  zip(left: number, right: number, laneBytes: 1 | 2, half: 0 | 1): this {
    return this.get(left)
      .get(right)
      .vector('shuffle', ...zipped(laneBytes, half))
  }

  get body(): number[] {
    return sized([1, ...unsigned(this.vectorCount), type.v128, ...this.bytes])
  }
}

// Parameters: the address of the data, the length of a part (a multiple of `columns`), the checksum so far (it goes into
// the first part), and two that are only variables: an address that runs, and the address where the first part ends.
const parameters = Object.freeze({ address: 0, partBytes: 1, crc: 2, running: 3, end: 4 } as const)

/** What every module begins with: its magic bytes and version 1. */
const preamble = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]

/** A module that exports its `memory` and the function `fold`. */
export function foldModule(isRelaxed: boolean): Uint8Array {
  const count = Object.keys(parameters).length
  const signature = [0x60, ...list(Array.from({ length: count }, () => [type.i32])), 0]
  return Uint8Array.from([
    ...preamble,
    ...section(1, list([signature])),
    ...section(3, list([[0]])),
    ...section(5, list([[0, memoryLayout.pages]])),
    ...section(7, list([exported('fold', 0), exported('memory', 2)])),
    ...section(10, list([foldBody(new Code(count), isRelaxed ? 'relaxedSwizzle' : 'swizzle')]))
  ])
}

function foldBody(code: Code, swizzle: 'swizzle' | 'relaxedSwizzle'): number[] {
  const { address, partBytes, end } = parameters
  const tables = code.vectors(8)
  // The lowest bytes of all sixteen checksums, the second ones, and so on.
  const planes = code.vectors(4)
  const [low = 0, high = 0, mask = 0] = code.vectors(3)
  const rows = code.vectors(columns)
  const spare = code.vectors(columns)
  for (const [i, table] of tables.entries())
    code
      .constant(0)
      .load(memoryLayout.tables + i * 16)
      .set(table)
  code.constant(0x0f).vector('i8x16Splat').set(mask)
  for (const [i, plane] of planes.entries()) {
    code.vector('constant', ...Array.from({ length: 16 }, () => 0))
    code
      .get(parameters.crc)
      .constant(i * 8)
      .plain('i32ShrU')
      .vector('i8x16ReplaceLane', 0)
      .set(plane)
  }
  code.get(address).get(partBytes).plain('i32Add').set(end)
  code.plain('loop', 0x40)
  loadRows(code, rows)
  for (const column of transposed(code, rows, spare)) {
    code.get(planes[0]!).get(column).vector('xor').set(low)
    code.get(low).constant(4).vector('i16x8ShrU').get(mask).vector('and').set(high)
    code.get(low).get(mask).vector('and').set(low)
    for (let i = 0; i < 4; i++) {
      code.get(tables[i]!).get(low).vector(swizzle)
      code
        .get(tables[i + 4]!)
        .get(high)
        .vector(swizzle)
        .vector('xor')
      if (i < 3) code.get(planes[i + 1]!).vector('xor')
      code.set(planes[i]!)
    }
  }
  code.get(address).constant(columns).plain('i32Add').set(address)
  code.get(address).get(end).plain('i32LtU').plain('brIf', 0).plain('end')
  storeResults(code, planes, rows)
  return code.plain('end').body
}

// One vector of each part.
function loadRows(code: Code, rows: readonly number[]): void {
  const { address, partBytes, running } = parameters
  code.get(address).set(running)
  for (const row of rows) {
    code.get(running).load(0).set(row)
    code.get(running).get(partBytes).plain('i32Add').set(running)
  }
}

// Four times the halves of the rows are zipped, after which rows have become columns.
function transposed(code: Code, rows: readonly number[], spare: readonly number[]): readonly number[] {
  let [from, to] = [rows, spare]
  for (let round = 0; round < 4; round++) {
    for (let i = 0; i < 8; i++) {
      code.zip(from[i]!, from[i + 8]!, 1, 0).set(to[i * 2]!)
      code.zip(from[i]!, from[i + 8]!, 1, 1).set(to[i * 2 + 1]!)
    }
    ;[from, to] = [to, from]
  }
  return from
}

function storeResults(code: Code, planes: readonly number[], spare: readonly number[]): void {
  for (const half of [0, 1] as const) {
    code.zip(planes[0]!, planes[1]!, 1, half).set(spare[0]!)
    code.zip(planes[2]!, planes[3]!, 1, half).set(spare[1]!)
    for (const quarter of [0, 1] as const) {
      code.constant(0).zip(spare[0]!, spare[1]!, 2, quarter)
      code.store(memoryLayout.results + half * 32 + quarter * 16)
    }
  }
}

function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)]
}

// Of numbers that are not negative; their sixth bit would be taken for a sign.
function signed(value: number): number[] {
  return value < 0x40 ? [value] : [(value & 0x7f) | 0x80, ...signed(value >>> 7)]
}

function sized(bytes: readonly number[]): number[] {
  return [...unsigned(bytes.length), ...bytes]
}

function list(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()]
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...sized(content)]
}

function exported(name: string, kind: 0 | 2): number[] {
  return [...sized(Array.from(name, (letter) => letter.charCodeAt(0))), kind, 0]
}
