// Runs once before all suites that need a Kafka: builds the programs that tests start as child processes, and finds
// the one broker that suites share. Suites that kill a broker start their own.
import type { TestProject } from 'vitest/node'
import { buildPrograms } from './build_programs.ts'
import { hasEmbeddedBrokers, isEmbeddedRun, needsRealKafka, useEmbeddedBrokers } from './embedded.ts'
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
  const jarsMissing = 'reason' in jars ? jars.reason : ''
  const kafka = await findShared()
  // Whoever asked for the real thing is told that it is not there; anybody else gets what can be had.
  const isForced = ['jars', 'container'].includes(process.env['KAFKA_VIA'] ?? '')
  if (jarsMissing !== '' && !isForced) {
    useEmbeddedBrokers()
    console.log(
      `kafka: suites that break brokers use embedded ones; not run are those that need Kafka's own: ${jarsMissing}`
    )
  }
  project.provide('kafkaBootstrap', kafka.via === 'none' ? '' : kafka.bootstrap)
  project.provide('kafkaMissing', kafka.via === 'none' ? kafka.reason : '')
  project.provide('jarsMissing', jarsMissing)
  project.provide('brokersMissing', hasEmbeddedBrokers() ? '' : jarsMissing)
  return async () => {
    if (kafka.via !== 'none') await kafka.stop()
  }
}

/** The one broker of the run: a real one where there is one, else, where none was asked for, the embedded one. */
async function findShared(): Promise<Awaited<ReturnType<typeof findKafka>>> {
  const found = await findKafka('tests')
  const isAsked = (process.env['KAFKA_VIA'] ?? '') !== '' || (process.env['KAFKA_BROKERS'] ?? '') !== ''
  if (found.via !== 'none' || isAsked) return found
  process.env['KAFKA_VIA'] = 'embedded'
  return findKafka('tests')
}
