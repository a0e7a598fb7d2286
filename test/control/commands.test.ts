import { isDeepStrictEqual } from 'node:util'
import { expect, it } from 'vitest'
import type { App } from '../../src/app/app.ts'
import { Control } from '../../src/control/control.ts'
import { EventReceiver } from '../../src/events/receiver.ts'
import { CONTROL_EXCHANGE } from '../../src/protocol/control.ts'
import { next, onEachStore, record, until, useLab } from '../app/lab.ts'
import { storesOf } from '../app/stores.ts'
import { defineScaling } from '../worker/modules/scaling.ts'

const NAME = 'celery@a'
/** Tasks of children. */
const SCALING = new URL('../worker/modules/scaling.ts', import.meta.url).href
const ONE = { destination: [NAME], timeout: '10s' } as const

const done = (ok: string) => [{ [NAME]: { ok } }]
const refused = (error: unknown) => [{ [NAME]: { error } }]
const inspect = (app: App) => new Control(app).inspect(ONE)

onEachStore((lab, kind) => {
  it('queues are added and cancelled while it runs, and nothing is lost', async () => {
    const app = lab().app()
    const ran: number[] = []
    app.task('task', (n: number) => ran.push(n))
    await lab().work(app, { hostname: NAME })
    const control = new Control(app)
    await app.send('task', [1], { queue: 'second' })
    expect(await control.addConsumer('second', ONE)).toEqual(done('add consumer second'))
    await until(() => ran.includes(1))
    const queues = await inspect(app).activeQueues()
    expect((queues[NAME] as readonly { name: string }[]).map(({ name }) => name)).toEqual([app.config.queue, 'second'])
    expect(await control.cancelConsumer('second', ONE)).toEqual(done('no longer consuming from second'))
    await app.send('task', [2], { queue: 'second' })
    await (await app.send('task', [3])).get()
    expect(ran).toEqual([1, 3])
    await control.addConsumer('second', ONE)
    await until(() => ran.includes(2))
    expect(ran).toEqual([1, 3, 2])
  })

  it('queues change while broadcasts and other tasks are sent: each runs once', async () => {
    const app = lab().app({ queues: { news: { broadcast: true }, more: { broadcast: true } } })
    const ran: string[] = []
    app.task('task', (from: string, n: number) => ran.push(`${from} ${n}`))
    const worker = await lab().work(app, { hostname: NAME, queues: ['celery', 'news'] })
    const control = new Control(app)
    const sent: string[] = []
    const send = async (queue: string): Promise<unknown> => {
      sent.push(`${queue} ${sent.length}`)
      return app.send('task', [queue, sent.length - 1], { queue })
    }
    for (const queue of ['feed', 'more', 'feed', 'more']) {
      const sending = Array.from({ length: 20 }, (_, n) => send(n % 2 ? 'news' : 'celery'))
      expect(await control.addConsumer(queue, ONE)).toEqual(done(`add consumer ${queue}`))
      await Promise.all(sending)
      await Promise.all([send('news'), send(queue), send('celery')])
      await until(() => ran.length === sent.length)
      const meanwhile = Array.from({ length: 20 }, (_, n) => send(n % 2 ? 'news' : 'celery'))
      expect(await control.cancelConsumer(queue, ONE)).toEqual(done(`no longer consuming from ${queue}`))
      await Promise.all(meanwhile)
    }
    await until(() => ran.length >= sent.length)
    expect(ran.toSorted()).toEqual(sent.toSorted())
    expect(worker.queues).toEqual(['celery', 'news'])
    expect(await inspect(app).activeQueues()).toMatchObject({
      [NAME]: [
        { name: 'celery', exchange: { name: 'celery', type: 'direct' }, routing_key: 'celery', alias: null },
        { name: expect.stringMatching(/^bcast[.]/), exchange: { name: 'news', type: 'fanout' }, alias: 'news' },
      ],
    })
  })

  it('of broadcasts and other tasks together no more run at once than have slots', async () => {
    const app = lab().app({ queues: { news: { broadcast: true } } })
    const ran: string[] = []
    const running: (() => void)[] = []
    app.task('task', (from: string) => {
      ran.push(from)
      return new Promise<void>((resolve) => running.push(resolve))
    })
    await lab().work(app, { hostname: NAME, queues: ['celery', 'news'], concurrency: 1 })
    const send = (queue: string): Promise<unknown> => app.send('task', [queue], { queue })
    await send('celery')
    await until(() => running.length === 1)
    for (const queue of ['news', 'celery']) await send(queue)
    const args = async (): Promise<unknown> =>
      ((await inspect(app).reserved())[NAME] as readonly { args: unknown }[]).map((request) => request.args)
    await until(async () => isDeepStrictEqual(await args(), [['news']]))
    expect(ran).toEqual(['celery'])
    for (const next of ['news', 'celery']) {
      for (const end of running.splice(0)) end()
      await until(() => running.length === 1)
      expect(ran.at(-1)).toBe(next)
      expect(await args()).toEqual([])
    }
    running[0]?.()
  })

  it('what waits behind a broadcast when the worker stops is left to another one', async () => {
    const app = lab().app({ queues: { news: { broadcast: true } } })
    const begun: string[] = []
    app.task('task', async (from: string) => {
      begun.push(from)
      if (begun.length === 1) await new Promise(() => undefined)
    })
    const worker = await lab().work(app, { hostname: NAME, queues: ['celery', 'news'], concurrency: 1 })
    const sending = ['news', 'celery', 'celery'].map((queue) => app.send('task', [queue], { queue }))
    await Promise.all(sending)
    await until(() => begun.length > 0)
    await worker.stop({ grace: 0 })
    expect(begun).toHaveLength(1)
    await lab().work(app, { hostname: 'celery@b', queues: ['celery'] })
    const [, ...others] = await Promise.all(sending)
    for (const one of others) await one.get({ timeout: '30s' })
  })

  it('a queue is added with the exchange that is named', async () => {
    const app = lab().app()
    const ran: unknown[] = []
    app.task('task', (n: unknown) => ran.push(n))
    const worker = await lab().work(app, { hostname: NAME })
    const control = new Control(app)
    const given = { queue: 'feed', exchange: 'feeds', exchange_type: 'topic', routing_key: 'feed.#' }
    expect(await control.broadcast('add_consumer', given, ONE)).toEqual(done('add consumer feed'))
    const sender = lab().app({ queues: { feed: { exchange: { name: 'feeds', type: 'topic' }, routingKey: 'feed.#' } } })
    // In memory each app has its own store.
    if (kind === 'memory') await app.send('task', ['feed'], { exchange: 'feeds', routingKey: 'feed.x' })
    else await sender.send('task', ['feed'], { queue: 'feed', routingKey: 'feed.x' })
    await until(() => ran.includes('feed'))
    expect(await inspect(app).activeQueues()).toMatchObject({
      [NAME]: [
        { name: 'celery', exchange: { name: 'celery', type: 'direct' }, routing_key: 'celery', alias: null },
        { name: 'feed', exchange: { name: 'feeds', type: 'topic' }, routing_key: 'feed.#', alias: null },
      ],
    })
    const wrong = { queue: 'other', exchange: 'feeds', exchange_type: 'headers' }
    expect(await control.broadcast('add_consumer', wrong, ONE)).toEqual(
      refused(expect.stringMatching(/^ValueError.*expected .*direct/)),
    )
    expect(worker.queues).toEqual(['celery', 'feed'])
  })

  // Elsewhere the store itself has all revoked ids.
  if (kind === 'redis' || kind === 'rabbitmq') {
    it('mingle: a worker that starts knows what another one alone knows to be revoked', async () => {
      const app = lab().app()
      await lab().work(app, { hostname: NAME })
      await new Control(app).broadcast('revoke', { task_id: ['a', 'b'] }, ONE)
      await lab().work(lab().app(), { hostname: 'celery@b' })
      const later = new Control(app).inspect({ destination: ['celery@b'], timeout: '10s' })
      await until(async () => isDeepStrictEqual((await later.revoked())['celery@b'], ['a', 'b']))
    })
  }

  it('quiet, and resume: the way back', async () => {
    const app = lab().app()
    let runs = 0
    app.task('task', () => ++runs)
    const worker = await lab().work(app, { hostname: NAME })
    const control = new Control(app)
    expect(await control.quiet(ONE)).toEqual(done('takes no more tasks'))
    expect(worker.health).toMatchObject({ ready: false })
    const waiting = await app.send('task', [])
    expect(await control.ping(ONE)).toEqual(done('pong'))
    expect(runs).toBe(0)
    expect(await control.resume(ONE)).toEqual(done('takes tasks'))
    await waiting.get()
    expect(worker.health).toMatchObject({ ready: true })
  })
})

