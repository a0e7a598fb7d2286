import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { TaskRevokedError } from '../../src/std/errors.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { startProcess } from '../worker/modules/start.ts'
import { define } from '../worker/modules/tasks.ts'
import { next, onAllStores, record, until, useLab } from './lab.ts'
import { storesOf } from './stores.ts'

const REVOKED = { code: 'TASK_REVOKED', message: 'revoked' }

onAllStores((lab, kind) => {
  it('a waiting task: REVOKED at once, never run, out of the queue', async () => {
    const app = lab().app()
    let runs = 0
    const task = app.task('task', () => ++runs)
    const handle = await task.delay()
    const waiting = handle.get().catch((error: unknown) => error)
    expect(await handle.revoke()).toBe(true)
    if (lab().kind === 'rabbitmq') await lab().work(app)
    else expect(await handle.state()).toBe('REVOKED')
    const error = await waiting
    expect(error).toBeInstanceOf(TaskRevokedError)
    expect(error).toMatchObject({ ...REVOKED, taskId: handle.id })
    expect(await app.queueSize()).toBe(0)
    expect(await handle.info()).toMatchObject({ task: 'task', state: 'REVOKED', error: { type: 'TaskRevokedError' } })
    await lab().work(app)
    expect(await task.delay().get()).toBe(1)
    expect(await handle.revoke()).toBe(false)
  })

  it('a delayed one, also between retries', async () => {
    const app = lab().app()
    const later = lab().kind === 'rabbitmq' ? '1s' : '1h'
    let runs = 0
    const task = app.task('task', () => currentTask()?.retry({ countdown: runs++ ? 0 : later }))
    const delayed = await task.applyAsync([], { countdown: later })
    await lab().work(app)
    const retrying = await task.delay()
    await until(async () => (await retrying.state()) === 'RETRY')
    for (const handle of [delayed, retrying]) {
      expect(await handle.revoke()).toBe(true)
      if (lab().kind !== 'rabbitmq') expect(await handle.state()).toBe('REVOKED')
      await expect(handle.get()).rejects.toMatchObject(REVOKED)
    }
    expect(runs).toBe(1)
  })

  // Elsewhere no worker sees it before its time.
  const when = ['before it is back', 'after'] as const
  if (kind === 'redis')
    it.each(when)('a delayed one that a worker is putting back, told %s', async (told) => {
      const [app, other] = [lab().app(), lab().app()]
      const task = app.task('task', () => undefined)
      const { unitOfWork } = await storesOf(app)
      const { broker } = await storesOf(other)
      const [looked, back] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
      const [settle, publish] = [unitOfWork.settle.bind(unitOfWork), broker.publish.bind(broker)]
      let revoking: Promise<boolean> | undefined
      // The moment after the other has looked for it: whether the worker hears of it first, or the store.
      unitOfWork.settle = async (settlement) => {
        if (revoking !== undefined) return settle(settlement)
        revoking = other.result(handle.id).revoke()
        await looked.promise
        if (told === 'before it is back') {
          await revoking
          await new Promise((resolve) => setTimeout(resolve, 100))
        }
        const settled = await settle(settlement)
        back.resolve()
        return settled
      }
      broker.publish = async (...message) => {
        looked.resolve()
        if (told === 'after') await back.promise
        return publish(...message)
      }
      const handle = await task.applyAsync([], { countdown: '1h' })
      await lab().work(app)
      await expect(handle.get({ timeout: '10s' })).rejects.toMatchObject(REVOKED)
      expect(await revoking).toBe(true)
      expect(await app.queueSize()).toBe(0)
    })

  it('a running one: its signal aborts, and it is REVOKED when it gives in', async () => {
    const app = define(lab().app())
    await lab().work(app)
    const told = next(app, 'task:revoked')
    const handle = await app.send('obey')
    await until(async () => (await handle.state()) === 'WAITING')
    expect(await handle.revoke()).toBe(true)
    await expect(handle.get()).rejects.toMatchObject(REVOKED)
    expect(await told).toMatchObject({ id: handle.id, task: 'obey', reason: 'revoked' })
  })

  it('a running one that ends well all the same keeps its result', async () => {
    const app = define(lab().app())
    await lab().work(app)
    const handle = await app.send('tidy', [10])
    await until(async () => (await handle.state()) === 'WAITING')
    await handle.revoke()
    expect(await handle.get()).toBe('tidied')
  })

  it('terminate inline: given up after the grace period', async () => {
    const app = define(lab().app())
    const worker = await lab().work(app, { revokeGrace: 30 })
    const told = next(app, 'task:revoked')
    const handle = await app.send('deaf', [60_000])
    await until(async () => (await handle.state()) === 'WAITING')
    expect(await handle.revoke({ terminate: true })).toBe(true)
    await expect(handle.get()).rejects.toMatchObject({ message: 'terminated' })
    expect((await told).reason).toBe('terminated')
    await until(() => worker.busy === 0)
    expect(await app.send('add', [1, 2]).get()).toBe(3)
  })

  it('one that ended: false, and it stays as it is', async () => {
    const app = define(lab().app())
    await lab().work(app)
    const handle = await app.send('add', [1, 2])
    await handle.get()
    expect(await handle.revoke()).toBe(false)
    expect(await handle.revoke({ terminate: true })).toBe(false)
    expect(await handle.get()).toBe(3)
  })

  it('an id before it is submitted: never run, also by a worker that starts later, also with results ignored', async () => {
    const app = lab().app()
    let runs = 0
    const task = app.task('task', () => ++runs)
    const told = record(app)
    const first = await lab().work(app)
    await app.result('early').revoke()
    await app.result('quiet').revoke()
    const handle = await task.applyAsync([], { taskId: 'early' })
    await expect(handle.get()).rejects.toMatchObject(REVOKED)
    await first.stop()
    await lab().work(app)
    const again = await task.applyAsync([], { taskId: 'early', ignoreResult: true })
    await task.applyAsync([], { taskId: 'quiet', ignoreResult: true })
    expect(await task.delay().get()).toBe(1)
    await until(() => told.filter(({ name }) => name === 'task:revoked').length === 3)
    expect(await again.state()).toBe('REVOKED')
    expect(await app.result('quiet').state()).toBe('UNKNOWN')
  })

  it('two workers of one name: both hear it', async () => {
    const app = define(lab().app())
    const options = { hostname: 'same@name', concurrency: 2 }
    await lab().work(app, options)
    await lab().work(app, options)
    const handles = await Promise.all(Array.from({ length: 4 }, () => app.send('obey')))
    for (const handle of handles) await until(async () => (await handle.state()) === 'WAITING')
    await Promise.all(handles.map((handle) => handle.revoke()))
    for (const handle of handles) await expect(handle.get()).rejects.toMatchObject(REVOKED)
  })
})

