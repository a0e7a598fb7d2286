import { afterAll, beforeAll, expect, test } from 'vitest'
import { Fleet } from '../fleet.ts'

let fleet: Fleet
beforeAll(async () => {
  fleet = await Fleet.start({ broker: 'rabbitmq' })
  await fleet.pythonWorker({ pool: 'prefork', concurrency: 1 })
})
afterAll(() => fleet.end())

// Python's client reads an integer of 16 bits as a text, and its worker ends.
test.each([
  ['short', 1],
  ['long', 40_000],
])('numbers of any size in the headers of a %s message', async (_, length) => {
  const numbers = [0, 127, 128, 300, 32_767, 32_768, 2 ** 31, 2 ** 40, -1, -129, -40_000, 0.5]
  const app = fleet.app()
  const headers = { tenant: { numbers } }
  await app.send('py.echo', ['x'.repeat(length)], {
    queue: 'python',
    headers,
    timeLimit: '300s',
    softTimeLimit: '200s',
  })
  const result = await app.send('py.request', [], {
    queue: 'python',
    headers,
    timeLimit: '300s',
    softTimeLimit: '200s',
  })
  expect(await result.get({ timeout: '20s' })).toMatchObject({ timelimit: [300, 200], tenant: { numbers } })
})
