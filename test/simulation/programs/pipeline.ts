// One simulated process of the pipeline: the same job as in the fault proofs, on a Runtime of the simulation.
import { Kafka } from 'kafka-once'
import { fileCheckpointStorage } from 'kafka-once/exactlyonce'
import type { JobHandle } from 'kafka-once/exactlyonce'
import type { Runtime } from 'kafka-once/runtime'
import type { PipelineSettings } from '../../faults/orders.ts'
import { failureOf, startPipeline, tellingLogger } from '../../faults/pipeline_job.ts'
import type { RunningProgram, Tell } from '../supervisor.ts'

export interface PipelineProgram {
  readonly settings: PipelineSettings
  /** Proven checkpoints that are kept. */
  readonly retainedMax: number
  readonly runtime: Runtime
  readonly tell: Tell
}

export function launchPipeline({ settings, retainedMax, runtime, tell }: PipelineProgram): RunningProgram {
  let job: JobHandle | undefined
  let isToStop = false
  const stop = (): void => {
    isToStop = true
    void job?.stop().catch(() => undefined)
  }
  const run = async (): Promise<void> => {
    const kafka = new Kafka({ brokers: settings.brokers.split(','), logger: tellingLogger(tell), runtime })
    try {
      const storage = fileCheckpointStorage(settings.folder, { lock: settings.lock, retainedMax })
      job = await startPipeline(settings, { kafka, runtime, storage, tell })
      if (isToStop) stop()
      const { outcome } = await job.done
      tell({ event: 'ended', outcome })
    } catch (error) {
      tell(failureOf(error))
    } finally {
      await kafka.close()
    }
  }
  return { done: run(), stop }
}
