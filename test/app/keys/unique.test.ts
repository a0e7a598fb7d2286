import { expect, test } from 'vitest'
import type { App } from '../../../src/app/app.ts'
import type { AsyncResult } from '../../../src/calls/asyncResult.ts'
import type { UniqueOptions } from '../../../src/config/task/onceOptions.ts'
import { NotSupportedError, NotUniqueError } from '../../../src/std/errors.ts'
import { limitedApp } from '../../limits/fixture.ts'
import { eventually } from '../../wait.ts'
import { type Lab, onEachStore, type StoreKind } from '../lab.ts'

/** Ends runs of a task from outside. */
class Runs {
  readonly inputs: string[] = []
  readonly #open: (() => void)[] = []
  readonly #failing: boolean

  constructor(failing = false) {
    this.#failing = failing
  }

  readonly run = async (key: string, value: string): Promise<string> => {
    this.inputs.push(`${key}${value}`)
    await new Promise<void>((resolve) => this.#open.push(resolve))
    if (this.#failing && this.inputs.length === 1) throw new Error('the first run fails')
    return value
  }

  async begun(count: number): Promise<void> {
    await eventually(
      async () => this.inputs.length,
      (length) => length >= count,
    )
  }

  endAll(): void {
    for (const end of this.#open.splice(0)) end()
  }
}

const byFirst = (key: string): string => key

onEachStore((lab, kind) => {
  const define = (app: App, unique: Omit<UniqueOptions, 'key'>, runs = new Runs()) =>
    app.task('once', runs.run, {
      unique: { key: byFirst, ...unique },
      trackStarted: true,
      retry: { max: 1, delay: 50 },
    })
  const ids = (handles: readonly AsyncResult[]): string[] => handles.map(({ id }) => id)

  test('until-done: further calls get the handle, of many at once one is sent; free when it is final', async () => {
    const app = lab().app()
    const runs = new Runs()
    const once = define(app, { while: 'until-done' }, runs)
    const handles = await Promise.all(['1', '2', '3', '4', '5'].map((value) => once.delay('a', value)))
    expect(new Set(ids(handles)).size).toBe(1)
    expect(handles.map(({ sent }) => sent)).toEqual([true, false, false, false, false])
    const other = await once.delay('b', '1')
    expect(other.sent).toBe(true)
    await lab().work(app, { concurrency: 4 })
    await runs.begun(2)
    expect((await once.delay('a', '6')).id).toBe(handles[0]?.id)
    runs.endAll()
    expect(await handles[3]?.get({ timeout: '30s' })).toBe('1')
    const next = await once.delay('a', '7')
    expect([next.sent, next.id === handles[0]?.id]).toEqual([true, false])
    await runs.begun(3)
    runs.endAll()
    expect(await next.get({ timeout: '30s' })).toBe('7')
  })

  test('until-done: kept between attempts, and freed by revoke', async () => {
    const app = lab().app()
    const runs = new Runs(true)
    const once = define(app, { while: 'until-done' }, runs)
    await lab().work(app, { concurrency: 4 })
    const first = await once.delay('a', '1')
    await runs.begun(1)
    runs.endAll()
    await runs.begun(2)
    expect((await once.delay('a', '2')).id).toBe(first.id)
    runs.endAll()
    await first.get({ timeout: '30s' })
    const waiting = await once.applyAsync(['b', '1'], { countdown: '1h' })
    expect((await once.delay('b', '2')).id).toBe(waiting.id)
    if (kind === 'rabbitmq') return
    await waiting.revoke()
    expect((await once.delay('b', '3')).sent).toBe(true)
    runs.endAll()
  })

  test('queued: free when a run has begun', async () => {
    const app = lab().app()
    const runs = new Runs()
    const once = define(app, { while: 'queued' }, runs)
    const first = await once.delay('a', '1')
    expect((await once.delay('a', '2')).id).toBe(first.id)
    await lab().work(app, { concurrency: 4 })
    await runs.begun(1)
    const second = await eventually(
      () => once.delay('a', '3'),
      ({ sent }) => sent,
    )
    await runs.begun(2)
    expect(runs.inputs).toEqual(['a1', 'a3'])
    runs.endAll()
    expect(await second.get({ timeout: '30s' })).toBe('3')
  })

  test('a time: whatever becomes of the job, then free', async () => {
    if (kind !== 'sqlite' && kind !== 'redis') return
    const app = lab().app()
    const runs = new Runs()
    const once = define(app, { while: '1500ms' }, runs)
    const first = await once.delay('a', '1')
    await lab().work(app, { concurrency: 4 })
    await runs.begun(1)
    runs.endAll()
    await first.get({ timeout: '30s' })
    expect((await once.delay('a', '2')).id).toBe(first.id)
    const next = await eventually(
      () => once.delay('a', '3'),
      ({ sent }) => sent,
    )
    await runs.begun(2)
    runs.endAll()
    expect(await next.get({ timeout: '30s' })).toBe('3')
  })

  test('reject: an error that names the job', async () => {
    const once = define(lab().app(), { while: 'until-done', onConflict: 'reject' })
    const first = await once.delay('a', '1')
    const error = await once.delay('a', '2').then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expect(error).toBeInstanceOf(NotUniqueError)
    expect(error).toMatchObject({ id: first.id, key: 'a', code: 'NOT_UNIQUE' })
  })

  replacing(lab, kind, define)

  test('delayMany: each call by itself', async () => {
    const once = define(lab().app(), { while: 'until-done' })
    const handles = await once.delayMany([
      ['a', '1'],
      ['b', '2'],
      ['a', '3'],
    ])
    expect(handles.map(({ sent }) => sent).filter(Boolean).length).toBe(2)
    expect(handles[0]?.id).toBe(handles[2]?.id)
  })

  test('two apps of one store share the keys of a task, by its name', async () => {
    if (kind === 'memory') return
    const [one, two] = [lab().app(), lab().app()].map((app) => define(app, { while: 'until-done' }))
    const calls = Array.from({ length: 24 }, (_, at) => (at % 2 ? one : two)?.delay('a', String(at)))
    const handles = await Promise.all(calls)
    expect(handles.filter((handle) => handle?.sent).length).toBe(1)
    expect(new Set(handles.map((handle) => handle?.id)).size).toBe(1)
  })
})

type Define = (
  app: App,
  unique: Omit<UniqueOptions, 'key'>,
  runs?: Runs,
) => { delay(key: string, value: string): Promise<AsyncResult> }

function replacing(lab: () => Lab, kind: StoreKind, define: Define): void {
  if (kind === 'rabbitmq') {
    test('without a store for limits: replace is refused at the call, and by a worker', async () => {
      const app = lab().app()
      const once = define(app, { while: 'until-done', onConflict: 'replace' })
      await expect(once.delay('a', '1')).rejects.toBeInstanceOf(NotSupportedError)
      await expect(lab().work(app)).rejects.toThrow("unique with onConflict 'replace' changes a job that waits")
    })
    test('running: refused, as no message can be asked for; so is queued without trackStarted', async () => {
      const app = lab().app()
      await expect(define(app, { while: 'running' }).delay('a', '1')).rejects.toThrow("or use 'until-done'")
      const untracked = app.task('untracked', () => 1, { unique: { while: 'queued' } })
      await expect(untracked.delay()).rejects.toThrow('needs trackStarted: true here')
    })
    test('beside one, queued needs no trackStarted', async () => {
      const app = limitedApp(lab())
      const runs = new Runs()
      const once = app.task('once', runs.run, { unique: { key: byFirst, while: 'queued' } })
      const first = await once.delay('a', '1')
      expect((await once.delay('a', '2')).id).toBe(first.id)
      await lab().work(app)
      await runs.begun(1)
      expect((await once.delay('a', '3')).sent).toBe(true)
      runs.endAll()
      await runs.begun(2)
      runs.endAll()
    })
  }

  test('replace: the job that waits gets the new input; one that has begun keeps it', async () => {
    const app = limitedApp(lab())
    const runs = new Runs()
    const once = define(app, { while: 'until-done', onConflict: 'replace' }, runs)
    const first = await once.delay('a', '1')
    const again = await once.delay('a', '2')
    expect([again.id, again.sent]).toEqual([first.id, false])
    await lab().work(app)
    await runs.begun(1)
    expect(runs.inputs).toEqual(['a2'])
    await expect(once.delay('a', '3')).rejects.toBeInstanceOf(NotUniqueError)
    runs.endAll()
    expect(await first.get({ timeout: '30s' })).toBe('2')
  })

  test('replace while queued: a job that has begun is not in the way', async () => {
    const app = limitedApp(lab())
    const runs = new Runs()
    const once = define(app, { while: 'queued', onConflict: 'replace' }, runs)
    const first = await once.delay('a', '1')
    expect((await once.delay('a', '2')).id).toBe(first.id)
    await lab().work(app)
    await runs.begun(1)
    const second = await once.delay('a', '3')
    expect(second.sent).toBe(true)
    runs.endAll()
    await runs.begun(2)
    expect(runs.inputs).toEqual(['a2', 'a3'])
    runs.endAll()
    await second.get({ timeout: '30s' })
  })

  test('running: kept by a run; free when its record is final', async () => {
    const app = limitedApp(lab())
    const runs = new Runs()
    const once = define(app, { while: 'running' }, runs)
    const first = await once.delay('a', '1')
    expect((await once.delay('a', '2')).id).toBe(first.id)
    await lab().work(app)
    await runs.begun(1)
    expect((await once.delay('a', '3')).id).toBe(first.id)
    runs.endAll()
    await first.get({ timeout: '30s' })
    expect((await once.delay('a', '4')).sent).toBe(true)
    runs.endAll()
  })

  test('purge frees the key; so does forget', async () => {
    const app = limitedApp(lab())
    const once = define(app, { while: 'until-done' })
    await once.delay('a', '1')
    await app.purge()
    const second = await once.delay('a', '2')
    expect(second.sent).toBe(true)
    await app.purge()
    await second.forget()
    expect((await once.delay('a', '3')).sent).toBe(true)
  })
}
