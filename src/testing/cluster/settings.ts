// Owns the values of settings: what was set, else the default of Kafka 4.4.0 from setting_table.ts. A topic's settings
// fall back to the broker's setting that stands for the same thing.

import { settingTable, topicSettings } from './setting_table.ts'

/** Settings of one level over those of the level above. */
export class Settings {
  readonly #values = new Map<string, string>()
  readonly #above: Settings | undefined
  /** Numbers that were read already; emptied when anything changes. */
  readonly #numbers = new Map<string, number>()
  readonly #below = new Set<Settings>()

  constructor(values: Readonly<Record<string, string>> = {}, above?: Settings) {
    for (const [name, value] of Object.entries(values)) this.#values.set(name, value)
    this.#above = above
    if (above !== undefined) above.#below.add(this)
  }

  /** The value in force. Throws where Kafka has no such setting and none was given. */
  text(name: string): string {
    const value = this.find(name)
    if (value === undefined) throw new Error(`No setting is called ${name}`)
    return value
  }

  /** The value in force, or undefined where Kafka has no such setting and none was given. */
  find(name: string): string | undefined {
    const own = this.#values.get(name)
    if (own !== undefined) return own
    if (this.#above === undefined) return settingTable.get(name)?.defaultValue
    const topicSetting = topicSettings.get(name)
    if (topicSetting === undefined) return this.#above.find(name)
    const inherited = topicSetting.brokerName === undefined ? undefined : this.#above.find(topicSetting.brokerName)
    return inherited ?? topicSetting.defaultValue
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

  /** What was set at this level itself. */
  own(name: string): string | undefined {
    return this.#values.get(name)
  }

  ownEntries(): readonly (readonly [name: string, value: string])[] {
    return [...this.#values]
  }

  /** Sets, or goes back to the level above with undefined. */
  set(name: string, value: string | undefined): void {
    if (value === undefined) this.#values.delete(name)
    else this.#values.set(name, value)
    this.#forget()
  }

  /** No longer told of changes above. */
  release(): void {
    if (this.#above !== undefined) this.#above.#below.delete(this)
  }

  #forget(): void {
    this.#numbers.clear()
    for (const one of this.#below) one.#forget()
  }
}
