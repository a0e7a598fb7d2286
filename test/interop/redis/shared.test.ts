import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { until } from '../../app/lab.ts'
import { Fleet } from './fleet.ts'

let fleet: Fleet

beforeEach(async () => {
  fleet = await Fleet.start()
})
afterEach(() => fleet.end())

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n)

describe('both kinds of worker on one queue', () => {
  test('each of 500 tasks runs once, whoever sent it', async () => {
    const app = fleet.app({ queue: 'shared' })
    const python = await fleet.pythonClient({ queue: 'shared' })
    await fleet.pythonWorker({ queue: 'shared', pool: 'prefork' })
    await fleet.work(fleet.app({ queue: 'shared' }), { concurrency: 10 })
    const ours = Promise.all(numbers(0, 250).map((n) => app.send<[string, number]>('both.work', [n, 0.002])))
    const theirs = python.call<string[]>('many', { task: 'both.work', calls: numbers(250, 500).map((n) => [n, 0.002]) })
    const ids = [...(await ours).map(({ id }) => id), ...(await theirs)]
    const results = await Promise.all(ids.map((id) => app.result<[string, number]>(id).get({ timeout: '25s' })))
    expect(results.map(([, number]) => number)).toEqual(numbers(0, 500))
    expect(new Set(results.map(([kind]) => kind))).toEqual(new Set(['python', 'typescript']))
    const effects = (await fleet.lines('effects')).map((line) => Number(line.split(' ')[0]))
    expect(effects.sort((a, b) => a - b)).toEqual(numbers(0, 500))
    await until(async () => (await fleet.redis.hlen('unacked')) === 0)
    expect(await fleet.redis.zcard('unacked_index')).toBe(0)
  })
})

describe('priorities: 0 is served first, as kombu has it', () => {
  const sent = [9, 3, 6, 0, 7, 2]
  const served = ['0', '2', '3', '6', '7', '9']

  test('sent by ours, served by Python', async () => {
    await fleet.pythonWorker({ pool: 'solo', concurrency: 1 })
    const app = fleet.app({ queue: 'python' })
    await app.send('py.gated', ['first'])
    await until(async () => (await fleet.lines('started')).length === 1)
    for (const priority of sent) await app.send('py.record', [String(priority)], { priority })
    await fleet.open('first')
    await until(async () => (await fleet.lines('order')).length === sent.length)
    expect(await fleet.lines('order')).toEqual(served)
  })

  test('sent by Python, served by ours', async () => {
    await fleet.work(fleet.app(), { pool: 'solo' })
    const python = await fleet.pythonClient({ queue: 'typescript' })
    await python.send('ts.gated', ['first'])
    await until(async () => (await fleet.lines('started')).length === 1)
    for (const priority of sent) await python.send('ts.record', [String(priority)], { priority })
    await fleet.open('first')
    await until(async () => (await fleet.lines('order')).length === sent.length)
    expect(await fleet.lines('order')).toEqual(served)
  })

  test('a retry keeps its priority', async () => {
    await fleet.work(fleet.app(), { pool: 'solo' })
    const python = await fleet.pythonClient({ queue: 'typescript' })
    const id = await python.send('ts.retry_later', [], { priority: 6 })
    await until(async () => (await python.call<{ status: string }>('state', { id })).status === 'RETRY')
    await until(async () => (await fleet.redis.hlen('unacked')) === 1)
    const [held] = await fleet.redis.hvals('unacked')
    expect(JSON.parse(held as string)[0].properties.priority).toBe(6)
  })
})
