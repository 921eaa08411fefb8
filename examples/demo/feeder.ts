// Feeds numbered records at a steady pace, record n into partition n modulo the number of partitions, and keeps the last
// ones back until it is told that the kills are over: input has to arrive over the whole run. A process of its own, so
// that nothing the demo does holds it up.
import { parseArgs } from 'node:util'
import { Kafka } from 'kafka-once'

const { values: settings } = parseArgs({
  options: {
    brokers: { type: 'string', default: '' },
    topic: { type: 'string', default: '' },
    partitions: { type: 'string', default: '1' },
    records: { type: 'string', default: '0' },
    'records-per-second': { type: 'string', default: '1000' }
  }
})
const count = Number(settings.records)
const partitions = Number(settings.partitions)
const tickMs = 20
const keptBack = Math.ceil(count / 50)

let isOver = false
process.on('message', (message) => {
  if (message === 'over') isOver = true
})
// The demo is gone: so is the reason to feed.
process.on('disconnect', () => process.exit(1))

const kafka = new Kafka({ brokers: settings.brokers.split(',') })
const producer = kafka.producer()
let fed = 0
let due = 0
while (fed < count) {
  due += (Number(settings['records-per-second']) * tickMs * (isOver ? 20 : 1)) / 1000
  const end = Math.min(isOver ? count : count - keptBack, Math.floor(due))
  if (end > fed) {
    const first = fed
    const messages = Array.from({ length: end - first }, (_, i) => ({
      topic: settings.topic,
      partition: (first + i) % partitions,
      value: `record ${first + i}`
    }))
    await producer.send(messages)
    fed = end
    process.send?.({ fed })
  }
  // What is kept back does not pile up.
  due = Math.min(due, fed + 1)
  await new Promise((resolve) => setTimeout(resolve, tickMs))
}
await producer.close()
await kafka.close()
process.disconnect()
