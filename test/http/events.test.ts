import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { App } from '../../src/app/app.ts'
import { parseHttpOptions } from '../../src/http/options.ts'
import { encodeException } from '../../src/protocol/exception.ts'
import { createLogger } from '../../src/std/log.ts'
import { Worker } from '../../src/worker/worker.ts'
import { storesOf } from '../app/stores.ts'
import { EventClient, type ServerEvent } from './eventClient.ts'
import { problemOf, type Service, startService, stores } from './harness.ts'

const DONE = '2026-11-01T10:00:05.000Z'
const until = (what: () => boolean): Promise<void> =>
  vi.waitFor(() => expect(what()).toBe(true), { timeout: 10_000, interval: 5 })
const shown = ({ id, event, data }: ServerEvent): string => `${id ?? '-'} ${event} ${data}`

describe.each(stores)('events on %s', (store) => {
  let service: Service
  let jobs = 0
  beforeAll(async () => {
    service = await startService(store, { heartbeat: 500 })
  })
  afterAll(() => service[Symbol.asyncDispose]())

  const listen = (id: string, headers: Record<string, string> = {}, query = ''): EventClient => {
    const client = new EventClient(service.server.port, `/v1/jobs/${id}/events${query}`, headers)
    onTestFinished(() => client.close())
    return client
  }
  /** A job in the state PENDING, and what a worker would write of it. */
  const begin = async (): Promise<{ id: string; is: (status: string, result?: unknown) => Promise<void> }> => {
    const id = `job-${++jobs}`
    await service.record({ task_id: id })
    const done = (status: string) => (['SUCCESS', 'FAILURE', 'REVOKED'].includes(status) ? DONE : null)
    return {
      id,
      is: (status, result = null) => service.record({ task_id: id, status, result, date_done: done(status) }),
    }
  }

  test('the whole life, with its exact bytes', async () => {
    const { id, is } = await begin()
    const client = listen(id)
    await until(() => client.events.length === 1)
    expect(client.head.split('\r\n')[0]).toBe('HTTP/1.1 200 OK')
    expect(client.header('content-type')).toBe('text/event-stream')
    expect(client.header('cache-control')).toBe('no-cache, no-transform')
    expect(client.header('x-accel-buffering')).toBe('no')
    expect(client.header('transfer-encoding')).toBe('chunked')
    expect(client.other[0]).toBe('retry: 2000')
    await is('STARTED', { pid: 1, hostname: 'secret' })
    await is('PROGRESS', { page: 4, of: 10 })
    await is('RETRY', encodeException({ type: 'RangeError', message: 'too\nfar' }))
    await is('STEP 1', { disk: 'full' })
    await is('PROGRESS', 2n ** 70n)
    await is('SUCCESS', { url: 'https://cdn/r1.pdf', pages: 10 })
    expect(await client.ended).toBe(true)
    expect(client.events.map(shown)).toEqual([
      '1 state {"state":"PENDING","attempt":1}',
      '2 state {"state":"STARTED","attempt":1}',
      '3 progress {"page":4,"of":10}',
      '4 state {"state":"RETRY","attempt":1,"error":{"type":"RangeError","message":"too\\nfar"}}',
      '5 state {"state":"STEP 1","attempt":1,"progress":{"disk":"full"}}',
      '6 progress 1180591620717411303424',
      '7 result {"url":"https://cdn/r1.pdf","pages":10}',
    ])
  })

  test('Last-Event-ID: what came after, by header or query; the header counts', async () => {
    const { id, is } = await begin()
    for (let page = 2; page <= 9; page++) await is('PROGRESS', page)
    const clients = [
      listen(id, { 'last-event-id': '7' }),
      listen(id, {}, '?last_event_id=7'),
      listen(id, { 'last-event-id': '7' }, '?last_event_id=2'),
    ]
    await until(() => clients.every(({ events }) => events.length === 2))
    await is('FAILURE', encodeException({ type: 'RangeError', message: 'no' }))
    await Promise.all(clients.map(({ ended }) => ended))
    for (const { events } of clients)
      expect(events.map(shown)).toEqual([
        '8 progress 8',
        '9 progress 9',
        '10 error {"state":"FAILURE","type":"RangeError","message":"no"}',
      ])
  })

  test('after the end: a replay for who has not all, 204 for who has', async () => {
    const { id, is } = await begin()
    await is('PROGRESS', 1)
    await is('SUCCESS', 'done')
    const late = listen(id, { 'last-event-id': '2' })
    expect(await late.ended).toBe(true)
    expect(late.events.map(shown)).toEqual(['3 result "done"'])
    const over = listen(id, { 'last-event-id': '3' })
    await over.ended
    expect([over.status, over.header('content-type'), over.header('cache-control')]).toEqual([
      204,
      undefined,
      'no-cache',
    ])
    const whole = listen(id)
    await whole.ended
    expect(whole.events).toHaveLength(3)
  })

  test('an id that the job never reached: reset, then its whole life', async () => {
    const { id, is } = await begin()
    await is('SUCCESS', 1)
    const client = listen(id, { 'last-event-id': '999999' })
    await client.ended
    expect(client.events.map(shown)).toEqual(['- reset {}', '1 state {"state":"PENDING","attempt":1}', '2 result 1'])
  })

  test('what the log has dropped: reset, then what it has', async () => {
    const { id, is } = await begin()
    const long = 'x'.repeat(60_000)
    for (let at = 2; at <= 65; at++) await is('PROGRESS', `${at} ${long}`)
    await is('REVOKED', encodeException({ type: 'TaskRevokedError', message: 'revoked' }))
    const client = listen(id, { 'last-event-id': '3' })
    expect(await client.ended).toBe(true)
    expect(client.events[0]).toEqual({ id: undefined, event: 'reset', data: '{}' })
    const ids = client.events.slice(1).map((event) => Number(event.id))
    expect(ids.at(-1)).toBe(66)
    expect(ids).toEqual(ids.map((_, at) => (ids[0] as number) + at))
    expect(client.events.at(-1)?.event).toBe('error')
  })

  test('signs of life while nothing happens', async () => {
    const { id } = await begin()
    const client = listen(id)
    await until(() => client.other.filter((text) => text === ':').length >= 3)
    expect(client.events).toHaveLength(1)
  })

  test.each(['x', '-1', '1.5', '1e3', '0x1', '9'.repeat(16), '3, 4'])('400 for Last-Event-ID: %s', async (text) => {
    const { id } = await begin()
    const headers = { 'last-event-id': text }
    await problemOf(await service.fetch(`/v1/jobs/${id}/events`, { headers }), 400, 'invalid-event-id')
    const query = `?last_event_id=${encodeURIComponent(text)}`
    await problemOf(await service.fetch(`/v1/jobs/${id}/events${query}`), 400, 'invalid-query')
  })

  test('HEAD, other methods, unknown and hidden jobs', async () => {
    const { id } = await begin()
    const head = await service.fetch(`/v1/jobs/${id}/events`, { method: 'HEAD' })
    expect([head.status, head.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
    const post = await service.fetch(`/v1/jobs/${id}/events`, { method: 'POST' })
    expect(post.headers.get('allow')).toBe('GET, HEAD')
    await problemOf(post, 405, 'method-not-allowed')
    await service.record({ task_id: `hidden-${id}`, name: 'tasks.hidden' })
    await problemOf(await service.fetch(`/v1/jobs/hidden-${id}/events`), 404, 'unknown-job')
    await problemOf(await service.fetch('/v1/jobs/nobody/events'), 404, 'unknown-job')
    const old = '018a1f3c-7d1e-7a40-9a55-3f0f2c1b7e11'
    await problemOf(await service.fetch(`/v1/jobs/${old}/events`), 410, 'job-expired')
  })

  test('a forgotten job ends the stream', async () => {
    const { id } = await begin()
    const client = listen(id)
    await until(() => client.events.length === 1)
    await service.app.result(id).forget()
    expect(await client.ended).toBe(true)
  })

  test('a slow reader gets everything, and nothing is piled up for it', async () => {
    const { id, is } = await begin()
    const client = listen(id)
    await until(() => client.events.length === 1)
    client.socket.pause()
    const long = 'y'.repeat(40_000)
    // Far more than the sockets of both sides hold; the log keeps about 1 MiB of it. At once: before the reader is given up.
    await Promise.all(Array.from({ length: 300 }, (_, at) => is('PROGRESS', `${at} ${long}`)))
    await is('SUCCESS', 'end')
    client.socket.resume()
    expect(await client.ended).toBe(true)
    const ids = client.events.flatMap((event) => (event.id === undefined ? [] : [Number(event.id)]))
    expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b))
    expect(client.events.at(-1)).toEqual({ id: '302', event: 'result', data: '"end"' })
  })

  test('clients that leave leave nothing behind', async () => {
    const { id, is } = await begin()
    const clients = Array.from({ length: 20 }, () => listen(id))
    await until(() => clients.every(({ events }) => events.length === 1))
    for (const client of clients) client.close()
    await Promise.all(clients.map(({ ended }) => ended))
    const { feed } = await storesOf(service.app)
    await until(() => feed.size === 0)
    const last = listen(id)
    await is('SUCCESS', 1)
    await last.ended
    expect(service.log.filter(({ level }) => (level as number) >= 40)).toEqual([])
  })
})

