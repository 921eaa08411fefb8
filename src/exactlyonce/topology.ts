// The subtasks of one run: for each subtask index a chain behind every source and every union, wired to each other.
// Owns their making and their restored state, nothing of how they run.
import type { Logger } from '../client/index.ts'
import { Chain } from './chain.ts'
import type { JobCounters, UnionInput } from './chain.ts'
import type { Checkpoint } from './checkpoint/storage.ts'
import type { SubtaskContext, SubtaskEvent } from './functions.ts'
import type { SinkNode, SourceNode, StreamGraph, UnionNode } from './graph.ts'
import type { TransactionParticipant } from './participant.ts'
import type { Runtime } from '../runtime/index.ts'
import { redistribute } from './state.ts'
import type { OperatorState } from './state.ts'
import { SourceTask, UnionTask } from './task.ts'
import type { TaskContext } from './task.ts'

export interface TopologyContext {
  readonly jobName: string
  readonly graph: StreamGraph
  readonly parallelism: number
  readonly restored: Checkpoint | undefined
  readonly participants: ReadonlyMap<string, TransactionParticipant>
  readonly counters: JobCounters
  readonly runtime: Runtime
  readonly logger: Logger
  readonly signal: AbortSignal
  report(operatorName: string, subtaskIndex: number, event: SubtaskEvent): void
  acknowledge(task: number, checkpointId: number, states: ReadonlyMap<string, OperatorState[number]>): void
  onSourceEnd(): void
}

export interface Topology {
  readonly sources: readonly SourceTask[]
  readonly unions: readonly UnionTask[]
}

export function buildTopology(context: TopologyContext): Topology {
  return new TopologyBuilder(context).build()
}

class TopologyBuilder {
  readonly #context: TopologyContext
  readonly #sources: SourceTask[] = []
  readonly #unions = new Map<string, UnionTask>()
  readonly #shares = new Map<string, OperatorState>()
  #tasksCount = 0

  constructor(context: TopologyContext) {
    this.#context = context
    for (const [name, state] of context.restored?.operators ?? []) {
      this.#shares.set(name, redistribute(state, context.parallelism))
    }
  }

  build(): Topology {
    // By subtask first, so that the tasks of one operator are numbered in order of their subtasks.
    for (let subtask = 0; subtask < this.#context.parallelism; subtask++) {
      for (const node of this.#context.graph.sources()) {
        const chain = this.#chain(node, subtask)
        this.#sources.push(new SourceTask(chain, this.#taskContext()))
      }
    }
    return { sources: this.#sources, unions: [...this.#unions.values()] }
  }

  #chain(head: SourceNode | UnionNode, subtaskIndex: number): Chain {
    const { logger, counters, restored, participants } = this.#context
    return new Chain(head, {
      logger,
      counters,
      restoredCheckpointId: restored?.checkpointId,
      subtaskContext: (operatorName) => this.#subtaskContext(operatorName, subtaskIndex),
      participantOf: ({ sink }: SinkNode) => sink.participant && participants.get(sink.participant.name),
      unionInput: (node) => this.#unionInput(node, subtaskIndex),
      restoredState: (operatorName) => this.#shares.get(operatorName)?.[subtaskIndex]
    })
  }

  #unionInput(node: UnionNode, subtaskIndex: number): UnionInput {
    const key = `${subtaskIndex} ${node.name}`
    let task = this.#unions.get(key)
    if (task === undefined) {
      task = new UnionTask(this.#chain(node, subtaskIndex), this.#taskContext(), node.inputsCount)
      this.#unions.set(key, task)
    }
    return task.input()
  }

  #taskContext(): TaskContext {
    const { runtime, counters, signal } = this.#context
    const number = this.#tasksCount++
    return {
      runtime,
      counters,
      signal,
      acknowledge: (checkpointId, states) => this.#context.acknowledge(number, checkpointId, states),
      onEnd: () => this.#context.onSourceEnd()
    }
  }

  #subtaskContext(operatorName: string, subtaskIndex: number): SubtaskContext {
    const { jobName, parallelism, runtime, logger, signal } = this.#context
    return {
      jobName,
      operatorName,
      subtaskIndex,
      parallelism,
      runtime,
      logger,
      signal,
      report: (event) => this.#context.report(operatorName, subtaskIndex, event)
    }
  }
}
