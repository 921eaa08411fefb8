// Owns how settings look to administrators: values with their sources and synonyms, and what is wrong with a new value.
// Source: kafka.server.ConfigHelper, org.apache.kafka.controller.ConfigurationControlManager, ConfigDef. KIP-226.

import { isForeignSetting } from './setting_names.ts'
import { brokerChecks, brokerSettings, configTypes, topicSettings } from './setting_table.ts'
import type { SettingKind } from './setting_table.ts'
import type { Settings } from './settings.ts'

/** Where a value comes from, as numbers of DescribeConfigs. */
const source = Object.freeze({ topic: 1, dynamicDefault: 3, given: 4, defaultValue: 5 })

export interface SettingSynonym {
  readonly name: string
  readonly value: string | null
  readonly source: number
}

/** One setting as DescribeConfigs shows it. */
export interface ShownSetting {
  readonly name: string
  readonly value: string | null
  readonly readOnly: boolean
  readonly configSource: number
  readonly isSensitive: boolean
  readonly synonyms: readonly SettingSynonym[]
  readonly configType: number
  readonly documentation: null
}

/** All settings of the brokers, or those named. */
export function shownBrokerSettings(settings: Settings, names: readonly string[] | null): ShownSetting[] {
  return chosen(brokerSettings.keys(), names).flatMap((name) => {
    const { kind, isDynamic, isInternal } = brokerSettings.get(name)!
    return isInternal ? [] : shown(name, settings.find(name) ?? null, kind, brokerSynonyms(settings, name), !isDynamic)
  })
}

/** What was changed while the brokers ran, or those of it that are named. */
export function shownDynamicSettings(settings: Settings, names: readonly string[] | null): ShownSetting[] {
  const changed = settings.changedEntries().map(([name]) => name)
  return chosen(changed, names).map((name) => {
    const kind = brokerSettings.get(name)?.kind ?? 'string'
    const own = brokerSynonyms(settings, name).filter((one) => one.source === source.dynamicDefault)
    return shown(name, settings.changed(name) ?? null, kind, own, false)
  })
}

/** All settings of a topic, or those named. */
export function shownTopicSettings(
  topic: Settings,
  brokers: Settings,
  names: readonly string[] | null
): ShownSetting[] {
  return chosen(topicSettings.keys(), names).map((name) => {
    const info = topicSettings.get(name)!
    const own = topic.changed(name)
    const synonyms: SettingSynonym[] = own === undefined ? [] : [{ name, value: own, source: source.topic }]
    // Kafka shows no synonym in another unit.
    for (const [brokerName, factor] of info.synonyms) {
      if (factor === 1) synonyms.push(...brokerSynonyms(brokers, brokerName))
    }
    return shown(name, topic.find(name) ?? null, info.kind, synonyms, false)
  })
}

/** What is wrong with a value of a topic's setting; undefined where nothing is. */
export function topicSettingFault(name: string, value: string): string | undefined {
  const info = topicSettings.get(name)
  if (info === undefined) return `Unknown topic config name: ${name}`
  const wrong = kindFault(info.kind, value) ?? info.check?.(value)
  return wrong === undefined ? undefined : `Invalid value ${value} for configuration ${name}: ${wrong}`
}

/** What is wrong with a new value of the brokers' setting; undefined where nothing is. */
export function brokerSettingFault(name: string, value: string): string | undefined {
  const info = brokerSettings.get(name)
  if (info === undefined) return undefined
  if (!info.isDynamic) return `Cannot update these configs dynamically: Set(${name})`
  const wrong = kindFault(info.kind, value)
  return wrong === undefined ? undefined : `Invalid value ${value} for configuration ${name}: ${wrong}`
}

/** What is wrong with a setting that brokers are started with; undefined where nothing is. */
export function startSettingFault(name: string, value: string): string | undefined {
  const info = brokerSettings.get(name)
  if (info !== undefined) {
    const wrong = kindFault(info.kind, value) ?? brokerChecks[name]?.(value)
    return wrong === undefined ? undefined : `${name}: ${value} (${wrong})`
  }
  if (isForeignSetting(name)) return undefined
  const [synonym] = topicSettings.get(name)?.synonyms[0] ?? []
  if (synonym !== undefined) return `${name}, which is a setting of topics; brokers call it ${synonym}`
  return `${name}, which is no setting of a broker of Kafka 4.4.0`
}

/** The parts of a setting that is a list. */
export function isListSetting(name: string, isTopic: boolean): boolean {
  return (isTopic ? topicSettings : brokerSettings).get(name)?.kind === 'list'
}

function brokerSynonyms(settings: Settings, name: string): SettingSynonym[] {
  const values = [
    [settings.changed(name), source.dynamicDefault],
    [settings.given(name), source.given],
    [brokerSettings.get(name)?.defaultValue ?? undefined, source.defaultValue]
  ] as const
  return values.flatMap(([value, from]) => (value === undefined ? [] : { name, value, source: from }))
}

function shown(
  name: string,
  value: string | null,
  kind: SettingKind,
  synonyms: readonly SettingSynonym[],
  readOnly: boolean
): ShownSetting {
  const configSource = synonyms[0]?.source ?? source.defaultValue
  return {
    name,
    value,
    readOnly,
    configSource,
    isSensitive: false,
    synonyms,
    configType: configTypes[kind],
    documentation: null
  }
}

/** An empty list of names asks for all, as null does. */
function chosen(all: Iterable<string>, names: readonly string[] | null): string[] {
  return names === null || names.length === 0 ? [...all] : [...all].filter((name) => names.includes(name))
}

const integer = /^[+-]?\d+$/
const limits: Partial<Record<SettingKind, bigint>> = { short: 32_767n, int: 2_147_483_647n, long: 2n ** 63n - 1n }

function kindFault(kind: SettingKind, value: string): string | undefined {
  if (kind === 'boolean') {
    return /^(true|false)$/i.test(value.trim()) ? undefined : 'Expected value to be either true or false'
  }
  if (kind === 'double') return Number.isNaN(Number(value)) ? 'Not a number of type DOUBLE' : undefined
  const limit = limits[kind]
  if (limit === undefined) return undefined
  const isNumber = integer.test(value.trim())
  const isInRange = isNumber && BigInt(value.trim()) <= limit && BigInt(value.trim()) >= -limit - 1n
  return isInRange ? undefined : `Not a number of type ${kind.toUpperCase()}`
}
