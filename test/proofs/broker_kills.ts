// The only broker dies by kill -9 in the moment in which it has answered a commit, or has begun to abort what a dead
// process left open. A real one then often leaves a partition without its marker (KAFKA-20734), and nobody but the engine
// repairs that. Owns one run of such kills under a pipeline whose input never stops; a proxy in front of the broker sees
// the answer and kills before passing it on.
import { apis, decodeRequest, decodeResponse, errorCode } from 'kafka-once/protocol'
import { quickRestart } from '../broker/broker.ts'
import { patienceMs } from '../faults/pipeline.ts'
import type { Pipeline } from '../faults/pipeline.ts'
import { Dice } from '../faults/seeded.ts'
import { Site } from '../faults/site.ts'
import type { Judgement } from '../faults/site.ts'
import { startProxiedBroker } from '../proxy/tcp_proxy.ts'
import type { Frame, ProxiedBroker } from '../proxy/tcp_proxy.ts'

export interface BrokerKill {
  /** Where the broker dies: when it has decided a commit; or an abort, which the next process's recovery asks for. */
  readonly at: 'commit' | 'abort'
  /** Whether the client still got the answer that the broker gave last. */
  readonly answer: 'arrives' | 'is lost'
  /** Whether the pipeline's process lived on, or was killed with the broker and started again. */
  readonly process: 'lives' | 'dies'
  /** Partitions that the engine gave the marker they lacked, by what it said. */
  readonly repaired: readonly string[]
}

export interface BrokerKillsOptions {
  readonly kills: number
  readonly seed: number
  readonly transactionVersion?: 0 | 1 | 2
  readonly onKill?: (kill: BrokerKill, number: number) => void
}

export interface BrokerKills extends Judgement {
  readonly kills: readonly BrokerKill[]
}

/** Takes the broker away for some seconds at a time: nothing may run out of time meanwhile. */
const siteTimeouts = { timeoutMs: 90_000, transactionTimeoutMs: 300_000 }

export async function killBroker(options: BrokerKillsOptions): Promise<BrokerKills> {
  const { seed, transactionVersion = 2 } = options
  await using cluster = await startProxiedBroker({ transactionVersion, config: quickRestart })
  const site = await openSite(cluster, `kills-${seed}-${transactionVersion}`)
  try {
    const kills = await killInTurn(cluster, site, options)
    await site.finish(site.pipelines.at(-1))
    return { ...(await site.judge()), kills }
  } catch (cause) {
    throw new Error(`the run could not be ended:\n${await site.history()}`, { cause })
  } finally {
    await site.close()
  }
}

export function openSite({ broker }: ProxiedBroker, name: string): Promise<Site> {
  return Site.open({ bootstrap: broker.nodes[0]?.address ?? '', name, partitions: 3, ...siteTimeouts })
}

async function killInTurn(
  cluster: ProxiedBroker,
  site: Site,
  { kills, seed, onKill }: BrokerKillsOptions
): Promise<BrokerKill[]> {
  const dice = new Dice(seed)
  const repairs = watchRepairs(cluster)
  const done: BrokerKill[] = []
  let pipeline = site.start({ parallelism: dice.between(1, 2) })
  for (let number = 1; number <= kills; number++) {
    const kill = {
      at: number % 2 === 0 ? ('abort' as const) : ('commit' as const),
      answer: dice.pick(['arrives', 'is lost'] as const),
      process: dice.pick(['lives', 'dies'] as const)
    }
    await untilNextCheckpoint(pipeline)
    const before = repairs.length
    if (kill.at === 'commit') await killAtAnswer(cluster, kill.answer)
    else pipeline = await killAtAbort(cluster, site, pipeline, kill.answer)
    if (kill.process === 'dies') await pipeline.kill()
    await cluster.broker.start()
    if (kill.process === 'dies') pipeline = site.start({ parallelism: dice.between(1, 2) })
    await untilNextCheckpoint(pipeline)
    done.push({ ...kill, repaired: repairs.slice(before) })
    onKill?.(done.at(-1)!, number)
  }
  return done
}

