// A pipeline that was gone for longer than its transaction may wait: the broker has ended what was prepared, and only
// the checkpoint before it can bring the output back. Each run answers what was not as it must be.
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PreparedTransaction } from 'kafka-once'
import { pendingKafkaTransactions } from 'kafka-once/exactlyonce'
import type { Checkpoint } from 'kafka-once/exactlyonce'
import { scanPartition } from '../broker/log_scan.ts'
import type { FaultOrder } from '../faults/orders.ts'
import type { Pipeline } from '../faults/pipeline.ts'
import { Site } from '../faults/site.ts'
import type { RunOptions } from '../faults/site.ts'

/** Short, but longer than a machine stands still. */
const timeoutMs = 5_000
const intervalMs = 200
const transactionTimeoutMs = timeoutMs + intervalMs

/** A broker looks for transactions that wait too long every 10 s, unless it is told otherwise. */
const brokerPatienceMs = 60_000

export interface DowntimeOptions {
  readonly bootstrap: string
  /** Unique on the broker. */
  readonly name: string
  /** Which checkpoint of the first process is the last one, counted from 1. */
  readonly hit: number
}

/** The process is killed and started again too late. */
export function replayAfterDeath(options: DowntimeOptions): Promise<string[]> {
  return inSite(options, async (site) => {
    const left = await leavePrepared(site, 'kill', options.hit)
    await untilTimedOut(options.bootstrap, left.handle)
    const pipeline = startThere(site)
    await pipeline.untilEvent('started')
    const faults = announced(pipeline, left, left.checkpoint.previousCheckpointId)
    await site.finish(pipeline)
    return [...faults, ...(await site.judge()).faults]
  })
}

/** The process is paused and woken too late: it recovers by itself. */
export function replayAfterSleep(options: DowntimeOptions): Promise<string[]> {
  return inSite(options, async (site) => {
    const left = await leavePrepared(site, 'pause', options.hit)
    await untilTimedOut(options.bootstrap, left.handle)
    const pipeline = site.pipelines.at(-1)!
    pipeline.signal('SIGCONT')
    await pipeline.untilEvent('transactionLost')
    const faults = announced(pipeline, left, left.checkpoint.previousCheckpointId)
    await site.finish(pipeline)
    return [...faults, ...(await site.judge()).faults]
  })
}

/** The process is killed, and the checkpoint that could make its output again is removed by hand. */
export function stopWithoutCheckpoint(options: DowntimeOptions): Promise<string[]> {
  return inSite(options, async (site) => {
    const left = await leavePrepared(site, 'kill', options.hit)
    const recordsLost = await untilTimedOut(options.bootstrap, left.handle)
    await removeCheckpoint(site, left.checkpoint.previousCheckpointId)
    const stopped = startThere(site)
    await stopped.untilGone()
    const faults = notNamed(stopped, left)

    const accepting = startThere(site, { onLostTransaction: 'acceptLoss' })
    await accepting.untilEvent('started')
    faults.push(...announced(accepting, left, null))
    await site.finish(accepting)
    const { outputs } = await site.judge()
    const { lost = -1, duplicated = -1, outOfOrder = -1, wrongState = -1, foreign = -1 } = outputs[0] ?? {}
    const found = JSON.stringify({ lost, duplicated, outOfOrder, wrongState, foreign })
    const accepted = JSON.stringify({ lost: recordsLost, duplicated: 0, outOfOrder: 0, wrongState: 0, foreign: 0 })
    return found === accepted ? faults : [...faults, `the output is ${found} where ${accepted} was accepted`]
  })
}

async function inSite({ bootstrap, name }: DowntimeOptions, run: (site: Site) => Promise<string[]>): Promise<string[]> {
  const site = await Site.open({ bootstrap, name, partitions: 2, timeoutMs, transactionTimeoutMs })
  try {
    const faults = await run(site)
    return faults.length === 0 ? [] : [...faults, await site.history()]
  } catch (cause) {
    throw new Error(`the run could not be ended:\n${await site.history()}`, { cause })
  } finally {
    await site.close()
  }
}

function startThere(site: Site, options: RunOptions = {}): Pipeline {
  return site.start({ intervalMs, ...options })
}

interface LeftPrepared {
  readonly checkpoint: Checkpoint & { readonly previousCheckpointId: number }
  readonly handle: PreparedTransaction
}

/** On a machine with other work no record may have come between two barriers; then there is nothing to prepare. */
const emptyMax = 10

