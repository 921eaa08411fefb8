// @platformatic/kafka as a peer: what the scenario asks of a client, in its words. It needs a newer Node than this
// package does, so the test starts this file as a program there, which prints what it saw.
// Arguments: bootstrap servers, name, group protocol (classic or consumer).
import { loadPeer } from '../../../benchmarks/clients/peer_packages.ts'
import { play } from './scenario.ts'
import type { Peer, PeerMember } from './scenario.ts'

interface Message {
  readonly partition: number
  readonly offset: bigint
  readonly value: Buffer
}

interface Sender {
  send(options: { messages: readonly { topic: string; partition: number; value: Buffer }[] }): Promise<unknown>
}

interface Producer extends Sender {
  beginTransaction(): Promise<Sender & { commit(): Promise<void>; abort(): Promise<void> }>
  close(): Promise<void>
}

interface Stream extends AsyncIterable<Message> {
  close(): Promise<void>
}

interface Consumer {
  readonly assignments: readonly { topic: string; partitions: readonly number[] }[] | null
  consume(options: object): Promise<Stream>
  commit(options: { offsets: readonly object[] }): Promise<void>
  close(force?: boolean): Promise<void>
}

interface Admin {
  createTopics(options: object): Promise<unknown>
  metadata(options: { topics: string[] }): Promise<{ topics: Map<string, { partitionsCount: number }> }>
  close(): Promise<void>
}

interface Package {
  readonly Admin: new (options: object) => Admin
  readonly Producer: new (options: object) => Producer
  readonly Consumer: new (options: object) => Consumer
}

type GroupProtocol = 'classic' | 'consumer'

async function platformaticPeer(bootstrap: string, groupProtocol: GroupProtocol): Promise<Peer> {
  const { Admin, Producer, Consumer } = await loadPeer<Package>('platformatic')
  const common = { clientId: 'peer', bootstrapBrokers: bootstrap.split(',') }
  const admin = new Admin(common)
  const producer = new Producer({ ...common, idempotent: true })
  // It names a producer id that it does not have when it begins, so an id that was used before is refused to it.
  const transactional = new Map<string, Producer>()
  const transactionalProducer = (transactionalId: string): Producer => {
    const known = transactional.get(transactionalId) ?? new Producer({ ...common, idempotent: true, transactionalId })
    transactional.set(transactionalId, known)
    return known
  }
  const consumer = (groupId: string): Consumer => {
    const ofGroup = groupProtocol === 'consumer' ? {} : { heartbeatInterval: 200 }
    return new Consumer({ ...common, groupId, groupProtocol, ...ofGroup, autocommit: false, maxWaitTime: 100 })
  }
  const partitionsOf = async (topic: string): Promise<number> => {
    const { topics } = await admin.metadata({ topics: [topic] })
    return topics.get(topic)?.partitionsCount ?? 0
  }
  return {
    async createTopic(topic, partitions) {
      await admin.createTopics({ topics: [topic], partitions, replicas: 1 })
      return partitionsOf(topic)
    },
    async produce(topic, values) {
      const count = await partitionsOf(topic)
      await producer.send({
        messages: values.map((value, i) => ({ topic, partition: i % count, value: Buffer.from(value) }))
      })
    },
    join: (group, topic) => joinGroup(consumer(group), topic),
    async transact(topic, values, outcome) {
      const transaction = await transactionalProducer(`${topic}-id`).beginTransaction()
      await transaction.send({ messages: values.map((value) => ({ topic, partition: 0, value: Buffer.from(value) })) })
      await transaction[outcome]()
    },
    read: (topic, isolation, last) => {
      return readTopic(consumer(`${topic}-${isolation}`), topic, isolation === 'read_committed' ? 1 : 0, last)
    },
    async close() {
      for (const one of [producer, ...transactional.values()]) await one.close()
      await admin.close()
    }
  }
}

async function joinGroup(consumer: Consumer, topic: string): Promise<PeerMember> {
  const values: string[] = []
  const positions = new Map<number, bigint>()
  const stream = await consumer.consume({ topics: [topic], mode: 'committed', fallbackMode: 'earliest' })
  const reading = readOn()
  const assigned = (): readonly number[] => consumer.assignments?.find((one) => one.topic === topic)?.partitions ?? []
  return {
    values,
    assigned,
    async commit() {
      const held = [...positions].filter(([partition]) => assigned().includes(partition))
      const offsets = held.map(([partition, offset]) => ({ topic, partition, offset, leaderEpoch: -1 }))
      await consumer.commit({ offsets })
    },
    async leave() {
      await stream.close()
      await reading
      await consumer.close(true)
    }
  }

  async function readOn(): Promise<void> {
    for await (const { partition, offset, value } of stream) {
      values.push(value.toString())
      // After a rebalance it reads again what was not committed.
      if (offset >= (positions.get(partition) ?? 0n)) positions.set(partition, offset + 1n)
    }
  }
}

async function readTopic(consumer: Consumer, topic: string, isolationLevel: number, last: string): Promise<string[]> {
  const stream = await consumer.consume({ topics: [topic], mode: 'earliest', isolationLevel })
  const values: string[] = []
  for await (const { value } of stream) {
    values.push(value.toString())
    if (values.at(-1) === last) break
  }
  await stream.close()
  await consumer.close(true)
  return values
}

const [, , bootstrap = '', name = '', protocol] = process.argv
const peer = await platformaticPeer(bootstrap, protocol === 'consumer' ? 'consumer' : 'classic')
const report = await play(peer, name)
await peer.close()
console.log(JSON.stringify(report))
