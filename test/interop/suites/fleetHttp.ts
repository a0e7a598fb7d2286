import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClient } from '../../../src/client/client.ts'
import { createHttp } from '../../../src/http/api.ts'
import { type HttpServer, serve } from '../../../src/http/server/serve.ts'
import { until } from '../../app/lab.ts'
import { authorize, PEOPLE } from '../../http/fleet/people.ts'
import { Fleet, type FleetOptions } from '../fleet.ts'

const PYTHON = 'py@test'
const OURS = ['ts@one', 'ts@two']

interface Asked {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: whatever JSON the server says.
  readonly json: any
}

/** A pure Python fleet, then the same with two workers of ours: its queues and workers over HTTP. */
export function fleetHttp(options: FleetOptions): void {
  let fleet: Fleet
  let server: HttpServer
  let folder: string
  beforeAll(async () => {
    fleet = await Fleet.start(options)
    // Its threads share one connection over AMQP, and stall; on Redis they lose events of each other.
    await fleet.pythonWorker({ hostname: PYTHON, pool: 'prefork', concurrency: 3, events: true })
    folder = await mkdtemp(join(tmpdir(), 'celeriac-fleet-http-'))
    const app = fleet.app({ queues: { python: {} }, recorder: { file: join(folder, 'recorder.db') } })
    const api = createHttp(app, { expose: ['py.add'], authorize, fleet: true })
    server = await serve(api, { port: 0 })
  })
  afterAll(async () => {
    await server.close()
    await fleet.end()
    await rm(folder, { recursive: true, force: true })
  })

  async function ask(method: string, path: string, body?: unknown): Promise<Asked> {
    const headers = { ...PEOPLE.admin, ...(body !== undefined && { 'content-type': 'application/json' }) }
    const sent = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) }
    const response = await fetch(server.url + path, sent)
    const text = await response.text()
    return { status: response.status, json: text === '' ? undefined : JSON.parse(text) }
  }
  const worker = async (name: string): Promise<Asked['json']> => (await ask('GET', `/v1/workers/${name}`)).json

  test('a worker of Celery: pool, queues, figures, what it runs and has taken', async () => {
    const app = fleet.app()
    const { id } = await app.send('py.gated', ['one'], { queue: 'python' })
    await until(async () => (await fleet.lines('started')).includes('one'))
    const found = await worker(PYTHON)
    expect(found.running).toMatchObject([
      { id, task: 'py.gated', args: expect.stringContaining('one'), startedAt: expect.any(String), queue: 'python' },
    ])
    expect(found.running[0].age).toBeGreaterThanOrEqual(0)
    expect(found.tasks).toEqual({ 'py.gated': 1 })
    expect(found).toMatchObject({
      name: PYTHON,
      pool: { size: 3 },
      pid: expect.any(Number),
      uptime: expect.any(Number),
      cpuSeconds: expect.any(Number),
      maxRss: expect.any(Number),
      reserved: expect.any(Number),
      queues: [{ name: 'python' }],
    })
    // Known once a heartbeat of it has been recorded.
    expect([undefined, 'py-celery']).toContain(found.software)
    expect((await ask('GET', '/v1/workers')).json.workers.map(({ name }: { name: string }) => name)).toEqual([PYTHON])
    await fleet.open('one')
    expect(await app.result(id).get({ timeout: '20s' })).toBe('one')
    await until(async () => (await worker(PYTHON)).running.length === 0)
  })

  test('its tasks in each state, with arguments and results; failures, statistics and events', async () => {
    const app = fleet.app()
    const send = async (task: string, args: unknown[], options = {}): Promise<string> =>
      (await app.send(task, args, { queue: 'python', ...options })).id
    // The first request has begun the record, which asks the worker for its events.
    const recorded = async (id: string): Promise<Asked['json']> => (await ask('GET', `/v1/jobs/${id}/history`)).json
    await until(async () => {
      const id = await send('py.add', [1, 1])
      await app.result(id).get({ timeout: '20s' })
      return (await recorded(id)).steps?.length > 0
    })
    const ids = {
      SUCCESS: await send('py.add', [2, 40]),
      FAILURE: await send('py.fail', ['boom']),
      RETRIED: await send('py.retry_once', []),
      STARTED: await send('py.gated', ['two']),
      REVOKED: await send('py.add', [1, 1], { expires: new Date(0) }),
    }
    const stateOf = async (id: string): Promise<string> => (await recorded(id)).job?.state
    await until(async () => (await stateOf(ids.SUCCESS)) === 'SUCCESS' && (await stateOf(ids.FAILURE)) === 'FAILURE')
    await until(async () => (await stateOf(ids.STARTED)) === 'STARTED' && (await stateOf(ids.REVOKED)) === 'REVOKED')
    expect((await recorded(ids.SUCCESS)).job).toMatchObject({
      ...{ task: 'py.add', args: '(2, 40)', result: '42', worker: PYTHON, runtime: expect.any(Number) },
    })
    // Its state may be that of its record already, as its events come.
    const typesOf = async (id: string): Promise<string[]> =>
      (await recorded(id)).steps?.map(({ type }: { type: string }) => type) ?? []
    await until(async () => (await typesOf(ids.RETRIED)).includes('task-succeeded'))
    expect(await typesOf(ids.RETRIED)).toEqual(expect.arrayContaining(['task-received', 'task-retried']))
    await until(async () => (await typesOf(ids.FAILURE)).includes('task-failed'))
    const failed = (await recorded(ids.FAILURE)).job
    expect([failed.exception, failed.traceback]).toEqual([
      expect.stringContaining('boom'),
      expect.stringContaining('Traceback'),
    ])
    const { jobs, facets } = (await ask('GET', `/v1/jobs?recorded=1&facets=1&worker=${PYTHON}&q=boom`)).json
    expect(jobs.map(({ id }: { id: string }) => id)).toEqual([ids.FAILURE])
    expect(facets.states).toEqual([{ value: 'FAILURE', count: 1 }])
    const { failures } = (await ask('GET', '/v1/failures')).json
    expect(failures).toMatchObject([{ task: 'py.fail', type: 'ValueError', count: 1, lastJob: ids.FAILURE }])
    const { series } = (await ask('GET', '/v1/stats?task=py.fail&step=1h')).json
    expect(series).toMatchObject([{ name: 'py.fail', points: [{ failed: 1, succeeded: 0 }] }])
    const stop = new AbortController()
    const events = createClient(server.url, { headers: PEOPLE.admin }).recorded.events({
      ...{ lastEventId: '0', task: 'py.gated', type: 'task-started', signal: stop.signal },
    })
    await until(async () => {
      const { value } = await events.next()
      return value?.kind === 'event' && value.id === ids.STARTED
    })
    stop.abort()
    await events.return()
    await fleet.open('two')
    await until(async () => (await stateOf(ids.STARTED)) === 'SUCCESS')
  })

  test('its queue: who takes from it, and what waits', async () => {
    const { queues } = (await ask('GET', '/v1/queues')).json
    const found = queues.find(({ name }: { name: string }) => name === 'python')
    expect(found).toMatchObject({ declared: true, waiting: expect.any(Number), workers: [PYTHON] })
    expect(found.consumers).toBeGreaterThan(0)
  })

  test('it takes the commands of Celery; of ours it says that it does not know them', async () => {
    const path = `/v1/workers/${PYTHON}`
    expect((await ask('POST', `${path}/pool-grow`, { count: 1 })).status).toBe(200)
    await until(async () => (await worker(PYTHON)).pool.size === 4)
    expect((await ask('POST', `${path}/pool-shrink`, { count: 1 })).status).toBe(200)
    await until(async () => (await worker(PYTHON)).pool.size === 3)
    expect((await ask('POST', `${path}/add-consumer`, { queue: 'added' })).json).toMatchObject({ worker: PYTHON })
    await until(async () => (await worker(PYTHON)).queues.length === 2)
    expect((await ask('POST', `${path}/cancel-consumer`, { queue: 'added' })).status).toBe(200)
    expect((await ask('POST', `${path}/rate-limit`, { task: 'py.add', rate: '100/s' })).status).toBe(200)
    const { tasks } = (await ask('GET', '/v1/tasks')).json
    expect(tasks.find(({ name }: { name: string }) => name.startsWith('py.add'))).toMatchObject({
      ...{ name: 'py.add', workers: [PYTHON] },
    })
    expect((await ask('POST', `${path}/rate-limit`, { task: 'py.other', rate: '1/s' })).json).toMatchObject({
      status: 409,
      type: 'urn:celeriac:problem:worker-refused',
    })
    expect((await ask('POST', `${path}/time-limit`, { task: 'py.add', soft: 5, hard: 10 })).status).toBe(200)
    expect((await ask('POST', `${path}/enable-events`)).status).toBe(200)
    expect((await ask('POST', `${path}/heartbeat`)).status).toBe(200)
    for (const [method, action] of [
      ['POST', 'quiet'],
      ['POST', 'resume'],
      ['POST', 'profile'],
      ['GET', 'stack'],
    ] as const)
      expect([action, (await ask(method, `${path}/${action}`)).json]).toMatchObject([
        action,
        { status: 501, type: 'urn:celeriac:problem:cannot-control' },
      ])
    expect((await ask('POST', `${path}/pool-restart`)).json).toMatchObject({ status: 409 })
  })

  test('peek: where the store can, the messages of Python callers', async () => {
    const client = await fleet.pythonClient()
    await client.send('py.add', [1, 2], { queue: 'idle', kwargs: {} })
    const found = await ask('GET', '/v1/queues/idle/messages?content=1')
    if (options.broker === 'rabbitmq') {
      expect(found.json).toMatchObject({ status: 501, type: 'urn:celeriac:problem:cannot-peek' })
    } else {
      expect(found.json.messages).toMatchObject([
        { task: 'py.add', argsrepr: '[1, 2]', content: { args: [1, 2], kwargs: {} } },
      ])
    }
    expect((await ask('DELETE', '/v1/queues/idle/messages')).json.count).toBeGreaterThan(0)
  })

  test('with two workers of ours: all of them in one list, each commanded by itself', async () => {
    for (const hostname of OURS) await fleet.work(fleet.app(), { hostname, concurrency: 1 })
    await until(async () => (await ask('GET', '/v1/workers')).json.workers.length === 3)
    const { workers } = (await ask('GET', '/v1/workers')).json
    expect(workers.map(({ name }: { name: string }) => name)).toEqual([PYTHON, ...OURS].toSorted())
    const { queues } = (await ask('GET', '/v1/queues')).json
    const found = queues.find(({ name }: { name: string }) => name === 'typescript')
    expect(found.workers).toEqual(OURS)
    expect((await ask('POST', '/v1/workers/ts@one/quiet')).status).toBe(200)
    expect([(await worker('ts@one')).quiet, (await worker('ts@two')).quiet]).toEqual([true, false])
    expect((await ask('POST', `/v1/workers/${PYTHON}/shutdown`)).status).toBe(202)
    await until(async () => (await ask('GET', `/v1/workers/${PYTHON}`)).status === 404)
    expect((await worker('ts@two')).ready).toBe(true)
  })
}
