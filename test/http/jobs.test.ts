import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeException } from '../../src/protocol/exception.ts'
import { jobOf, problemOf, type Service, startService, stores } from './harness.ts'

const DONE = '2026-11-01T10:00:05.000Z'

describe.each(stores)('jobs on %s', (store) => {
  let service: Service
  beforeAll(async () => {
    service = await startService(store)
    const times = { date_submitted: '2026-11-01T10:00:00.000Z', date_started: '2026-11-01T10:00:01.000Z' }
    const error = encodeException({ type: 'RangeError', message: 'too far', module: 'builtins' })
    await service.record({ task_id: 'waiting' })
    await service.record({ task_id: 'moving', status: 'PROGRESS', result: { page: 2, of: 9 }, ...times })
    await service.record({ task_id: 'custom', status: 'STEP 1', result: { disk: 'full' }, ...times })
    await service.record({
      task_id: 'again',
      status: 'RETRY',
      result: error,
      traceback: 'secret',
      retries: 2,
      ...times,
    })
    await service.record({
      task_id: 'good',
      status: 'SUCCESS',
      result: { sum: 3 },
      date_done: DONE,
      retries: 1,
      ...times,
    })
    await service.record({ task_id: 'bytes', status: 'SUCCESS', result: new Uint8Array([0, 255, 10]), date_done: DONE })
    const odd = { when: new Date(0), big: 2n ** 70n, raw: new Uint8Array([1, 2]), list: [null] }
    await service.record({ task_id: 'odd', status: 'SUCCESS', result: odd, date_done: DONE })
    await service.record({ task_id: 'nothing', status: 'SUCCESS', result: null, date_done: DONE })
    await service.record({
      task_id: 'bad',
      status: 'FAILURE',
      result: error,
      traceback: 'secret path',
      date_done: DONE,
    })
    await service.record({
      task_id: 'revoked',
      status: 'REVOKED',
      result: encodeException({ type: 'TaskRevokedError', message: 'expired' }),
      date_done: DONE,
    })
    await service.record({ task_id: 'hidden', status: 'SUCCESS', result: 1, date_done: DONE, name: 'tasks.hidden' })
  })
  afterAll(() => service[Symbol.asyncDispose]())

  const show = async (id: string): Promise<Record<string, unknown>> => jobOf(await service.fetch(`/v1/jobs/${id}`))

  test('a waiting job says when to ask again', async () => {
    const response = await service.fetch('/v1/jobs/waiting')
    expect(response.status).toBe(200)
    expect(response.headers.get('retry-after')).toBe('1')
    expect(response.headers.get('cache-control')).toBe('no-cache')
    expect(await jobOf(response)).toMatchObject({ id: 'waiting', state: 'PENDING', progress: null, startedAt: null })
  })

  test('PROGRESS is shown as STARTED with its progress', async () => {
    expect(await show('moving')).toMatchObject({
      state: 'STARTED',
      progress: { page: 2, of: 9 },
      startedAt: '2026-11-01T10:00:01.000Z',
    })
  })

  test('a state of its own stays, with its meta as progress', async () => {
    expect(await show('custom')).toMatchObject({ state: 'STEP 1', progress: { disk: 'full' } })
  })

  test('RETRY tells the error and the attempt', async () => {
    const job = await show('again')
    expect(job).toMatchObject({ state: 'RETRY', attempt: 3, error: { type: 'RangeError', message: 'too far' } })
    expect(JSON.stringify(job)).not.toContain('secret')
  })

  test('SUCCESS has its result', async () => {
    const response = await service.fetch('/v1/jobs/good')
    expect(response.headers.get('retry-after')).toBeNull()
    const job = await jobOf(response)
    expect(job).toMatchObject({
      state: 'SUCCESS',
      attempt: 2,
      result: { sum: 3 },
      createdAt: '2026-11-01T10:00:00.000Z',
      finishedAt: DONE,
    })
    expect(job).not.toHaveProperty('error')
  })

  test('FAILURE has its error, never the traceback', async () => {
    const job = await show('bad')
    expect(job).toMatchObject({ state: 'FAILURE', error: { type: 'RangeError', message: 'too far' } })
    expect(job).not.toHaveProperty('result')
    expect(JSON.stringify(job)).not.toContain('secret')
  })

  test('HEAD is GET without the body', async () => {
    const response = await service.fetch('/v1/jobs/good', { method: 'HEAD' })
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('')
  })

  test('the result alone: JSON', async () => {
    const response = await service.fetch('/v1/jobs/good/result')
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(await response.json()).toEqual({ sum: 3 })
    expect(await (await service.fetch('/v1/jobs/nothing/result')).text()).toBe('null')
  })

  test('the result alone: bytes', async () => {
    const response = await service.fetch('/v1/jobs/bytes/result')
    expect(response.headers.get('content-type')).toBe('application/octet-stream')
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(new Uint8Array([0, 255, 10]))
    expect(await show('bytes')).toMatchObject({ result: 'AP8K' })
  })

  test('values beyond JSON are written as text or as all their digits', async () => {
    const text = await (await service.fetch('/v1/jobs/odd/result')).text()
    expect(text).toBe('{"when":"1970-01-01T00:00:00.000Z","big":1180591620717411303424,"raw":"AQI=","list":[null]}')
  })

  test.each(['waiting', 'moving', 'custom', 'again'])('the result of %s is 202 until it is there', async (id) => {
    const response = await service.fetch(`/v1/jobs/${id}/result`)
    expect(response.status).toBe(202)
    expect(response.headers.get('retry-after')).toBe('1')
    expect(await jobOf(response)).toMatchObject({ id, links: { self: `/v1/jobs/${id}` } })
  })

  test('the result of a failed or revoked job is 409 with the error, never the traceback', async () => {
    const failed = await problemOf(await service.fetch('/v1/jobs/bad/result'), 409, 'job-failed')
    expect(failed).toMatchObject({ detail: 'RangeError: too far', error: { type: 'RangeError', message: 'too far' } })
    expect(JSON.stringify(failed)).not.toContain('secret')
    const revoked = await problemOf(await service.fetch('/v1/jobs/revoked/result'), 409, 'job-revoked')
    expect(revoked).toMatchObject({ error: { message: 'expired' } })
  })

  test.each(['never-submitted', 'hidden'])('404 for %s', async (id) => {
    await problemOf(await service.fetch(`/v1/jobs/${id}`), 404, 'unknown-job')
    await problemOf(await service.fetch(`/v1/jobs/${id}/result`), 404, 'unknown-job')
    await problemOf(await service.fetch(`/v1/jobs/${id}`, { method: 'DELETE' }), 404, 'unknown-job')
  })

  test('a hidden job is not revoked by an attempt', async () => {
    const { id } = await service.app.send('tasks.hidden')
    await problemOf(await service.fetch(`/v1/jobs/${id}`, { method: 'DELETE' }), 404, 'unknown-job')
    expect(await service.app.result(id).state()).toBe('PENDING')
  })

  test('405 tells what is allowed', async () => {
    for (const [path, allow] of [
      ['/v1/jobs', 'GET, HEAD, DELETE'],
      ['/v1/jobs/good', 'GET, HEAD, PATCH, DELETE'],
      ['/v1/jobs/good/result', 'GET, HEAD'],
      ['/readyz', 'GET, HEAD'],
      ['/openapi.json', 'GET, HEAD'],
    ] as const) {
      const response = await service.fetch(path, { method: 'POST' })
      expect(response.headers.get('allow')).toBe(allow)
      await problemOf(response, 405, 'method-not-allowed')
    }
  })

  test('DELETE takes a waiting job out: 200, REVOKED', async () => {
    const { id } = await jobOf(await service.post('/v1/tasks/tasks.add', [1, 2]))
    const before = await service.app.queueSize()
    const response = await service.fetch(`/v1/jobs/${id}`, { method: 'DELETE' })
    expect(response.status).toBe(200)
    expect(await jobOf(response)).toMatchObject({ id, state: 'REVOKED', error: { message: 'revoked' } })
    expect(await service.app.queueSize()).toBe(before - 1)
    const again = await problemOf(await service.fetch(`/v1/jobs/${id}`, { method: 'DELETE' }), 409, 'job-final')
    expect(again.state).toBe('REVOKED')
  })

  test('DELETE asks a running job to stop: 202', async () => {
    const response = await service.fetch('/v1/jobs/moving?terminate=1', { method: 'DELETE' })
    expect(response.status).toBe(202)
    expect(await jobOf(response)).toMatchObject({ id: 'moving', state: 'STARTED' })
  })

  test('DELETE of an ended job is 409', async () => {
    const problem = await problemOf(await service.fetch('/v1/jobs/good', { method: 'DELETE' }), 409, 'job-final')
    expect(problem).toMatchObject({ state: 'SUCCESS', detail: 'job good has ended: SUCCESS' })
  })

  test.each(['terminate=yes', 'terminate=', 'terminate=1&terminate=1', 'force=1', '__proto__=1'])(
    '400 for DELETE ?%s',
    async (query) => {
      await problemOf(await service.fetch(`/v1/jobs/good?${query}`, { method: 'DELETE' }), 400, 'invalid-query')
    },
  )
})
