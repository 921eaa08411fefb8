// kafkajs as a peer: what the scenario asks of a client, in its words.
import { loadPeer } from '../../../benchmarks/clients/peer_packages.ts'
import type { Peer, PeerMember } from './scenario.ts'

interface Message {
  readonly value: Buffer | null
  readonly offset: string
}

interface Sender {
  send(record: { topic: string; messages: readonly { value: string; partition?: number }[] }): Promise<unknown>
}

interface Transaction extends Sender {
  commit(): Promise<void>
  abort(): Promise<void>
}

interface Connectable {
  connect(): Promise<void>
  disconnect(): Promise<void>
}

interface Producer extends Sender, Connectable {
  transaction(): Promise<Transaction>
}

interface Joined {
  readonly payload: { readonly memberAssignment: Readonly<Record<string, readonly number[]>> }
}

interface Consumer extends Connectable {
  readonly events: { readonly GROUP_JOIN: string }
  on(event: string, listener: (event: Joined) => void): void
  subscribe(options: { topics: string[]; fromBeginning: boolean }): Promise<void>
  run(options: {
    autoCommit: boolean
    eachMessage(payload: { partition: number; message: Message }): Promise<void>
  }): Promise<void>
  commitOffsets(offsets: readonly { topic: string; partition: number; offset: string }[]): Promise<void>
}

interface Admin extends Connectable {
  createTopics(options: { topics: readonly { topic: string; numPartitions: number }[] }): Promise<boolean>
  fetchTopicMetadata(options: { topics: string[] }): Promise<{ topics: { partitions: unknown[] }[] }>
}

interface Client {
  admin(): Admin
  producer(options: object): Producer
  consumer(options: object): Consumer
}

interface Package {
  readonly Kafka: new (options: object) => Client
  readonly logLevel: { readonly NOTHING: number }
}

export interface KafkajsOptions {
  readonly bootstrap: string
  readonly sasl?: { readonly mechanism: string; readonly username: string; readonly password: string }
}

/** A client of kafkajs that neither logs nor repeats what was refused. */
export async function kafkajsClient({ bootstrap, sasl }: KafkajsOptions): Promise<Client> {
  const { Kafka, logLevel } = await loadPeer<Package>('kafkajs')
  process.env['KAFKAJS_NO_PARTITIONER_WARNING'] = '1'
  return new Kafka({
    brokers: bootstrap.split(','),
    clientId: 'peer',
    logLevel: logLevel.NOTHING,
    ...(sasl === undefined ? {} : { sasl, ssl: false, retry: { retries: 0 } })
  })
}

export async function kafkajsPeer(options: KafkajsOptions): Promise<Peer> {
  const client = await kafkajsClient(options)
  const admin = client.admin()
  const producer = client.producer({ idempotent: true, maxInFlightRequests: 1 })
  await admin.connect()
  await producer.connect()
  return {
    async createTopic(topic, partitions) {
      await admin.createTopics({ topics: [{ topic, numPartitions: partitions }] })
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
      return topics[0]?.partitions.length ?? 0
    },
    async produce(topic, values) {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
      const count = topics[0]?.partitions.length ?? 1
      await producer.send({ topic, messages: values.map((value, i) => ({ value, partition: i % count })) })
    },
    join: (group, topic) => joinGroup(client, group, topic),
    transact: (topic, values, outcome) => transact(client, topic, values, outcome),
    read: (topic, isolation, last) => readTopic(client, topic, isolation, last),
    async close() {
      await producer.disconnect()
      await admin.disconnect()
    }
  }
}

async function joinGroup(client: Client, groupId: string, topic: string): Promise<PeerMember> {
  const consumer = client.consumer({ groupId, heartbeatInterval: 200, maxWaitTimeInMs: 100 })
  const values: string[] = []
  const positions = new Map<number, bigint>()
  let assigned: readonly number[] = []
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    assigned = payload.memberAssignment[topic] ?? []
  })
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    async eachMessage({ partition, message }) {
      values.push(String(message.value))
      // After a rebalance it reads again what was not committed.
      const next = BigInt(message.offset) + 1n
      if (next > (positions.get(partition) ?? 0n)) positions.set(partition, next)
    }
  })
  return {
    values,
    assigned: () => assigned,
    commit: () => {
      const held = [...positions].filter(([partition]) => assigned.includes(partition))
      return consumer.commitOffsets(held.map(([partition, next]) => ({ topic, partition, offset: String(next) })))
    },
    leave: () => consumer.disconnect()
  }
}

async function transact(
  client: Client,
  topic: string,
  values: readonly string[],
  outcome: 'commit' | 'abort'
): Promise<void> {
  const transactionalId = `${topic}-id`
  const producer = client.producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  const transaction = await producer.transaction()
  await transaction.send({ topic, messages: values.map((value) => ({ value, partition: 0 })) })
  await transaction[outcome]()
  await producer.disconnect()
}

async function readTopic(client: Client, topic: string, isolation: string, last: string): Promise<string[]> {
  const readUncommitted = isolation === 'read_uncommitted'
  const consumer = client.consumer({ groupId: `${topic}-${isolation}`, readUncommitted, maxWaitTimeInMs: 100 })
  const values: string[] = []
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await new Promise<void>((resolve, reject) => {
    const eachMessage = async ({ message }: { message: Message }): Promise<void> => {
      values.push(String(message.value))
      if (values.at(-1) === last) resolve()
    }
    consumer.run({ autoCommit: false, eachMessage }).catch(reject)
  })
  await consumer.disconnect()
  return values
}
