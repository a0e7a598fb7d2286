import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Celeriac } from '../../src/index.ts'
import { Worker } from '../../src/worker/worker.ts'
import { type Answer, build, type House } from './house.ts'
import { ANN, authorize, BOB, ROOT } from './people.ts'

const define = (app: Celeriac) => [
  app.task({ name: 'tasks.object', input: z.object({ n: z.number() }), run: ({ n }) => n }),
]

describe.each(['memory:', 'sqlite:', 'redis:'])('PATCH /v1/jobs/{id} on %s', (store) => {
  let house: House
  beforeAll(async () => {
    house = await build(store, define, { http: { authorize } })
  })
  afterAll(() => house[Symbol.asyncDispose]())

  const patch = (id: string, body: unknown, headers: Record<string, string> = ANN): Promise<Answer> =>
    house.ask('PATCH', `/v1/jobs/${id}`, {
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  const submitted = async (n: number): Promise<string> =>
    (await house.post('/v1/tasks/tasks.object', { n }, ANN)).json.id

  test('another input, queue and eta; the job runs once, as it is then', async () => {
    const id = await submitted(1)
    expect((await patch(id, { eta: '2099-01-01T00:00:00Z' })).status).toBe(200)
    expect(await patch(id, { input: { n: 2 } }, ROOT)).toMatchObject({ status: 200, json: { id, state: 'PENDING' } })
    expect((await patch(id, { queue: 'elsewhere', priority: 3 }, ROOT)).status).toBe(200)
    expect((await house.app.result(id).info())?.queue).toBe('elsewhere')
    expect((await patch(id, { eta: '2020-01-01T00:00:00Z' })).status).toBe(200)
    const worker = new Worker(house.app, { queues: ['elsewhere'] })
    await worker.start()
    try {
      expect(await house.app.result(id).get({ timeout: '10s' })).toBe(2)
    } finally {
      await worker.stop()
    }
    const late = await patch(id, { input: { n: 3 } }, ROOT)
    expect(late).toMatchObject({
      status: 409,
      json: { type: 'urn:celeriac:problem:job-not-waiting', state: 'SUCCESS' },
    })
  })

  test.each([
    [{}, '#'],
    [[], '#'],
    [{ ETA: 1 }, '#'],
    [{ eta: 'tomorrow' }, '#/eta'],
    [{ eta: '2026-11-01T10:00:00' }, '#/eta'],
    [{ input: { n: 'x' } }, '#/n'],
    [{ input: [1] }, '#'],
  ])('refused, and nothing is changed: %j', async (body, pointer) => {
    const id = await submitted(1)
    const before = await house.app.message(id)
    expect(await patch(id, body, ROOT)).toMatchObject({
      status: 422,
      json: { type: 'urn:celeriac:problem:invalid-input', errors: [{ pointer }] },
    })
    expect(await house.app.message(id)).toEqual(before)
    expect(before).toBeDefined()
  })

  test('only its owner changes it; input, queue and priority are for admins', async () => {
    const id = await submitted(1)
    expect((await patch(id, { input: { n: 2 } }, BOB)).status).toBe(404)
    expect((await patch('unknown', { input: { n: 2 } })).status).toBe(404)
    expect((await patch(id, { input: { n: 2 } })).status).toBe(403)
    expect((await patch(id, { queue: 'fast' })).status).toBe(403)
    expect((await patch(id, { eta: '2099-01-01T00:00:00Z' })).status).toBe(200)
    expect((await patch(id, { priority: 9 })).status).toBe(403)
  })
})
