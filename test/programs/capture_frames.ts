// Records frames between real clients and a real Kafka into test/protocol/vectors/captured.jsonl, where the fuzzer takes
// seeds from: this client, and where they are here, Kafka's Java consumer and librdkafka.
//
//   npm run build:programs && node build/test/programs/capture_frames.js
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Kafka } from 'kafka-once'
import { apiByKey } from 'kafka-once/protocol'
import { projectFolder } from '../broker/jars.ts'
import { kcatMissing, readWithJava, readWithKcat } from '../broker/peers.ts'
import { startProxiedBroker, type Frame } from '../proxy/tcp_proxy.ts'

const framesPerVersion = 3
const frameBytesMax = 2_500
const topic = 'captured'

await using proxied = await startProxiedBroker()
const [proxy] = proxied.proxies
if (proxy === undefined) throw new Error('there is no proxy')
const { bootstrap } = proxied
const seen = (['request', 'response'] as const).map((direction) =>
  proxy.intercept({ direction, count: Number.POSITIVE_INFINITY, fate: 'pass' })
)

async function useEverything(kafka: Kafka): Promise<void> {
  const admin = kafka.admin()
  await admin.createTopics([{ topic, partitionCount: 3 }])
  for (const compression of ['none', 'gzip', 'snappy'] as const) {
    await using producer = kafka.producer({ compression, lingerMs: 0 })
    const headers = [['trace', 'id']] as const
    await producer.send([1, 2, 3].map((i) => ({ topic, key: `key ${i}`, value: `value ${i}`.repeat(9), headers })))
    await producer.send({ topic, key: 'tombstone', value: null })
  }
  const producer = kafka.transactionalProducer({ transactionalId: 'captured' })
  for (const ends of ['commit', 'abort'] as const) {
    const transaction = producer.beginTransaction()
    await transaction.send({ topic, value: `in a transaction, ${ends}` })
    await transaction.sendOffsets({ groupId: 'captured', offsets: [{ topic, partition: 0, offset: 5n }] })
    await transaction[ends]()
  }
  await admin.describeCluster()
  await admin.listOffsets([{ topic, partition: 0, position: 'latest' }])
  await admin.listTransactions()
  await admin.describeTransactions(['captured', 'nobody'])
  await admin.describeProducers([{ topic, partition: 0 }])
  await admin.fetchOffsets({ groupId: 'captured', partitions: [{ topic, partition: 0 }] })
  await using consumer = kafka.consumer({ isolationLevel: 'read_committed' })
  await consumer.assign([0, 1, 2].map((partition) => ({ topic, partition, position: 'earliest' as const })))
  for await (const batch of consumer.batches()) if ([...batch.records()].length > 0) break
}

function linesOf(frames: readonly Frame[]): string[] {
  const counts = new Map<string, number>()
  return frames.flatMap(({ direction, apiKey, version, bytes }) => {
    const api = apiByKey(apiKey)?.name
    const place = `${direction} ${api} ${version}`
    const count = counts.get(place) ?? 0
    if (api === undefined || bytes.length > frameBytesMax || count >= framesPerVersion) return []
    counts.set(place, count + 1)
    return JSON.stringify({ api, kind: direction, version, bytes: Buffer.from(bytes).toString('hex') })
  })
}

const kafka = new Kafka({ brokers: [bootstrap] })
await useEverything(kafka)
await kafka.close()
await readWithJava(bootstrap, topic)
if ((await kcatMissing()) === undefined) await readWithKcat(bootstrap, topic)
const lines = seen.flatMap(({ frames }) => linesOf(frames))
const file = join(projectFolder(), 'test', 'protocol', 'vectors', 'captured.jsonl')
writeFileSync(file, `${lines.toSorted().join('\n')}\n`)
console.log(`${lines.length} frames are in ${file}`)
