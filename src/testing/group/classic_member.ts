// Owns one member of a group of the classic protocol: what it offered, what it was given, and which of its requests
// wait for the others. Source: org.apache.kafka.coordinator.group.classic.ClassicGroupMember.

import { ConsumerProtocolSubscription, decodeVersioned, ProtocolError } from '../../protocol/index.ts'
import type { EncodableResponseOf, RequestOf } from '../../protocol/index.ts'
import type { Deferred, Timer } from '../../runtime/index.ts'

export type JoinResponse = EncodableResponseOf<'JoinGroup'>
export type SyncResponse = EncodableResponseOf<'SyncGroup'>
export type Protocols = RequestOf<'JoinGroup'>['protocols']

/** The protocol type of consumers' groups; others are the business of their members alone. */
export const consumerType = 'consumer'

export interface ClientInfo {
  readonly clientId: string
  readonly clientHost: string
}

export class ClassicMember {
  id: string
  readonly instanceId: string | null
  readonly client: ClientInfo
  protocols: Protocols
  sessionTimeoutMs: number
  rebalanceTimeoutMs: number
  assignment: Uint8Array = new Uint8Array(0)
  /** A JoinGroup that waits for the others. */
  awaitingJoin: Deferred<JoinResponse> | undefined
  /** A SyncGroup that waits for the leader's. */
  awaitingSync: Deferred<SyncResponse> | undefined
  /** Has not had a generation yet. */
  isNew = false
  heartbeat: Timer | undefined

  constructor(id: string, instanceId: string | null, client: ClientInfo, offer: MemberOffer) {
    this.id = id
    this.instanceId = instanceId
    this.client = client
    this.protocols = offer.protocols
    this.sessionTimeoutMs = offer.sessionTimeoutMs
    this.rebalanceTimeoutMs = offer.rebalanceTimeoutMs
  }

  update(offer: MemberOffer): void {
    this.protocols = offer.protocols
    this.sessionTimeoutMs = offer.sessionTimeoutMs
    this.rebalanceTimeoutMs = offer.rebalanceTimeoutMs
  }

  /** Whether it offers the same as before, metadata included. */
  matches(protocols: Protocols): boolean {
    if (protocols.length !== this.protocols.length) return false
    return protocols.every(({ name, metadata }, i) => {
      const known = this.protocols[i]
      return known?.name === name && isEqual(known.metadata, metadata)
    })
  }

  supports(protocolName: string): boolean {
    return this.protocols.some(({ name }) => name === protocolName)
  }

  metadata(protocolName: string | null): Uint8Array {
    return this.protocols.find(({ name }) => name === protocolName)?.metadata ?? new Uint8Array(0)
  }

  /** The topics that a consumer reads, by what it offers for a protocol; undefined where that says nothing of topics. */
  subscribedTopics(protocolName: string | null): string[] | undefined {
    try {
      return [...decodeVersioned(ConsumerProtocolSubscription, this.metadata(protocolName)).value.topics]
    } catch (error) {
      if (error instanceof ProtocolError) return undefined
      throw error
    }
  }

  /** Answers a JoinGroup that waits, if there is one. */
  answerJoin(response: JoinResponse): void {
    this.awaitingJoin?.resolve(response)
    this.awaitingJoin = undefined
  }

  answerSync(response: SyncResponse): void {
    this.awaitingSync?.resolve(response)
    this.awaitingSync = undefined
  }
}

/** What a JoinGroup says of its member. */
export interface MemberOffer {
  readonly protocols: Protocols
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
}

function isEqual(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, i) => byte === right[i])
}
