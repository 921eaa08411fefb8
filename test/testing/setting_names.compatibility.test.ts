// What may be given in `config` is what a broker of Kafka 4.4.0 has: names, types, defaults, and what can be changed.
import { expect, test } from 'vitest'
import { isForeignSetting } from '../../src/testing/cluster/setting_names.ts'
import { brokerSettings, configTypes } from '../../src/testing/cluster/setting_table.ts'
import { startBroker } from '../broker/broker.ts'
import { describeBrokers } from '../broker/real_kafka.ts'
import { Wire } from '../broker/wire.ts'

/** Kafka does not show these. */
const internal = [
  'min.incremental.fetch.session.eviction.ms',
  'producer.id.expiration.check.interval.ms',
  'unstable.api.versions.enable'
]
const defaultSource = 5

describeBrokers('the settings of a real Kafka', () => {
  test('are those that may be given at start', async () => {
    await using broker = await startBroker({})
    using wire = await Wire.open(broker.bootstrap)
    const resources = [{ resourceType: 4, resourceName: '1', configurationKeys: null }]
    const { results } = await wire.request('DescribeConfigs', 4, { resources })
    const real = new Map(results[0]!.configs.map((one) => [one.name, one]))
    expect([...real.keys()].filter((name) => !brokerSettings.has(name) && !isForeignSetting(name))).toEqual([])
    expect([...brokerSettings.keys()].filter((name) => !real.has(name))).toEqual(internal)
    for (const [name, { kind, defaultValue, isDynamic }] of brokerSettings) {
      const one = real.get(name)
      if (one === undefined) continue
      expect([name, one.configType, one.readOnly]).toEqual([name, configTypes[kind], !isDynamic])
      if (one.configSource === defaultSource) expect([name, one.value]).toEqual([name, defaultValue])
    }
  })
})
