// A member of somebody else's group, played by plain requests: the client of this package joins no groups, others do.
// Owns joining and leaving; it reads nothing, and sends no heartbeats, so that a broker drops it in the end if it cannot
// leave. KIP-394, KIP-848.
import { brokerError, KafkaError, retryCall } from 'kafka-once'
import type { Attempt, Cluster } from 'kafka-once'
import { errorCode } from 'kafka-once/protocol'
import type { EncodableRequestOf, ResponseOf } from 'kafka-once/protocol'

export type GroupProtocol = 'classic' | 'consumer'

type MemberApi = 'JoinGroup' | 'SyncGroup' | 'LeaveGroup' | 'ConsumerGroupHeartbeat'

const joining: ReadonlySet<number> = new Set([
  errorCode.COORDINATOR_LOAD_IN_PROGRESS,
  errorCode.COORDINATOR_NOT_AVAILABLE,
  errorCode.NOT_COORDINATOR,
  errorCode.REBALANCE_IN_PROGRESS
])
const leavingEpoch = -1
/** The least that brokers take. */
const sessionTimeoutMsMin = 6_000
const rebalanceTimeoutMs = 6_000
const protocolType = 'consumer'
const protocolName = 'range'

export class GroupMember {
  readonly #cluster: Cluster
  readonly #groupId: string
  readonly #protocol: GroupProtocol
  #memberId = ''

  private constructor(cluster: Cluster, groupId: string, protocol: GroupProtocol) {
    this.#cluster = cluster
    this.#groupId = groupId
    this.#protocol = protocol
  }

  /** Resolves when the broker has it for a member. One of the classic protocol is dropped after `sessionTimeoutMs`. */
  static async join(
    cluster: Cluster,
    groupId: string,
    protocol: GroupProtocol,
    topic: string,
    { sessionTimeoutMs = sessionTimeoutMsMin }: { readonly sessionTimeoutMs?: number } = {}
  ): Promise<GroupMember> {
    const member = new GroupMember(cluster, groupId, protocol)
    if (protocol === 'classic') await member.#joinClassic(sessionTimeoutMs)
    else await member.#joinConsumers(topic)
    return member
  }

  async leave(): Promise<void> {
    const memberId = this.#memberId
    if (this.#protocol === 'classic') await this.#ask('LeaveGroup', { memberId: '', members: [{ memberId }] })
    else await this.#ask('ConsumerGroupHeartbeat', { memberId, memberEpoch: leavingEpoch })
  }

  async #joinClassic(sessionTimeoutMs: number): Promise<void> {
    const protocols = [{ name: protocolName, metadata: new Uint8Array(0) }]
    const times = { sessionTimeoutMs, rebalanceTimeoutMs }
    const join = () => this.#ask('JoinGroup', { ...times, memberId: this.#memberId, protocolType, protocols })
    // The first answer only gives the id.
    this.#memberId = (await join()).memberId
    const { generationId, errorCode: code } = await join()
    if (code !== errorCode.NONE) throw brokerError(code, `Joining ${this.#groupId}`)
    const assignments = [{ memberId: this.#memberId, assignment: new Uint8Array(0) }]
    await this.#ask('SyncGroup', { memberId: this.#memberId, generationId, protocolType, protocolName, assignments })
  }

  async #joinConsumers(topic: string): Promise<void> {
    this.#memberId = Buffer.from(this.#cluster.runtime.randomBytes(16)).toString('base64url')
    const subscribed = { subscribedTopicNames: [topic], topicPartitions: [], rebalanceTimeoutMs }
    const joined = await this.#ask('ConsumerGroupHeartbeat', {
      memberId: this.#memberId,
      memberEpoch: 0,
      ...subscribed
    })
    if (joined.errorCode !== errorCode.NONE) throw brokerError(joined.errorCode, `Joining ${this.#groupId}`)
  }

  #ask<A extends MemberApi>(api: A, body: Omit<EncodableRequestOf<A>, 'groupId'>): Promise<ResponseOf<A>> {
    const cluster = this.#cluster
    const groupId = this.#groupId
    const what = `${api} of ${groupId}`
    return retryCall(cluster, what, {}, async (request): Promise<Attempt<ResponseOf<A>>> => {
      try {
        const nodeId = await cluster.coordinator('group', groupId, request.signal)
        // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the group is all that was left out
        const whole = { ...body, groupId } as unknown as EncodableRequestOf<A>
        const response = await cluster.request({ nodeId }, api, whole, request)
        if (!joining.has(response.errorCode)) return { done: response }
        cluster.invalidateCoordinator('group', groupId)
        return { again: brokerError(response.errorCode, what, { api }) }
      } catch (error) {
        if (error instanceof KafkaError) cluster.invalidateCoordinator('group', groupId)
        throw error
      }
    })
  }
}
