import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Hono } from 'hono'
import { describe, expect, test } from 'vitest'
import { createHttp } from '../../src/http/api.ts'
import { serve } from '../../src/http/server/serve.ts'
import { ArgumentError, Celeriac, ConfigError } from '../../src/index.ts'
import { Deferred } from '../../src/std/deferred.ts'
import { problemOf, startService, stores } from './harness.ts'

describe('options', () => {
  const app = new Celeriac({ broker: 'memory:' })
  const other = new Celeriac({ broker: 'memory:' })
  const foreign = other.task('other', () => 1)

  test.each([
    [undefined, 'an object of options'],
    [{}, 'expose: expected an array'],
    [{ expose: '*' }, 'expose: expected an array'],
    [{ expose: [''] }, 'expected a task of this app or a name'],
    [{ expose: [foreign] }, 'the task other of another app'],
    [{ expose: [], dashbord: true }, 'unknown option dashbord'],
    [{ expose: [], dashboard: true }, 'http: dashboard: expected the option `fleet`'],
    [{ expose: [], basePath: 'v1' }, 'basePath'],
    [{ expose: [], basePath: '/v1/' }, 'basePath'],
    [{ expose: [], maxBody: 0 }, 'maxBody'],
  ])('%o is refused', (options, message) => {
    expect(() => createHttp(app, options as never)).toThrow(ArgumentError)
    expect(() => createHttp(app, options as never)).toThrow(message)
  })
})

describe('mounting', () => {
  test('links follow the place where it is mounted', async () => {
    const app = new Celeriac({ broker: 'memory:' })
    const outer = new Hono().route('/api', app.http({ expose: [app.task('tasks.add', (x: number) => x)] }))
    const response = await outer.request('/api/v1/tasks/tasks.add', { method: 'POST' })
    expect(response.headers.get('location')).toMatch(/^\/api\/v1\/jobs\/[^/]+$/)
    const job = (await (await outer.request(response.headers.get('location') as string)).json()) as { links: object }
    expect(job.links).toMatchObject({ result: `${response.headers.get('location')}/result` })
    const listed = await outer.request('/api/v1/jobs?limit=1')
    expect(await listed.json()).toMatchObject({ jobs: [{ links: job.links }] })
    const document = (await (await outer.request('/api/openapi.json')).json()) as object
    expect(document).toMatchObject({ servers: [{ url: '/api' }] })
  })

  test('with a base path of its own', async () => {
    const app = new Celeriac({ broker: 'memory:' })
    const api = app.http({ expose: ['x'], basePath: '' })
    const response = await api.request('/tasks/x', {
      method: 'POST',
      body: '[1]',
      headers: { 'content-type': 'application/json' },
    })
    expect(response.headers.get('location')).toMatch(/^\/jobs\/[^/]+$/)
  })
})

describe('failures', () => {
  test('503 with Retry-After while the store is down, and well again after', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'celeriac-http-'))
    // A file where the store wants a folder.
    await writeFile(join(folder, 'blocked'), '')
    await using service = await startService(`sqlite:${join(folder, 'blocked', 'store.db')}`)
    for (const [path, method] of [
      ['/readyz', 'GET'],
      ['/v1/jobs', 'GET'],
      ['/v1/jobs/x', 'GET'],
      ['/v1/jobs/x/result', 'GET'],
      ['/v1/jobs/x', 'DELETE'],
      ['/v1/tasks/tasks.add', 'POST'],
    ] as const) {
      const response = await service.fetch(path, { method })
      expect(response.headers.get('retry-after')).toBe('5')
      expect((await problemOf(response, 503, 'store-unavailable')).detail).toBe('try again later')
    }
    expect((await service.fetch('/livez')).status).toBe(200)
    await rm(join(folder, 'blocked'))
    expect((await service.fetch('/readyz')).status).toBe(200)
    expect((await service.post('/v1/tasks/tasks.add', [1, 2])).status).toBe(202)
    await rm(folder, { recursive: true, force: true })
  })

  test('500 without internals; the log has them', async () => {
    await using service = await startService()
    service.app.use({
      send: () => {
        throw new Error('secret detail')
      },
    })
    const response = await service.post('/v1/tasks/tasks.add', [1, 2])
    const problem = await problemOf(response, 500, 'internal-error')
    expect(JSON.stringify(problem)).not.toContain('secret')
    expect(service.log).toMatchObject([
      { level: 50, msg: 'a request failed', path: '/v1/tasks/tasks.add', err: { message: 'secret detail' } },
    ])
  })
})

describe.each(stores)('health on %s', (store) => {
  test('livez and readyz', async () => {
    await using service = await startService(store)
    for (const path of ['/livez', '/readyz']) {
      const response = await service.fetch(path)
      expect(response.status).toBe(200)
      expect(await response.json()).toEqual({ status: 'ok' })
    }
  })
})

describe('serve', () => {
  test('a taken port is a ConfigError of one line', async () => {
    const first = await serve(new Hono(), { port: 0 })
    const error = await serve(new Hono(), { port: first.port }).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(ConfigError)
    expect((error as Error).message).toBe(
      `cannot listen at 127.0.0.1:${first.port}: another process listens there already; choose another port`,
    )
    await first.close()
  })

  test.each([
    [{ port: 70_000 }, 'expected a port from 0 to 65535'],
    [{ port: 0, host: '192.0.2.1' }, 'not one of this machine'],
  ])('%o is a ConfigError', async (options, message) => {
    await expect(serve(new Hono(), options)).rejects.toThrow(message)
    await expect(serve(new Hono(), options)).rejects.toBeInstanceOf(ConfigError)
  })

  test('an app in place of its API is refused, and nothing of it is shown', async () => {
    const app = new Celeriac({ broker: 'redis://:secret@127.0.0.1' })
    for (const [value, got] of [
      [app, 'an app'],
      [undefined, 'undefined'],
      ['http', 'a value of type string'],
    ])
      await expect(serve(value as never)).rejects.toThrow(
        `serve: expected an API, as app.http({ expose: [task] }) returns, got ${got}`,
      )
  })

  test('shows an address that can be opened', async () => {
    const server = await serve(
      new Hono().get('/', (c) => c.text('here')),
      { host: '0.0.0.0', port: 0 },
    )
    expect(server.url).toBe(`http://127.0.0.1:${server.port}`)
    expect(await (await fetch(server.url)).text()).toBe('here')
    await server.close()
  })

  test('close finishes what runs, takes no more, and drops idle connections', async () => {
    const entered = new Deferred<void>()
    const leave = new Deferred<void>()
    const api = new Hono().get('/slow', async (c) => {
      entered.resolve()
      await leave.promise
      return c.text('done')
    })
    const server = await serve(api, { port: 0 })
    const idle = connect(server.port, '127.0.0.1')
    await new Promise((resolve) => idle.once('connect', resolve))
    const idleEnded = new Promise((resolve) => idle.once('close', resolve))
    const running = fetch(`${server.url}/slow`)
    await entered.promise
    const began = performance.now()
    const closed = server.close()
    expect(server.close()).toBe(closed)
    await expect(fetch(`${server.url}/slow`)).rejects.toThrow()
    leave.resolve()
    expect(await (await running).text()).toBe('done')
    await closed
    expect(performance.now() - began).toBeLessThan(5_000)
    idle.resume()
    await idleEnded
    // The port is free again.
    const next = createServer()
    await new Promise<void>((resolve) => next.listen(server.port, '127.0.0.1', resolve))
    await new Promise((resolve) => next.close(resolve))
  })
})
