import { describe, expect, it } from 'vitest'
import type { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'
import { currentTask } from '../../../src/tasks/current.ts'
import { Worker, type WorkerOptions } from '../../../src/worker/worker.ts'
import { useLab } from '../../app/lab.ts'
import { project, start } from '../../cli/harness.ts'

const lab = useLab('sqlite')
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

it.each(['inline', 'solo'] as const)('%s: in their order, awaited, and resources outlive them', async (pool) => {
  const app = lab().app()
  const notes: string[] = []
  const note = (text: string) => async () => {
    await pause(5)
    notes.push(text)
  }
  const db = app.provide('db', { create: () => 'db', dispose: () => notes.push('db disposed') })
  const task = app.task('task', async () => {
    notes.push(`task with ${await currentTask()?.get(db)}`)
  })
  app.onWorkerInit(note('init'))
  app.onWorkerInit(async (facts) => {
    notes.push(`second init ${JSON.stringify(facts)}`)
    await app.get(db)
  })
  app.onChildInit(async (facts) => notes.push(`child init ${JSON.stringify(facts)}`))
  app.onWorkerReady(note('ready'))
  app.on('worker:ready', () => notes.push('signal'))
  app.onChildShutdown(note('child shutdown'))
  app.onWorkerShutdown(async () => notes.push(`shutdown with ${await app.get(db)}`))
  app.onWorkerShutdown(note('second shutdown'))
  app.onWorkerInit(note('taken back'))()
  const worker = await lab().work(app, { pool, hostname: 'one@x', queues: ['a', 'celery'] })
  expect(notes).toEqual([
    'init',
    `second init {"hostname":"one@x","queues":["a","celery"],"pool":"${pool}","concurrency":${pool === 'solo' ? 1 : 100}}`,
    `child init {"pool":"${pool}"}`,
    'signal',
    'ready',
  ])
  notes.length = 0
  await task.delay().get()
  await worker.stop()
  expect(notes).toEqual(['task with db', 'child shutdown', 'second shutdown', 'shutdown with db', 'db disposed'])
})

it('one that fails at the start ends it: nothing is left open, and the next start tries again', async () => {
  const app = lab().app()
  const notes: string[] = []
  const db = app.provide('db', { create: () => 'db', dispose: () => notes.push('db disposed') })
  let fails = true
  app.onWorkerInit(async () => {
    await app.get(db)
    if (fails) throw new RangeError('no licence')
  })
  app.onWorkerInit(() => notes.push('second'))
  app.onWorkerShutdown(() => notes.push('shutdown'))
  const worker = new Worker(app, { logger: false })
  await expect(worker.start()).rejects.toMatchObject({
    code: 'HOOK_FAILED',
    message: 'a hook of onWorkerInit failed: RangeError: no licence',
    cause: expect.any(RangeError),
  })
  expect(notes).toEqual(['db disposed'])
  fails = false
  await worker.start()
  await worker.stop()
  expect(notes).toEqual(['db disposed', 'second', 'shutdown', 'db disposed'])
})

it('one that takes longer than its limit has failed; at the end that is logged, and the others run', async () => {
  const lines: { msg: string }[] = []
  const app = lab().app({ logger: createLogger('info', { write: (line) => lines.push(JSON.parse(line)) }) })
  const never = (): Promise<void> => new Promise(() => undefined)
  const notes: string[] = []
  app.onWorkerShutdown(() => notes.push('shutdown'))
  app.onWorkerShutdown(never, { timeout: 10 })
  app.onChildShutdown(() => Promise.reject(new Error('cannot')))
  app.onWorkerReady(() => Promise.reject('not now'))
  await (await lab().work(app)).stop()
  expect(notes).toEqual(['shutdown'])
  expect(lines.map(({ msg }) => msg)).toEqual([
    'a hook of onWorkerReady failed: not now',
    'a hook of onChildShutdown failed: Error: cannot',
    'a hook of onWorkerShutdown failed: TimeoutError: it did not end within 10 ms',
  ])
  app.onWorkerInit(never, { timeout: 10 })
  await expect(new Worker(app).start()).rejects.toThrow(
    'onWorkerInit failed: TimeoutError: it did not end within 10 ms',
  )
})

it('wrong uses name what was expected', () => {
  const app = lab().app()
  expect(() => app.onWorkerInit('x' as never)).toThrow('onWorkerInit: expected a function, got "x"')
  expect(() => app.onChildInit(() => 1, { timeout: -1 })).toThrow('onChildInit: timeout')
  expect(() => app.onChildShutdown(() => 1, { limit: 1 } as never)).toThrow('onChildShutdown: unknown option limit')
})

describe('celeriac worker', () => {
  const module = (hook: string): string => `
    import { Celeriac } from 'celeriac'
    export const app = new Celeriac()
    ${hook}`

  it.each([
    ['inline', 'app.onWorkerInit(() => { throw new RangeError("no licence") })', 'onWorkerInit'],
    ['processes', 'app.onChildInit(() => { throw new RangeError("no licence") })', 'onChildInit'],
  ])('%s: a hook that fails at the start: one line that says so, its stack, exit code 1', async (pool, hook, name) => {
    const worker = start(project({ 'tasks.ts': module(hook) }), ['worker', '-A', 'tasks.ts', '-P', pool, '-c', '1'])
    const { code, stderr } = await worker.ended
    expect(stderr).toMatch(new RegExp(`^celeriac: a hook of ${name} failed: RangeError: no licence$`, 'm'))
    expect(stderr).toMatch(/caused by RangeError: no licence\n {4}at .*tasks\.ts/)
    expect(code).toBe(1)
  })
})

const children = new URL('./hangingTasks.ts', import.meta.url).href
const hanging = { timeout: '10m' } as const
const never = (): Promise<never> => new Promise(() => undefined)

describe('a stop, while a hook of the start hangs', () => {
  it.each<[name: string, end: string | undefined, hook: (app: App) => unknown, options?: WorkerOptions]>([
    ['onWorkerInit', 'STOPPED', (app) => app.onWorkerInit(never, hanging)],
    ['onChildInit', 'STOPPED', (app) => app.onChildInit(never, hanging)],
    ['onWorkerReady', undefined, (app) => app.onWorkerReady(never, hanging)],
    ['onChildInit in threads', 'STOPPED', () => undefined, { pool: 'threads', concurrency: 1, module: children }],
    ['onChildInit in processes', 'STOPPED', () => undefined, { pool: 'processes', concurrency: 1, module: children }],
  ])('%s: ends within its grace', async (_, end, hook, options) => {
    for (const grace of [50, 0]) {
      const app = lab().app()
      const [begun, init] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      app.on('worker:ready', () => begun.resolve())
      app.onWorkerInit(() => init.resolve())
      hook(app)
      const worker = new Worker(app, { logger: false, ...options })
      const starting = worker.start().catch((error) => error.code)
      await (end === undefined ? begun : init).promise
      await worker.stop({ grace })
      expect(await starting).toBe(end)
      expect(worker.health.reason).toBe('it does not run')
    }
  })
})
