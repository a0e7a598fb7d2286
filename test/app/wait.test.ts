import { fork } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, it, vi } from 'vitest'
import { App } from '../../src/app/app.ts'
import type { AsyncResult } from '../../src/calls/asyncResult.ts'
import type { Clock } from '../../src/std/clock.ts'
import { ArgumentError, NotSupportedError, StoreUnavailableError, TimeoutError } from '../../src/std/errors.ts'
import { uuidOf } from '../../src/std/id.ts'
import { createLogger } from '../../src/std/log.ts'
import { currentTask } from '../../src/tasks/current.ts'
import type { WaitForOptions } from '../../src/tasks/waitTypes.ts'
import { ManualClock } from '../beat/clock.ts'
import { type Lab, onEachStore, until, useLab } from './lab.ts'
import { storesOf } from './stores.ts'

/** An app whose task waits, and the tokens that it gave out. */
function scene(lab: Lab, options: Partial<WaitForOptions> = {}, clock?: Clock) {
  const app = lab.app({ clock })
  const tokens: string[] = []
  const notify = (token: string): number => tokens.push(token)
  const ask = app.task('ask', (name: string) =>
    currentTask()?.waitFor(name, { timeout: '1h', notify, ...options } as WaitForOptions),
  )
  const token = (): Promise<string> => until(() => tokens.length > 0 && (tokens.at(-1) as string)) as Promise<string>
  return { app, ask, tokens, token }
}

const messageOf = (handle: AsyncResult): Promise<string> =>
  handle.get().then(
    () => 'it did not fail',
    (error: Error) => error.message,
  )

onEachStore((lab, kind) => {
  it('the answer, whoever gives it; the state is WAITING until then', async () => {
    const { app, ask, token } = scene(lab())
    await lab().work(app)
    const handle = await ask.delay('approval')
    const states: unknown[] = []
    const told = (async () => {
      for await (const event of handle.events({ after: 0 }))
        states.push(event.type === 'state' ? [event.state, event.meta] : event.type)
    })()
    const given = await token()
    expect(given).toMatch(/^[\w-]{36}\.[\w-]{32}$/)
    const outside = kind === 'memory' ? app : lab().app()
    await until(async () => (await handle.state()) === 'WAITING')
    expect(await outside.completeWait(given, { ok: true, by: 'Ä' })).toBe('completed')
    expect(await handle.get()).toEqual({ ok: true, by: 'Ä' })
    await told
    expect(states).toEqual([['PENDING', null], ['WAITING', { wait: 'approval' }], ['STARTED', null], 'success'])
    expect(await outside.completeWait(given, 'too late')).toBe('already-completed')
  })

  it('of many answers at once one is taken', async () => {
    const { app, ask, token } = scene(lab())
    await lab().work(app)
    const handle = await ask.delay('approval')
    const given = await token()
    const outcomes = await Promise.all(Array.from({ length: 10 }, (_, at) => app.completeWait(given, at)))
    expect(outcomes.filter((outcome) => outcome === 'completed')).toHaveLength(1)
    expect(outcomes.filter((outcome) => outcome === 'already-completed')).toHaveLength(9)
    expect(await handle.get()).toBe(outcomes.indexOf('completed'))
  })

  it('nobody answers in time: TimeoutError, and no answer is taken any more', async () => {
    const { app, ask, tokens } = scene(lab(), { timeout: 30 })
    await lab().work(app)
    const handle = await ask.delay('approval')
    expect(await messageOf(handle)).toBe('waitFor "approval": no answer came in time')
    expect(await app.completeWait(tokens[0] as string)).toBe('over')
  })

  it('a job that is revoked while it waits stops, and takes no answer', async () => {
    const { app, ask, token } = scene(lab())
    await lab().work(app)
    const handle = await ask.delay('approval')
    const given = await token()
    await handle.revoke()
    await expect(handle.get()).rejects.toThrow('revoked')
    expect(await app.completeWait(given, 1)).toBe('over')
  })

  it('another run of the job has the same answer, and asks nobody; another name is another wait', async () => {
    const app = lab().app()
    const told: string[] = []
    const ask = app.task(
      'ask',
      async () => {
        const ctx = currentTask()
        const notify = (token: string): number => told.push(token)
        const first = await ctx?.waitFor('first', { timeout: '1h', notify })
        if (ctx?.attempt === 1) throw new Error('after the first answer')
        return [first, await ctx?.waitFor('second', { timeout: '1h', notify })]
      },
      { retry: { max: 1, delay: 1 } },
    )
    await lab().work(app)
    const handle = await ask.delay()
    await until(() => told.length === 1)
    await app.completeWait(told[0] as string, 'a')
    await until(() => told.length === 2)
    expect(told[1]).not.toBe(told[0])
    await app.completeWait(told[1] as string, 'b')
    expect(await handle.get()).toEqual(['a', 'b'])
  })

  it('a store that is away for a moment ends no wait', async () => {
    const clock = new ManualClock(Date.now())
    const { app, ask, token } = scene(lab(), {}, clock)
    const { unitOfWork } = await storesOf(app)
    const write = unitOfWork.write.bind(unitOfWork)
    let away = 1
    unitOfWork.write = (writing) =>
      writing.meta?.name === 'celeriac.wait' && away-- > 0
        ? Promise.reject(new StoreUnavailableError('away'))
        : write(writing)
    await lab().work(app)
    const handle = await ask.delay('approval')
    const given = await token()
    await until(() => {
      clock.advance(1000)
      // The write that follows the pause was let through.
      return away < 0
    })
    expect(await app.completeWait(given, 'here')).toBe('completed')
    expect(await handle.get()).toBe('here')
  })

  it('no token but the one that was given out is taken', async () => {
    const { app, ask, token } = scene(lab())
    await lab().work(app)
    const handle = await ask.delay('approval')
    const given = await token()
    const wait = uuidOf(handle.id, 'wait', 'approval')
    expect(given.startsWith(`${wait}.`)).toBe(true)
    const guesses = [handle.id, wait, `${wait}.${'A'.repeat(32)}`, `${given} `, given.toUpperCase(), '', '.', 'ü']
    for (const guess of guesses) expect(await app.completeWait(guess, 1)).toBe('unknown')
    expect(await app.completeWait(7 as unknown as string, 1)).toBe('unknown')
    await expect(app.completeWait(given, () => 1)).rejects.toThrow('value: ')
    expect(await app.completeWait(given)).toBe('completed')
    expect(await handle.get()).toBe(null)
  })

  if (kind === 'memory') return

  it('in threads', async () => {
    const { app, ask } = await waiting(lab(), '30s')
    const module = new URL('./modules/waiting.ts', import.meta.url).href
    await lab().work(app, { pool: 'threads', concurrency: 1, module })
    const handle = await ask.delay()
    const given = await tokenOf(handle)
    expect(await app.completeWait(given, 'yes')).toBe('completed')
    expect(await handle.get()).toEqual([false, 'yes'])
  })

  it('a worker that is killed while it waits: the answer of that time is there for the next', async () => {
    const { app, ask } = await waiting(lab())
    const child = fork(new URL('./modules/waiting.ts', import.meta.url), ['work'])
    lab().after(() => child.kill('SIGKILL'))
    await once(child, 'message')
    const handle = await ask.delay()
    const given = await tokenOf(handle)
    child.kill('SIGKILL')
    await once(child, 'exit')
    expect(await app.completeWait(given, 'meanwhile')).toBe('completed')
    await lab().work(app)
    expect(await handle.get()).toEqual([true, 'meanwhile'])
  })
})

