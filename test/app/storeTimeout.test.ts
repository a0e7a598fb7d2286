import { describe, expect, it } from 'vitest'
import { ArgumentError, StoreUnavailableError } from '../../src/std/errors.ts'
import { RedisServer } from '../redis/server.ts'
import { useLab } from './lab.ts'

describe('storeTimeout: how long a call waits for its store', () => {
  const lab = useLab('sqlite')

  it('embedded: fails in time while another process writes, or waits until it has written', async () => {
    const hasty = lab().app({ storeTimeout: 100 })
    const patient = lab().app({ storeTimeout: '20s' })
    await Promise.all([hasty.stores(), patient.stores()])
    const other = lab().database()
    other.exec('BEGIN IMMEDIATE')
    const waiting = patient.send('add', [1])
    const start = performance.now()
    await expect(hasty.send('add', [1])).rejects.toThrow(StoreUnavailableError)
    expect(performance.now() - start).toBeLessThan(5000)
    other.exec('ROLLBACK')
    expect((await waiting).id).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('Redis: fails in time while the server is away, or waits until it is back', { timeout: 30_000 }, async () => {
    const server = await RedisServer.start({ flags: ['--save', '900 1'] })
    lab().after(() => server.stop())
    const broker = server.url()
    const hasty = lab().app({ broker, storeTimeout: 200 })
    const patient = lab().app({ broker, storeTimeout: '20s' })
    await Promise.all([hasty.queueSize(), patient.queueSize()])
    await server.kill()
    const waiting = patient.send('add', [1]).catch((error: unknown) => error)
    const start = performance.now()
    await expect(hasty.queueSize()).rejects.toThrow(StoreUnavailableError)
    await expect(hasty.send('add', [1])).rejects.toThrow(StoreUnavailableError)
    expect(performance.now() - start).toBeLessThan(8000)
    await server.start()
    await waiting
    // What was on its way when the server died may have been lost with it: the next call is sure.
    await patient.send('add', [2])
    expect(await patient.queueSize()).toBeGreaterThanOrEqual(1)
  })

  it('is checked at the door', () => {
    expect(() => lab().app({ storeTimeout: 0 })).toThrow(ArgumentError)
    expect(() => lab().app({ storeTimeout: 'soon' })).toThrow('storeTimeout: expected milliseconds')
  })
})
