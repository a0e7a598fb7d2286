import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { storesOf } from '../app/stores.ts'
import { jobOf, problemOf, type Service, startService, stores } from './harness.ts'

describe.each(stores)('POST /v1/tasks/{name} on %s', (store) => {
  let service: Service
  beforeAll(async () => {
    service = await startService(store)
  })
  afterAll(() => service[Symbol.asyncDispose]())

  test('202 with the job and where to find it', async () => {
    const response = await service.post('/v1/tasks/tasks.add', [2, 3])
    expect(response.status).toBe(202)
    expect(response.headers.get('retry-after')).toBe('1')
    const job = await jobOf(response)
    const self = `/v1/jobs/${job.id}`
    expect(response.headers.get('location')).toBe(self)
    const links = { self, result: `${self}/result`, events: `${self}/events` }
    expect(response.headers.get('link')).toBe(
      `<${self}/events>; rel="monitor"; type="text/event-stream", <${self}/result>; rel="result"`,
    )
    expect(job).toEqual({
      id: expect.any(String),
      task: 'tasks.add',
      state: 'PENDING',
      progress: null,
      attempt: 1,
      createdAt: expect.any(String),
      startedAt: null,
      finishedAt: null,
      links,
    })
    const later = await jobOf(await service.fetch(self))
    expect(later).toEqual(job)
  })

  test('the arguments reach the message', async () => {
    const { id } = await jobOf(await service.post('/v1/tasks/tasks.add', [20, 22]))
    const { broker } = await storesOf(service.app)
    const delivery = await broker.take?.(id as string)
    expect(JSON.parse(delivery?.envelope.body as string)[0]).toEqual([20, 22])
    await delivery?.ack()
  })

  test('an object is the input of a task with a schema; defaults are left to the worker', async () => {
    const { id } = await jobOf(await service.post('/v1/tasks/reports.render', { id: 'r1' }))
    const { broker } = await storesOf(service.app)
    const delivery = await broker.take?.(id as string)
    expect(JSON.parse(delivery?.envelope.body as string)[1]).toEqual({ id: 'r1' })
    await delivery?.ack()
  })

  test('a task whose code lives elsewhere takes a list or an object', async () => {
    expect((await service.post('/v1/tasks/python.multiply', [6, 7])).status).toBe(202)
    expect((await service.post('/v1/tasks/python.multiply', { x: 6, y: 7 })).status).toBe(202)
    expect((await problemOf(await service.post('/v1/tasks/python.multiply', 6), 422, 'invalid-input')).errors).toEqual([
      { pointer: '#', code: 'type', detail: 'expected an object or an array of arguments, got number' },
    ])
  })

  test('an empty body is no arguments, of whatever type', async () => {
    expect((await service.fetch('/v1/tasks/tasks.echo', { method: 'POST' })).status).toBe(202)
    const typed = { method: 'POST', headers: { 'content-type': 'text/plain' } }
    expect((await service.fetch('/v1/tasks/tasks.wait', typed)).status).toBe(202)
    const problem = await problemOf(
      await service.fetch('/v1/tasks/reports.render', { method: 'POST' }),
      422,
      'invalid-input',
    )
    expect(problem.errors).toMatchObject([{ pointer: '#/id', code: 'required' }])
  })

  test('422 with a pointer for each field', async () => {
    const body = { dpi: 'many', tags: [{ name: 'a' }, { name: 5 }] }
    const problem = await problemOf(await service.post('/v1/tasks/reports.render', body), 422, 'invalid-input')
    expect(problem).toMatchObject({
      title: "The input does not fit the task's schema",
      instance: '/v1/tasks/reports.render',
      errors: [
        { pointer: '#/id', code: 'required', detail: expect.stringContaining('expected string') },
        { pointer: '#/dpi', code: 'invalid', detail: expect.stringContaining('expected number') },
        { pointer: '#/tags/1/name', code: 'invalid', detail: expect.stringContaining('expected string') },
      ],
    })
  })

  test.each([
    ['/v1/tasks/tasks.wait', [1], 'expected an object, got an array'],
    ['/v1/tasks/reports.render', null, 'expected an object or an array of arguments, got null'],
    ['/v1/tasks/tasks.opaque', { x: 1 }, 'expected an array of arguments, got object'],
    ['/v1/tasks/tasks.add', 'x', 'expected an object or an array of arguments, got string'],
  ])('422 for the wrong kind of body: %s %j', async (path, body, detail) => {
    const problem = await problemOf(await service.post(path, body), 422, 'invalid-input')
    expect(problem.errors).toEqual([{ pointer: '#', code: 'type', detail }])
  })

  test.each([
    ['reports.render', ['r1', 200]],
    ['tasks.add', { y: 2, x: 1 }],
    ['tasks.repeat', ['ab', 2]],
    ['tasks.repeat', { text: 'ab' }],
  ])('by position or by name: %s %j', async (task, body) => {
    expect((await service.post(`/v1/tasks/${task}`, body)).status).toBe(202)
  })

  test.each([
    ['reports.render', ['r1', 'many'], [{ pointer: '#/1', code: 'invalid' }]],
    ['reports.render', ['r1', 1, [], 4], [{ pointer: '#', code: 'invalid', detail: /takes 3 positional .* 4 were/ }]],
    ['tasks.add', { x: 1, z: 2 }, [{ pointer: '#/z', code: 'invalid', detail: /unexpected keyword argument 'z'/ }]],
    ['tasks.repeat', [], [{ pointer: '#/0', code: 'required', detail: /missing 1 required argument: 'text'/ }]],
    ['tasks.repeat', { times: 2 }, [{ pointer: '#/text', code: 'required' }]],
    ['tasks.repeat', ['ab', 'two'], [{ pointer: '#/1', code: 'invalid' }]],
    ['tasks.repeat', ['ab', 1, 1], [{ pointer: '#', code: 'invalid' }]],
  ])('422 for arguments that do not fit: %s %j', async (task, body, errors) => {
    const expected = errors.map((error) =>
      'detail' in error ? { ...error, detail: expect.stringMatching(error.detail as RegExp) } : error,
    )
    const alone = await problemOf(await service.post(`/v1/tasks/${task}`, body), 422, 'invalid-input')
    expect(alone.errors).toMatchObject(expected)
    const batch = { jobs: [{ task, input: body }] }
    const refused = await problemOf(await service.post('/v1/batches', batch), 422, 'invalid-input')
    expect(refused.errors).toMatchObject(
      expected.map((error) => ({ ...error, pointer: `#/jobs/0/input${error.pointer.slice(1)}` })),
    )
  })

  test('422 for what the message cannot carry, with its path', async () => {
    const typed = [{ __type__: 'datetime', __value__: 'x' }]
    const problem = await problemOf(await service.post('/v1/tasks/tasks.echo', typed), 422, 'invalid-input')
    expect(problem.errors).toMatchObject([
      { pointer: '#', code: 'unsendable', detail: expect.stringContaining('args[0]') },
    ])
    const infinite = { method: 'POST', body: '[1e999]', headers: { 'content-type': 'application/json' } }
    const refused = await problemOf(await service.fetch('/v1/tasks/tasks.echo', infinite), 422, 'invalid-input')
    expect(refused.errors).toMatchObject([
      { pointer: '#', code: 'unsendable', detail: expect.stringContaining('1e999') },
    ])
  })

  test.each(['tasks.hidden', 'nobody', '__proto__', 'toString', encodeURIComponent('a/b')])(
    '404 for the task %s',
    async (name) => {
      await problemOf(await service.post(`/v1/tasks/${name}`, []), 404, 'unknown-task')
    },
  )

  test.each(['GET', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])('405 for %s', async (method) => {
    const response = await service.fetch('/v1/tasks/tasks.add', { method })
    expect(response.headers.get('allow')).toBe('POST')
    await problemOf(response, 405, 'method-not-allowed')
  })

  test.each(['/', '/v1', '/v1/tasks', '/v1/tasks/', '/v1/tasks/tasks.add/', '/v2/jobs', '/v1/jobs/a/b'])(
    '404 at %s',
    async (path) => {
      await problemOf(await service.fetch(path), 404, 'not-found')
    },
  )
})
