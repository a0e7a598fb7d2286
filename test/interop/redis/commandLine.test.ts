import { afterAll, beforeAll, expect, test } from 'vitest'
import { project, runShared, start } from '../../cli/harness.ts'
import { eventually } from '../../wait.ts'
import { Fleet } from '../fleet.ts'

/* Python's workers, as celeriac's commands show them. */

let fleet: Fleet

beforeAll(async () => {
  fleet = await Fleet.start()
})
afterAll(() => fleet.end())

test('events, top and inspect show workers and tasks of both languages', async () => {
  const cwd = project({})
  const shared = ['-b', fleet.broker, '-l', 'error']
  const app = fleet.app()
  const [events] = [start(cwd, ['events', ...shared, '--type', 'task-*']), await fleet.work(app, { taskEvents: true })]
  await events.until(/waiting for them/)
  // In its pool of threads, Celery loses an event that one of them adds while another sends the list.
  await fleet.pythonWorker({ events: true, pool: 'solo' })
  const waiting = await app.send('ts.gated', ['top'])
  const added = await app.send('py.add', [2, 40], { queue: 'python' })
  await events.until(/py@test \[[^\]]+\] task succeeded: /)
  await events.until(/ts@test \[[^\]]+\] task started: /)
  expect(events.stdout).toContain(`task succeeded: py.add(${added.id}) args=(2, 40) kwargs={} clock=`)
  expect(events.stdout).toContain(`task started: ts.gated(${waiting.id}) args=('top',)`)
  const top = await eventually(
    async () => JSON.parse((await runShared(cwd, ['top', '--json', ...shared])).stdout),
    ({ workers }) => workers.length === 2 && workers.every(({ state }: { state: string }) => state === 'online'),
  )
  expect(top.workers).toMatchObject([
    { name: 'py@test', active: 0, processed: 1 },
    { name: 'ts@test', pool: 'inline', active: 1, processed: 1 },
  ])
  expect(top.running).toMatchObject([{ id: waiting.id, name: 'ts.gated', worker: 'ts@test' }])
  expect(top.queues.queues.map(({ name }: { name: string }) => name)).toEqual(
    expect.arrayContaining(['python', 'typescript']),
  )
  const ping = await runShared(cwd, ['inspect', 'ping', '-j', ...shared, '-d', 'py@test,ts@test', '-t', '20'])
  expect(JSON.parse(ping.stdout)).toEqual({ 'py@test': { ok: 'pong' }, 'ts@test': { ok: 'pong' } })
  await fleet.open('top')
  // These jobs have no metadata, and Redis lists no others.
  expect((await runShared(cwd, ['list', ...shared])).stdout).toMatch(/^no job fits; listed are those sent over HTTP, /)
})
