import type { ChildProcess } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { App } from '../../../src/app/app.ts'
import { runs } from '../../tier.ts'
import { eventually } from '../../wait.ts'
import type { PythonClient } from '../celery.ts'
import { Fleet } from '../fleet.ts'
import { kill, seen } from '../killing.ts'

/** Chords of a Python client whose workers are killed: each ends, with one body and the part of each member. */
const settings = { queue: 'shared', lease: 1000, visibilityTimeout: 4000 }
const MEMBERS = 30
let fleet: Fleet
let app: App
let python: PythonClient

beforeEach(async () => {
  fleet = await Fleet.start()
  app = fleet.app(settings)
  python = await fleet.pythonClient({ queue: 'shared' })
})
afterEach(() => fleet.end())

function send(seconds = 0): Promise<string> {
  const chord = Array.from({ length: MEMBERS }, (_, n) => ({ task: 'both.work', args: [n, seconds] }))
  return python.call('run_canvas', { spec: { chord, body: { task: 'ts.body' } } })
}

const fork = (): Promise<ChildProcess> => fleet.fork({ ...settings, concurrency: 4 })

/** The result of each body is the number of members, and nothing is left but logs, which expire with the records. */
async function ledger(ids: readonly string[]): Promise<void> {
  const results = await Promise.all(ids.map((id) => app.result<number>(id).get({ timeout: '60s' })))
  expect(results).toEqual(ids.map(() => MEMBERS))
  const left = async (): Promise<string[]> => [
    ...(await fleet.redis.keys('celery-taskset-meta-*')),
    ...(await fleet.redis.keys('celeriac.[^e]*')),
    ...(await fleet.redis.keys('unacked*')),
  ]
  await eventually(left, (keys) => keys.length === 0)
  const bodies = await fleet.lines('bodies')
  expect(new Set(bodies)).toEqual(new Set(ids))
}

describe('the only worker is killed', () => {
  for (const [name, wanted, bodies] of [
    ['before the end of a member is stored', /^rpush effects/i, 1],
    ['after the end of a member', /^hincrby celeriac\.chord-/i, 1],
    ['after the last part', /^rename celery-taskset-meta-/i, 1],
    ['while the parts are read', /^zrange celeriac\.joined-/i, 1],
    ['after the body is sent', /^unlink celery-taskset-meta-/i, 1],
    ['before the end of the body', /^rpush bodies/i, 2],
  ] as const)
    test(name, async () => {
      const monitor = await fleet.connect().monitor()
      const worker = await fork()
      const reached = seen(monitor, wanted)
      const id = await send()
      await reached
      await kill(worker)
      monitor.disconnect()
      await fork()
      await ledger([id])
      expect((await fleet.lines('bodies')).length).toBeLessThanOrEqual(bodies)
    })
})

test('two workers are killed in turn, at any moment', async () => {
  const ids: string[] = []
  let workers = await Promise.all([fork(), fork()])
  for (let round = 0; round < runs(15); round++) {
    ids.push(await send(0.01), await send())
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 400))
    const [first, second] = workers as [ChildProcess, ChildProcess]
    await kill(first)
    workers = [second, await fork()]
  }
  await ledger(ids)
})

test('the server restarts', async () => {
  await fork()
  const id = await send(0.1)
  await eventually(
    async () => (await fleet.lines('effects')).length,
    (count) => count >= 8,
  )
  await fleet.server.restart()
  await ledger([id])
})
