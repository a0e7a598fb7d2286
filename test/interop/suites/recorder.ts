import { afterAll, beforeAll, expect, test } from 'vitest'
import { recorderOf } from '../../../src/recorder/recorder.ts'
import { eventually } from '../../wait.ts'
import { Fleet, type FleetOptions } from '../fleet.ts'

/** A recorder of a fleet of Python's workers, which send no events by themselves, alone and beside ours. */
export function recorder(kind: FleetOptions = {}): void {
  let fleet: Fleet

  beforeAll(async () => {
    fleet = await Fleet.start(kind)
  })
  afterAll(() => fleet.end())

  test("Python's tasks in each state, with arguments and results, from a worker without -E; then ours beside it", async () => {
    const python = await fleet.pythonClient({ queue: 'python' })
    // Its threads lose events of each other.
    await fleet.pythonWorker({ hostname: 'py@test', pool: 'prefork', concurrency: 2, heartbeat: true })
    const app = fleet.app({ recorder: { file: ':memory:' } })
    const record = await recorderOf(app)
    await record.start()
    // Its events are enabled from now on.
    const first = await eventually(
      async () => {
        const id = await python.send('py.add', [1, 2])
        await python.call('get', { id })
        return (await record.job(id))?.steps.length ?? 0
      },
      (steps) => steps > 0,
    )
    expect(first).toBeGreaterThan(0)
    const added = await python.send('py.add', [2, 40])
    const failed = await python.send('py.fail', ['boom'])
    const revoked = await python.send('py.add', [1, 1], { expires: '2020-01-01T00:00:00+00:00' })
    // Celery's worker sends one event of a task that has expired.
    const of = (id: string, state: string, steps = 2) =>
      eventually(
        () => record.job(id),
        (found) => found?.job.state === state && found.steps.length >= steps,
      )
    expect((await of(added, 'SUCCESS'))?.job).toMatchObject({
      ...{ task: 'py.add', args: '[2, 40]', result: '42', worker: 'py@test' },
      runtime: expect.any(Number),
    })
    const { job } = (await of(failed, 'FAILURE')) as NonNullable<Awaited<ReturnType<typeof of>>>
    expect(job.exception).toContain('boom')
    expect(job.traceback).toContain('Traceback')
    await of(revoked, 'REVOKED', 1)
    expect((await record.jobs({ q: 'boom', limit: 10 })).jobs.map(({ id }) => id)).toEqual([failed])
    expect((await record.failures({ limit: 10 })).groups).toMatchObject([
      { task: 'py.fail', count: 1, lastJob: failed },
    ])
    await fleet.work(app, { hostname: 'ts@test' })
    const ours = await python.send('ts.add', [20, 3], { queue: 'typescript' })
    expect((await of(ours, 'SUCCESS'))?.job).toMatchObject({ worker: 'ts@test', queue: 'typescript', result: '23' })
    const names = (await record.workers()).filter(({ isAlive }) => isAlive).map(({ name }) => name)
    expect(names).toEqual(expect.arrayContaining(['py@test', 'ts@test']))
    const now = app.config.clock.now()
    const { series } = await record.stats({ from: now - 3_600_000, to: now + 3_600_000, step: '1h', by: 'task' })
    expect(series.find(({ name }) => name === 'py.fail')?.points).toMatchObject([{ failed: 1, succeeded: 0 }])
  })
}