test('by default there is a sign of life every 15 s', () => {
  const app = new App({ broker: 'memory:', logger: createLogger('silent') })
  expect(parseHttpOptions(app, { expose: [] }).scope.heartbeat).toBe(15_000)
  expect(() => parseHttpOptions(app, { expose: [], heartbeat: 1 })).toThrow('http: heartbeat: expected at least 10 ms')
})

test('a reader that takes nothing for eight heartbeats is hung up on, and comes again for the rest', async () => {
  await using service = await startService('memory:', { heartbeat: 20 })
  const { feed } = await storesOf(service.app)
  await service.record({ task_id: 'one' })
  const client = new EventClient(service.server.port, '/v1/jobs/one/events')
  await until(() => client.events.length === 1)
  client.socket.pause()
  const long = 'z'.repeat(100_000)
  for (let at = 0; feed.size > 0 && at < 2000; at++) {
    await service.record({ task_id: 'one', status: 'PROGRESS', result: `${at} ${long}` })
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  await until(() => feed.size === 0)
  await service.record({ task_id: 'one', status: 'SUCCESS', result: 1, date_done: DONE })
  client.socket.resume()
  expect(await client.ended).toBe(false)
  const headers = { 'last-event-id': client.lastEventId as string }
  const again = new EventClient(service.server.port, '/v1/jobs/one/events', headers)
  expect(await again.ended).toBe(true)
  expect(again.events.at(-1)).toMatchObject({ event: 'result', data: '1' })
})

test.each([
  ['memory:', undefined],
  ['sqlite:', undefined],
  ['memory:', 'rpc:'],
])('a task that runs: broker %s, backend %s', async (store, backend) => {
  await using service = await startService(store, {}, backend)
  const worker = new Worker(service.app, { concurrency: 1 })
  onTestFinished(() => worker.stop({ grace: 0 }))
  const accepted = await service.post('/v1/tasks/reports.render', { id: 'r1' })
  const { links } = (await accepted.json()) as { links: { events: string } }
  const client = new EventClient(service.server.port, links.events)
  await until(() => client.events.length === 1)
  await worker.start()
  expect(await client.ended).toBe(true)
  const told = client.events.map(shown)
  expect(told[0]).toBe('1 state {"state":"PENDING","attempt":1}')
  expect(told.at(-1)).toMatch(/^\d result {"url":"\/reports\/r1@150","pages":1}$/)
  if (backend) return
  // Results that are sent instead of kept have no log: what is on the way comes as it is seen.
  expect(told.slice(1)).toEqual(['2 progress {"page":1,"of":1}', '3 result {"url":"/reports/r1@150","pages":1}'])
  const last = await service.fetch(links.events, { headers: { 'last-event-id': '3' } })
  expect(last.status).toBe(204)
})
