import { describe, expect, it } from 'vitest'
import { ArgumentError, StoreUnavailableError } from '../../src/std/errors.ts'
import { RedisServer } from '../redis/server.ts'
import { useLab } from './lab.ts'
import { storesOf } from './stores.ts'

describe('storeTimeout: how long a call waits for its store', () => {
  const lab = useLab('sqlite')

  it('embedded: fails in time while another process writes, or waits until it has written', async () => {
    const hasty = lab().app({ storeTimeout: 100 })
    const patient = lab().app({ storeTimeout: '20s' })
    await Promise.all([storesOf(hasty), storesOf(patient)])
    const other = lab().database()
    other.exec('BEGIN IMMEDIATE')
    const waiting = patient.send('add', [1])
    const start = performance.now()
    await expect(hasty.send('add', [1])).rejects.toThrow(StoreUnavailableError)
    expect(performance.now() - start).toBeLessThan(5000)
    other.exec('ROLLBACK')
    expect((await waiting).id).toMatch(/^[0-9a-f-]{36}$/)
  })

  it('Redis: fails in time while the server is away, or waits until it is back', async () => {
    const server = await RedisServer.start({ flags: ['--save', '900 1'] })
    lab().after(() => server.stop())
    const broker = server.url()
    const hasty = lab().app({ broker, storeTimeout: 200 })
    const patient = lab().app({ broker, storeTimeout: '20s' })
    // The patient one first: it loads the client library, which the hasty one need not wait for.
    await patient.queueSize()
    await hasty.queueSize()
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

  it('Redis: a failover to a replica is waited for, and one that lasts too long is told in its words', async () => {
    const [server, master] = await Promise.all([1, 2].map(() => RedisServer.start({ flags: ['--save', '900 1'] })))
    if (!server || !master) throw new Error('expected two servers')
    lab().after(() => Promise.all([server.stop(), master.stop()]))
    const broker = server.url()
    const hasty = lab().app({ broker, storeTimeout: 200 })
    const patient = lab().app({ broker, storeTimeout: '20s' })
    const task = patient.task('task', (n: number) => n)
    await lab().work(patient)
    const before = await task.delay(1)
    await before.get()
    await hasty.queueSize()
    await server.cli('REPLICAOF', '127.0.0.1', String(master.port))
    let sent = false
    const waiting = task.delay(2)
    void waiting.then(() => {
      sent = true
    })
    const start = performance.now()
    await expect(hasty.send('task', [3])).rejects.toMatchObject({
      name: 'StoreUnavailableError',
      message: expect.stringMatching(/READONLY/),
    })
    expect(performance.now() - start).toBeLessThan(5000)
    expect(sent).toBe(false)
    await server.cli('REPLICAOF', 'NO', 'ONE')
    expect(await (await waiting).get()).toBe(2)
  })

  it('is checked at the door', () => {
    expect(() => lab().app({ storeTimeout: 0 })).toThrow(ArgumentError)
    expect(() => lab().app({ storeTimeout: 'soon' })).toThrow('storeTimeout: expected milliseconds')
  })
})
