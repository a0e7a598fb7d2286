import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import { register } from 'prom-client'
import { describe, expect, onTestFinished, test } from 'vitest'
import { bearer } from '../../src/http/access/auth.ts'
import { serve, toExpress, toFastify, toFetch, toNode } from '../../src/http/server/serve.ts'
import { Celeriac } from '../../src/index.ts'
import { createLogger } from '../../src/std/log.ts'
import { Worker } from '../../src/worker/worker.ts'
import { command } from '../command.ts'
import { RedisServer } from '../redis/server.ts'
import { EventClient } from './eventClient.ts'
import { scrape } from './exposition.ts'
import { problemOf, rawExchange, startService } from './harness.ts'
import { build } from './house.ts'

const REQUESTS = 'celeriac_http_requests_total'
const DURATION = 'celeriac_http_request_duration_seconds'
const SUBMITTED = 'celeriac_jobs_submitted_total'

test('promtool has nothing to complain of', async ({ skip }) => {
  await using house = await build('memory:', (app) => [app.task('add', (x: number, y: number) => x + y)], {
    worker: true,
  })
  await house.post('/v1/tasks/add', [1, 2], { prefer: 'wait=5' })
  const { text } = await house.ask('GET', '/metrics')
  const end = await command('promtool', ['check', 'metrics'], { input: text })
  if (end.code === undefined) skip('promtool is not installed')
  expect(end).toEqual({ code: 0, stdout: '', stderr: '' })
})

