// Owns the values of settings: what was changed while the cluster ran, else what it was started with, else the default of
// Kafka 4.4.0. A topic's settings fall back to the brokers' that stand for the same thing. Brokers share their settings.

import { brokerSettings, topicSettings } from './setting_table.ts'

/** Settings of the brokers, or of one topic above them. */
export class Settings {
  readonly #given: ReadonlyMap<string, string>
  readonly #changed = new Map<string, string>()
  readonly #brokers: Settings | undefined
  /** Numbers that were read already; emptied when anything changes. */
  readonly #numbers = new Map<string, number>()
  readonly #topics = new Set<Settings>()

  /** `given` is what the brokers were started with, or what a topic was created with. */
  constructor(given: Readonly<Record<string, string>> = {}, brokers?: Settings) {
    this.#brokers = brokers
    this.#given = new Map(brokers === undefined ? Object.entries(given) : [])
    if (brokers === undefined) return
    for (const [name, value] of Object.entries(given)) this.#changed.set(name, value)
    brokers.#topics.add(this)
  }

  /** The value in force. Throws where there is none. */
  text(name: string): string {
    const value = this.find(name)
    if (value === undefined) throw new Error(`No setting is called ${name}, or it has no value`)
    return value
  }

  /** The value in force, or undefined where there is none. */
  find(name: string): string | undefined {
    const own = this.#changed.get(name) ?? this.#given.get(name)
    if (own !== undefined) return own
    if (this.#brokers === undefined) return brokerSettings.get(name)?.defaultValue ?? undefined
    const info = topicSettings.get(name)
    if (info === undefined) return this.#brokers.find(name)
    for (const [brokerName, factor] of info.synonyms) {
      const inherited = this.#brokers.find(brokerName)
      if (inherited !== undefined) return factor === 1 ? inherited : String(Number(inherited) * factor)
    }
    return info.defaultValue
  }

  number(name: string): number {
    const known = this.#numbers.get(name)
    if (known !== undefined) return known
    const value = Number(this.text(name))
    if (Number.isNaN(value)) throw new Error(`The setting ${name} is '${this.text(name)}', not a number`)
    this.#numbers.set(name, value)
    return value
  }

  boolean(name: string): boolean {
    return this.text(name) === 'true'
  }

  /** What the brokers were started with. */
  given(name: string): string | undefined {
    return this.#given.get(name)
  }

  /** What was changed while the cluster ran; for a topic, also what it was created with. */
  changed(name: string): string | undefined {
    return this.#changed.get(name)
  }

  changedEntries(): readonly (readonly [name: string, value: string])[] {
    return [...this.#changed]
  }

  /** Changes a value, or takes the change back with undefined. */
  set(name: string, value: string | undefined): void {
    if (value === undefined) this.#changed.delete(name)
    else this.#changed.set(name, value)
    this.#forget()
  }

  /** A topic is gone: no longer told of changes. */
  release(): void {
    if (this.#brokers !== undefined) this.#brokers.#topics.delete(this)
  }

  #forget(): void {
    this.#numbers.clear()
    for (const topic of this.#topics) topic.#forget()
  }
}
