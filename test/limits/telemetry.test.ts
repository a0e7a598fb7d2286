import { expect, test } from 'vitest'
import { type Event, EventReceiver } from '../../src/events/receiver.ts'
import type { Logger } from '../../src/std/log.ts'
import { metricsOf } from '../../src/telemetry/metrics/metrics.ts'
import { Worker } from '../../src/worker/worker.ts'
import { until } from '../app/lab.ts'
import { limitedApp, onTwoLimitedStores } from './fixture.ts'

const NAME = 'celeriac@a'

onTwoLimitedStores((lab) => {
  test('metrics: what is held, waits and is paused, and breakers, by rule and never by key', async () => {
    const app = limitedApp(lab(), { queues: { slow: { concurrency: 5 } } })
    const metrics = metricsOf(app)
    app.limit('api', { breaker: { failures: 1, within: '1m', pause: '1h' } })
    const ends: (() => void)[] = []
    const work = app.task('work', (_: string) => new Promise<void>((resolve) => ends.push(resolve)), {
      queue: 'slow',
      concurrency: { limit: 1, key: (key: string) => key },
    })
    const broken = app.task('broken', () => Promise.reject(new Error('down')), { uses: 'api' })
    for (const key of ['a', 'a', 'b', 'b', 'b']) await work.delay(key)
    const sum = async (name: string): Promise<string | undefined> =>
      (await metrics.text()).split('\n').find((line) => line.startsWith(`${name} `))
    expect(await sum('celeriac_limit_waiting{rule="task:work:concurrency"}')).toMatch(/ 5$/)
    expect(await sum('celeriac_breaker_state{rule="api"}')).toBeUndefined()
    await lab().work(app, { hostname: NAME, queues: ['celery', 'slow'] })
    await until(() => ends.length === 2)
    await (await broken.delay()).get({ timeout: '20s' }).catch(() => undefined)
    for (const key of ['a', 'b']) await app.limits.pause({ task: work, key })
    for (const target of [{ queue: 'slow' }, { task: broken }, { limit: 'api' }]) await app.limits.pause(target)
    // An answer of the store is used again for a second.
    await until(async () => (await sum('celeriac_paused{kind="limit",name="api"}')) !== undefined)
    const text = await metrics.text()
    for (const line of [
      'celeriac_limit_held{rule="task:work:concurrency"} 2',
      'celeriac_limit_waiting{rule="task:work:concurrency"} 3',
      'celeriac_limit_held{rule="queue:slow"} 2',
      'celeriac_paused{kind="queue",name="slow"} 1',
      'celeriac_paused{kind="task",name="work"} 2',
      'celeriac_paused{kind="task",name="broken"} 1',
      'celeriac_breaker_state{rule="api"} 2',
      'celeriac_breaker_changes_total{rule="api",state="open"} 1',
    ])
      expect(text.split('\n')).toContain(line)
    expect(text.match(/^celeriac_(?:limit|breaker|paused)\S*[{].*key=/gm)).toBeNull()
  })

  test('a breaker that opens and closes: a line of the log, and an event, each once', async () => {
    const lines: string[] = []
    const write = (level: string) => (_: object, text: string) => void lines.push(`${level} ${text}`)
    const logger: Logger = {
      debug: () => undefined,
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
      child: () => logger,
    }
    const app = limitedApp(lab(), { logger })
    app.limit('api', { breaker: { failures: 1, within: '1m', pause: 50 } })
    let isDown = true
    const task = app.task('task', () => (isDown ? Promise.reject(new Error('down')) : 'up'), { uses: 'api' })
    const receiver = new EventReceiver(app)
    const seen: Event[] = []
    receiver.onEvent((event) => event.type.startsWith('worker-breaker') && seen.push(event))
    await receiver.start()
    const options = { taskEvents: true, heartbeatInterval: 0 }
    const workers = [
      new Worker(app, { hostname: NAME, ...options }),
      new Worker(app, { hostname: 'celeriac@b', ...options }),
    ]
    try {
      await workers[0]?.start()
      await (await task.delay()).get({ timeout: '20s' }).catch(() => undefined)
      await until(() => seen.length === 1)
      isDown = false
      await workers[1]?.start()
      await (await task.delay()).get({ timeout: '20s' })
      await until(() => seen.length === 2)
    } finally {
      await Promise.all(workers.map((worker) => worker.stop()))
      await receiver.stop()
    }
    expect(seen).toMatchObject([
      { type: 'worker-breaker-opened', limit: 'api', key: '', until: expect.any(Number), hostname: NAME },
      { type: 'worker-breaker-closed', limit: 'api', key: '', until: null },
    ])
    const ofBreaker = lines.filter((line) => line.includes('breaker'))
    expect(ofBreaker).toEqual([
      expect.stringMatching(/^warn the breaker of limit api is open: .* nothing of it begins before \d{4}-\S+Z$/),
      'info the breaker of limit api is closed: runs succeed again',
    ])
  })
})
