import type { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import type { App } from '../../src/app/app.ts'
import { StoreUnavailableError } from '../../src/std/errors.ts'
import { SqliteBroker } from '../../src/stores/sqlite/broker/broker.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { onAllStores, record, until, useLab } from '../app/lab.ts'
import { storesOf } from '../app/stores.ts'

/** The app's own connection to its file: what breaks there is broken for the app. */
async function connection(app: App): Promise<DatabaseSync> {
  const { broker } = await storesOf(app)
  if (broker instanceof SqliteBroker) return broker.file.db
  throw new TypeError('expected a store in a file')
}

describe('a store in trouble', () => {
  const lab = useLab('sqlite')

  it('locked by another process for a while: nothing is lost, calls and results wait, the worker goes on', async () => {
    const app = lab().app()
    let runs = 0
    const gate = Promise.withResolvers<void>()
    const task = app.task('task', async (n: number) => {
      runs++
      await gate.promise
      return n
    })
    const worker = await lab().work(app, { concurrency: 5 })
    const before = await task.delayMany(Array.from({ length: 8 }, (_, n) => [n]))
    await until(() => worker.busy === 5)
    const other = lab().database()
    other.exec('BEGIN EXCLUSIVE')
    const during = task.delayMany([[8], [9]])
    gate.resolve()
    let sent = false
    void during.then(() => {
      sent = true
    })
    // Long enough for many tries to get the lock.
    await new Promise((resolve) => setTimeout(resolve, 700))
    expect(sent).toBe(false)
    expect(await before[0]?.state()).toBe('PENDING')
    other.exec('COMMIT')
    const handles = [...before, ...(await during)]
    expect(await Promise.all(handles.map((handle) => handle.get()))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    expect(runs).toBe(10)
    expect(worker.problem).toBeUndefined()
  })

  it.each([true, false])('that refuses writes: outcomes wait, and are stored once (acksLate %s)', async (acksLate) => {
    const app = lab().app()
    let runs = 0
    const gate = Promise.withResolvers<void>()
    const task = app.task(
      'task',
      async (n: number) => {
        runs++
        await gate.promise
        if (n === 2) throw new RangeError('no')
        return n
      },
      { acksLate },
    )
    const told = record(app)
    const worker = await lab().work(app, { concurrency: 3 })
    const handles = await task.delayMany([[0], [1], [2]])
    await until(() => runs === 3)
    const db = await connection(app)
    db.exec('PRAGMA query_only = ON')
    gate.resolve()
    const troubles = (): number => told.filter(({ name }) => name === 'worker:error').length
    await until(() => troubles() >= 3)
    await expect(task.delay(3)).rejects.toThrow(StoreUnavailableError)
    expect(await handles[0]?.state()).toBe('PENDING')
    expect(told.find(({ name }) => name === 'worker:error')?.event).toMatchObject({
      error: expect.any(StoreUnavailableError),
      doing: 'settling a task',
    })
    db.exec('PRAGMA query_only = OFF')
    expect(await Promise.all([handles[0]?.get(), handles[1]?.get()])).toEqual([0, 1])
    await expect(handles[2]?.get()).rejects.toThrow('no')
    expect(runs).toBe(3)
    await until(() => worker.busy === 0)
    expect(await task.delay(4).get()).toBe(4)
  })

  it('that is away does not hold up a worker that is to stop at once: its lease gives the task back', async () => {
    const app = lab().app({ lease: '1s' })
    const gate = Promise.withResolvers<void>()
    let runs = 0
    const task = app.task('task', () => (++runs === 1 ? gate.promise : undefined))
    const told = record(app)
    const worker = await lab().work(app)
    const handle = await task.delay()
    await until(() => runs === 1)
    const db = await connection(app)
    db.exec('PRAGMA query_only = ON')
    gate.resolve()
    await until(() => told.some(({ name }) => name === 'worker:error'))
    const stopping = worker.stop()
    await worker.stop({ grace: 0 })
    await stopping
    db.exec('PRAGMA query_only = OFF')
    expect(await handle.state()).toBe('PENDING')
    await lab().work(app)
    await handle.get()
    expect(runs).toBe(2)
  })

  it('an outcome that the store does not take becomes a failure that says so', async () => {
    const app = lab().app()
    const task = app.task('task', (n: number) => n)
    const told = record(app)
    await lab().work(app)
    const db = lab().database()
    db.exec(`CREATE TRIGGER refuse BEFORE UPDATE ON celeriac_result WHEN NEW.state = 'SUCCESS'
      BEGIN SELECT RAISE(ABORT, 'no room for it'); END`)
    const handle = await task.delay(1)
    await expect(handle.get()).rejects.toThrow('no room for it')
    await until(() => told.some(({ name }) => name === 'task:failure'))
    expect(told.some(({ name }) => name === 'task:success')).toBe(false)
    db.exec('DROP TRIGGER refuse')
    expect(await task.delay(2).get()).toBe(2)
    expect(await app.queueSize()).toBe(0)
  })

  it('a store that cannot be opened is said at once, and tried again at the next call', async () => {
    const app = lab().app({ broker: `sqlite:${lab().path}/in/a/file.db` })
    const other = lab().app()
    await other.queueSize()
    await expect(app.send('x')).rejects.toThrow(StoreUnavailableError)
    await expect(lab().work(app)).rejects.toThrow(StoreUnavailableError)
  })

  it('an app that was closed opens its stores again when it is used', async () => {
    const app = lab().app()
    const add = app.task('add', (x: number) => x)
    const handle = await add.delay(1)
    await app.close()
    await app.close()
    expect(await handle.state()).toBe('PENDING')
    await lab().work(app)
    expect(await handle.get()).toBe(1)
  })
})

class Hostile extends Error {
  override get message(): string {
    throw new Error('not even the message')
  }
  override get name(): string {
    throw new Error('not even the name')
  }
}
const faceless = new Proxy(new Error('behind'), {
  getPrototypeOf() {
    throw new Error('do not ask')
  },
  get() {
    throw new Error('do not look')
  },
})
const THROWN: [string, unknown, string | RegExp][] = [
  ['null', null, 'null was thrown'],
  ['undefined', undefined, 'undefined was thrown'],
  ['text', 'just words', 'just words'],
  ['a number', 42, '42 was thrown'],
  ['a bigint', 42n, '42 was thrown'],
  ['a symbol', Symbol('s'), 'Symbol(s) was thrown'],
  ['a function', () => 1, /was thrown/],
  ['an object', { code: 7 }, '{"code":7} was thrown'],
  ['a frozen object', Object.freeze({ message: 'frozen' }), 'frozen'],
  ['a frozen error', Object.freeze(new RangeError('cold')), 'cold'],
  ['an error whose getters throw', new Hostile(), ''],
  ['a proxy that throws', faceless, 'an unreadable object was thrown'],
  ['an error without a message', new Error(), ''],
  ['half a surrogate pair', new Error('\ud800'), '\ufffd'],
  ['a very long message', new Error('x'.repeat(100_000)), /^x+\n… \(cut\)$/],
]

onAllStores((lab) => {
  it('whatever a task throws is its failure, and the worker goes on', async () => {
    const app = lab().app()
    const fail = app.task('fail', async (index: number, sync: boolean) => {
      if (!sync) await null
      throw THROWN[index]?.[1]
    })
    const sync = app.task('sync', (index: number) => {
      throw THROWN[index]?.[1]
    })
    const told = record(app)
    await lab().work(app)
    for (const [index, [what, , message]] of THROWN.entries()) {
      for (const handle of [await fail.delay(index, false), await sync.delay(index)]) {
        await expect(handle.get(), what).rejects.toMatchObject({ name: 'TaskError' })
        const error = (await handle.info())?.error?.message
        if (typeof message === 'string') expect(error, what).toBe(message)
        else expect(error, what).toMatch(message)
      }
    }
    expect(told.some(({ name }) => name === 'worker:error')).toBe(false)
    const add = app.task('add', (x: number) => x + (currentTask()?.attempt ?? 0))
    expect(await add.delay(1).get()).toBe(2)
  })

  it('a result whose getters throw fails the task', async () => {
    const app = lab().app()
    const task = app.task('task', () => ({
      get value(): number {
        throw new RangeError('not computed')
      },
    }))
    await lab().work(app)
    await expect(task.delay().get()).rejects.toMatchObject({ type: 'RangeError', message: 'not computed' })
  })
})
