// Owns what has been fetched and not handed out yet, in order of arrival, and how many bytes that is per broker and per
// partition. Bounded by its user: nothing is fetched while a broker's share is full.
import type { FetchedData } from './fetched_data.ts'
import type { PartitionState } from './partition_state.ts'

export class ReadyQueue {
  private items: FetchedData[] = []
  private readonly bytesByNode = new Map<number, number>()

  /** Fetched bytes of one broker that wait to be handed out. */
  bufferedBytes(nodeId: number): number {
    return this.bytesByNode.get(nodeId) ?? 0
  }

  push(data: FetchedData): void {
    this.items.push(data)
    this.account(data, data.bytes)
  }

  /** The oldest data of a partition that is not paused; what has become outdated is let go on the way. */
  first(): FetchedData | undefined {
    for (let i = 0; i < this.items.length; i++) {
      const data = this.items[i]!
      if (!data.isCurrent) this.removeAt(i--)
      else if (!data.state.isPaused) return data
    }
    return undefined
  }

  /** Lets go of data that has been handed out to its end. */
  remove(data: FetchedData): void {
    const at = this.items.indexOf(data)
    if (at >= 0) this.removeAt(at)
  }

  /** Lets go of everything that became outdated by a seek, a failure or a removal. */
  removeOutdated(): void {
    const outdated = this.items.filter((data) => !data.isCurrent)
    for (const data of outdated) this.remove(data)
  }

  /** Partitions of one broker that hold data although they are paused. */
  pausedHolders(nodeId: number): PartitionState[] {
    const holders = this.items.filter((data) => data.nodeId === nodeId && data.isCurrent && data.state.isPaused)
    return [...new Set(holders.map((data) => data.state))]
  }

  clear(): void {
    this.items = []
    this.bytesByNode.clear()
  }

  private removeAt(at: number): void {
    const [data] = this.items.splice(at, 1)
    if (data !== undefined) this.account(data, -data.bytes)
  }

  private account(data: FetchedData, bytes: number): void {
    data.state.bufferedBytes += bytes
    const ofNode = this.bufferedBytes(data.nodeId) + bytes
    if (ofNode === 0) this.bytesByNode.delete(data.nodeId)
    else this.bytesByNode.set(data.nodeId, ofNode)
  }
}
