// The Kafka source as users build it; its subtasks do the work. Flink's FlinkKafkaConsumer.
import type { SourceFunction, SubtaskContext } from '../functions.ts'
import { checkKafkaSourceOptions } from './kafka_source_options.ts'
import type { CheckedKafkaSourceOptions, KafkaSourceOptions } from './kafka_source_options.ts'
import { KafkaSourceReader } from './source_reader.ts'

/**
 * Reads topics into a stream, each partition in order and by exactly one subtask. Positions are part of every
 * checkpoint, and a restored job goes on right after them: committed group offsets are never consulted again, and no
 * offset reset applies. Where the log no longer holds a position (retention, another topic of the same name, a
 * truncated log) the job stops with JobError SOURCE_LOST. Partitions that come while the job runs are read from their
 * beginning. The constructor throws KafkaError INVALID_OPTION.
 */
export class KafkaSource<T> implements SourceFunction<T> {
  readonly needsCheckpoints: string | undefined
  private readonly options: CheckedKafkaSourceOptions<T>

  constructor(options: KafkaSourceOptions<T>) {
    this.options = checkKafkaSourceOptions(options)
    if (options.offsetCommitMode === 'ON_CHECKPOINTS') {
      this.needsCheckpoints = 'offsetCommitMode is ON_CHECKPOINTS'
    }
  }

  createReader(context: SubtaskContext): KafkaSourceReader<T> {
    return new KafkaSourceReader(this.options, context)
  }
}