const lab = useLab('sqlite')

it('active, where, query_task and stats of what runs', async () => {
  const app = lab().app()
  let end = (): void => undefined
  app.task('gated', (_: string) => new Promise<void>((resolve) => (end = resolve)))
  await lab().work(app, { hostname: NAME })
  const begun = next(app, 'task:prerun')
  const { id } = await app.send('gated', ['x'])
  await begun
  const info = {
    id,
    name: 'gated',
    args: ['x'],
    kwargs: {},
    type: 'gated',
    hostname: NAME,
    time_start: expect.any(Number),
    acknowledged: false,
    delivery_info: { exchange: '', routing_key: 'celery', priority: 0, redelivered: false },
    worker_pid: process.pid,
  }
  expect(await inspect(app).active()).toEqual({ [NAME]: [info] })
  expect(await inspect(app).active({ safe: true })).toEqual({ [NAME]: [{ ...info, args: "('x',)", kwargs: '{}' }] })
  expect(await inspect(app).queryTask(id, 'other')).toEqual({ [NAME]: { [id]: ['active', info] } })
  expect(await inspect(app).where()).toMatchObject({ [NAME]: [{ id, pool: 'inline', worker_pid: process.pid }] })
  expect(await inspect(app).stats()).toMatchObject({
    [NAME]: { total: { gated: 1 }, pid: process.pid, prefetch_count: 100, broker: { transport: 'sqlite' } },
  })
  end()
})

