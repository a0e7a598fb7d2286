import { expect, it } from 'vitest'
import { onEachStore, useLab } from './lab.ts'

onEachStore((lab, kind) => {
  it('connect opens the stores, and says where they are and what they list', async () => {
    const app = lab().app()
    const { broker, backend, lists } = await app.connect()
    expect(broker).toMatch(/^(?:memory|sqlite|redis|amqp|postgres):/)
    expect(backend).toMatch(/^(?:memory|sqlite|redis|postgres):/)
    expect(lists).toBe(kind === 'redis' ? 'marked' : 'all')
    expect(() => app.configure({ broker: 'memory:' })).toThrow('in use already')
  })

  it('states reads those of many jobs, in their order; the worker counts the runs of each task', async () => {
    const app = lab().app()
    const add = app.task('add', (x: number, y: number) => x + y)
    const fail = app.task('fail', () => {
      throw new RangeError('no')
    })
    const worker = await lab().work(app)
    const [one, two] = await add.delayMany([
      [1, 2],
      [3, 4],
    ])
    const three = await fail.delay()
    await Promise.allSettled([one?.get(), two?.get(), three.get()])
    const ids = [one?.id as string, 'never submitted', three.id, two?.id as string]
    expect(await app.states(ids)).toEqual(['SUCCESS', 'UNKNOWN', 'FAILURE', 'SUCCESS'])
    expect(await app.states([])).toEqual([])
    expect(Object.fromEntries(worker.totals)).toEqual({ add: 2, fail: 1 })
  })
})

const lab = useLab('memory')

it('connect rejects for a store that cannot be opened', async () => {
  await expect(lab().app({ broker: 'nowhere://x' }).connect()).rejects.toThrow('nowhere')
})
