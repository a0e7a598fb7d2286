import { afterAll, beforeAll, expect, test } from 'vitest'
import type { App } from '../../../src/app/app.ts'
import type { PythonClient, PythonSignature } from '../celery.ts'
import { Fleet } from '../fleet.ts'

/* Messages of Python's client that are changed by hand while they wait. */

let fleet: Fleet
let python: PythonClient
let app: App

beforeAll(async () => {
  fleet = await Fleet.start()
  app = fleet.app()
  python = await fleet.pythonClient({ queue: 'typescript' })
})
afterAll(() => fleet.end())

/** Lists of a queue, by kombu's priority: the number that follows the name; 0 has none. */
const listOf = (priority: number): string => (priority === 0 ? 'typescript' : `typescript\x06\x16${priority}`)
const lengths = (...priorities: number[]): Promise<number[]> =>
  Promise.all(priorities.map((priority) => fleet.redis.llen(listOf(priority))))

interface Waiting {
  readonly body: string
  readonly headers: Readonly<Record<string, unknown>>
  readonly properties: { readonly priority: number }
}

test('priority, eta and input; members of a chord: a worker runs them as they are then', async () => {
  const id = await python.call<string>('send', { task: 'ts.echo', args: ['old'], queue: 'typescript', priority: 3 })
  const late = await python.call<string>('send', { task: 'ts.echo', args: ['late'], queue: 'typescript', priority: 9 })
  expect(await lengths(0, 3, 6, 9)).toEqual([0, 1, 0, 1])
  const before = JSON.parse((await fleet.redis.lindex(listOf(3), 0)) ?? '') as Waiting
  await app.result(id).change({ args: ['new'], priority: 6 })
  expect(await lengths(0, 3, 6, 9)).toEqual([0, 0, 1, 1])
  const after = JSON.parse((await fleet.redis.lindex(listOf(6), 0)) ?? '') as Waiting
  expect(after.properties.priority).toBe(6)
  // All else stays as Python wrote it.
  const { argsrepr, ...headers } = before.headers
  expect(after.headers).toMatchObject(headers)
  expect(after.headers.argsrepr).not.toBe(argsrepr)
  await app.result(late).change({ countdown: '1h' })
  expect(await lengths(0, 3, 6, 9)).toEqual([0, 0, 1, 0])
  expect((await app.message(late))?.place).toBe('delayed')
  await app.result(late).change({ countdown: 0 })

  const member = (args: readonly unknown[]): PythonSignature => ({
    task: 'ts.add',
    args: [...args],
    options: { queue: 'typescript', priority: 3 },
  })
  const body = { task: 'ts.total', args: [], options: { queue: 'typescript' } }
  const chord = [member([1, 1]), member([2, 2]), member([3, 3])]
  const end = await python.call<string>('run_canvas', { spec: { chord, body } })
  const waiting = (await fleet.redis.lrange(listOf(3), 0, -1)).map((text) => JSON.parse(text) as Waiting)
  const second = waiting.find(({ headers: { argsrepr: text } }) => text === '(2, 2)' || text === '[2, 2]')
  expect(waiting).toHaveLength(3)
  await app.result(String(second?.headers.id)).change({ args: [20, 20], priority: 9 })
  expect(await lengths(3, 9)).toEqual([2, expect.any(Number)])

  await fleet.work(app)
  expect(await python.get(id)).toMatchObject({ status: 'SUCCESS', result: ['new'] })
  expect(await python.get(late)).toMatchObject({ status: 'SUCCESS', result: ['late'] })
  expect(await python.get(end, 60)).toMatchObject({ status: 'SUCCESS', result: 48 })
})
