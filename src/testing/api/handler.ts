// Owns the shape of an API of the embedded broker: a name, the versions that are served and the function that answers.
// One file per API declares its handler with `handler`, and registry.ts lists them; nothing else knows about single APIs.

import { apis } from '../../protocol/index.ts'
import type { ApiName, EncodableResponseOf, RequestOf } from '../../protocol/index.ts'
import type { Broker } from '../cluster/broker.ts'
import type { Connection } from '../cluster/connection.ts'

/** Where a request came from and came to. */
export interface RequestContext {
  /** The life of the broker that serves the request; look at `isRunning` after every wait. */
  readonly broker: Broker
  readonly connection: Connection
  readonly version: number
  readonly correlationId: number
  readonly clientId: string | null
}

/** The body of a response; undefined where none is sent, as to a Produce with acks 0. */
export type Answer<N extends ApiName> = EncodableResponseOf<N> | undefined

/** Answers requests of one API. The next request of the same connection waits for the promise, as Kafka lets it wait. */
export type Handle<N extends ApiName> = (
  request: RequestOf<N>,
  context: RequestContext
) => Answer<N> | Promise<Answer<N>>

/** One API as the broker serves it. */
export interface ApiHandler {
  readonly name: ApiName
  readonly key: number
  /** First and last version that are offered; the last is an unstable one where the API has one. */
  readonly versions: readonly [first: number, last: number]
  readonly latestStableVersion: number
  readonly handle: Handle<ApiName>
}

/** Declares how an API is answered, in every version of it that Kafka 4.4.0 has. */
export function handler<N extends ApiName>(name: N, handle: Handle<N>): ApiHandler {
  const { key, versions, latestStableVersion } = apis[name]
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- dispatch looks handlers up by the request's own key
  return Object.freeze({ name, key, versions, latestStableVersion, handle: handle as unknown as Handle<ApiName> })
}

/** The client as coordinators remember it. All clients of an embedded broker are near. */
export function clientOf({ clientId }: RequestContext): { readonly clientId: string; readonly clientHost: string } {
  return { clientId: clientId ?? '', clientHost: '/127.0.0.1' }
}