describe('from elsewhere on the same file', () => {
  const lab = useLab('sqlite')

  it('a task that runs under another app in this process', async () => {
    const app = define(lab().app())
    await lab().work(app)
    const handle = await app.send('obey')
    await until(async () => (await handle.state()) === 'WAITING')
    expect(await lab().app().result(handle.id).revoke()).toBe(true)
    await expect(handle.get()).rejects.toMatchObject(REVOKED)
  })

  it('a task that runs in another process', async () => {
    const app = lab().app()
    await startProcess(lab())
    const handle = await app.send('obey')
    await until(async () => (await handle.state()) === 'WAITING')
    expect(await handle.revoke()).toBe(true)
    await expect(handle.get()).rejects.toMatchObject(REVOKED)
    expect((await handle.info())?.worker).toMatch(/^other@\d+$/)
  })

  it('a task whose worker dies with it: it is not run again', async () => {
    const app = define(lab().app({ lease: '1s' }))
    const child = await startProcess(lab())
    const told = record(app)
    const lost = await app.send('deaf', [60_000])
    await until(async () => (await lost.state()) === 'WAITING')
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(await lost.revoke()).toBe(true)
    await lab().work(app)
    await expect(lost.get()).rejects.toMatchObject(REVOKED)
    expect(told.map(({ name }) => name)).not.toContain('task:prerun')
  })
})

describe('in threads', () => {
  const lab = useLab('sqlite')
  const module = new URL('../worker/modules/tasks.ts', import.meta.url).href

  it('a polite loop and a waiting one end by themselves; terminate ends a CPU loop after the grace period', async () => {
    const app = define(lab().app())
    await lab().work(app, { pool: 'threads', concurrency: 1, module, revokeGrace: 300 })
    for (const [task, state] of [
      ['obey', 'WAITING'],
      ['polite', 'PROGRESS'],
    ] as const) {
      const handle = await app.send(task)
      await until(async () => (await handle.state()) === state)
      await handle.revoke()
      await expect(handle.get()).rejects.toMatchObject(REVOKED)
    }
    const spin = await app.send('spin')
    await until(async () => (await spin.state()) === 'SPINNING')
    await spin.revoke()
    await expect(spin.get({ timeout: 100 })).rejects.toMatchObject({ code: 'TIMEOUT' })
    const asked = performance.now()
    await spin.revoke({ terminate: true })
    await expect(spin.get()).rejects.toMatchObject({ message: 'terminated' })
    expect(performance.now() - asked).toBeGreaterThanOrEqual(290)
    // Its thread is replaced.
    expect(await app.send('add', [1, 2]).get()).toBe(3)
  })
})