/** Kills or pauses a process when a checkpoint is durable and not committed, and tells what it has left. */
async function leavePrepared(site: Site, action: FaultOrder['action'], hit: number): Promise<LeftPrepared> {
  for (let empty = 0; empty < emptyMax; empty++) {
    const order: FaultOrder = { point: 'checkpoint.durable', hit, phase: 'run', action }
    const pipeline = startThere(site, { order })
    await pipeline.untilEvent('fault')
    if (action === 'kill') await pipeline.untilGone()
    const checkpoint = await site.newestCheckpoint()
    if (checkpoint === undefined) throw new Error('there is no checkpoint')
    const handle = pendingKafkaTransactions(checkpoint).at(-1)
    const { previousCheckpointId } = checkpoint
    if (previousCheckpointId === undefined) throw new Error('there is no checkpoint before')
    if (handle !== undefined) return { checkpoint: { ...checkpoint, previousCheckpointId }, handle }
    if (action === 'pause') {
      pipeline.signal('SIGKILL')
      await pipeline.untilGone()
    }
  }
  throw new Error(`nothing was prepared ${emptyMax} times`)
}

/** Waits until the broker has written its abort markers, and answers how many records they have ended. */
async function untilTimedOut(bootstrap: string, { partitions, producerId }: PreparedTransaction): Promise<number> {
  const deadlineMs = performance.now() + brokerPatienceMs
  let records = 0
  for (const { topic, partition, firstOffset } of partitions) {
    for (;;) {
      const fromOffset = BigInt(firstOffset)
      const { transactions } = await scanPartition(bootstrap, topic, partition, { fromOffset })
      const own = transactions.find((one) => String(one.producerId) === producerId)
      if (own?.outcome === 'ABORT') {
        records += own.recordCount
        break
      }
      if (own?.outcome === 'COMMIT') throw new Error(`${topic}-${partition} was committed`)
      if (performance.now() > deadlineMs) throw new Error(`${topic}-${partition} is still open`)
      await sleep(200)
    }
  }
  if (records === 0) throw new Error('the transaction held no records')
  return records
}

/** Removes the file of one checkpoint, as a hand that clears a disk would. */
async function removeCheckpoint(site: Site, checkpointId: number): Promise<void> {
  const names = await readdir(site.folder)
  const own = names.filter((name) => name.startsWith('checkpoint-') && Number(name.split('-')[1]) === checkpointId)
  if (own.length !== 1) throw new Error(`no single file of checkpoint ${checkpointId} among ${names.join(' ')}`)
  for (const name of own) await rm(join(site.folder, name))
}

/** The event of the loss, and the verdict, must have been told; once each. */
function announced(pipeline: Pipeline, { checkpoint }: LeftPrepared, restoredCheckpointId: number | null): string[] {
  const { checkpointId } = checkpoint
  const told = JSON.stringify(pipeline.all('transactionLost'))
  const expected = JSON.stringify([{ event: 'transactionLost', checkpointId, restoredCheckpointId }])
  const verdicts = pipeline.all('verdict').filter((one) => one.checkpointId === checkpointId)
  const faults = told === expected ? [] : [`told ${told} where ${expected} was to be told`]
  const isLost = verdicts.length > 0 && verdicts.every(({ verdict }) => verdict === 'lost')
  return isLost ? faults : [...faults, `the verdict on the lost transaction is ${JSON.stringify(verdicts)}`]
}

/** The process must end by the typed error with an exit code, and say all that is known of what is lost. */
function notNamed(pipeline: Pipeline, { checkpoint, handle }: LeftPrepared): string[] {
  const { transactionalId, producerId, producerEpoch, partitions } = handle
  const failed = pipeline.all('failed').at(0)
  const message = failed?.message ?? ''
  const wanted = [
    `Checkpoint ${checkpoint.checkpointId}`,
    transactionalId,
    `producerId ${producerId}, epoch ${producerEpoch}`,
    ...partitions.map(({ topic, partition, firstOffset }) => `${topic}-${partition} from offset ${firstOffset}`)
  ]
  const faults = wanted.filter((part) => !message.includes(part)).map((part) => `'${part}' is not in: ${message}`)
  const ageMs = Number(/(\d+) ms old/.exec(message)?.[1])
  if (!(ageMs > transactionTimeoutMs)) faults.push(`the age is ${ageMs} ms in: ${message}`)
  if (failed?.name !== 'CommittedDataLostError') faults.push(`it ended by ${failed?.name}`)
  if (pipeline.exitCode !== 1) faults.push(`its exit code is ${pipeline.exitCode}`)
  return faults
}
