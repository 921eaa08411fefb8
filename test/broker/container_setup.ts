// Runs once before the suites that must see a Kafka in a container: builds the programs that they start as child
// processes and starts the container. Never falls back to jars: that the container works is what these suites are for.
import type { TestProject } from 'vitest/node'
import { buildPrograms } from './build_programs.ts'
import { startContainer } from './container.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** `host:port`, or empty where there is no container. */
    containerBootstrap: string
    /** Why there is no container; empty where there is one. */
    containerMissing: string
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [, container] = await Promise.all([buildPrograms(), startWanted()])
  const missing = 'reason' in container ? container.reason : ''
  project.provide('containerMissing', missing)
  project.provide('containerBootstrap', 'reason' in container ? '' : container.bootstrap)
  console.log(
    'reason' in container
      ? `kafka: no container: ${missing}`
      : `kafka: ${container.image} in a container at ${container.bootstrap}`
  )
  return async () => {
    if (!('reason' in container)) await container.stop()
  }
}

async function startWanted(): ReturnType<typeof startContainer> {
  if (process.env['KAFKA_VIA'] === 'jars') return { reason: 'KAFKA_VIA=jars asks for no container' }
  return startContainer()
}
