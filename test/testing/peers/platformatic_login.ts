// Logs in with @platformatic/kafka, writes a record and reads it back, and prints it; or the code with which the broker
// refuses. A program, since the client needs a newer Node. Arguments: bootstrap servers, mechanism, user, password.
import { loadPeer } from '../../../benchmarks/clients/peer_packages.ts'

interface Closable {
  close(force?: boolean): Promise<void>
}

interface Package {
  readonly Admin: new (options: object) => Closable & { createTopics(options: object): Promise<unknown> }
  readonly Producer: new (options: object) => Closable & { send(options: object): Promise<unknown> }
  readonly Consumer: new (options: object) => Closable & {
    consume(options: object): Promise<Closable & AsyncIterable<{ readonly value: Buffer }>>
  }
}

interface Failure {
  readonly apiId?: string
  readonly errors?: readonly Failure[]
  readonly cause?: Failure
}

/** The code of the broker's refusal, from wherever in a failure it is. */
function codeOf(failure: Failure | undefined): string | undefined {
  if (failure === undefined) return undefined
  return failure.apiId ?? [...(failure.errors ?? []), failure.cause].map(codeOf).find((code) => code !== undefined)
}

const [, , bootstrap = '', mechanism = '', username = '', password = ''] = process.argv
const { Admin, Producer, Consumer } = await loadPeer<Package>('platformatic')
const login = { sasl: { mechanism, username, password } }
const options = { clientId: 'peer', bootstrapBrokers: bootstrap.split(','), retries: 0, ...login }
const [admin, producer] = [new Admin(options), new Producer(options)]
try {
  await admin.createTopics({ topics: ['orders'], partitions: 1, replicas: 1 })
  await producer.send({ messages: [{ topic: 'orders', partition: 0, value: Buffer.from('tea') }] })
  const consumer = new Consumer({ ...options, retries: 3, groupId: 'readers', autocommit: false, maxWaitTime: 100 })
  const stream = await consumer.consume({ topics: ['orders'], mode: 'earliest' })
  for await (const { value } of stream) {
    console.log(`read: ${value.toString()}`)
    break
  }
  await stream.close()
  await consumer.close(true)
} catch (error) {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- all fields are looked for, and may be missing
  const code = codeOf(error as Failure)
  if (code === undefined) throw error
  console.log(`refused: ${code}`)
} finally {
  await producer.close()
  await admin.close()
}
