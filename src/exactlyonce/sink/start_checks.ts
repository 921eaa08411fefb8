// What must hold before a job with Kafka sinks may promise exactly-once. Each refusal names the numbers and what to
// change. Nothing here writes anything.
import { describeConfigs, KafkaError, ledgerGroupOf, readLedger } from '../../client/index.ts'
import type { Cluster } from '../../client/index.ts'
import { JobError } from '../errors.ts'
import type { CheckpointingSettings } from '../functions.ts'
import type { SinkSettings } from './sink_settings.ts'

export interface StartCheckOptions {
  readonly checkpointing: CheckpointingSettings
  readonly transactionalIds: readonly string[]
  readonly deadlineMs: number
  readonly signal: AbortSignal
}

/** Throws JobError INVALID_JOB. */
export async function checkKafkaStart(
  cluster: Cluster,
  settings: SinkSettings,
  options: StartCheckOptions
): Promise<void> {
  refuseShortTimeout(settings, options.checkpointing)
  await refuseLongTimeout(cluster, settings, options)
  await refuseMissingTopics(cluster, settings, options)
  await refuseUnreadableLedger(cluster, settings, options)
}

// A checkpoint's transaction is open for one interval and sealed for one checkpoint: the broker must not end it sooner.
function refuseShortTimeout(
  { transactionTimeoutMs }: SinkSettings,
  { intervalMs, timeoutMs }: CheckpointingSettings
): void {
  if (transactionTimeoutMs >= intervalMs + timeoutMs) return
  throw refusal(
    `transactionTimeoutMs is ${transactionTimeoutMs}, less than the checkpoint interval of ${intervalMs} ms and the ` +
      `checkpoint timeout of ${timeoutMs} ms together: the broker could abort a transaction before it can be committed.`,
    'Raise transactionTimeoutMs of the sink, or lower the interval or timeoutMs of enableCheckpointing.'
  )
}

const maxTimeoutName = 'transaction.max.timeout.ms'

async function refuseLongTimeout(
  cluster: Cluster,
  { transactionTimeoutMs }: SinkSettings,
  options: StartCheckOptions
): Promise<void> {
  const max = await brokersTimeoutMax(cluster, options)
  if (max === undefined || transactionTimeoutMs <= max) return
  throw refusal(
    `transactionTimeoutMs is ${transactionTimeoutMs}, more than the brokers' ${maxTimeoutName}, which is ${max}.`,
    `Lower transactionTimeoutMs of the sink, or raise ${maxTimeoutName} of the brokers.`
  )
}

// Undefined where the principal may not ask: initializing the ids will tell.
async function brokersTimeoutMax(cluster: Cluster, options: StartCheckOptions): Promise<number | undefined> {
  try {
    const [broker] = await cluster.brokers(options.signal)
    if (broker === undefined) return undefined
    const configs = await describeConfigs(cluster, { nodeId: broker.nodeId }, [maxTimeoutName], options)
    const value = Number(configs.get(maxTimeoutName)?.value ?? NaN)
    return Number.isFinite(value) ? value : undefined
  } catch (error) {
    if (!(error instanceof KafkaError)) throw error
    cluster.logger.debug(`${maxTimeoutName} could not be read`, { reason: error.message })
    return undefined
  }
}

async function refuseMissingTopics(
  cluster: Cluster,
  { topics, ledgerTopic }: SinkSettings,
  { signal }: StartCheckOptions
): Promise<void> {
  const names = [...new Set([...topics, ledgerTopic])]
  const known = await cluster.topics(names, { refresh: true, signal })
  const missing = names.filter((name) => !known.has(name))
  if (missing.length === 0) return
  throw refusal(`The sink's topic does not exist: ${missing.join(', ')}.`, 'Create it, or correct its name.')
}

async function refuseUnreadableLedger(
  cluster: Cluster,
  { ledgerTopic }: SinkSettings,
  { transactionalIds, deadlineMs, signal }: StartCheckOptions
): Promise<void> {
  for (const groupId of transactionalIds.map(ledgerGroupOf)) {
    const place = { groupId, topic: ledgerTopic, partition: 0 }
    const entry = await readLedger(cluster, { ...place, requireStable: false, deadlineMs, signal })
    if (entry.kind !== 'unreadable') continue
    throw refusal(
      `The ledger group ${groupId} cannot be read (code ${entry.errorCode}), and without it the outcome of a transaction cannot be proven.`,
      'Grant the principal READ on the groups whose names begin with the transactionalIdPrefix, and DESCRIBE on the topic.'
    )
  }
}

function refusal(message: string, nextStep: string): JobError {
  return new JobError('INVALID_JOB', `EXACTLY_ONCE cannot be kept: ${message}`, { fatal: true, nextStep })
}
