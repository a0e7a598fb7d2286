import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { TIME_HEADER } from '../../src/beat/sender.ts'
import { every } from '../../src/beat/when/every.ts'
import { StoreUnavailableError } from '../../src/std/errors.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { within } from '../wait.ts'
import { appOf, HOUR, MINUTE, START, useTests } from './scene.ts'

const begin = useTests()

describe('what is above the app', () => {
  it('goes by the clock of the test: HTTP that was mounted before, and its keys', async () => {
    const app = appOf()
    app.task('task', () => 'done')
    const api = app.http({ expose: ['task'] })
    const t = await begin(app)
    const headers = { 'idempotency-key': '"k"', 'content-type': 'application/json' }
    const post = async (): Promise<string> => {
      const request = new Request('http://127.0.0.1/v1/tasks/task', { method: 'POST', headers, body: '[]' })
      return ((await (await api.fetch(request)).json()) as { id: string }).id
    }
    const id = await post()
    await t.advance(24 * HOUR - 1)
    expect(await post()).toBe(id)
    await t.advance(1)
    expect(await post()).not.toBe(id)
  })

  it('goes by the clock of the test: repeats of webhooks', async () => {
    const attempts: string[] = []
    const server = createServer((request, response) => {
      attempts.push(t.now.toISOString())
      request.resume()
      response.writeHead(attempts.length < 4 ? 500 : 204).end()
    })
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    onTestFinished(async () => {
      server.close()
    })
    const app = appOf({ webhooks: { secret: 'whsec_c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0', allow: ['127.0.0.1'] } })
    const task = app.task('task', () => 'done')
    const t = await begin(app)
    const { port } = server.address() as AddressInfo
    await task.applyAsync([], { webhook: `http://127.0.0.1:${port}/` })
    await t.advance('1h')
    // After about 5, 10 and 20 seconds.
    expect(attempts).toHaveLength(4)
    expect(Date.parse(attempts[3] as string) - START).toBeGreaterThan(30_000)
    expect(t.sent('celeriac.webhook')).toMatchObject([{ state: 'SUCCESS' }])
  })
})

describe('a process that dies', () => {
  it('settles nothing; another one takes what it held after the lease', async () => {
    const app = appOf({ lease: '30s' })
    const runs: unknown[] = []
    const hold = Promise.withResolvers<void>()
    const child = app.task('child', () => undefined)
    const task = app.task('task', async () => {
      const { attempt, redelivered } = currentTask() ?? {}
      runs.push([attempt, redelivered, app.config.clock.now() - START])
      if (runs.length === 1) {
        await hold.promise
        // It goes on after its death, and no call of the app returns to it.
        await child.delay()
        runs.push('impossible')
      }
      return runs.length
    })
    const t = await begin(app)
    const handle = await task.delay()
    await t.runUntilIdle({ awaitTasks: false })
    await t.kill()
    hold.resolve()
    await t.advance(29_999)
    expect([runs.length, await handle.state()]).toEqual([1, 'PENDING'])
    await t.advance(1)
    expect(runs).toEqual([
      [1, false, 0],
      [2, true, 30_000],
    ])
    expect(await handle.get()).toBe(2)
    expect(t.sent(child)).toEqual([])
    // Work goes on in the new process.
    await child.delay()
    await t.runUntilIdle()
    expect(t.sent(child)).toMatchObject([{ state: 'SUCCESS' }])
  })

  it('sends nothing more of a schedule twice, and misses none', async () => {
    const app = appOf()
    const ran: number[] = []
    app.task('tick', () => ran.push((app.config.clock.now() - START) / MINUTE))
    app.schedule('ticks', every('1m'), 'tick')
    const t = await begin(app)
    await t.advance('5m')
    await t.kill()
    await t.advance('5m')
    expect(ran).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  })
})

describe('stores that are away', () => {
  it('fail every call, and worker and beat go on when they are back', async () => {
    const app = appOf()
    const fires: unknown[] = []
    const hold = Promise.withResolvers<void>()
    app.task('tick', () => fires.push(currentTask()?.headers[TIME_HEADER]))
    const later = app.task('later', () => app.config.clock.now() - START)
    const held = app.task('held', () => hold.promise)
    app.schedule('ticks', every('10s'), 'tick', { missed: { all: 10 } })
    const t = await begin(app)
    const handle = await held.delay()
    const delayed = await later.applyAsync([], { countdown: '12s' })
    await t.runUntilIdle({ awaitTasks: false })
    t.storeAway('15s')
    await expect(later.delay()).rejects.toThrow(StoreUnavailableError)
    await expect(handle.state()).rejects.toThrow(StoreUnavailableError)
    hold.resolve()
    await t.advance('14s')
    expect(fires).toEqual([])
    // A beat pauses for up to ten seconds between its attempts.
    await t.advance('15s')
    expect(await handle.state()).toBe('SUCCESS')
    expect(await delayed.get()).toBe(15_000)
    expect(fires).toEqual([10_000, 20_000].map((ms) => new Date(START + ms).toISOString()))
  })

  it('do not hold up the end of a test, with a worker that waits for them', async () => {
    const app = appOf()
    const hold = Promise.withResolvers<void>()
    const held = app.task('held', async () => {
      await currentTask()?.chunk('a')
      await hold.promise
    })
    const t = await begin(app)
    await held.delay()
    await t.runUntilIdle({ awaitTasks: false })
    t.storeAway('1h')
    hold.resolve()
    await t.advance('1m')
    expect(t.sent(held)).toMatchObject([{ state: 'STARTED' }])
    await within(() => 'the end of the test', t.close(), 20_000)
  })

  it('a process that dies meanwhile begins again when they are back', async () => {
    const app = appOf()
    const add = app.task('add', (a: number, b: number) => a + b)
    const t = await begin(app)
    t.storeAway('1m')
    await t.kill()
    await t.advance('1m')
    expect(await add.delay(1, 2).get()).toBe(3)
  })
})
