// A checkpoint is a file that anybody may have put there: it must not make a job end a stranger's transaction.
import { expect, test } from 'vitest'
import type { Kafka } from '../../../src/client/index.ts'
import { KafkaSink, SimpleStringSchema } from '../../../src/exactlyonce/index.ts'
import type { TransactionParticipant } from '../../../src/exactlyonce/index.ts'
import { packHandle } from '../../../src/exactlyonce/sink/packed_handle.ts'
import { participantContextOf, preparedOf } from '../kit/contexts.ts'

function participantOf(asked: string[]): TransactionParticipant {
  const cluster = new Proxy({}, { get: (_, name) => () => Promise.reject(new Error(String(asked.push(String(name))))) })
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- nothing of it may be asked
  const kafka = { cluster } as unknown as Kafka
  const sink = new KafkaSink<string>({
    kafka,
    topic: 'out',
    schema: new SimpleStringSchema(),
    transactionalIdPrefix: 'job'
  })
  return sink.participant!.create(participantContextOf({ sinks: [sink] }))
}

test.each(['job.1.0', 'job.0.x', 'job-2.0.0', 'other'])(
  'a pending transaction of %s is refused before anything is sent',
  async (transactionalId) => {
    const handle = packHandle(preparedOf({ transactionalId }))
    const asked: string[] = []
    const participant = participantOf(asked)
    const pending = { checkpointId: 7, handle }
    for (const settling of [participant.recoverAndCommit(pending), participant.recoverAndAbort(pending)]) {
      await expect(settling).rejects.toMatchObject({
        code: 'CHECKPOINT_CORRUPT',
        fatal: true,
        message: expect.stringContaining(transactionalId)
      })
    }
    expect(asked).toEqual([])
  }
)
