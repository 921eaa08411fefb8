// Owns what runs have reached: which faults at which places, in which state of the job, and which error codes brokers
// answered afterwards. A seed that adds nothing here has shown little.
import { apiByKey, decodeResponse, errorByCode } from 'kafka-once/protocol'
import type { ApiName } from 'kafka-once/protocol'
import type { Exchange, VirtualProcess, WorldWatcher } from 'kafka-once/testing'
import type { PipelineEvent } from '../faults/orders.ts'
import { transactionalApis } from './plan.ts'

const decoded = new Set<ApiName>([...transactionalApis, 'FindCoordinator'])
const noPlace = 'the beginning'

export class Coverage {
  /** Place, state of the job, and error code, with how often they met. */
  readonly met = new Map<string, number>()
  requests = 0
  /** The last place where something went wrong. */
  #place = noPlace
  #at: Exchange | string = ''
  readonly #states = new Map<VirtualProcess, string>()

  /** A new run. */
  begin(): void {
    this.requests = 0
    this.#place = noPlace
    this.#states.clear()
  }

  /** Something goes wrong, at the place that was passed last. */
  fault(what: string): void {
    this.#place = `${what} at ${typeof this.#at === 'string' ? this.#at : frameOf(this.#at)}`
  }

  told(process: VirtualProcess, { event }: PipelineEvent): void {
    if (event === 'started') this.#states.set(process, 'running')
    if (event === 'restarting') this.#states.set(process, 'restarting')
  }

  /** Sees what the injector sees, first. */
  around(inner: WorldWatcher): WorldWatcher {
    return {
      fateOf: (exchange) => {
        const api = apiByKey(exchange.apiKey)?.name
        if (exchange.direction === 'request') this.requests++
        else if (api !== undefined && decoded.has(api)) this.#responded(exchange, api)
        this.#at = exchange
        return inner.fateOf(exchange)
      },
      calls: (process, call) => {
        this.#at = call
        inner.calls(process, call)
      },
      called: (process, call) => {
        this.#at = call
        inner.called(process, call)
      },
      passes: (process, point) => {
        this.#at = point
        return inner.passes(process, point)
      }
    }
  }

  #responded({ link, version, bytes }: Exchange, api: ApiName): void {
    const codes = new Set<number>()
    collect(decodeResponse(api, version, bytes.subarray(4)).body, codes)
    for (const code of codes) {
      const state = this.#states.get(link.client.process) ?? 'starting'
      const key = `${this.#place} | ${state} | ${api} ${errorByCode(code).name}`
      this.met.set(key, (this.met.get(key) ?? 0) + 1)
    }
  }
}

function frameOf({ direction, apiKey }: Exchange): string {
  return `${direction} ${apiByKey(apiKey)?.name ?? 'unknown'}`
}

function collect(value: object, codes: Set<number>): void {
  if (value instanceof Uint8Array) return
  for (const name of Object.keys(value)) {
    const one: unknown = Reflect.get(value, name)
    if (typeof one === 'object' && one !== null) collect(one, codes)
    else if (name === 'errorCode' && typeof one === 'number' && one !== 0) codes.add(one)
  }
}
