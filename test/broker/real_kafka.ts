// The doors through which test suites reach a real Kafka. Where there is none, the suite is reported as skipped with the
// reason in its name, and never as passed.
import { describe, inject } from 'vitest'

/** Declares a suite that shares the run's one broker: topics, groups and ids need names of their own. */
export function describeKafka(name: string, suite: (kafka: { readonly bootstrap: string }) => void): void {
  const missing = inject('kafkaMissing')
  const body = (): void => suite({ bootstrap: inject('kafkaBootstrap') })
  if (missing === '') describe(name, body)
  else describe.skip(notRun(name, missing), body)
}

/** Declares a suite that starts brokers of its own with `startBroker`, for which an embedded one will do. */
export function describeBrokers(name: string, suite: () => void): void {
  const missing = inject('brokersMissing')
  if (missing === '') describe(name, suite)
  else describe.skip(notRun(name, missing), suite)
}

/** Declares a suite that needs Apache Kafka's own jars: its classes, older versions of it, processes to kill. */
export function describeJars(name: string, suite: () => void): void {
  const missing = inject('jarsMissing')
  if (missing === '') describe(name, suite)
  else describe.skip(notRun(name, missing), suite)
}

/** Declares a suite that runs against a Kafka in a container. */
export function describeContainer(name: string, suite: (kafka: { readonly bootstrap: string }) => void): void {
  const missing = inject('containerMissing')
  const body = (): void => suite({ bootstrap: inject('containerBootstrap') })
  if (missing === '') describe(name, body)
  else describe.skip(notRun(name, missing), body)
}

function notRun(name: string, reason: string): string {
  return `${name} (not run: ${reason})`
}
