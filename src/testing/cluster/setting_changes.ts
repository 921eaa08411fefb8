// Owns changes of settings that administrators ask for: which resource is meant, whether every value may be set, and only
// then all of them together. Source: org.apache.kafka.controller.ConfigurationControlManager. KIP-226, KIP-339.

import { errorCode } from '../../protocol/index.ts'
import { Refusal } from '../log/refusal.ts'
import type { Cluster } from './cluster.ts'
import { brokerSettingFault, isListSetting, topicSettingFault } from './setting_view.ts'
import type { Settings } from './settings.ts'

/** What to do with one setting; the numbers are those of the protocol. */
export const settingOperation = Object.freeze({ set: 0, remove: 1, append: 2, subtract: 3 })

export interface SettingChange {
  readonly name: string
  readonly operation: number
  readonly value: string | null
}

/** The settings of a resource. */
export interface SettingTarget {
  readonly settings: Settings
  readonly isTopic: boolean
}

const topicType = 2
const brokerType = 4

/** The settings that a resource of a request means. The brokers' are shared, whichever of them is named. */
export function settingTarget(cluster: Cluster, resourceType: number, resourceName: string): SettingTarget | Refusal {
  if (resourceType === topicType) {
    if (resourceName === '') return new Refusal(errorCode.INVALID_REQUEST, 'Default topic resources are not allowed.')
    const topic = cluster.topics.get(resourceName)
    if (topic !== undefined) return { settings: topic.settings, isTopic: true }
    return new Refusal(errorCode.UNKNOWN_TOPIC_OR_PARTITION, `The topic '${resourceName}' does not exist.`)
  }
  if (resourceType !== brokerType) {
    return new Refusal(errorCode.INVALID_REQUEST, `Unsupported resource type ${resourceType}`)
  }
  if (resourceName === '' || cluster.nodes.has(Number(resourceName))) {
    return { settings: cluster.settings, isTopic: false }
  }
  return new Refusal(errorCode.INVALID_REQUEST, `Unknown broker id ${resourceName}`)
}

/** Makes all changes, or none and says what is wrong with one of them. */
export function changeSettings(
  target: SettingTarget,
  changes: readonly SettingChange[],
  validateOnly: boolean
): Refusal | undefined {
  const { settings, isTopic } = target
  const outcome = new Map<string, string | undefined>()
  for (const change of changes) {
    if (outcome.has(change.name)) {
      return new Refusal(errorCode.INVALID_REQUEST, `Error due to duplicate config keys`)
    }
    const value = newValue(change, settings, isTopic)
    if (value instanceof Refusal) return value
    const check = isTopic ? topicSettingFault : brokerSettingFault
    const wrong = value === undefined ? undefined : check(change.name, value)
    if (wrong !== undefined) return new Refusal(isTopic ? errorCode.INVALID_CONFIG : errorCode.INVALID_REQUEST, wrong)
    outcome.set(change.name, value)
  }
  if (!validateOnly) for (const [name, value] of outcome) settings.set(name, value)
  return undefined
}

function newValue(change: SettingChange, settings: Settings, isTopic: boolean): string | undefined | Refusal {
  const { name, operation, value } = change
  if (operation === settingOperation.remove) return undefined
  if (value === null) {
    return new Refusal(errorCode.INVALID_REQUEST, `Null value not supported for : ${name}`)
  }
  if (operation === settingOperation.set) return value
  if (operation !== settingOperation.append && operation !== settingOperation.subtract) {
    // Kafka does not expect such a number, and says no more.
    return new Refusal(errorCode.UNKNOWN_SERVER_ERROR)
  }
  if (!isListSetting(name, isTopic)) {
    return new Refusal(errorCode.INVALID_CONFIG, `Can't change parts of ${name} because its type is not LIST.`)
  }
  const current = (settings.find(name) ?? '').split(',').filter((part) => part !== '')
  const parts = value.split(',')
  if (operation === settingOperation.subtract) return current.filter((part) => !parts.includes(part)).join(',')
  return [...new Set([...current, ...parts])].join(',')
}
