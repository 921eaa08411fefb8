// The pipeline that the fault proofs kill, as a process of its own. Settings come as one JSON argument, events go out as
// JSON lines. SIGTERM takes a last checkpoint and ends.
import { Kafka } from 'kafka-once'
import { fileCheckpointStorage } from 'kafka-once/exactlyonce'
import type { PipelineSettings } from '../faults/orders.ts'
import { failureOf, startPipeline, tellingLogger } from '../faults/pipeline_job.ts'
import { Faults, tell } from './fault_runtime.ts'

const settings: PipelineSettings = JSON.parse(process.argv[2] ?? '{}')
const faults = new Faults(settings.order, settings.traces === true)
const { runtime } = faults
const kafka = new Kafka({ brokers: settings.brokers.split(','), logger: tellingLogger(tell), runtime })

try {
  const storage = fileCheckpointStorage(settings.folder, { lock: settings.lock })
  const job = await startPipeline(settings, { kafka, runtime, storage, tell, onRecovered: () => faults.recovered() })
  const stop = (): void => void job.stop().catch(() => undefined)
  process.once('SIGTERM', stop)
  const { outcome } = await job.done
  tell({ event: 'ended', outcome })
} catch (error) {
  tell(failureOf(error))
  process.exitCode = 1
} finally {
  await kafka.close()
}
