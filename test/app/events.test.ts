import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { AsyncResult, TaskEvent } from '../../src/calls/asyncResult.ts'
import { TimeoutError } from '../../src/std/errors.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { onAllStores, until, useLab } from './lab.ts'

type Event = TaskEvent<unknown, unknown>

/** Everything until the end. */
async function collect(handle: AsyncResult): Promise<Event[]> {
  const events: Event[] = []
  for await (const event of handle.events()) events.push(event)
  return events
}

function states(events: readonly Event[]): string[] {
  return events.map(({ state }) => state)
}

onAllStores((lab) => {
  it('tells states and progress in order, each newer than the one before, the end last, to every watcher', async () => {
    const app = lab().app({ trackStarted: true })
    const steps = [Promise.withResolvers<void>(), Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const task = app.task(
      'task',
      async () => {
        const ctx = currentTask()!
        await steps[0]?.promise
        if (ctx.attempt === 1) throw new RangeError('once')
        await ctx.progress(0.5)
        await steps[1]?.promise
        await ctx.updateState('STEP 2', 'packing')
        await steps[2]?.promise
        return 'done'
      },
      { retry: { max: 1, delay: 50, jitter: 'none' } },
    )
    const handle = await task.delay()
    const watchers = [handle, app.result(handle.id), handle].map(collect)
    const seen: Event[] = []
    let worked = false
    for await (const event of handle.events()) {
      seen.push(event)
      if (event.state === 'PENDING' && !worked) {
        worked = true
        await lab().work(app)
      }
      if (event.state === 'STARTED') steps[0]?.resolve()
      if (event.type === 'progress') steps[1]?.resolve()
      if (event.state === 'STEP 2') steps[2]?.resolve()
    }
    const story = ['PENDING', 'STARTED', 'RETRY', 'STARTED', 'PROGRESS', 'STEP 2', 'SUCCESS']
    const isPart = (events: readonly Event[]): void => {
      const told = states(events)
      let at = 0
      for (const state of told) {
        at = story.indexOf(state, at) + 1
        expect(at, `${state} in ${told}`).toBeGreaterThan(0)
      }
      expect(events.at(-1)).toMatchObject({ type: 'success', state: 'SUCCESS', result: 'done' })
    }
    isPart(seen)
    expect(states(seen)).toEqual(expect.arrayContaining(['PENDING', 'STARTED', 'PROGRESS', 'STEP 2']))
    expect(seen.find(({ type }) => type === 'progress')).toMatchObject({ data: 0.5, info: { progress: 0.5 } })
    expect(seen.find(({ state }) => state === 'STEP 2')).toMatchObject({ type: 'state', meta: 'packing' })
    for (const events of await Promise.all(watchers)) isPart(events)
    // Afterwards there is only the end to tell.
    expect(states(await collect(handle))).toEqual(['SUCCESS'])
  })

  it('ends with failure or revoke, and says why', async () => {
    const app = lab().app()
    const fail = app.task('fail', () => Promise.reject(new RangeError('no')))
    const failing = await fail.delay()
    const revoked = await fail.applyAsync([], { countdown: lab().kind === 'rabbitmq' ? '1s' : '1h' })
    const ends = Promise.all([collect(failing), collect(revoked)])
    await lab().work(app)
    await revoked.revoke()
    const [failure, revoke] = await ends
    expect(failure.at(-1)).toMatchObject({ type: 'failure', error: { type: 'RangeError', message: 'no' } })
    expect(revoke.at(-1)).toMatchObject({ type: 'revoked', error: { type: 'TaskRevokedError', message: 'revoked' } })
  })

  it('a watch ends by timeout, signal or break; an end that was told is no timeout', async () => {
    const app = lab().app()
    const gate = Promise.withResolvers<number>()
    const task = app.task('task', () => gate.promise)
    const handle = await task.delay()
    const timed = async (): Promise<void> => {
      for await (const _ of handle.events({ timeout: 20 }));
    }
    await expect(timed()).rejects.toThrow(TimeoutError)
    for await (const event of handle.events()) {
      expect(event.state).toBe('PENDING')
      break
    }
    const stop = new AbortController()
    const events = handle.events({ signal: stop.signal })
    await events.next()
    const rest = events.next()
    stop.abort(new Error('gone'))
    await expect(rest).rejects.toThrow('gone')
    gate.resolve(7)
    await lab().work(app)
    await handle.get()
    const slow = handle.events({ timeout: 30 })
    expect((await slow.next()).value).toMatchObject({ type: 'success', result: 7 })
    await new Promise((resolve) => setTimeout(resolve, 60))
    expect(await slow.next()).toEqual({ value: undefined, done: true })
  })

  it('many wait for one result, before and after its end', async () => {
    const app = lab().app()
    const add = app.task('add', (x: number) => x + 1)
    const handle = await add.delay(1)
    const waiting = Array.from({ length: 50 }, () => app.result(handle.id).get())
    await lab().work(app)
    expect(new Set(await Promise.all(waiting))).toEqual(new Set([2]))
    expect(await handle.get()).toBe(2)
  })
})

describe('from another app on the same file', () => {
  const lab = useLab('sqlite')

  it('events and results arrive, pushed', async () => {
    const app = lab().app()
    const gate = Promise.withResolvers<void>()
    const task = app.task('task', async () => {
      await currentTask()?.progress('half')
      await gate.promise
      return 'whole'
    })
    await lab().work(app)
    const other = lab().app()
    const handle = await other.send('task')
    const seen: Event[] = []
    for await (const event of handle.events()) {
      seen.push(event)
      if (event.type === 'progress') gate.resolve()
    }
    expect(states(seen).slice(-2)).toEqual(['PROGRESS', 'SUCCESS'])
    const again = await task.delay()
    expect(await other.result(again.id).get()).toBe('whole')
    expect(await other.result(again.id).info()).toMatchObject({ task: 'task', state: 'SUCCESS' })
    await until(async () => (await other.jobs()).jobs.length === 2)
  })
})

describe('what waits', () => {
  const lab = useLab('sqlite')

  it('leaves nothing behind: a process that has waited ends by itself', async () => {
    const path = fileURLToPath(new URL('./modules/leave.ts', import.meta.url))
    const flags = ['--conditions=source', '--disable-warning=ExperimentalWarning']
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, path, lab().url], { timeout: 45_000 })
    expect(stdout).toBe('2,4,6\n')
  })
})
