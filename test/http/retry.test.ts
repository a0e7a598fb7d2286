import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Celeriac } from '../../src/index.ts'
import { storesOf } from '../app/stores.ts'
import { type Answer, build, type House } from './house.ts'
import { ANN, authorize, ROOT } from './people.ts'

const define = (app: Celeriac) => [
  app.task('tasks.echo', (value: unknown) => value, { accepts: 'image/*' }),
  app.task({ name: 'tasks.object', input: z.object({ n: z.number().default(7) }), run: ({ n }) => n }),
  app.task('tasks.packed', (value: unknown) => value, { serializer: 'msgpack' }),
]

describe.each(['memory:', 'sqlite:', 'redis:'])('POST /v1/jobs/{id}/retry on %s', (store) => {
  let house: House
  beforeAll(async () => {
    house = await build(store, define, { worker: true, http: { authorize } })
  })
  afterAll(() => house[Symbol.asyncDispose]())

  const done = (task: string, body: unknown, query = ''): Promise<Answer> =>
    house.post(`/v1/tasks/${task}${query}`, body, { ...ANN, prefer: 'wait=10' })

  test.each([
    ['tasks.echo', [{ big: 1, list: [null, 'x'] }], { big: 1, list: [null, 'x'] }],
    ['tasks.object', {}, 7],
    ['tasks.object', { n: 3 }, 3],
    ['tasks.packed', [[1.5, 'ü']], [1.5, 'ü']],
  ])('the same input again, as a new job: %s %j', async (task, body, result) => {
    const first = await done(task, body, '?tag=t1')
    const answer = await house.ask('POST', `/v1/jobs/${first.json.id}/retry`, { headers: ANN })
    expect(answer.status).toBe(202)
    const { id } = answer.json
    expect(id).not.toBe(first.json.id)
    expect(answer.headers.location).toBe(`/v1/jobs/${id}`)
    expect(answer.headers.link).toContain(`</v1/jobs/${id}/events>; rel="monitor"`)
    expect(await house.app.result(id).get({ timeout: '10s' })).toEqual(result)
    const { backend } = await storesOf(house.app)
    expect(await backend.jobs?.metadata([id])).toMatchObject([{ owner: 'ann', tags: ['t1'] }])
  })

  test('bytes are kept, too', async () => {
    const sent = { headers: { ...ANN, 'content-type': 'image/png', prefer: 'wait=10' }, body: new Uint8Array([1, 255]) }
    const first = await house.ask('POST', '/v1/tasks/tasks.echo', sent)
    const { json } = await house.ask('POST', `/v1/jobs/${first.json.id}/retry`, { headers: ANN })
    expect(await house.app.result(json.id).get({ timeout: '10s' })).toEqual(new Uint8Array([1, 255]))
  })

  test('another input is for admins; the job stays its owner’s', async () => {
    const first = await done('tasks.object', { n: 1 })
    const edit = (who: Record<string, string>, body: unknown): Promise<Answer> =>
      house.post(`/v1/jobs/${first.json.id}/retry`, body, who)
    expect([(await edit(ANN, { n: 2 })).status, (await edit(ANN, { n: 2 })).json.type]).toEqual([
      403,
      'urn:celeriac:problem:forbidden',
    ])
    expect((await edit(ROOT, { n: 'x' })).json.errors).toMatchObject([{ pointer: '#/n', code: 'invalid' }])
    const { json } = await edit(ROOT, { n: 2 })
    expect(await house.app.result(json.id).get({ timeout: '10s' })).toBe(2)
    expect((await house.ask('GET', `/v1/jobs/${json.id}`, { headers: ANN })).status).toBe(200)
  })

  test('with an Idempotency-Key it is one retry, however often it is sent', async () => {
    const first = await done('tasks.echo', [1])
    const again = (path: string, key: string): Promise<Answer> =>
      house.ask('POST', path, { headers: { ...ANN, 'idempotency-key': key } })
    const path = `/v1/jobs/${first.json.id}/retry`
    const one = await again(path, '"r1"')
    expect([one.status, one.headers['idempotent-replayed']]).toEqual([202, undefined])
    const two = await again(path, 'r1')
    expect([two.status, two.headers.location, two.headers['idempotent-replayed'], two.text]).toEqual([
      202,
      one.headers.location,
      'true',
      one.text,
    ])
    expect((await again(path, '"r2"')).headers.location).not.toBe(one.headers.location)
    expect((await again(path, '""')).json.type).toBe('urn:celeriac:problem:invalid-idempotency-key')
    const other = { ...ROOT, 'idempotency-key': '"r3"' }
    expect((await house.post(path, [5], other)).status).toBe(202)
    expect((await house.post(path, [6], other)).json.type).toBe('urn:celeriac:problem:key-reused')
  })

  test('a key of a retry holds where both records have expired', async () => {
    const first = await done('tasks.echo', [7])
    const path = `/v1/jobs/${first.json.id}/retry`
    const ask = (headers: Record<string, string>): Promise<Answer> =>
      house.ask('POST', path, { headers: { ...headers, 'idempotency-key': '"gone"' } })
    const one = await ask(ANN)
    const { backend } = await storesOf(house.app)
    await backend.forget([first.json.id, one.json.id])
    const two = await ask(ANN)
    expect([two.status, two.headers['idempotent-replayed'], two.text]).toEqual([202, 'true', one.text])
    expect((await ask(ROOT)).status).toBe(404)
    expect((await house.ask('POST', path, { headers: ANN })).status).toBe(404)
  })

  test('not of others, not of what runs, not where the input is unknown', async () => {
    const first = await done('tasks.object', { n: 1 })
    const bob = { authorization: 'Bearer a-token-of-bob-1234' }
    expect((await house.ask('POST', `/v1/jobs/${first.json.id}/retry`, { headers: bob })).status).toBe(404)
    const later = await house.app.send('tasks.object', { n: 1 }, { countdown: '1h', owner: 'ann' })
    const active = await house.ask('POST', `/v1/jobs/${later.id}/retry`, { headers: ANN })
    expect([active.status, active.json.type]).toEqual([409, 'urn:celeriac:problem:job-active'])
    await later.revoke()
    const unkept = await house.ask('POST', `/v1/jobs/${later.id}/retry`, { headers: ANN })
    expect([unkept.status, unkept.json.type]).toEqual([409, 'urn:celeriac:problem:input-not-kept'])
    expect((await house.ask('GET', `/v1/jobs/${first.json.id}/retry`, { headers: ANN })).headers.allow).toBe('POST')
  })
})

test('keepInput: false keeps nothing', async () => {
  await using house = await build('sqlite:', define, { http: { keepInput: false } })
  const { json } = await house.post('/v1/tasks/tasks.echo', ['secret'])
  const { backend } = await storesOf(house.app)
  expect(await backend.jobs?.metadata([json.id])).toEqual([undefined])
})
