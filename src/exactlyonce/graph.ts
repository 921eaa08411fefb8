// The graph of a job as the user draws it: sources, operators, unions and sinks with their names, and the refusal of
// graphs that contradict themselves. Owns no running thing; run.ts makes subtasks of it.
import { JobError } from './errors.ts'
import type { SinkFunction, SourceFunction } from './functions.ts'
import { checkDefinition } from './operator.ts'
import type { OperatorKind } from './operator.ts'

interface NodeBase {
  /** Unique in the job and stable over restarts: state is kept under it. */
  readonly name: string
  /** The nodes that this one's records go to. */
  readonly outputs: StreamNode[]
}

export interface SourceNode extends NodeBase {
  readonly kind: 'source'
  readonly source: SourceFunction<unknown>
}

export interface OperatorNode extends NodeBase {
  readonly kind: OperatorKind
  readonly definition: unknown
}

export interface UnionNode extends NodeBase {
  readonly kind: 'union'
  readonly inputsCount: number
}

export interface SinkNode extends NodeBase {
  readonly kind: 'sink'
  readonly sink: SinkFunction<unknown>
}

export type StreamNode = SourceNode | OperatorNode | UnionNode | SinkNode

const lineToAdd =
  "Add env.enableCheckpointing(10_000, { storage: fileCheckpointStorage('./checkpoints') }) before execute"
const nodesMax = 10_000
const nameLengthMax = 200

export class StreamGraph {
  readonly nodes: StreamNode[] = []
  readonly #names = new Set<string>()
  readonly #kindCounts = new Map<StreamNode['kind'], number>()

  /** The given name, or one made of the kind and its number among its kind. Refuses a name that is taken. */
  nameOf(kind: StreamNode['kind'], given: string | undefined): string {
    const number = (this.#kindCounts.get(kind) ?? 0) + 1
    this.#kindCounts.set(kind, number)
    const name = given ?? `${kind}-${number}`
    if (name === '' || name.length > nameLengthMax) {
      throw invalid(`The name of a ${kind} must have 1 to ${nameLengthMax} characters.`)
    }
    if (this.#names.has(name)) {
      throw invalid(
        `Two operators of this job are named '${name}'.`,
        'State is kept under the name: give each its own with { name }.'
      )
    }
    this.#names.add(name)
    return name
  }

  add<N extends StreamNode>(node: N, inputs: readonly StreamNode[]): N {
    if (this.nodes.length >= nodesMax) throw invalid(`A job has at most ${nodesMax} operators.`)
    this.nodes.push(node)
    for (const input of inputs) input.outputs.push(node)
    return node
  }

  sinks(): readonly SinkNode[] {
    return this.nodes.filter((node) => node.kind === 'sink')
  }

  sources(): readonly SourceNode[] {
    return this.nodes.filter((node) => node.kind === 'source')
  }

  /** Refuses a graph that cannot run as it is. */
  check(parallelism: number, isCheckpointing: boolean): void {
    if (this.sources().length === 0) {
      throw invalid('The job has no source.', 'Begin a stream with env.addSource(...).')
    }
    if (this.sinks().length === 0) throw invalid('The job has no sink.', 'End a stream with .addSink(...).')
    for (const node of this.nodes) {
      if (node.kind === 'map' || node.kind === 'filter' || node.kind === 'flatMap') {
        checkDefinition(node.kind, node.definition, node.name, parallelism)
      }
    }
    const committing = this.sources().find(({ source }) => source.needsCheckpoints !== undefined)
    if (committing?.source.needsCheckpoints !== undefined && !isCheckpointing) {
      throw invalid(
        `Source '${committing.name}' needs checkpoints, and checkpointing is off: ${committing.source.needsCheckpoints}.`,
        `${lineToAdd}, or choose another offsetCommitMode.`
      )
    }
    const transactional = this.sinks().find(({ sink }) => sink.participant !== undefined)
    if (transactional !== undefined && !isCheckpointing) {
      throw invalid(
        `Sink '${transactional.name}' is EXACTLY_ONCE, but checkpointing is off: nothing it writes would ever become visible.`,
        `${lineToAdd}, or choose another semantic for the sink.`
      )
    }
  }
}

export function invalid(message: string, nextStep?: string): JobError {
  return new JobError('INVALID_JOB', message, { fatal: true, ...(nextStep === undefined ? {} : { nextStep }) })
}
