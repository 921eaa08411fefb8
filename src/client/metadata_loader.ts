// Asks for metadata, one request at a time: whoever asks while a request is under way shares the next one, because the
// answer under way may be older than the question. Owns the order of the questions, not the retries.
import { deferred, handled } from '../runtime/index.ts'
import type { Deferred } from '../runtime/index.ts'
import type { LearnedTopic } from './metadata.ts'

/** What the answer said about each topic, by name. */
export type LearnedTopics = ReadonlyMap<string, LearnedTopic>

/** Sends one request, for all topics where `names` is null, and remembers the answer. */
export type AskMetadata = (names: readonly string[] | null) => Promise<LearnedTopics>

interface Question {
  readonly names: Set<string>
  isForAll: boolean
  readonly answer: Deferred<LearnedTopics>
}

export class MetadataLoader {
  readonly #ask: AskMetadata
  #next: Question | undefined
  #isRunning = false

  constructor(ask: AskMetadata) {
    this.#ask = ask
  }

  /** Metadata of these topics, or of all; of the brokers in any case. */
  load(names: readonly string[] | 'all'): Promise<LearnedTopics> {
    this.#next ??= { names: new Set(), isForAll: false, answer: deferred() }
    const question = this.#next
    if (names === 'all') question.isForAll = true
    else for (const name of names) question.names.add(name)
    if (!this.#isRunning) {
      this.#isRunning = true
      void this.#run()
    }
    return handled(question.answer.promise)
  }

  async #run(): Promise<void> {
    // Whoever asks in the same turn still joins the first request.
    await Promise.resolve()
    for (let question = this.#next; question !== undefined; question = this.#next) {
      this.#next = undefined
      await this.#answer(question)
    }
    this.#isRunning = false
  }

  async #answer(question: Question): Promise<void> {
    try {
      question.answer.resolve(await this.#ask(question.isForAll ? null : [...question.names]))
    } catch (error) {
      question.answer.reject(error)
    }
  }
}