it('rate limits and time limits are changed while it runs', async () => {
  const app = lab().app()
  app.task('task', () => 1, { rateLimit: '10/m' })
  app.task('long', () => new Promise(() => undefined))
  await lab().work(app, { hostname: NAME })
  const control = new Control(app)
  expect(await inspect(app).registered()).toEqual({ [NAME]: ['long', 'task [rate_limit=10/m]'] })
  expect(await control.rateLimit('task', '5/s', ONE)).toEqual(done('new rate limit set successfully'))
  expect(await inspect(app).registered()).toEqual({ [NAME]: ['long', 'task [rate_limit=5/s]'] })
  expect(await control.rateLimit('task', 0, ONE)).toEqual(done('rate limit disabled successfully'))
  expect(await control.rateLimit('other', 1, ONE)).toEqual(refused('unknown task'))
  const rate = { task_name: 'task', rate_limit: 'x/y' }
  expect(await control.broadcast('rate_limit', rate, ONE)).toEqual(refused("Invalid rate limit string: 'x/y'"))
  expect(await control.timeLimit('long', { hard: '50ms' }, ONE)).toEqual(done('time limits set successfully'))
  await expect((await app.send('long', [])).get()).rejects.toMatchObject({ code: 'TASK_FAILED' })
})

it('the pool grows and shrinks; what cannot be is refused in the words of Celery', async () => {
  const app = lab().app()
  const worker = await lab().work(app, { hostname: NAME, concurrency: 2 })
  const control = new Control(app)
  expect(await control.poolGrow(3, ONE)).toEqual(done('pool will grow'))
  expect(worker.pool.size).toBe(5)
  expect(await control.poolShrink(1, ONE)).toEqual(done('pool will shrink'))
  expect(worker.pool.size).toBe(4)
  expect(await control.autoscale(4, 1, ONE)).toEqual(refused("ValueError('Autoscale not enabled')"))
  expect(await control.broadcast('pool_restart', { modules: ['node:fs'] }, ONE)).toEqual(
    refused("ValueError('Pool restarts not enabled')"),
  )
})

it('secrets are in no answer', async () => {
  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
  const app = lab().app({ webhooks: { secret, allow: ['example.org'] } as never })
  await lab().work(app, { hostname: NAME })
  const answers = [
    await inspect(app).conf({ withDefaults: true }),
    await inspect(app).stats(),
    await inspect(app).report(),
  ]
  expect(JSON.stringify(answers)).not.toContain(secret)
  expect(answers[0]).toMatchObject({ [NAME]: { result_backend: expect.stringMatching(/^sqlite:/) } })
})