describe('requests', () => {
  test('each is counted once, whichever way it takes, by its pattern', async () => {
    await using service = await startService()
    const url = service.server.url
    const ids: string[] = []
    // The direct way.
    for (let n = 0; n < 7; n++)
      ids.push(((await (await service.post('/v1/tasks/tasks.add', [n, 1])).json()) as { id: string }).id)
    for (const id of ids) expect((await service.fetch(`/v1/jobs/${id}`)).status).toBe(200)
    // The ordinary one; some of them begin on the direct one.
    const plain = { 'sec-fetch-site': 'same-origin' }
    for (let n = 0; n < 3; n++) expect((await service.post('/v1/tasks/tasks.add', [n, 1], plain)).status).toBe(202)
    expect((await service.post('/v1/tasks/tasks.add', { z: 1 })).status).toBe(422)
    expect((await service.post('/v1/tasks/tasks.hidden', [])).status).toBe(404)
    expect((await service.fetch('/v1/jobs/none')).status).toBe(404)
    expect((await service.fetch(`/v1/jobs/${ids[0]}`, { method: 'HEAD' })).status).toBe(200)
    expect((await service.fetch('/livez')).status).toBe(200)
    expect((await service.fetch('/v1/batches', { method: 'PUT' })).status).toBe(405)
    const seen = await scrape(url)
    const requests = seen.all(REQUESTS).map(({ labels, value }) => [labels.method, labels.route, labels.status, value])
    expect(requests.sort()).toEqual([
      ['GET', '/livez', '200', 1],
      ['GET', '/v1/jobs/:id', '200', 7],
      ['GET', '/v1/jobs/:id', '404', 1],
      ['HEAD', '/v1/jobs/:id', '200', 1],
      ['POST', '/v1/tasks/:name', '202', 10],
      ['POST', '/v1/tasks/:name', '404', 1],
      ['POST', '/v1/tasks/:name', '422', 1],
      ['PUT', '/v1/batches', '405', 1],
    ])
    expect(seen.value(`${DURATION}_count`, { method: 'POST', route: '/v1/tasks/:name' })).toBe(12)
    expect(seen.value(`${DURATION}_sum`, { method: 'POST', route: '/v1/tasks/:name' })).toBeGreaterThan(0)
    expect(seen.value(SUBMITTED, { task: 'tasks.add' })).toBe(10)
    // The scrape before has been answered by now.
    expect((await scrape(url)).value(REQUESTS, { route: '/metrics' })).toBe(1)
  })

  test('whatever is asked for, there are as many series as before', async () => {
    await using service = await startService()
    const ask = async (): Promise<void> => {
      const requests = Array.from({ length: 200 }, (_, n) => {
        const garbage = `${n}-${Math.random()}`
        return [`/${garbage}`, `/v1/jobs/${garbage}`, `/v1/tasks/${garbage}`, `/v1/${garbage}/x?q=${garbage}`][n % 4]
      })
      await Promise.all(requests.map(async (path) => (await service.fetch(path as string)).text()))
      for (const method of ['PROPFIND', 'MKCOL', 'QUERY', 'PURGE'])
        await rawExchange(service.server, [
          `${method} /v1/jobs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
        ])
    }
    await ask()
    await scrape(service.server.url)
    const ofRequests = (await scrape(service.server.url)).samples.filter(({ name }) => name.startsWith('celeriac_'))
    await ask()
    const after = (await scrape(service.server.url)).samples.filter(({ name }) => name.startsWith('celeriac_'))
    expect(after.map(({ name, labels }) => [name, labels])).toEqual(
      ofRequests.map(({ name, labels }) => [name, labels]),
    )
    expect(after.find(({ name, labels }) => name === REQUESTS && labels.route === 'none')?.value).toBe(200)
    expect(after.find(({ name, labels }) => name === REQUESTS && labels.method === 'other')?.value).toBe(8)
  })

  test('names of tasks that nobody knows here make no series', async () => {
    await using service = await startService()
    for (let n = 0; n < 5; n++) await service.app.send(`made.up.${n}`, [])
    await service.app.send('python.multiply', [6, 7])
    const tasks = (await scrape(service.server.url)).all(SUBMITTED).map(({ labels, value }) => [labels.task, value])
    expect(tasks.sort()).toEqual([
      ['python.multiply', 1],
      ['reports.render', 0],
      ['tasks.add', 0],
      ['tasks.echo', 0],
      ['tasks.fail', 0],
      ['tasks.hidden', 0],
      ['tasks.opaque', 0],
      ['tasks.repeat', 0],
      ['tasks.wait', 0],
    ])
  })

  test('an error is counted as what was answered', async () => {
    await using service = await startService()
    service.app.use({
      send: () => {
        throw new Error('no')
      },
    })
    expect((await service.post('/v1/tasks/tasks.add', [1, 2])).status).toBe(500)
    expect((await scrape(service.server.url)).value(REQUESTS, { status: '500' })).toBe(1)
  })
})

describe('who may read it', () => {
  test('with authorize: those with the scope, and admins; others not', async () => {
    await using service = await startService('memory:', {
      authorize: bearer({
        'token-of-ann-1234': 'ann',
        'token-of-prometheus': { id: 'prometheus', scopes: ['metrics'] },
        'token-of-ops-1234': { id: 'ops', scopes: ['admin'] },
      }),
    })
    const as = (token: string) => ({ authorization: `Bearer ${token}` })
    const refused = await service.fetch('/metrics')
    expect(refused.headers.get('www-authenticate')).toBe('Bearer realm="celeriac"')
    await problemOf(refused, 401, 'unauthorized')
    await problemOf(await service.fetch('/metrics', { headers: as('token-of-ann-1234') }), 403, 'forbidden')
    await scrape(service.server.url, as('token-of-prometheus'))
    const seen = await scrape(service.server.url, as('token-of-ops-1234'))
    const statuses = seen.all(REQUESTS, { route: '/metrics' }).map(({ labels, value }) => [labels.status, value])
    expect(statuses).toEqual([
      ['401', 1],
      ['403', 1],
      ['200', 1],
    ])
  })

  test('only GET and HEAD', async () => {
    await using service = await startService()
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      const answer = await service.fetch('/metrics', { method })
      expect(answer.headers.get('allow')).toBe('GET, HEAD')
      await problemOf(answer, 405, 'method-not-allowed')
    }
    const head = await service.fetch('/metrics', { method: 'HEAD' })
    expect([head.status, head.headers.get('content-type'), await head.text()]).toEqual([
      200,
      'text/plain; version=0.0.4; charset=utf-8',
      '',
    ])
  })

  test('metrics: false: not there, and nobody listens', async () => {
    await using service = await startService('memory:', { metrics: false })
    expect((await service.fetch('/metrics')).status).toBe(404)
    expect(service.app.signals.has('task:prerun')).toBe(false)
    const document = (await (await service.fetch('/openapi.json')).json()) as { paths: object }
    expect(Object.keys(document.paths)).not.toContain('/metrics')
    expect(() => service.app.http({ expose: [], metrics: 1 as never })).toThrow(
      'metrics: expected true or false, got 1',
    )
  })
})

describe('the store', () => {
  test.each(['memory:', 'sqlite:', 'redis:'])('how much waits in each queue that the app knows: %s', async (store) => {
    await using house = await build(store, (app) => [
      app.task('add', (x: number, y: number) => x + y),
      app.task('render', () => null, { queue: 'reports' }),
      'python.multiply',
    ])
    for (let n = 0; n < 4; n++) await house.post('/v1/tasks/add', [n, n])
    await house.post('/v1/tasks/render', [])
    await house.post('/v1/tasks/python.multiply', [6, 7])
    const seen = await scrape(house.server.url)
    expect(seen.value('celeriac_store_up')).toBe(1)
    expect(seen.value('celeriac_queue_messages', { queue: 'celery' })).toBe(5)
    expect(seen.value('celeriac_queue_messages', { queue: 'reports' })).toBe(1)
  })

  test('one that is away, or does not answer, fails no scrape', async () => {
    const redis = await RedisServer.start()
    onTestFinished(() => redis.stop())
    const app = new Celeriac({ broker: redis.url(), storeTimeout: '8s', logger: createLogger('silent') })
    const server = await serve(app.http({ expose: [app.task('add', () => 1)] }), { port: 0 })
    const timed = async (): Promise<{ up: number | undefined; queues: number; ms: number }> => {
      const start = performance.now()
      const seen = await scrape(server.url)
      const queues = seen.all('celeriac_queue_messages').length
      return { up: seen.value('celeriac_store_up'), queues, ms: performance.now() - start }
    }
    expect(await timed()).toMatchObject({ up: 1, queues: 1 })
    process.kill(redis.pid, 'SIGSTOP')
    const silent = await timed()
    expect(silent).toMatchObject({ up: 0, queues: 0 })
    expect(silent.ms).toBeLessThan(4000)
    process.kill(redis.pid, 'SIGCONT')
    await redis.kill()
    expect(await timed()).toMatchObject({ up: 0, queues: 0 })
    await redis.start()
    await expect.poll(timed, { timeout: 15_000 }).toMatchObject({ up: 1, queues: 1 })
    await server.close()
    await app.close()
  })
})

test('streams that are open', async () => {
  await using service = await startService()
  const { id } = (await (await service.post('/v1/tasks/tasks.wait', {})).json()) as { id: string }
  const streams = async (): Promise<number | undefined> =>
    (await scrape(service.server.url)).value('celeriac_event_streams')
  expect(await streams()).toBe(0)
  const clients = [1, 2, 3].map(() => new EventClient(service.server.port, `/v1/jobs/${id}/events`))
  await expect.poll(streams).toBe(3)
  for (const client of clients) client.close()
  await expect.poll(streams).toBe(0)
})

test('tasks that workers of this process run, by how they ended; two apps do not mix', async () => {
  let go: () => void = () => undefined
  const gate = new Promise<void>((resolve) => {
    go = resolve
  })
  await using house = await build(
    'memory:',
    (app) => [
      app.task('add', (x: number, y: number) => x + y),
      app.task('fail', () => {
        throw new RangeError('no')
      }),
      app.task(
        'twice',
        () => {
          throw new RangeError('no')
        },
        { retry: { max: 1, delay: 1 } },
      ),
      app.task('held', () => gate),
    ],
    { worker: true },
  )
  await using other = await build('memory:', (app) => [app.task('add', () => 1)])
  const run = (task: string, input: unknown[]) => house.post(`/v1/tasks/${task}`, input, { prefer: 'wait=10' })
  for (let n = 0; n < 5; n++) expect((await run('add', [n, 1])).json).toMatchObject({ state: 'SUCCESS' })
  expect((await run('fail', [])).json).toMatchObject({ state: 'FAILURE' })
  expect((await run('twice', [])).json).toMatchObject({ state: 'FAILURE' })
  const held = [await house.post('/v1/tasks/held', []), await house.post('/v1/tasks/held', [])]
  const running = async () => (await scrape(house.server.url)).value('celeriac_tasks_running')
  await expect.poll(running).toBe(2)
  go()
  await Promise.all(held.map(({ json }) => house.app.result(json.id).get()))
  await expect.poll(running).toBe(0)
  const seen = await scrape(house.server.url)
  const ends = seen.all('celeriac_tasks_total').map(({ labels, value }) => [labels.task, labels.state, value])
  expect(ends.sort()).toEqual([
    ['add', 'FAILURE', 0],
    ['add', 'SUCCESS', 5],
    ['fail', 'FAILURE', 1],
    ['fail', 'SUCCESS', 0],
    ['held', 'FAILURE', 0],
    ['held', 'SUCCESS', 2],
    ['twice', 'FAILURE', 1],
    ['twice', 'RETRY', 1],
    ['twice', 'SUCCESS', 0],
  ])
  const runs = seen.all('celeriac_task_duration_seconds_count').map(({ labels, value }) => [labels.task, value])
  expect(runs.sort()).toEqual([
    ['add', 5],
    ['fail', 1],
    ['held', 2],
    ['twice', 2],
  ])
  expect(seen.value('process_start_time_seconds')).toBeGreaterThan(1e9)
  const alone = await scrape(other.server.url)
  expect(alone.all('celeriac_tasks_total')).toEqual([])
  expect(alone.all(SUBMITTED)).toMatchObject([{ labels: { task: 'add' }, value: 0 }])
  expect(register.getMetricsAsArray()).toEqual([])
})

test('a worker that ran tasks before anybody listened: what runs is never less than nothing', async () => {
  let go: () => void = () => undefined
  const gate = new Promise<void>((resolve) => {
    go = resolve
  })
  const app = new Celeriac({ broker: 'memory:', logger: createLogger('silent') })
  const held = app.task('held', () => gate)
  const worker = new Worker(app)
  await worker.start()
  const begun = new Promise<void>((resolve) => app.on('task:prerun', () => resolve()))
  const result = await held.delay()
  await begun
  const server = await serve(app.http({ expose: [held] }), { port: 0 })
  go()
  await result.get()
  expect((await scrape(server.url)).value('celeriac_tasks_running')).toBe(0)
  await server.close()
  await worker.stop()
  await app.close()
})

async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => new Promise((resolve) => void server.close(() => resolve())))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

describe('mounted, the routes are the same', () => {
  const hosts: Record<string, (api: Hono) => Promise<string>> = {
    Hono: async (api) => {
      const outer = new Hono().route('/api', api)
      outer.all('*', (c) => c.text('outer'))
      return `${await listen(toNode(outer))}/api`
    },
    'Hono, parameters': async (api) =>
      `${await listen(toNode(new Hono().route('/:tenant/api', api)))}/${Math.random()}/api`,
    Fastify: async (api) => {
      const outer = fastify()
      await outer.register(toFastify(api), { prefix: '/api' })
      onTestFinished(() => outer.close())
      return `${await outer.listen({ port: 0, host: '127.0.0.1' })}/api`
    },
    Express: async (api) => `${await listen(express().use('/:tenant', toExpress(api)))}/any`,
    'node:http': (api) => listen(toNode(api)),
    'a fetch host': async (api) =>
      `${await listen(toNode(new Hono().mount('/api', toFetch(api, { prefix: '/api' }), { replaceRequest: false })))}/api`,
  }
  test.each(Object.entries(hosts))('%s', async (_name, open) => {
    const app = new Celeriac({ broker: 'memory:' })
    onTestFinished(() => app.close())
    const url = await open(app.http({ expose: [app.task('add', (x: number, y: number) => x + y)] }))
    const headers = { 'content-type': 'application/json' }
    await (await fetch(`${url}/v1/tasks/add`, { method: 'POST', headers, body: '[1, 2]' })).text()
    await (await fetch(`${url}/v1/jobs/unknown`)).text()
    await (await fetch(`${url}/v1/jobs/unknown/events`)).text()
    await (await fetch(`${url}/livez`)).text()
    await (await fetch(`${url}/nothing/here`)).text()
    const routes = (await scrape(url)).all(REQUESTS).map(({ labels }) => `${labels.method} ${labels.route}`)
    expect(routes.sort()).toEqual([
      'GET /livez',
      'GET /v1/jobs/:id',
      'GET /v1/jobs/:id/events',
      'GET none',
      'POST /v1/tasks/:name',
    ])
  })
})
