// Groups of the consumer protocol are the same after being written down and read, with their members of both protocols.
import { expect, test } from 'vitest'
import { ConsumerGroup } from '../../../src/testing/group/consumer_group.ts'
import { newConsumerMember, sinceEpoch } from '../../../src/testing/group/consumer_member.ts'

test('a group with a classic member is read as it was written', () => {
  const group = new ConsumerGroup('g', 5)
  const assigned = new Map([['topic', [0, 2]]])
  const protocols = [{ name: 'range', metadata: new Uint8Array([0, 1, 255]) }]
  group.members.set('new', { ...newConsumerMember('new'), assigned, since: sinceEpoch(assigned, 2), epoch: 3 })
  group.members.set('old', { ...newConsumerMember('old'), classic: { sessionTimeoutMs: 6000, protocols } })
  group.targets.set('old', assigned)
  const read = ConsumerGroup.decode(JSON.parse(JSON.stringify(group.encode())))
  expect(read).toEqual(group)
})
