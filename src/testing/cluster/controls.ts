// Owns what tests tell the broker to do with certain requests: wait, answer something else, lose the reply, cut the
// connection. Without controls a request costs nothing here.

import { apis } from '../../protocol/index.ts'
import type { ApiName, EncodableResponseOf, RequestOf } from '../../protocol/index.ts'

/** A request that a control decides about. */
export interface ControlledRequest<N extends ApiName = ApiName> {
  readonly api: N
  readonly version: number
  readonly correlationId: number
  readonly clientId: string | null
  readonly body: RequestOf<N>
  readonly brokerId: number
}

/** What to do with a request; without a plan, or with an empty one, it is served as always. */
export interface ControlPlan<N extends ApiName = ApiName> {
  /** Wait so long before the request is served. */
  readonly delayMs?: number
  /** Answer this; the request is not served. */
  readonly answer?: EncodableResponseOf<N>
  /** False: the request is not served, and without `answer` there is no reply. */
  readonly serve?: boolean
  /** Wait so long between serving and replying. */
  readonly replyDelayMs?: number
  /** `drop`: the reply is lost and the connection stays. `cut`: the connection is cut instead. Default `send`. */
  readonly reply?: 'send' | 'drop' | 'cut'
}

/** Decides about a request. */
export type ControlHandler<N extends ApiName> = (
  request: ControlledRequest<N>
) => ControlPlan<N> | undefined | Promise<ControlPlan<N> | undefined>

export type Control = ControlHandler<ApiName>

export interface ControlOptions {
  /** Applies to every such request until it is cancelled, and not just to the next one. */
  readonly keep?: boolean
  /** Requests to this broker only. */
  readonly brokerId?: number
}

/** A control that was set. */
export interface ControlRegistration {
  cancel(): void
}

const planFields = ['delayMs', 'answer', 'serve', 'replyDelayMs', 'reply']

/** What a handler has decided. Throws where it says something that nobody would do. */
export function checkedPlan(plan: ControlPlan | undefined): ControlPlan {
  const unknown = Object.keys(plan ?? {}).find((name) => !planFields.includes(name))
  if (unknown === undefined) return plan ?? {}
  throw new Error(`A control answered ${unknown}, which means nothing; known are ${planFields.join(', ')}`)
}

interface Entry {
  readonly api: ApiName
  readonly handler: Control
  readonly keep: boolean
  readonly brokerId: number | undefined
}

export class Controls {
  #entries: Entry[] = []

  add<N extends ApiName>(api: N, handler: ControlHandler<N>, options: ControlOptions = {}): ControlRegistration {
    // A name that no request has would never be heard of again.
    if (!Object.hasOwn(apis, api))
      throw new Error(`control knows no API ${api}: names are those of Kafka, as 'Produce'`)
    if (typeof handler !== 'function') throw new Error(`control of ${api} needs a function that answers what to do`)
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `take` gives a handler requests of its API only
    const any = handler as unknown as Control
    const entry: Entry = { api, handler: any, keep: options.keep ?? false, brokerId: options.brokerId }
    this.#entries.push(entry)
    return { cancel: () => this.#remove(entry) }
  }

  /** The first control that concerns a request; it is used up unless it is kept. */
  take(api: ApiName, brokerId: number): Control | undefined {
    if (this.#entries.length === 0) return undefined
    const entry = this.#entries.find((one) => one.api === api && (one.brokerId ?? brokerId) === brokerId)
    if (entry !== undefined && !entry.keep) this.#remove(entry)
    return entry?.handler
  }

  #remove(entry: Entry): void {
    this.#entries = this.#entries.filter((one) => one !== entry)
  }
}
