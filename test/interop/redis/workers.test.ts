import { afterAll, beforeAll, expect, test } from 'vitest'
import { EventReceiver } from '../../../src/events/receiver.ts'
import { until } from '../../app/lab.ts'
import { storesOf } from '../../app/stores.ts'
import { Fleet } from '../fleet.ts'

let fleet: Fleet

beforeAll(async () => {
  fleet = await Fleet.start()
})
afterAll(() => fleet.end())

test('workers of both languages are counted, and no other client', async () => {
  const app = fleet.app()
  const count = async () => (await storesOf(app)).broker.workers?.('typescript')
  const receiver = new EventReceiver(app)
  await receiver.start()
  const python = await fleet.pythonClient()
  await python.call('ping', { timeout: 0.1 })
  const stranger = fleet.connect()
  await stranger.psubscribe('*', '/0.*', '/0.celery.pid*', '__keyevent@0__:expired', 'news.*')
  expect(await count()).toBe(0)

  const theirs = await fleet.pythonWorker({ events: true, pool: 'solo' })
  // It says that it is ready a moment before it subscribes.
  await until(async () => (await count()) === 1)
  await fleet.work(app)
  expect(await count()).toBe(2)
  // They have ignored what counted them.
  const answers = await python.call<object[]>('ping', { timeout: 20, limit: 2 })
  expect(answers.flatMap(Object.keys).sort()).toEqual(['py@test', 'ts@test'])
  expect(theirs.log).not.toMatch(/WARNING|ERROR/)
  await receiver.stop()
})
