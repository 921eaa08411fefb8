// Feeds numbered records, record n into partition n modulo the number of partitions. Each moment it feeds a share of
// what is left, so that input arrives for as long as the kills may take; when it is told that they are over it feeds the
// rest. A process of its own, so that nothing the demo does holds it up.
import { parseArgs } from 'node:util'
import { Kafka } from 'kafka-once'

const { values: settings } = parseArgs({
  options: {
    brokers: { type: 'string', default: '' },
    topic: { type: 'string', default: '' },
    partitions: { type: 'string', default: '1' },
    records: { type: 'string', default: '0' },
    'share-per-second': { type: 'string', default: '0.02' }
  }
})
const count = Number(settings.records)
const partitions = Number(settings.partitions)
const tickMs = 20
const sharePerTick = (Number(settings['share-per-second']) * tickMs) / 1000
const lastRecordsPerTick = 4000

let isOver = false
process.on('message', (message) => {
  if (message === 'over') isOver = true
})
// The demo is gone: so is the reason to feed.
const onDisconnect = (): void => process.exit(1)
process.on('disconnect', onDisconnect)

const kafka = new Kafka({ brokers: settings.brokers.split(',') })
const producer = kafka.producer()
let fed = 0
let due = 0
while (fed < count) {
  due = isOver ? fed + lastRecordsPerTick : due + (count - due) * sharePerTick
  const end = Math.min(count, Math.floor(due))
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
  await new Promise((resolve) => setTimeout(resolve, tickMs))
}
await producer.close()
await kafka.close()
process.off('disconnect', onDisconnect)
process.disconnect()
