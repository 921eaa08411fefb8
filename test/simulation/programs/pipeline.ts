// One simulated process of the pipeline: the same job as in the fault proofs, on a Runtime of the simulation.
import { Kafka } from 'kafka-once'
import { fileCheckpointStorage } from 'kafka-once/exactlyonce'
import type { JobHandle } from 'kafka-once/exactlyonce'
import type { Runtime } from 'kafka-once/runtime'
import type { PipelineEvent, PipelineSettings } from '../../faults/orders.ts'
import { failureOf, startPipeline, tellingLogger } from '../../faults/pipeline_job.ts'

export interface PipelineProgram {
  readonly settings: PipelineSettings
  readonly runtime: Runtime
  readonly tell: (event: PipelineEvent) => void
  /** Gets the job as soon as it is there. */
  readonly onJob: (job: JobHandle) => void
}

/** Resolves when the program has ended, well or not; what became of it was told. */
export async function runPipeline({ settings, runtime, tell, onJob }: PipelineProgram): Promise<void> {
  const kafka = new Kafka({ brokers: settings.brokers.split(','), logger: tellingLogger(tell), runtime })
  try {
    const storage = fileCheckpointStorage(settings.folder, { lock: settings.lock })
    const job = await startPipeline(settings, { kafka, runtime, storage, tell })
    onJob(job)
    const { outcome } = await job.done
    tell({ event: 'ended', outcome })
  } catch (error) {
    tell(failureOf(error))
  } finally {
    await kafka.close()
  }
}
