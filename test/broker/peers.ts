// Readers and writers that are not ours: kcat (librdkafka) and small programs on Kafka's own Java clients, in
// test/java/peer. What they see is what the world sees.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { classPath, findJars, javaCommand, projectFolder } from './jars.ts'
import type { KafkaVersion } from './jars.ts'
import { run } from './processes.ts'

export interface PeerRecord {
  readonly partition: number
  readonly offset: bigint
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
}

/** What Kafka's own consumer tells besides. */
export interface JavaRecord extends PeerRecord {
  /** Milliseconds since 1970. */
  readonly timestamp: number
  readonly headers: readonly (readonly [name: string, value: Uint8Array | null])[]
}

/** An open transaction that a Java producer left behind. */
export interface LeftTransaction {
  readonly transactionalId: string
  readonly producerId: bigint
  readonly producerEpoch: number
  readonly transactionVersion: 1 | 2
}

export interface LeaveTransactionOptions {
  readonly topic: string
  readonly transactionalId: string
  readonly recordCount: number
  readonly transactionTimeoutMs?: number
}

const javaTimeoutMs = 120_000
const kcatTimeoutMs = 60_000
const space = 0x20
const newline = 0x0a

/** Whether kcat is installed; where it is not, what to install. */
export async function kcatMissing(): Promise<string | undefined> {
  const told = await run('kcat', ['-V'], { timeoutMs: 10_000 })
  return told.code === 0 ? undefined : 'install kcat'
}

/** Runs a program of test/java with the jars of that Kafka on its class path, and returns what it printed. */
export async function runJava(
  file: string,
  args: readonly string[],
  version: KafkaVersion = '4.4.0',
  input = ''
): Promise<string> {
  const jars = await findJars(version)
  if ('reason' in jars) throw new Error(`${file} cannot be run: ${jars.reason}`)
  const program = join(projectFolder(), 'test', 'java', file)
  // The source launcher compiles with class files of any age; two compilers would take longer than they save.
  const options = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xmx512m', '-cp', classPath(jars), program]
  const ended = await run(javaCommand(), [...options, ...args], { input, timeoutMs: javaTimeoutMs })
  if (ended.code !== 0) throw new Error(`${file} ended with ${ended.code}: ${ended.stderr.slice(0, 2000)}`)
  return ended.stdout
}

/** What Kafka's own consumer, of that version, reads with read_committed, by partition, then offset. */
export async function readWithJava(
  bootstrap: string,
  topic: string,
  version: KafkaVersion = '4.4.0'
): Promise<JavaRecord[]> {
  const printed = await runJava('peer/ReadCommitted.java', [bootstrap, topic], version)
  const records = printed
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [partition = '', offset = '', key = '', value = '', timestamp = '', ...headers] = line.split(' ')
      return {
        partition: Number(partition),
        offset: BigInt(offset),
        key: bytesOf(key),
        value: bytesOf(value),
        timestamp: Number(timestamp),
        headers: headers.map(headerOf)
      }
    })
  return inOrder(records)
}

function headerOf(text: string): readonly [string, Uint8Array | null] {
  const [name = '', value = ''] = text.split(':')
  return [Buffer.from(name, 'base64').toString(), bytesOf(value)]
}

function bytesOf(text: string): Uint8Array | null {
  return text === '-' ? null : Buffer.from(text, 'base64')
}

/** Lets Kafka's own producer open a transaction, flush records and die; the transaction stays open. */
export async function leaveTransaction(bootstrap: string, options: LeaveTransactionOptions): Promise<LeftTransaction> {
  const { topic, transactionalId, recordCount, transactionTimeoutMs = 60_000 } = options
  const args = [bootstrap, topic, transactionalId, String(recordCount), String(transactionTimeoutMs)]
  const printed = await runJava('peer/OpenTransaction.java', args)
  const [id = '', producerId = '', producerEpoch = '', version = ''] = printed.trim().split(' ')
  const transactionVersion = version === '2' ? 2 : 1
  return {
    transactionalId: id,
    producerId: BigInt(producerId),
    producerEpoch: Number(producerEpoch),
    transactionVersion
  }
}

/** What kcat reads with read_committed, by partition, then offset. `more` are librdkafka's settings, as name=value. */
export async function readWithKcat(
  bootstrap: string,
  topic: string,
  more: readonly string[] = []
): Promise<PeerRecord[]> {
  const settings = ['isolation.level=read_committed', 'auto.offset.reset=earliest', ...more]
  const options = settings.flatMap((one) => ['-X', one])
  const args = ['-C', '-q', '-e', '-o', 'beginning', '-b', bootstrap, '-t', topic, ...options]
  const printed = await outputOf('kcat', [...args, '-f', '%p %o %K %S\n%k%s\n'])
  return inOrder(parseKcat(printed))
}

/** Keys and values may hold any byte, so each record's lengths come in front of them; -1 stands for null. */
function parseKcat(printed: Buffer): PeerRecord[] {
  const records: PeerRecord[] = []
  let at = 0
  while (at < printed.length) {
    const end = printed.indexOf(newline, at)
    const [partition = NaN, offset = '', keyLength = NaN, valueLength = NaN] = fieldsOf(printed.subarray(at, end))
    at = end + 1
    const key = take(Number(keyLength))
    const value = take(Number(valueLength))
    if (printed[at] !== newline) throw new Error(`kcat's output is not understood at byte ${at}`)
    at++
    records.push({ partition: Number(partition), offset: BigInt(offset), key, value })
  }
  return records

  function take(length: number): Uint8Array | null {
    if (length < 0) return null
    at += length
    return printed.subarray(at - length, at)
  }
}

function fieldsOf(line: Buffer): string[] {
  return line.toString('latin1').split(String.fromCharCode(space))
}

function outputOf(command: string, args: readonly string[]): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, [...args], { stdio: ['ignore', 'pipe', 'pipe'], timeout: kcatTimeoutMs })
    const output: Buffer[] = []
    const errors: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => errors.push(chunk))
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) resolve(Buffer.concat(output))
      else reject(new Error(`${command} ended with ${code}: ${Buffer.concat(errors).toString().slice(0, 2000)}`))
    })
  })
}

function inOrder<R extends PeerRecord>(records: readonly R[]): R[] {
  return records.toSorted((a, b) => a.partition - b.partition || (a.offset < b.offset ? -1 : 1))
}
