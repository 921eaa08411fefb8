// Owns the way to the records of Kafka's own classes: the programs of test/java/records, run on the jars of Kafka 4.4.0.
import { fileURLToPath } from 'node:url'
import { classPath, javaCommand, kafkaJars } from '../broker/jars.ts'
import { run } from '../broker/processes.ts'

const timeoutMsDefault = 110_000

/** What a program prints. */
export async function javaRecords(
  program: 'RecordVectors' | 'Tables',
  args: readonly string[],
  input = '',
  timeoutMs = timeoutMsDefault
): Promise<string> {
  const jars = await kafkaJars()
  if (jars === undefined) throw new Error('the jars were here a moment ago')
  const file = fileURLToPath(new URL(`../java/records/${program}.java`, import.meta.url))
  const all = ['-XX:TieredStopAtLevel=1', '-cp', classPath(jars), file, ...args]
  const { code, stdout, stderr } = await run(javaCommand(), all, { input, timeoutMs })
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${stderr.slice(0, 2_000)}`)
  return stdout
}