/** The app of modules/waiting.ts on the store of this test. */
async function waiting(lab: Lab, lease = '1s'): Promise<typeof import('./modules/waiting.ts')> {
  process.env.CELERIAC_TEST_STORE = lab.url
  process.env.CELERIAC_TEST_BACKEND = lab.backend ?? lab.url
  process.env.CELERIAC_TEST_LEASE = lease
  vi.resetModules()
  const loaded = await import('./modules/waiting.ts')
  lab.after(() => loaded.app.close())
  return loaded
}

const tokenOf = (handle: AsyncResult): Promise<string> =>
  until(async () => {
    for await (const event of handle.events({ after: 0 }))
      if (event.type === 'state' && event.state === 'TOKEN') return event.meta as string
    return false
  }) as Promise<string>

describe('waitFor', () => {
  const lab = useLab('memory')

  it.each([
    ['', { timeout: '1h' }],
    ['a', undefined],
    ['a', {}],
    ['a', { timeout: 'soon' }],
    ['a', { timeout: '1h', notify: 'me' }],
    ['a', { timeout: '1h', tell: 1 }],
  ])('refuses %j with %j', async (name, options) => {
    const app = lab().app()
    const seen: unknown[] = []
    const task = app.task('task', async () => {
      await currentTask()
        ?.waitFor(name, options as WaitForOptions)
        .catch((error: unknown) => seen.push(error))
    })
    await lab().work(app)
    await task.delay().get()
    expect(seen).toEqual([expect.any(ArgumentError)])
  })

  it('has nobody to answer in a direct call, and no memory with rpc:// results', async () => {
    const app = new App({ broker: 'memory:', backend: 'rpc://', logger: createLogger('silent') })
    lab().after(() => app.close())
    const task = app.task('task', () => currentTask()?.waitFor('a', { timeout: '1h' }))
    await expect(task()).rejects.toThrow(NotSupportedError)
    await expect(app.completeWait('a')).rejects.toThrow(NotSupportedError)
  })

  it('can be caught: what it throws is a TimeoutError', async () => {
    const app = lab().app()
    const task = app.task('task', async () => {
      try {
        await currentTask()?.waitFor('a', { timeout: 5 })
        return 'answered'
      } catch (error) {
        return error instanceof TimeoutError
      }
    })
    await lab().work(app)
    expect(await task.delay().get()).toBe(true)
  })
})
