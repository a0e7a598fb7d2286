import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { bearer } from '../../src/http/server/serve.ts'
import type { Celeriac } from '../../src/index.ts'
import { Worker } from '../../src/worker/worker.ts'
import { type Answer, build, type House } from './house.ts'
import { ANN, BOB, ROOT } from './people.ts'

/** Carla, with the scope of a task, and with another token that lacks it. */
const GUARD = { authorization: 'Bearer a-token-of-carla-12' }
const FORMER_GUARD = { authorization: 'Bearer b-token-of-carla-12' }
const authorize = bearer({
  'a-token-of-ann-1234': 'ann',
  'a-token-of-bob-1234': 'bob',
  'a-token-of-root-123': { id: 'root', scopes: ['admin'] },
  'a-token-of-carla-12': { id: 'carla', scopes: ['guards'] },
  'b-token-of-carla-12': 'carla',
})

const define = (app: Celeriac) => [
  app.task({ name: 'tasks.object', input: z.object({ n: z.number() }), run: ({ n }) => n }),
  { task: app.task('tasks.guarded', (n: number) => n), scopes: ['guards'] },
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

  test('DELETE /v1/jobs revokes what fits a filter, for admins; a dry run lists it', async () => {
    const revoke = (query: string, headers: Record<string, string> = ROOT): Promise<Answer> =>
      house.ask('DELETE', `/v1/jobs${query}`, { headers })
    await revoke('?task=tasks.object')
    const ids = [await submitted(1), await submitted(2), await submitted(3)]
    const foreign = await house.app.send('tasks.hidden', [], { tags: ['x'] })
    expect((await revoke('?task=tasks.object', ANN)).status).toBe(403)
    for (const query of ['', '?dryRun=1', '?limit=5', '?task=tasks.hidden', '?tag=', '?olderThan=soon', '?other=1'])
      expect([query, (await revoke(query)).status]).toEqual([query, 400])
    const dry = await revoke('?state=PENDING&dryRun=1')
    expect(dry).toMatchObject({ status: 200, json: { revoked: 0 } })
    expect(dry.json.jobs.map(({ id }: { id: string }) => id).toSorted()).toEqual(ids.toSorted())
    expect(await revoke('?olderThan=1d&dryRun=1')).toMatchObject({ json: { jobs: [] } })
    const first = await revoke('?state=PENDING&limit=2')
    expect(first).toMatchObject({ json: { revoked: expect.any(Number), cursor: expect.any(String) } })
    const rest = await revoke(`?state=PENDING&cursor=${first.json.cursor}`)
    expect(first.json.revoked + rest.json.revoked).toBe(3)
    expect(await house.app.states([...ids, foreign.id])).toEqual(['REVOKED', 'REVOKED', 'REVOKED', 'PENDING'])
  })

  test('DELETE /v1/records forgets what fits and has ended; others than admins their own alone', async () => {
    const forget = (query: string, headers: Record<string, string> = ANN): Promise<Answer> =>
      house.ask('DELETE', `/v1/records${query}`, { headers })
    await house.ask('DELETE', '/v1/jobs?state=PENDING', { headers: ROOT })
    await forget('?owner=ann')
    const own = await submitted(1)
    const { id: foreign } = (await house.post('/v1/tasks/tasks.object', { n: 2 }, BOB)).json
    const hidden = await house.app.send('tasks.hidden', [], { owner: 'ann' })
    await hidden.revoke()
    for (const query of [
      '',
      '?limit=5',
      '?revoke=1',
      '?owner=',
      '?state=PENDING',
      '?id=',
      `?id=${own}&limit=5`,
      '?tag=a&tag=b',
    ])
      expect([query, (await forget(query)).status]).toEqual([query, 400])
    expect((await forget('?owner=bob')).status).toBe(403)
    expect(await forget('?tag=x&cursor=%C3%A4')).toMatchObject({
      status: 400,
      json: { type: 'urn:celeriac:problem:invalid-query', errors: [{ parameter: 'cursor' }] },
    })
    expect(await forget(`?id=${own}&id=${foreign}&id=none`)).toMatchObject({
      status: 200,
      json: { ids: [], active: [own] },
    })
    const dry = await forget('?owner=ann&dryRun=1&revoke=1')
    expect(dry).toMatchObject({ json: { ids: [], active: [own], removed: { deadLetters: 0 } } })
    const done = await forget('?owner=ann&revoke=1')
    expect(done.json).toMatchObject({ ids: [own], active: [], removed: { records: 1, metadata: 1, inputs: 1 } })
    expect(await forget(`?id=${foreign}&revoke=1`, ROOT)).toMatchObject({ json: { ids: [foreign] } })
    expect(await house.app.states([own, foreign, hidden.id])).toEqual(['UNKNOWN', 'UNKNOWN', 'REVOKED'])
    expect((await house.ask('GET', '/v1/records', { headers: ANN })).status).toBe(405)
  })

  test('the scope of its task is needed, also of the owner; a changed priority is in its message', async () => {
    const { json } = await house.post('/v1/tasks/tasks.guarded', [1], GUARD)
    const { id } = json
    expect((await patch(id, { eta: '2099-01-01T00:00:00Z' }, GUARD)).status).toBe(200)
    // The same client, whose token has the scope no more.
    expect(await patch(id, { eta: '2098-01-01T00:00:00Z' }, FORMER_GUARD)).toMatchObject({
      status: 403,
      json: { detail: expect.stringContaining('tasks.guarded needs guards') },
    })
    expect((await patch(id, { priority: 7 }, ROOT)).status).toBe(200)
    const message = await house.app.message(id)
    expect(message?.envelope.properties.priority).toBe(7)
    expect(message?.due).toBe(Date.parse('2099-01-01T00:00:00Z'))
  })
})