it('control: none is obeyed, or those that are named', async () => {
  const app = lab().app()
  await lab().work(app, { hostname: 'celery@deaf', control: false })
  await lab().work(app, { hostname: NAME, control: ['inspect', 'revoke'] })
  const control = new Control(app)
  expect(await control.ping({ destination: ['celery@deaf'], timeout: 50 })).toEqual([])
  expect(await control.ping(ONE)).toEqual(done('pong'))
  expect(await control.poolGrow(1, ONE)).toEqual(refused(expect.stringMatching(/^PermissionError/)))
  await expect(lab().work(app, { control: ['pong'] })).rejects.toThrow(/control: expected commands/)
})

it('autoscale, events and heartbeats', async () => {
  const app = lab().app()
  const scaled = { pool: 'threads', module: SCALING, autoscale: { max: 4, min: 1 } } as const
  const worker = await lab().work(app, { hostname: NAME, ...scaled })
  const control = new Control(app)
  expect(await control.autoscale(6, 2, ONE)).toEqual(done('autoscale now max=6 min=2'))
  expect(worker.autoscale).toMatchObject({ max: 6, min: 2 })
  expect(await control.broadcast('autoscale', { max: 1, min: 3 }, ONE)).toEqual(
    refused(expect.stringMatching(/^ValueError.*expected max >= min/)),
  )
  const instead = (how: string) => `pool_${how} is not supported with autoscale. Adjust autoscale range instead.`
  expect(await control.poolGrow(1, ONE)).toEqual(refused(instead('grow')))
  expect(await control.poolShrink(1, ONE)).toEqual(refused(instead('shrink')))
  expect(await control.enableEvents(ONE)).toEqual(done('task events enabled'))
  expect(worker.taskEvents.enabled).toBe(true)
  expect(await control.enableEvents(ONE)).toEqual(done('task events already enabled'))
  expect(await control.disableEvents(ONE)).toEqual(done('task events disabled'))
  expect(worker.taskEvents.enabled).toBe(false)
  expect(await control.disableEvents(ONE)).toEqual(done('task events already disabled'))
  const receiver = new EventReceiver(app, { wakeUp: false })
  lab().after(() => receiver.stop())
  await receiver.start()
  const events = receiver.capture()[Symbol.asyncIterator]()
  const first = events.next()
  expect(await control.heartbeat(ONE)).toEqual([{ [NAME]: null }])
  expect((await first).value).toMatchObject({ type: expect.stringMatching(/^worker-/), hostname: NAME })
})

it('autoscale watches the queues that were added', async () => {
  const app = defineScaling(lab().app())
  const worker = await lab().work(app, {
    hostname: NAME,
    pool: 'threads',
    module: SCALING,
    autoscale: { max: 2, min: 1 },
  })
  await new Control(app).addConsumer('second', ONE)
  await new Control(app).cancelConsumer('celery', ONE)
  for (let n = 0; n < 5; n++) await app.send('gated', ['/nowhere/gate'], { queue: 'second' })
  await until(() => worker.autoscale?.current === 2)
})

it.each(['threads', 'processes'] as const)('terminate ends what runs in the pool %s', async (pool) => {
  const app = defineScaling(lab().app())
  await lab().work(app, { hostname: NAME, pool, module: SCALING, concurrency: 1, revokeGrace: 1 })
  const begun = next(app, 'task:prerun')
  const running = await app.send('gated', ['/nowhere/gate'])
  await begun
  const given = { signal: 'SIGKILL', task_id: [running.id] }
  expect(await new Control(app).broadcast('terminate', given, ONE)).toEqual(done(`terminate: ${running.id}`))
  await expect(running.get()).rejects.toMatchObject({ code: 'TASK_REVOKED' })
})

it('stamps: what waits with one of them never runs', async () => {
  const app = lab().app()
  let runs = 0
  app.task('task', () => ++runs)
  await lab().work(app, { hostname: NAME })
  const control = new Control(app)
  expect(await control.revokeByStamps({ order: ['7'] }, ONE)).toEqual(
    done("headers {'order': ['7']} flagged as revoked, but not terminated"),
  )
  const stamped = (order: string) => ({ stamps: { order } })
  await expect((await app.send('task', [], stamped('7'))).get()).rejects.toMatchObject({ code: 'TASK_REVOKED' })
  await (await app.send('task', [], stamped('8'))).get()
  expect(runs).toBe(1)
})

