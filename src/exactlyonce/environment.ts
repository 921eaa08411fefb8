// Where a job begins: the environment with its settings, the streams that grow from its sources, and `execute`. Names
// are Flink's (StreamExecutionEnvironment, DataStream, addSource, addSink).
import type { SinkFunction, SourceFunction } from './functions.ts'
import { invalid, StreamGraph } from './graph.ts'
import type { StreamNode } from './graph.ts'
import { startJob } from './job.ts'
import type { JobHandle, JobResult } from './job.ts'
import type { FilterDefinition, FlatMapDefinition, MapDefinition, OperatorKind } from './operator.ts'
import {
  checkCheckpointingOptions,
  checkEnvironmentOptions,
  checkExecuteOptions,
  checkOperatorOptions,
  checkSink,
  checkSource
} from './options.ts'
import type {
  CheckedCheckpointing,
  CheckedEnvironment,
  CheckpointingOptions,
  EnvironmentOptions,
  ExecuteOptions,
  OperatorOptions
} from './options.ts'

/**
 * A job in the making.
 *
 * ```ts
 * const env = new StreamExecutionEnvironment({ parallelism: 2 })
 * env.enableCheckpointing(10_000, { storage: fileCheckpointStorage('./checkpoints') })
 * env.addSource(source).map((value) => value.toUpperCase()).addSink(sink)
 * await env.execute('copy')
 * ```
 */
export class StreamExecutionEnvironment {
  readonly #options: CheckedEnvironment
  readonly #graph = new StreamGraph()
  #checkpointing: CheckedCheckpointing | undefined

  /** Throws KafkaError INVALID_OPTION. */
  constructor(options?: EnvironmentOptions) {
    this.#options = checkEnvironmentOptions(options)
  }

  /** A checkpoint every `intervalMs` milliseconds. Throws KafkaError INVALID_OPTION. */
  enableCheckpointing(intervalMs: number, options: CheckpointingOptions): this {
    this.#checkpointing = checkCheckpointingOptions(intervalMs, options)
    return this
  }

  /** Begins a stream. Throws JobError INVALID_JOB where the name is taken, KafkaError INVALID_OPTION. */
  addSource<T>(source: SourceFunction<T>, options?: OperatorOptions): DataStream<T> {
    checkSource(source)
    const name = this.#graph.nameOf('source', checkOperatorOptions('addSource', options))
    return new DataStream<T>(this.#graph, this.#graph.add({ kind: 'source', name, source, outputs: [] }, []))
  }

  /**
   * Runs the job to its end: until every source has ended, or for good. Rejects with JobError where it fails and no
   * restart is left, also when nothing could be started.
   */
  async execute(jobName: string, options?: ExecuteOptions): Promise<JobResult> {
    const handle = await this.executeAsync(jobName, options)
    return handle.done
  }

  /** Starts the job and returns at once; how it ends is told by `done`. Rejects where the graph contradicts itself. */
  async executeAsync(jobName: string, options?: ExecuteOptions): Promise<JobHandle> {
    const { signal } = checkExecuteOptions(jobName, options)
    this.#graph.check(this.#options.parallelism, this.#checkpointing !== undefined)
    return startJob({
      jobName,
      graph: this.#graph,
      environment: this.#options,
      checkpointing: this.#checkpointing,
      signal
    })
  }
}

/** A stream of records. Each method makes another stream from it; one stream may go to several places. */
export class DataStream<T> {
  readonly #graph: StreamGraph
  readonly #node: StreamNode

  /** Streams are made by an environment or by another stream. */
  constructor(graph: StreamGraph, node: StreamNode) {
    this.#graph = graph
    this.#node = node
  }

  /** Makes one record of each. The function may return a promise; order is kept. */
  map<Out>(definition: MapDefinition<T, Out>, options?: OperatorOptions): DataStream<Out> {
    return this.#operator<Out>('map', definition, options)
  }

  /** Keeps the records for which the function returns true. */
  filter(definition: FilterDefinition<T>, options?: OperatorOptions): DataStream<T> {
    return this.#operator<T>('filter', definition, options)
  }

  /** Makes any number of records of each: the function passes them to `collect`. */
  flatMap<Out>(definition: FlatMapDefinition<T, Out>, options?: OperatorOptions): DataStream<Out> {
    return this.#operator<Out>('flatMap', definition, options)
  }

  /** The records of these streams together, in no particular order between streams. Barriers are aligned. */
  union(...others: readonly DataStream<T>[]): DataStream<T> {
    if (others.some((other) => other.#graph !== this.#graph)) {
      throw invalid('The streams of a union belong to different environments.')
    }
    const inputs = [this.#node, ...others.map((other) => other.#node)]
    const name = this.#graph.nameOf('union', undefined)
    return new DataStream<T>(
      this.#graph,
      this.#graph.add({ kind: 'union', name, inputsCount: inputs.length, outputs: [] }, inputs)
    )
  }

  /** Ends the stream in a sink. Throws JobError INVALID_JOB where the name is taken, KafkaError INVALID_OPTION. */
  addSink(sink: SinkFunction<T>, options?: OperatorOptions): void {
    checkSink(sink)
    const name = this.#graph.nameOf('sink', checkOperatorOptions('addSink', options))
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the stream carries what this sink takes
    const anySink = sink as unknown as SinkFunction<unknown>
    this.#graph.add({ kind: 'sink', name, sink: anySink, outputs: [] }, [this.#node])
  }

  #operator<Out>(kind: OperatorKind, definition: unknown, options: OperatorOptions | undefined): DataStream<Out> {
    const name = this.#graph.nameOf(kind, checkOperatorOptions(kind, options))
    return new DataStream<Out>(this.#graph, this.#graph.add({ kind, name, definition, outputs: [] }, [this.#node]))
  }
}
