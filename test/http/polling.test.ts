import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Durations } from '../../src/http/output/retryAfter.ts'
import { systemClock } from '../../src/std/clock.ts'
import { storesOf } from '../app/stores.ts'
import { jobOf, problemOf, type Service, startService, stores } from './harness.ts'

const DONE = '2026-11-01T10:00:05.000Z'

describe.each(stores)('ETag and long poll on %s', (store) => {
  let service: Service
  let jobs = 0
  beforeAll(async () => {
    service = await startService(store)
  })
  afterAll(() => service[Symbol.asyncDispose]())

  const begin = async (): Promise<string> => {
    const id = `job-${++jobs}`
    await service.record({ task_id: id })
    return id
  }
  const get = (id: string, headers: Record<string, string> = {}): Promise<Response> =>
    service.fetch(`/v1/jobs/${id}`, { headers })

  test('the ETag is the number of the last change', async () => {
    const id = await begin()
    const tags: (string | null)[] = []
    for (const status of ['PENDING', 'STARTED', 'PROGRESS', 'PROGRESS', 'SUCCESS']) {
      if (status !== 'PENDING')
        await service.record({ task_id: id, status, result: 1, date_done: status === 'SUCCESS' ? DONE : null })
      const response = await get(id)
      expect(response.headers.get('cache-control')).toBe('no-cache')
      expect(response.headers.get('retry-after')).toBe(status === 'SUCCESS' ? null : '1')
      tags.push(response.headers.get('etag'))
    }
    expect(tags).toEqual(['"1"', '"2"', '"3"', '"4"', '"5"'])
  })

  test('304 without a wait, 200 for another tag', async () => {
    const id = await begin()
    const same = await get(id, { 'if-none-match': '"1"' })
    expect([same.status, same.headers.get('etag'), same.headers.get('retry-after')]).toEqual([304, '"1"', '1'])
    expect(same.headers.get('preference-applied')).toBeNull()
    const other = await get(id, { 'if-none-match': '"0", W/"7"', prefer: 'wait=25' })
    expect([other.status, other.headers.get('preference-applied')]).toEqual([200, 'wait=25'])
  })

  test('a wait ends with the change', async () => {
    const id = await begin()
    const polls = Array.from({ length: 20 }, () => get(id, { 'if-none-match': '"1"', prefer: 'wait=25' }))
    const { feed } = await storesOf(service.app)
    expect(feed.size).toBe(0)
    await service.record({ task_id: id, status: 'PROGRESS', result: { page: 1 } })
    for (const response of await Promise.all(polls)) {
      expect([response.status, response.headers.get('preference-applied')]).toEqual([200, 'wait=25'])
      expect(response.headers.get('etag')).toBe('"2"')
      expect(await jobOf(response)).toMatchObject({ id, state: 'STARTED', progress: { page: 1 } })
    }
  })

  test('or with its time: 304', async () => {
    const id = await begin()
    const start = performance.now()
    const response = await get(id, { 'if-none-match': '"1"', prefer: 'wait=1' })
    expect(performance.now() - start).toBeGreaterThan(900)
    expect([response.status, response.headers.get('etag')]).toEqual([304, '"1"'])
    expect(response.headers.get('preference-applied')).toBe('wait=1')
    expect(response.headers.get('content-type')).toBeNull()
  })

  test('more than 30 s are not granted', async () => {
    const id = await begin()
    const response = get(id, { 'if-none-match': '"1"', prefer: 'wait=3600' })
    await service.record({ task_id: id, status: 'SUCCESS', date_done: DONE })
    expect((await response).headers.get('preference-applied')).toBe('wait=30')
  })

  test('what has ended does not change: 304 at once', async () => {
    const id = await begin()
    await service.record({ task_id: id, status: 'SUCCESS', date_done: DONE })
    const start = performance.now()
    expect((await get(id, { 'if-none-match': '"2"', prefer: 'wait=25' })).status).toBe(304)
    expect(performance.now() - start).toBeLessThan(5000)
  })

  test('one that is forgotten meanwhile is unknown', async () => {
    const id = await begin()
    const response = get(id, { 'if-none-match': '"1"', prefer: 'wait=25' })
    await new Promise((resolve) => setTimeout(resolve, 200))
    await service.app.result(id).forget()
    await problemOf(await response, 404, 'unknown-job')
  })

  test('links lead to the events', async () => {
    const id = await begin()
    const self = `/v1/jobs/${id}`
    expect(await jobOf(await get(id))).toMatchObject({
      links: { self, result: `${self}/result`, events: `${self}/events` },
    })
  })

  test('Retry-After follows what jobs of the task took', async () => {
    for (const [at, seconds] of [1, 7, 100].entries()) {
      const id = `timed-${store}-${at}`
      const submitted = Date.parse(DONE) - seconds * 1000
      const meta = { task_id: id, name: 'python.multiply' }
      await service.record({ ...meta, date_submitted: new Date(submitted).toISOString() })
      await service.record({
        ...meta,
        status: 'SUCCESS',
        date_done: DONE,
        date_submitted: new Date(submitted).toISOString(),
      })
      await get(id)
      await get(id)
    }
    const id = `timed-${store}`
    await service.record({ task_id: id, name: 'python.multiply', date_submitted: new Date().toISOString() })
    expect((await get(id)).headers.get('retry-after')).toBe('7')
    expect((await service.fetch(`/v1/jobs/${id}/result`)).headers.get('retry-after')).toBe('7')
  })
})

test('durations: the rest of the median, 1 to 60 s', () => {
  const durations = new Durations(() => systemClock)
  const at = (ms: number): Date => new Date(ms)
  const job = { task: 't', submittedAt: at(0) }
  expect(durations.retryAfter(job, 0)).toBe(1)
  const info = { ...job, state: 'SUCCESS', finishedAt: at(20_000) } as Parameters<Durations['see']>[0]
  durations.see({ ...info, id: 'a' })
  durations.see({ ...info, id: 'b', state: 'FAILURE', finishedAt: at(1) })
  expect(durations.retryAfter(job, 0)).toBe(20)
  expect(durations.retryAfter(job, 15_500)).toBe(5)
  expect(durations.retryAfter(job, 99_000)).toBe(1)
  for (let id = 0; id < 80; id++) durations.see({ ...info, id: `${id}`, finishedAt: at(600_000) })
  expect(durations.retryAfter(job, 0)).toBe(60)
  expect(durations.headersOf({ ...info, id: 'a' })).toEqual({})
})
