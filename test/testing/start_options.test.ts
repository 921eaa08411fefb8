// What EmbeddedKafka.start is given is checked before anything listens, and refused by its name, its value and what was meant.
import { EmbeddedKafka } from 'kafka-once/testing'
import type { EmbeddedKafkaOptions } from 'kafka-once/testing'
import { Kafka } from 'kafka-once'
import { expect, test } from 'vitest'

const circular: { self?: unknown } = {}
circular.self = circular

const refused: readonly (readonly [options: unknown, message: string])[] = [
  [{ brokers: 0 }, 'has brokers: 0, which must be a whole number from 1 to 100'],
  [{ brokers: 1.5 }, 'has brokers: 1.5'],
  [{ brokers: '3' }, 'has brokers: "3"'],
  [{ brokers: Number.NaN }, 'has brokers: NaN'],
  [{ brokers: 3n }, 'has brokers: 3n'],
  [{ ports: [1n] }, 'has ports: [1n]'],
  [{ port: 9092 }, 'knows no option port; known are brokers, runtime, host, ports'],
  [{ ports: 9092 }, 'has ports: 9092, which must be a list of whole numbers'],
  [{ ports: [99_999] }, 'has ports: [99999]'],
  [{ ports: [1, 2] }, 'has 2 ports for 1 broker'],
  [{ brokers: 2, ports: [9092, 9092] }, 'has a port twice'],
  [{ host: '' }, 'has host: ""'],
  [{ host: '0.0.0.0' }, 'say in advertised where clients find the brokers'],
  [{ advertised: ['proxy'] }, `has advertised: ["proxy"], which must be a list of 'host:port'`],
  [{ brokers: 3, advertised: ['proxy:1'] }, 'has 1 addresses in advertised for 3 brokers'],
  [{ transactionVersion: 3 }, 'has transactionVersion: 3, which must be 0, 1 or 2'],
  [{ replicationDelayMs: -1 }, 'has replicationDelayMs: -1'],
  [{ dataFolder: '' }, 'has dataFolder: ""'],
  [{ runtime: circular }, 'has runtime: an object, which must be'],
  [{ runtime: {} }, 'which must be a runtime that others can connect to'],
  [{ sasl: {} }, 'needs as sasl an object with users'],
  [{ sasl: { users: { alice: 5 } } }, 'needs as sasl an object with users'],
  [{ config: { 'num.partitions': 'x' } }, 'num.partitions: x (Not a number of type INT)'],
  [{ config: { 'num.partitions': 0 } }, 'num.partitions: 0 (Value must be at least 1)'],
  [{ config: { 'auto.create.topics.enable': 'no' } }, 'Expected value to be either true or false'],
  [{ config: { 'num.partition': 3 } }, 'num.partition, which is no setting of a broker'],
  [{ config: { 'retention.ms': 3 } }, 'retention.ms, which is a setting of topics; brokers call it log.retention.ms'],
  [{ config: { 'num.partitions': null } }, 'an object of settings'],
  [null, 'takes an object of options, not null'],
  ['localhost:9092', 'takes an object of options, not "localhost:9092"']
]

test.each(refused)('start refuses %o', async (options, message) => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what programs without types may give
  await expect(EmbeddedKafka.start(options as EmbeddedKafkaOptions)).rejects.toThrow(message)
})

test('passwords are not told', async () => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what programs without types may give
  const options = { sasl: { users: { alice: 5, bob: 'secret' } } } as unknown as EmbeddedKafkaOptions
  const error: unknown = await EmbeddedKafka.start(options).catch((one: unknown) => one)
  expect(String(error)).toMatch(/needs as sasl(?!.*secret)/)
})

test('settings may be numbers and booleans, and those that a real broker has are let through', async () => {
  const config = { 'num.partitions': 3, 'auto.create.topics.enable': false, 'log.dirs': '/data', 'num.io.threads': 8 }
  await using kafka = await EmbeddedKafka.start({ config })
  expect(kafka.cluster.settings.number('num.partitions')).toBe(3)
  expect(kafka.cluster.settings.boolean('auto.create.topics.enable')).toBe(false)
})

test.each(['::1', 'localhost'])('clients reach brokers that listen on %s', async (host) => {
  await using kafka = await EmbeddedKafka.start({ brokers: 2, host })
  await using client = new Kafka({ brokers: kafka.addresses })
  await client.admin().createTopics([{ topic: 'here', partitionCount: 2 }])
  for (const partition of [0, 1]) await client.producer().send({ topic: 'here', partition, value: 'x' })
  expect(await kafka.records('here')).toHaveLength(2)
})

test('clients are sent to advertised addresses', async () => {
  await using kafka = await EmbeddedKafka.start({ advertised: ['[::1]:9092'] })
  expect(kafka.addresses).toEqual(['[::1]:9092'])
  expect(kafka.cluster.nodes.get(1)).toMatchObject({ host: '::1', port: 9092 })
})
