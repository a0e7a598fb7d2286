import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import compression from 'compression'
import express from 'express'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { AnyTask } from '../../src/calls/task.ts'
import { createHttp } from '../../src/http/api.ts'
import { partOf } from '../../src/http/input/range.ts'
import { type HttpServer, serve, toExpress } from '../../src/http/server/serve.ts'
import { Celeriac } from '../../src/index.ts'
import { ArgumentError } from '../../src/std/errors.ts'
import { uuid } from '../../src/std/id.ts'
import { jobOf, problemOf, rawExchange, type Service, startService } from './harness.ts'

const DONE = '2026-11-01T10:00:05.000Z'
const PNG = Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 1, 2, 3])

describe('results', () => {
  let service: Service
  let server: HttpServer
  beforeAll(async () => {
    service = await startService('sqlite:')
    const { app } = service
    const none = (): Uint8Array => PNG
    const expose = [
      app.task('plot', none, { contentType: 'image/png' }),
      app.task('csv', () => '', { contentType: 'text/csv' }),
      app.task('page', () => '', { contentType: 'text/html; charset=utf-8' }),
      app.task('feed', () => ({}), { contentType: 'application/feed+json' }),
      app.task('raw', none),
    ]
    server = await serve(createHttp(app, { expose }), { port: 0 })
    const results: Record<string, unknown> = { plot: PNG, csv: 'a,ü\n', page: '<b>', feed: { n: 2n ** 60n }, raw: PNG }
    for (const [name, result] of Object.entries(results))
      await service.record({ task_id: name, name, status: 'SUCCESS', result, date_done: DONE })
    await service.record({
      task_id: 'empty',
      name: 'raw',
      status: 'SUCCESS',
      result: new Uint8Array(0),
      date_done: DONE,
    })
    await service.record({ task_id: 'waiting', name: 'plot' })
  })
  afterAll(async () => {
    await server.close()
    await service[Symbol.asyncDispose]()
  })

  const get = (id: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Response> =>
    fetch(`${server.url}/v1/jobs/${id}/result`, { headers, method })
  const bytesOf = async (response: Response): Promise<number[]> => [...new Uint8Array(await response.arrayBuffer())]

  test.each([
    ['plot', 'image/png', PNG],
    ['csv', 'text/csv; charset=utf-8', Buffer.from('a,ü\n')],
    ['page', 'text/html; charset=utf-8', Buffer.from('<b>')],
    ['feed', 'application/feed+json', Buffer.from('{"n":1152921504606846976}')],
    ['raw', 'application/octet-stream', PNG],
    ['empty', 'application/octet-stream', new Uint8Array(0)],
  ])('%s has its own content type', async (id, type, bytes) => {
    const response = await get(id)
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe(type)
    expect(response.headers.get('content-length')).toBe(String(bytes.length))
    expect(response.headers.get('accept-ranges')).toBe('bytes')
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(response.headers.get('cache-control')).toBe('no-cache')
    expect(await bytesOf(response)).toEqual([...bytes])
  })

  test('a page that a task made runs no scripts', async () => {
    expect((await get('page')).headers.get('content-security-policy')).toContain('sandbox')
    expect((await get('plot')).headers.get('content-security-policy')).toBeNull()
  })

  test('ETag: the same for the same bytes, 304 for who has them', async () => {
    const etag = (await get('plot')).headers.get('etag') as string
    expect(etag).toMatch(/^"[\w-]{22}"$/)
    expect((await get('raw')).headers.get('etag')).toBe(etag)
    expect((await get('csv')).headers.get('etag')).not.toBe(etag)
    for (const header of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
      const response = await get('plot', { 'if-none-match': header, range: 'bytes=0-1' })
      expect([response.status, response.headers.get('etag'), await response.text()]).toEqual([304, etag, ''])
    }
    expect((await get('plot', { 'if-none-match': '"x"' })).status).toBe(200)
  })

  test.each([
    ['bytes=0-3', 0, 4],
    ['bytes=8-', 8, 12],
    ['bytes=-2', 10, 12],
    ['bytes=-99', 0, 12],
    ['bytes=10-99', 10, 12],
    ['Bytes = 5-5', 5, 6],
  ])('206 for Range: %s', async (range, start, end) => {
    const response = await get('plot', { range })
    expect(response.status).toBe(206)
    expect(response.headers.get('content-range')).toBe(`bytes ${start}-${end - 1}/12`)
    expect(response.headers.get('content-length')).toBe(String(end - start))
    expect(response.headers.get('content-type')).toBe('image/png')
    expect(await bytesOf(response)).toEqual([...PNG.subarray(start, end)])
  })

  test.each(['bytes=12-', 'bytes=99-100', 'bytes=-0'])('416 for Range: %s', async (range) => {
    const response = await get('plot', { range })
    expect(response.headers.get('content-range')).toBe('bytes */12')
    await problemOf(response, 416, 'range-not-satisfiable')
  })

  test.each(['bytes=3-1', 'bytes=-', 'bytes=a-b', 'lines=0-1', 'bytes=0-1,3-4', 'bytes=0-1;x', '0-1'])(
    'all of it for Range: %s',
    async (range) => {
      const response = await get('plot', { range })
      expect([response.status, (await bytesOf(response)).length]).toEqual([200, 12])
    },
  )

  test('a part behind a compressor is of the bytes of the result', async () => {
    const { app } = service
    const text = 'celery, carrot, onion\n'.repeat(500)
    await service.record({ task_id: 'long', name: 'csv', status: 'SUCCESS', result: text, date_done: DONE })
    const api = createHttp(app, { expose: [app.tasks.get('csv') as AnyTask] })
    const outer = createServer(express().use(compression(), toExpress(api)))
    await new Promise<void>((resolve) => outer.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void outer.close())
    const url = `http://127.0.0.1:${(outer.address() as AddressInfo).port}/v1/jobs/long/result`
    const all = await fetch(url)
    expect(all.headers.get('content-encoding')).not.toBeNull()
    expect(await all.text()).toBe(text)
    const part = await fetch(url, { headers: { range: 'bytes=2000-5999', 'accept-encoding': 'gzip' } })
    expect(part.status).toBe(206)
    expect(part.headers.get('content-encoding')).toBeNull()
    expect(await part.text()).toBe(text.slice(2000, 6000))
  })

  test('If-Range: the part only of these very bytes', async () => {
    const etag = (await get('plot')).headers.get('etag') as string
    expect((await get('plot', { range: 'bytes=0-1', 'if-range': etag })).status).toBe(206)
    for (const other of ['"x"', `W/${etag}`, new Date().toUTCString()])
      expect((await get('plot', { range: 'bytes=0-1', 'if-range': other })).status).toBe(200)
  })

  test('HEAD: the headers of GET, without a range', async () => {
    const response = await get('plot', { range: 'bytes=0-1' }, 'HEAD')
    expect([response.status, response.headers.get('content-type'), await response.text()]).toEqual([
      200,
      'image/png',
      '',
    ])
  })

  test('202 while it is not there', async () => {
    const response = await get('waiting')
    expect([response.status, response.headers.get('retry-after')]).toEqual([202, '1'])
    const links = { self: '/v1/jobs/waiting', result: '/v1/jobs/waiting/result', events: '/v1/jobs/waiting/events' }
    expect(await jobOf(response)).toMatchObject({ id: 'waiting', state: 'PENDING', links })
  })

  test('410 for an id of ours that is older than results are kept, 404 for others', async () => {
    const old = '019a0000-1234-7abc-8def-0123456789ab'
    for (const path of ['', '/result', '/events'])
      await problemOf(await fetch(`${server.url}/v1/jobs/${old}${path}`), 410, 'job-expired')
    await problemOf(await get(uuid(Date.now())), 404, 'unknown-job')
    await problemOf(await get('019a0000-1234-4abc-8def-0123456789ab'), 404, 'unknown-job')
    await problemOf(await get('ffffffff-ffff-7fff-bfff-ffffffffffff'), 404, 'unknown-job')
  })

  test('a header of megabytes or with line breaks does no harm', async () => {
    const head = `GET /v1/jobs/plot/result HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n`
    expect(await rawExchange(server, [`${head}range: bytes=${'9'.repeat(15_000)}-\r\n\r\n`])).toMatch(/^HTTP\/1.1 200 /)
    expect(await rawExchange(server, [`${head}if-none-match: ${'"'.repeat(15_000)}\r\n\r\n`])).toMatch(
      /^HTTP\/1.1 200 /,
    )
  })

  test('parts are never beyond the content', () => {
    const bytes = randomBytes(2)
    expect(partOf('bytes=0-0', 1)).toEqual({ start: 0, end: 0 })
    expect(partOf('bytes=-5', 0)).toBe('none')
    expect(partOf(undefined, bytes.length)).toBe('all')
  })

  test.each(['png', 'image/', 'image/png\r\nx: y', 'image/png; q', ''])('contentType %j is refused', (contentType) => {
    expect(() => new Celeriac().task('t', () => 1, { contentType })).toThrow(ArgumentError)
  })
})