it('hello: revoked ids are exchanged, and none with itself', async () => {
  const app = lab().app()
  await lab().work(app, { hostname: NAME })
  const control = new Control(app)
  await control.revoke('mine', ONE)
  const given = { from_node: 'other@b', revoked: { theirs: 1 } }
  expect(await control.broadcast('hello', given, ONE)).toEqual([
    {
      [NAME]: {
        revoked: { mine: [expect.any(Number), 'mine'], theirs: [expect.any(Number), 'theirs'] },
        clock: expect.any(Number),
      },
    },
  ])
  expect(await control.broadcast('hello', { from_node: NAME }, { ...ONE, timeout: 50 })).toEqual([])
})

it('shutdown stops the worker', async () => {
  const app = lab().app()
  const worker = await lab().work(app, { hostname: NAME })
  const stopped = next(app, 'worker:shutdown')
  await new Control(app).shutdown(ONE)
  await stopped
  await until(() => worker.health.reason === 'it does not run')
})

it('hostile messages cost a warning each at most, and the next command is obeyed', async () => {
  const app = lab().app()
  const told = record(app)
  await lab().work(app, { hostname: NAME })
  const { broker } = await storesOf(app)
  const properties = { contentType: 'application/json', contentEncoding: 'utf-8' }
  const route = { exchange: CONTROL_EXCHANGE, routingKey: '' }
  const strange = { exchange: '', routing_key: app.config.queue }
  const wrong = [null, 5, 'x'.repeat(2000), [], {}, [[[]]], -1, 1e300, true]
  const names = 'active add_consumer autoscale cancel_consumer conf election hello pool_grow query_task rate_limit'
  const more = 'registered revoke revoke_by_stamped_headers terminate time_limit where no_such __proto__ constructor'
  const keys = 'task_id ids queue n max min task_name rate_limit soft hard headers revoked taskinfoitems'.split(' ')
  const bodies: string[] = [`${names} ${more}`.split(' ')]
    .flat()
    .flatMap((method) => wrong.map((value) => ({ method, arguments: Object.fromEntries(keys.map((k) => [k, value])) })))
    .map((body) => JSON.stringify(body))
  const large = [
    { method: 'revoke', arguments: { task_id: Array.from({ length: 100_000 }, (_, n) => `id${n}`) } },
    { method: 'ping', pattern: '*a'.repeat(500_000), matcher: 'glob' },
    { method: 'ping', destination: Array.from({ length: 1_000_000 }, (_, n) => `w${n}`) },
    { method: 'ping', arguments: {}, reply_to: strange, ticket: 't' },
    { method: 'x'.repeat(1_000_000), arguments: { __proto__: 1 } },
  ].map((body) => JSON.stringify(body))
  const deep = `{"method":"active","arguments":${'['.repeat(100_000)}${']'.repeat(100_000)}}`
  const all = [...bodies, ...large, deep, '', '{', '[]']
  for (const body of all) await broker.publish({ headers: { clock: 'x' }, properties, body }, route)
  expect(await new Control(app).ping({ ...ONE, timeout: '30s' })).toEqual(done('pong'))
  const errors = told.filter(({ name }) => name === 'worker:error')
  expect(errors.length).toBeLessThanOrEqual(all.length)
  expect(await broker.size(app.config.queue)).toBe(0)
})

it('dead letters are counted and sent again, by whichever worker', async () => {
  const app = lab().app()
  await lab().work(app, { hostname: NAME })
  await app.send('unknown', [], { taskId: 'dead' })
  await until(async () => (await app.deadLetters.count()).celery === 1)
  const letter = { id: 'dead', name: 'unknown', queue: 'celery', reason: 'unknown', retries: 0, hostname: NAME }
  expect(await inspect(app).deadLetters()).toMatchObject({ [NAME]: { count: { celery: 1 }, letters: [letter] } })
  app.task('unknown', () => 1)
  const control = new Control(app)
  expect(await control.redrive(['dead', 'none'], ONE)).toEqual([
    { [NAME]: { ok: 'sent again: 1 of 2', ids: ['dead'], gone: ['none'], succeeded: [] } },
  ])
  expect(await app.result('dead').get()).toBe(1)
  expect(await control.redrive([], ONE)).toEqual(refused(expect.stringContaining('expected ids of dead letters')))
})
