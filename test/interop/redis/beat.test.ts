import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { Beat } from '../../../src/beat/beat.ts'
import { schedulesOf } from '../../../src/beat/schedules.ts'
import { every } from '../../../src/beat/when/every.ts'
import { until } from '../../app/lab.ts'
import { Fleet } from '../fleet.ts'

/** Schedules across the two languages. */
let fleet: Fleet

beforeAll(async () => {
  fleet = await Fleet.start()
})
afterAll(() => fleet.end())

test('our beat has a Python worker run its task', async () => {
  await fleet.pythonWorker()
  const app = fleet.app()
  const ids: string[] = []
  app.on('beat:sent', ({ id }) => ids.push(id))
  schedulesOf(app).define('sum', every('300ms'), { task: 'py.add', args: [2, 40], options: { queue: 'python' } })
  schedulesOf(app).define('named', every('300ms'), { task: 'py.echo', kwargs: { a: 1 }, options: { queue: 'python' } })
  const beat = new Beat(app)
  await beat.start()
  await until(() => ids.length >= 4)
  await beat.stop()
  const results = await Promise.all(ids.map((id) => app.result(id).get({ timeout: '20s' })))
  expect(results).toContain(42)
  expect(results).toContainEqual({ args: [], kwargs: { a: 1 } })
})

test("Python's beat has our worker run ours", async () => {
  const app = fleet.app()
  await fleet.work(app)
  startPythonBeat({ note: { task: 'ts.note', schedule: 0.5, args: ['from beat'], options: { queue: 'typescript' } } })
  await until(async () => (await fleet.lines('notes')).length >= 2)
  expect((await fleet.lines('notes'))[0]).toContain('from beat')
})

/** A real `celery beat` with this `beat_schedule`; ended with the test. */
function startPythonBeat(beat: Readonly<Record<string, unknown>>): void {
  const url = fleet.server.url()
  const state = mkdtempSync(join(tmpdir(), 'celeriac-beat-'))
  const settings = { broker: url, backend: url, store: url, beat }
  const flags = ['-A', 'tasks', 'beat', '-s', join(state, 'schedule'), '--pidfile', '', '-l', 'INFO']
  const child = spawn('/usr/bin/python3', ['-m', 'celery', ...flags], {
    cwd: join(import.meta.dirname, '..', 'python'),
    env: { ...process.env, INTEROP: JSON.stringify(settings), C_FORCE_ROOT: '1', PYTHONDONTWRITEBYTECODE: '1' },
    stdio: 'ignore',
  })
  onTestFinished(async () => {
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
    rmSync(state, { recursive: true, force: true })
  })
}
