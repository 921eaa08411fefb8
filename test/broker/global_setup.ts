// Runs once before all suites that need a real Kafka: builds the programs that tests start as child processes, and finds
// the one broker that suites share. Suites that kill a broker start their own.
import type { TestProject } from 'vitest/node'
import { buildPrograms } from './build_programs.ts'
import { isEmbeddedRun, needsRealKafka } from './embedded.ts'
import { findKafka } from './find.ts'
import { findJars } from './jars.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** `host:port`, or empty where there is no Kafka. */
    kafkaBootstrap: string
    /** Why there is no Kafka to share; empty where there is one. */
    kafkaMissing: string
    /** Why no broker can be started from jars; empty where it can. */
    jarsMissing: string
    /** Why no broker can be started; empty where one can, if only an embedded one. */
    brokersMissing: string
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [, jars] = await Promise.all([buildPrograms(), isEmbeddedRun() ? { reason: needsRealKafka } : findJars()])
  const kafka = await findKafka('tests')
  project.provide('kafkaBootstrap', kafka.via === 'none' ? '' : kafka.bootstrap)
  project.provide('kafkaMissing', kafka.via === 'none' ? kafka.reason : '')
  const reason = 'reason' in jars ? jars.reason : ''
  project.provide('jarsMissing', isEmbeddedRun() ? needsRealKafka : reason)
  project.provide('brokersMissing', isEmbeddedRun() ? '' : reason)
  return async () => {
    if (kafka.via !== 'none') await kafka.stop()
  }
}
