// The client in a process of its own, one step of a transaction at a time: `prepare` begins one, writes, prepares it,
// prints the handle and waits to be killed; `commit` and `abort` resume a handle, and print the verdict and whether it is
// proven. Arguments: the step, its settings as JSON.
import { Kafka } from 'kafka-once'
import type { ForeignTransaction, PreparedTransaction } from 'kafka-once'

interface PrepareSettings {
  readonly brokers: string
  readonly topic: string
  readonly partitions: number
  readonly transactionalId: string
  readonly transactionTimeoutMs: number
  /** Record i goes to partition i modulo their number. */
  readonly values: readonly string[]
}

interface SettleSettings {
  readonly brokers: string
  readonly handle: PreparedTransaction | ForeignTransaction
}

const [step = '', json = '{}'] = process.argv.slice(2)

if (step === 'prepare') await prepare(JSON.parse(json))
else if (step === 'commit' || step === 'abort') await settle(step, JSON.parse(json))
else throw new Error(`no such step: ${step}`)

async function prepare({ brokers, topic, partitions, values, ...options }: PrepareSettings): Promise<void> {
  const kafka = new Kafka({ brokers: brokers.split(',') })
  const transaction = kafka.transactionalProducer(options).beginTransaction()
  await transaction.send(values.map((value, i) => ({ topic, partition: i % partitions, value })))
  console.log(JSON.stringify(await transaction.prepare()))
  setInterval(() => undefined, 60_000) // waits
}

async function settle(as: 'commit' | 'abort', { brokers, handle }: SettleSettings): Promise<void> {
  const kafka = new Kafka({ brokers: brokers.split(',') })
  const resumed = kafka.resumeTransaction(handle)
  const verdict = await resumed[as]()
  const proof = await resumed.prove()
  console.log(JSON.stringify({ verdict, proof: proof.kind }))
  await kafka.close()
}
