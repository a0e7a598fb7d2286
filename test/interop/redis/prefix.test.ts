import { afterAll, beforeAll, expect, test } from 'vitest'
import type { App } from '../../../src/app/app.ts'
import type { PythonClient } from '../celery.ts'
import { Fleet } from '../fleet.ts'

/** Kombu's `global_keyprefix`. Celery 5.2 stores results without it, so that both sides meet in rpc:// here. */
const ours = { keyPrefix: 'shop:', backend: 'rpc://' }
const theirs = { transport: { global_keyprefix: 'shop:' }, backend: 'rpc://' }
let fleet: Fleet
let app: App
let python: PythonClient

beforeAll(async () => {
  fleet = await Fleet.start()
  await fleet.work(fleet.app(ours))
  await fleet.pythonWorker(theirs)
  app = fleet.app(ours)
  python = await fleet.pythonClient({ ...theirs, queue: 'typescript' })
})
afterAll(() => fleet.end())

test('our client, Python worker', async () => {
  const result = await app.send('py.add', [1, 2], { queue: 'python', priority: 6 })
  expect(await result.get({ timeout: '20s' })).toBe(3)
})

test('Python client, our worker', async () => {
  expect(await python.run('ts.add', [1, 2], { priority: 6 })).toMatchObject({ result: 3 })
})

test('remote control', async () => {
  const answers = await python.call<object[]>('ping', { timeout: 20, limit: 2 })
  expect(answers.flatMap(Object.keys).sort()).toEqual(['py@test', 'ts@test'])
})

test('every key has the prefix', async () => {
  const keys = await fleet.redis.keys('*')
  expect(keys.filter((key) => !key.startsWith('shop:'))).toEqual([])
  expect(keys).not.toEqual([])
})
