// No id holds two transactions that are not proven, whoever is free goes on, and who has to wait can give up.
import { describe, expect, it } from 'vitest'
import type { TransactionalProducer, WaitOptions } from '../../../src/client/index.ts'
import { nodeRuntime } from '../../../src/runtime/index.ts'
import { TransactionPool } from '../../../src/exactlyonce/sink/transaction_pool.ts'
import type { Slot } from '../../../src/exactlyonce/sink/transaction_pool.ts'

function newPool(
  size: number,
  close: (options?: WaitOptions) => Promise<void> = () => Promise.resolve()
): { pool: TransactionPool; closed: string[] } {
  const closed: string[] = []
  const createProducer = (transactionalId: string): TransactionalProducer =>
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the pool only keeps and closes producers
    ({
      transactionalId,
      close: async (options?: WaitOptions) => {
        await close(options)
        closed.push(transactionalId)
      }
    }) as unknown as TransactionalProducer
  const runtime = { setTimer: (delayMs: number, fire: () => void) => nodeRuntime().setTimer(delayMs / 100, fire) }
  return { pool: new TransactionPool({ prefix: 'p', task: 0, size, runtime, createProducer }), closed }
}

const never = new AbortController().signal

function untilAborted(options?: WaitOptions): Promise<void> {
  return new Promise((resolve) => options?.signal?.addEventListener('abort', () => resolve()))
}

function prove(pool: TransactionPool, slot: Slot): void {
  for (const state of ['sealed', 'committing', 'decided', 'proven', 'idle'] as const) pool.move(slot, state)
}

describe('the pool of transactional ids', () => {
  it('names its ids and gives each out once', async () => {
    const { pool } = newPool(3)
    const slots = await Promise.all([pool.open(never), pool.open(never), pool.open(never)])
    expect(slots.map(({ transactionalId }) => transactionalId)).toEqual(['p.0.0', 'p.0.1', 'p.0.2'])
    expect(slots.map(({ state }) => state)).toEqual(['open', 'open', 'open'])
  })

  it('lets the next transaction wait until one is proven, not only decided', async () => {
    const { pool } = newPool(1)
    const first = await pool.open(never)
    let second: Slot | undefined
    const waiting = pool.open(never).then((slot) => (second = slot))
    for (const state of ['sealed', 'committing', 'decided', 'proven'] as const) {
      pool.move(first, state)
      await Promise.resolve()
      expect(second, state).toBeUndefined()
    }
    pool.move(first, 'idle')
    await waiting
    expect(second).toBe(first)
    expect(first.state).toBe('open')
  })

  it('serves those who wait in order', async () => {
    const { pool } = newPool(2)
    const [a, b] = await Promise.all([pool.open(never), pool.open(never)])
    const order: string[] = []
    const waits = ['first', 'second'].map(async (name) => {
      const slot = await pool.open(never)
      order.push(`${name} ${slot.transactionalId}`)
    })
    prove(pool, b)
    prove(pool, a)
    await Promise.all(waits)
    expect(order).toEqual(['first p.0.1', 'second p.0.0'])
  })

  it('lets go of those who give up, and loses no id by it', async () => {
    const { pool } = newPool(1)
    const slot = await pool.open(never)
    const impatient = new AbortController()
    const given = pool.open(impatient.signal)
    impatient.abort(new Error('the job ends'))
    await expect(given).rejects.toThrow('the job ends')
    await expect(pool.open(impatient.signal)).rejects.toThrow('the job ends')
    prove(pool, slot)
    await expect(pool.open(never)).resolves.toBe(slot)
  })

  it('refuses every way round that skips the proof', async () => {
    const { pool } = newPool(1)
    const slot = await pool.open(never)
    pool.move(slot, 'sealed')
    for (const state of ['idle', 'open', 'decided', 'proven'] as const) {
      expect(() => pool.move(slot, state), state).toThrow(`p.0.0 cannot go from sealed to ${state}`)
    }
  })

  it('closes every producer', async () => {
    const { pool, closed } = newPool(2)
    await pool.close()
    expect(closed).toEqual(['p.0.0', 'p.0.1'])
  })

  it('does not wait long for a producer that cannot close', async () => {
    const { pool, closed } = newPool(2, untilAborted)
    await pool.close()
    expect(closed).toEqual(['p.0.0', 'p.0.1'])
  })
})
