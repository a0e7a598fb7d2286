import { expect, it, onTestFinished } from 'vitest'
import { Beat } from '../../src/beat/beat.ts'
import { TIME_HEADER } from '../../src/beat/sender.ts'
import { crontab } from '../../src/beat/when/crontab.ts'
import { every } from '../../src/beat/when/every.ts'
import { Celeriac } from '../../src/celeriac.ts'
import type { CeleriacOptions } from '../../src/index.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { testApp } from '../../src/testing/testing.ts'
import { Worker } from '../../src/worker/worker.ts'
import { eventually } from '../wait.ts'

const START = Date.parse('2030-01-01T00:00:00Z')
const HOUR = 3_600_000
const DAY = 24 * HOUR

/** Processor time of this process, ms. */
function cpu(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/** The least processor time of some attempts, ms, until one is below the limit: others use the machine, too. */
async function leastCpu(limit: number, attempt: () => Promise<void>): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let count = 0; count < 4 && least > limit; count++) {
    const begin = cpu()
    await attempt()
    least = Math.min(least, cpu() - begin)
  }
  return least
}

/** Processor time of so many calls, one after the other, each with its result, ms. */
async function costOf(calls: number): Promise<number> {
  const { app } = noting({ broker: 'memory:' })
  const worker = new Worker(app)
  await worker.start()
  const begin = cpu()
  for (let call = 0; call < calls; call++) await app.send('note', ['plain']).get()
  const spent = cpu() - begin
  await worker.stop()
  await app.close()
  return spent
}

/** An app whose scheduled task notes which run it is. */
function noting(options: CeleriacOptions): { app: Celeriac; runs: string[] } {
  const app = new Celeriac({ logger: false, ...options })
  const runs: string[] = []
  app.task('note', (entry: string) => runs.push(`${entry} ${currentTask()?.headers[TIME_HEADER]}`))
  return { app, runs }
}

/** The moment of a run by its schedule. */
function timeOf(run: string | undefined): number {
  return Date.parse(run?.split(' ')[1] ?? '')
}

it('30 days of schedules, with a crash in the middle: every run of the plan once, in at most a second', async () => {
  const { app, runs } = noting({ broker: 'redis://127.0.0.1:1' })
  app.schedule('hourly', every('1h'), { task: 'note', args: ['hourly'] })
  app.schedule('daily', crontab({ hour: 3, minute: 30 }), { task: 'note', args: ['daily'] })
  const hours = Array.from({ length: 30 * 24 }, (_, at) => START + (at + 1) * HOUR)
  const days = Array.from({ length: 30 }, (_, at) => START + at * DAY + 3.5 * HOUR)
  const plan = [...hours.map((at) => ['hourly', at] as const), ...days.map((at) => ['daily', at] as const)]
    .sort(([, a], [, b]) => a - b)
    .map(([entry, at]) => `${entry} ${new Date(at).toISOString()}`)
  // On a slow or busy machine four times what as many calls cost without a test; the first ones are compiled.
  await costOf(plan.length)
  const limit = Math.max(1000, 4 * (await costOf(plan.length)))
  const spent = await leastCpu(limit, async () => {
    runs.length = 0
    await using t = await testApp(app, { now: START })
    await t.advance('15d')
    await t.kill()
    await t.advance('15d')
    expect(runs).toEqual(plan)
    expect(t.sent('note')).toHaveLength(plan.length)
  })
  expect(spent).toBeLessThan(limit)
})

it('a schedule has the runs that it has in real time', async () => {
  const schedule = (app: Celeriac): void => {
    // A machine that stands still for a while sends what it missed.
    app.schedule('a', every('200ms'), { task: 'note', args: ['a'] }, { missed: { all: 100 } })
    app.schedule('b', every('300ms'), { task: 'note', args: ['b'] }, { missed: { all: 100 } })
  }
  const real = noting({ broker: 'memory:' })
  onTestFinished(() => real.app.close())
  const fake = noting({ broker: 'memory:' })
  for (const { app } of [real, fake]) schedule(app)
  const [worker, beat] = [new Worker(real.app), new Beat(real.app)]
  await worker.start()
  const begin = Date.now()
  await beat.start()
  await eventually(
    async () => real.runs.length,
    (count) => count >= 12,
  )
  await beat.stop()
  await worker.stop()
  const end = Math.max(...real.runs.map(timeOf))
  await using t = await testApp(fake.app, { now: begin })
  await t.advance((end - begin) / 2)
  await t.kill()
  await t.advance(end - t.now.getTime())
  // The real beat may have begun later, and ended before it had sent all of its last moment.
  const first = Math.max(...['a', 'b'].map((entry) => timeOf(real.runs.find((run) => run.startsWith(entry)))))
  const between = (runs: readonly string[]): string[] =>
    runs.filter((run) => timeOf(run) >= first && timeOf(run) < end).sort()
  expect(between(fake.runs)).toEqual(between(real.runs))
})

it('a test takes less than 20 ms of processor time', async () => {
  const app = new Celeriac({ broker: 'redis://127.0.0.1:1' })
  const add = app.task('add', (a: number, b: number) => a + b)
  const count = 100
  const spent = await leastCpu(20 * count, async () => {
    for (let turn = 0; turn < count; turn++) {
      await using t = await testApp(app, { now: START })
      await add.applyAsync([1, turn], { countdown: '1d' })
      await t.advance('1d')
      expect(t.sent(add)).toMatchObject([{ args: [1, turn], state: 'SUCCESS' }])
    }
  })
  expect(spent / count).toBeLessThan(20)
})