/**
 * Lets a process die with a transaction that holds its witness and is not sealed, and kills the broker when it has begun
 * to abort that for the next process, which it answers.
 */
async function killAtAbort(
  cluster: ProxiedBroker,
  site: Site,
  running: Pipeline,
  answer: BrokerKill['answer']
): Promise<Pipeline> {
  await running.kill()
  const dying = site.start({ order: { point: 'wire.TxnOffsetCommit.answered', phase: 'run', hit: 2, action: 'kill' } })
  await dying.untilGone()
  const killing = killAt(cluster, { apiKey: apis.InitProducerId.key, when: isAborting }, answer)
  const next = site.start()
  await killing
  return next
}

export async function untilNextCheckpoint(pipeline: Pipeline): Promise<void> {
  const before = pipeline.all('checkpoint').length
  const next = () => (pipeline.all('checkpoint').length > before + 1 ? true : undefined)
  await pipeline.until('another checkpoint', next, 2 * patienceMs)
}

/** Kills the broker when it answers the next commit with 0, and waits until it is gone. */
export async function killAtAnswer(cluster: ProxiedBroker, answer: BrokerKill['answer']): Promise<void> {
  const [proxy] = cluster.proxies
  const commits = new Set<number>()
  const watching = proxy?.intercept({
    apiKey: apis.EndTxn.key,
    fate: 'pass',
    when: (frame) => {
      if (isCommit(frame)) commits.add(frame.correlationId)
      return false
    }
  })
  const isCommitted = (frame: Frame): boolean => commits.has(frame.correlationId) && codeOf('EndTxn', frame) === 0
  try {
    await killAt(cluster, { apiKey: apis.EndTxn.key, when: isCommitted }, answer)
  } finally {
    watching?.cancel()
  }
}

/** Kills the broker at the first such answer, and waits until it is gone. */
async function killAt(
  { broker, proxies: [proxy] }: ProxiedBroker,
  { apiKey, when }: { readonly apiKey: number; readonly when: (frame: Frame) => boolean },
  answer: BrokerKill['answer']
): Promise<void> {
  const killing = proxy?.intercept({
    direction: 'response',
    apiKey,
    fate: answer === 'arrives' ? 'pass' : 'cut',
    when: (frame) => {
      const isIt = when(frame)
      if (isIt) broker.killNow()
      return isIt
    }
  })
  const deadline = AbortSignal.timeout(patienceMs)
  try {
    await Promise.race([killing?.first, untilAborted(deadline)])
    if (deadline.aborted) throw new Error('no such answer came')
    await broker.kill()
  } finally {
    killing?.cancel()
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

function isCommit({ bytes }: Frame): boolean {
  const { api, body } = decodeRequest(bytes.subarray(4))
  return api === 'EndTxn' && body.committed
}

function isAborting(frame: Frame): boolean {
  return codeOf('InitProducerId', frame) === errorCode.CONCURRENT_TRANSACTIONS
}

function codeOf(api: 'EndTxn' | 'InitProducerId', { bytes, version }: Frame): number {
  return decodeResponse(api, version, bytes.subarray(4)).body.errorCode
}

/** Markers that a client writes: brokers send theirs over a listener of their own. The list grows as they come. */
export function watchRepairs({ proxies }: ProxiedBroker): string[] {
  const repairs: string[] = []
  for (const proxy of proxies) {
    proxy.intercept({
      apiKey: apis.WriteTxnMarkers.key,
      fate: 'pass',
      when: ({ bytes }) => {
        const { api, body } = decodeRequest(bytes.subarray(4))
        if (api !== 'WriteTxnMarkers') return false
        for (const { topics, transactionResult } of body.markers) {
          const places = topics.flatMap(({ name, partitionIndexes }) => partitionIndexes.map((i) => `${name}-${i}`))
          repairs.push(...places.map((place) => `${transactionResult ? 'commit' : 'abort'} in ${place}`))
        }
        return false
      }
    })
  }
  return repairs
}
