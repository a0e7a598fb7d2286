import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { App } from '../../src/app/app.ts'
import { internalsOf } from '../../src/app/internals.ts'
import { App as FullApp } from '../../src/celeriac.ts'
import { aesGcm } from '../../src/codec/aesGcm.ts'
import { EVENT_EXCHANGE, eventEnvelope } from '../../src/protocol/event.ts'
import { Recorder, recorderOf } from '../../src/recorder/recorder.ts'
import { recordingSuite } from '../../src/testing/suites/recording/recordingSuite.ts'
import { type Lab, onEachStore, useLab } from '../app/lab.ts'
import { isFull } from '../tier.ts'
import { eventually } from '../wait.ts'

function fileOf(lab: Lab): string {
  return lab.kind === 'memory' || lab.kind === 'redis' || lab.kind === 'postgres'
    ? ':memory:'
    : join(lab.path, '..', 'rec.db')
}

/** An app with everything that `Celeriac` has but HTTP. */
function appOf(lab: Lab, options: ConstructorParameters<typeof FullApp>[0] = {}): App {
  const { url: broker, backend } = lab
  const app = new FullApp({
    broker,
    backend,
    logger: false,
    unknownTaskTimeout: 0,
    recorder: { file: fileOf(lab) },
    ...options,
  })
  lab.after(() => app.close())
  return app
}

onEachStore((lab, kind) => {
  // `npm test` has its limit of time: there, the worker below stands for the other stores.
  const suite = kind === 'sqlite' || isFull ? recordingSuite : () => undefined
  suite({ describe, it }, 'the recorder', async () => {
    const app = appOf(lab())
    const recording = await recorderOf(app)
    await recording.start()
    const { broker } = await internalsOf(app).stores()
    return {
      recording,
      send: (events) =>
        broker.publish(eventEnvelope(events, 'w1@suite'), { exchange: EVENT_EXCHANGE, routingKey: 'task.multi' }),
      now: () => app.config.clock.now(),
      close: () => app.close(),
    }
  })

  it('a worker: its jobs in each state with owner and tags; forgetJobs removes them from the record, too', async () => {
    const app = appOf(lab())
    const add = app.task('shop.add', (x: number, y: number) => x + y)
    app.task('shop.bad', (row: number) => {
      throw new TypeError(`no row ${row}`)
    })
    const recorder = await recorderOf(app)
    await lab().work(app, { concurrency: 4 })
    const facts = { owner: 'ann', tags: ['night'] }
    const sent = await Promise.all([1, 2, 3].map((x) => app.send('shop.add', [x, 1], facts)))
    const bad = await app.send('shop.bad', [7])
    const states = async () => (await recorder.facets({})).states.map(({ value, count }) => `${value} ${count}`).sort()
    await eventually(states, (found) => found.join() === 'FAILURE 1,SUCCESS 3')
    const failed = await recorder.job(bad.id)
    expect(failed?.job).toMatchObject({
      task: 'shop.bad',
      args: '(7,)',
      queue: 'celery',
      exception: "TypeError('no row 7')",
    })
    expect(failed?.steps.map(({ type }) => type)).toEqual(['task-received', 'task-started', 'task-failed'])
    expect((await recorder.workers()).filter(({ isAlive }) => isAlive)).toHaveLength(1)
    const hasOwners = (await app.connect()).lists !== 'none'
    if (hasOwners) {
      expect((await recorder.jobs({ owner: 'ann', tag: 'night', limit: 9 })).jobs).toHaveLength(3)
      expect(await app.forgetJobs({ owner: 'ann' })).toMatchObject({ ids: expect.arrayContaining([sent[0]?.id]) })
    } else await app.forgetJobs({ ids: sent.map(({ id }) => id) })
    expect(await states()).toEqual(['FAILURE 1'])
    // A record that never had an event.
    const late = await add.delay(4, 5)
    expect(await late.get()).toBe(9)
    expect((await recorder.job(late.id))?.job).toMatchObject({ state: 'SUCCESS' })
  })
})

describe('several processes on a file', () => {
  const lab = useLab('sqlite')

  it('one of them records, all read; another takes over when it stops, and each event counts once', async () => {
    const taskEvents = { recorder: undefined, taskEvents: true }
    const app = appOf(lab(), taskEvents)
    const [one, two] = [appOf(lab()), appOf(lab())]
    const [first, second] = [new Recorder(one), new Recorder(two)]
    lab().after(() => Promise.all([first.close(), second.close()]))
    await first.start()
    await second.start()
    const { recorder: holder } = await first.status()
    expect((await second.status()).recorder).toBe(holder)
    const noop = app.task('noop', (at: number) => at)
    await lab().work(app, { concurrency: 4 })
    const send = async (from: number) => {
      const sent = await noop.delayMany(Array.from({ length: 50 }, (_, at): [number] => [from + at]))
      await Promise.all(sent.map((each) => each.get()))
    }
    await send(0)
    const total = async () => (await second.facets({ states: ['SUCCESS'] })).total
    await eventually(total, (count) => count === 50)
    await first.stop()
    await eventually(
      () => second.status(),
      ({ recorder }) => recorder !== undefined && recorder !== holder,
    )
    await send(50)
    await eventually(total, (count) => count === 100)
    const now = one.config.clock.now()
    const { series } = await first.stats({ from: now - 3_600_000, to: now + 3_600_000, step: '1h', by: 'all' })
    expect(series[0]?.points.reduce((sum, { succeeded }) => sum + succeeded, 0)).toBe(100)
  })

  it('forgetJobs of a process without a recorder removes from a file that no recorder writes now', async () => {
    const app = appOf(lab())
    const add = app.task('shop.add', (x: number, y: number) => x + y)
    const recorder = await recorderOf(app)
    await lab().work(app)
    const sent = await add.delay(1, 2)
    await eventually(
      () => recorder.job(sent.id),
      (found) => found?.job.state === 'SUCCESS' && found.steps.length === 3,
    )
    await app.close()
    const named = appOf(lab())
    await named.forgetJobs({ ids: [sent.id] })
    const reader = new Recorder(named)
    lab().after(() => reader.close())
    expect((await reader.jobs({ limit: 10 })).jobs).toEqual([])
  })

  it('a codec, and sensitive values: nothing of them is in the file, nor in what is read from records', async () => {
    const codec = aesGcm({ keys: { k: Buffer.alloc(32, 1) } })
    const app = appOf(lab(), { codec })
    app.task('shop.secret', (text: string) => {
      if (text === 'SENTINEL-fail') throw new Error(`SENTINEL-error ${text}`)
      return `SENTINEL-result ${text}`
    })
    const recorder = await recorderOf(app)
    await lab().work(app)
    const good = await app.send('shop.secret', ['SENTINEL-args'])
    const bad = await app.send('shop.secret', ['SENTINEL-fail'])
    await eventually(
      () => recorder.facets({}),
      ({ total }) => total === 2,
    )
    await eventually(
      () => recorder.job(bad.id),
      (found) => found?.job.state === 'FAILURE',
    )
    for (const { id } of [good, bad]) expect(JSON.stringify(await recorder.job(id))).not.toContain('SENTINEL')
    const folder = join(lab().path, '..')
    const files = readdirSync(folder).filter((name) => name.startsWith('rec.db'))
    expect(files).toContain('rec.db')
    for (const name of files) expect(readFileSync(join(folder, name)).includes('SENTINEL')).toBe(false)
  })
})
