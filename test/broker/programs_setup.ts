// Builds the programs that suites start as child processes, for suites that bring their own Kafka.
import { buildPrograms } from './build_programs.ts'

export default async function setup(): Promise<void> {
  await buildPrograms()
}
