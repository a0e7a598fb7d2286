import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { App } from '../../../src/app/app.ts'
import type { CeleriacOptions } from '../../../src/config/config.ts'
import { chain, chord } from '../../../src/index.ts'
import { createLogger } from '../../../src/std/log.ts'
import { currentTask, type TaskContext } from '../../../src/tasks/current.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { eventually, within } from '../../wait.ts'
import type { Insert } from './libraries.ts'
import type { Shop } from './shop.ts'

/** A connection with an open transaction. */
export interface Begun {
  readonly client: object
  readonly insert: Insert
  commit(): Promise<unknown>
  rollback(): Promise<unknown>
  close(): Promise<unknown>
}

/** How a store is used by these tests. */
export interface Completing {
  begin(): Promise<Begun>
  /** Another consumer takes the messages that are held. */
  takeAway(): Promise<unknown>
}

const ROLLBACK = new Error('rolled back')

/** What must hold of `ctx.completeWithin` on a store. */
export function completionSuite(shop: Shop, { begin, takeAway }: Completing): void {
  beforeEach(() => shop.clear())

  const begun = async (): Promise<Begun> => {
    const one = await begin()
    onTestFinished(async () => void (await one.close()))
    return one
  }

  /** Row and result in one transaction. `after`: between the completion and the commit. */
  async function charge(ctx: TaskContext, name: string, after?: (begun: Begun) => unknown): Promise<string> {
    const one = await begun()
    try {
      await one.insert(name)
      await ctx.completeWithin(one.client, `charged ${name}`)
      await after?.(one)
      await one.commit()
    } catch (error) {
      // It may have been rolled back.
      await Promise.resolve(one.rollback()).catch(() => undefined)
      throw error
    }
    return `charged ${name}`
  }

  const rows = (): Promise<number> => shop.count('purchase')
  const isEmpty = (): Promise<unknown> =>
    eventually(
      () => shop.waiting(),
      (waiting) => waiting === 0,
    )

  it('commits the row, the result, what follows and the acknowledgement together', async () => {
    const ended: unknown[] = []
    const stop = shop.app.signals.on('task:success', ({ task, result }) => ended.push([task, result]))
    onTestFinished(stop)
    shop.charging = (ctx, name) =>
      charge(ctx, name, async () => {
        expect(await rows()).toBe(0)
        expect(await shop.app.states([ctx.id])).toEqual(['PENDING'])
        expect(await shop.waiting()).toBe(1)
      })
    const sent = await chain(shop.charge.s('tea'), shop.app.signature('pack')).delay()
    expect(await sent.get({ timeout: '10s' })).toBe('charged tea')
    await eventually(
      async () => ended.length,
      (length) => length === 2,
    )
    expect(ended.sort()).toEqual([
      ['charge', 'charged tea'],
      ['pack', 'charged tea'],
    ])
    await isEmpty()
    expect((await shop.counts()).slice(0, 3)).toEqual([1, 0, 2])
  })

  it('joins a chord, whose body is sent at once', async () => {
    shop.charging = (ctx, name) => charge(ctx, name)
    const header = ['a', 'b'].map((name) => shop.charge.s(name))
    const started = performance.now()
    const sent = await chord(header, shop.app.signature('pack')).delay()
    expect(await sent.get({ timeout: '30s' })).toEqual(['charged a', 'charged b'])
    expect(performance.now() - started).toBeLessThan(8000)
    expect(await rows()).toBe(2)
  })

  it('a run that throws and rolls back fails as any other, and its retry completes', async () => {
    let runs = 0
    shop.charging = (ctx, name) =>
      charge(ctx, name, async ({ rollback }) => {
        if (++runs > 1) return
        await rollback()
        throw ROLLBACK
      })
    const sent = await shop.charge.delay('tea')
    expect(await sent.get({ timeout: '10s' })).toBe('charged tea')
    expect([runs, await rows()]).toEqual([2, 1])
  })

  it('a run that repeats its transaction completes once', async () => {
    shop.charging = async (ctx, name) => {
      const one = await begun()
      await one.insert(name)
      await ctx.completeWithin(one.client, 'first')
      await one.rollback()
      return charge(ctx, name)
    }
    const sent = await shop.charge.delay('tea')
    expect(await sent.get({ timeout: '10s' })).toBe('charged tea')
    expect(await rows()).toBe(1)
  })

  it('a run that returns without its commit has failed', async () => {
    const states: string[] = []
    shop.charging = async (ctx, name) => {
      states.push(...(await shop.app.states([ctx.id])))
      const one = await begun()
      await one.insert(name)
      await ctx.completeWithin(one.client, name)
      await one.rollback()
      return name
    }
    const sent = await shop.charge.delay('tea')
    await expect(sent.get({ timeout: '10s' })).rejects.toThrow(
      'completeWithin: expected that its transaction is committed before the task returns, got one that was rolled back',
    )
    expect(states).toEqual(['PENDING', 'RETRY'])
    expect(await rows()).toBe(0)
  })

  it('a commit that comes after the return counts', async () => {
    let committed: Promise<unknown> | undefined
    shop.charging = async (ctx, name) => {
      const one = await begun()
      await one.insert(name)
      await ctx.completeWithin(one.client, 'late')
      committed = new Promise((resolve) => setTimeout(resolve, 300)).then(() => one.commit())
      return name
    }
    const sent = await shop.charge.delay('tea')
    expect(await sent.get({ timeout: '10s' })).toBe('late')
    await committed
    expect(await rows()).toBe(1)
    await isEmpty()
  })

  it('what a run does after its commit changes nothing', async () => {
    shop.charging = async (ctx, name) => {
      await charge(ctx, name)
      await ctx.progress(50)
      throw new Error('too late')
    }
    const ends: string[] = []
    for (const event of ['task:failure', 'task:retry', 'task:success'] as const)
      onTestFinished(shop.app.signals.on(event, ({ id }) => ends.push(`${id} ${event}`)))
    const sent = await shop.charge.delay('tea')
    expect(await sent.get({ timeout: '10s' })).toBe('charged tea')
    const own = (): readonly string[] => ends.filter((end) => end.startsWith(sent.id))
    await eventually(
      async () => own().length,
      (length) => length > 0,
    )
    expect(own()).toEqual([`${sent.id} task:success`])
    expect(await rows()).toBe(1)
  })

  it('the transaction of a holder that lost its message cannot be committed', async () => {
    const lost: string[] = []
    onTestFinished(shop.app.signals.on('task:lost', ({ id }) => lost.push(id)))
    let problem: Error | undefined
    let isAborted = false
    shop.charging = async (ctx, name) => {
      await takeAway()
      const one = await begun()
      await one.insert(name)
      await ctx.completeWithin(one.client, name).catch((error: Error) => (problem = error))
      isAborted = ctx.signal.aborted
      await one.insert('more').catch(() => undefined)
      await one.commit().catch(() => one.rollback())
    }
    const { id } = await shop.charge.delay('tea')
    await eventually(
      async () => lost.length,
      (length) => length > 0,
    )
    expect(lost).toEqual([id])
    expect(problem).toMatchObject({ name: 'WorkerLostError', message: expect.stringContaining('lease is over') })
    expect(isAborted).toBe(true)
    expect(await rows()).toBe(0)
    expect(await shop.app.states([id])).toEqual(['PENDING'])
  })

  it('a time limit: a completion that is open counts, one that comes later is refused', async () => {
    /** Resolves when the next run is over for its worker. */
    const isOver = (): Promise<void> =>
      new Promise((resolve) => {
        const stop = shop.app.signals.on('task:postrun', () => {
          stop()
          resolve()
        })
      })
    let late: Promise<string> | undefined
    shop.charging = (ctx, name) => {
      const over = isOver()
      if (name === 'open') return charge(ctx, name, () => over)
      late = over.then(() => charge(ctx, name))
      late.catch(() => undefined)
      return late
    }
    const open = await shop.charge.applyAsync(['open'], { timeLimit: '1s' })
    expect(await open.get({ timeout: '10s' })).toBe('charged open')
    const closed = await shop.charge.applyAsync(['late'], { timeLimit: '1s' })
    await expect(closed.get({ timeout: '10s' })).rejects.toThrow('time limit')
    await expect(late).rejects.toThrow(/its (run has ended|lease is over)/)
    expect(await rows()).toBe(1)
  })

  it('returns what its limits took', async () => {
    const app = new App({ broker: shop.url, logger: createLogger('silent') })
    let [running, most] = [0, 0]
    const run = async (name: string): Promise<void> => {
      most = Math.max(most, ++running)
      await charge(currentTask() as TaskContext, name, () => running--)
    }
    const one = app.task('one at a time', run, { concurrency: 1, ignoreResult: true })
    const worker = new Worker(app, { logger: false, queues: ['limited'] })
    await worker.start()
    for (const name of ['a', 'b', 'c']) await one.applyAsync([name], { queue: 'limited' })
    await eventually(rows, (count) => count === 3, 30_000)
    await isEmpty()
    await worker.stop()
    await app.close()
    expect(most).toBe(1)
  })

  describe('is refused', () => {
    async function problemIn(options: CeleriacOptions, taskOptions: object, client: unknown): Promise<string> {
      const app = new App({ logger: createLogger('silent'), ...options })
      const name = `refused ${Math.random()}`
      const task = app.task(name, async () => currentTask()?.completeWithin(client as object, 1), taskOptions)
      const worker = new Worker(app, { logger: false, queues: [name] })
      await worker.start()
      try {
        const sent = await task.applyAsync([], { queue: name })
        return await within(
          () => 'the end',
          sent.get({ timeout: '10s' }).then(String, (error) => error.message),
        )
      } finally {
        await worker.stop()
        await app.close()
      }
    }

    it('where the message is acknowledged early, without a transaction, and on other stores', async () => {
      const one = await begun()
      await one.rollback()
      expect(await problemIn({ broker: shop.url }, { acksLate: false }, one.client)).toContain(
        'completeWithin: expected a task that acknowledges late, got task refused',
      )
      expect(await problemIn({ broker: shop.url }, {}, one.client)).toContain('on which a transaction is open')
      expect(await problemIn({ broker: shop.url }, {}, undefined)).toContain('undefined')
      expect(await problemIn({ broker: 'memory:' }, {}, one.client)).toContain(
        'completeWithin: expected a broker and a result backend that are one PostgreSQL database or one SQLite file',
      )
    })

    it('in the eager mode and a direct call it only checks the result', async () => {
      const app = new App({ broker: shop.url, alwaysEager: true, logger: createLogger('silent') })
      const task = app.task('eager', async (result: unknown) => {
        await currentTask()?.completeWithin({}, result)
        return 'returned'
      })
      expect(await (await task.delay(1)).get()).toBe('returned')
      expect(await task(1)).toBe('returned')
      await expect(task(Symbol('no result'))).rejects.toThrow('result')
      await app.close()
    })
  })
}
