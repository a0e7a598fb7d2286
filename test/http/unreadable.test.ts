import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import type { Celeriac } from '../../src/index.ts'
import { DecodeError } from '../../src/std/errors.ts'
import { storesOf } from '../app/stores.ts'
import { build, type House } from './house.ts'

function define(app: Celeriac) {
  const ctx = app.task('report', async (value: unknown) => value)
  const big = app.task('big', () => undefined)
  return [ctx, big]
}

/** Puts bytes in place of a record. */
type Spoil = (id: string, bytes: string | Uint8Array) => Promise<unknown>

async function onSqlite({ app }: House): Promise<{ spoil: Spoil; end: () => unknown }> {
  await storesOf(app)
  const db = new DatabaseSync(app.config.broker.reveal().slice('sqlite:'.length), { timeout: 5000 })
  const update = db.prepare('UPDATE celeriac_result SET meta = ? WHERE id = ?')
  return { spoil: async (id, bytes) => update.run(bytes, id), end: () => db.close() }
}

async function onRedis({ app }: House): Promise<{ spoil: Spoil; end: () => unknown }> {
  const redis = new Redis(app.config.broker.reveal())
  const spoil: Spoil = (id, bytes) => redis.set(`celery-task-meta-${id}`, Buffer.from(bytes as string), 'KEEPTTL')
  return { spoil, end: () => redis.disconnect() }
}

/** As Python's Celery 5.2 writes the end of a task that gave `nan`. */
function celeryNan(id: string): string {
  const result = '[NaN, Infinity, {"a": -Infinity, "text": "NaN"}]'
  return `{"status": "SUCCESS", "result": ${result}, "traceback": null, "children": [], "date_done": "2026-11-28T08:00:00.123456", "task_id": "${id}"}`
}

describe.each([
  ['sqlite:', onSqlite],
  ['redis:', onRedis],
] as const)('records that cannot be read, on %s', (store, open) => {
  it("Python's NaN is null over HTTP, and a number to the application", async () => {
    await using house = await build(store, define)
    const { spoil, end } = await open(house)
    const { id } = (await house.post('/v1/tasks/report', [1])).json
    await spoil(id, celeryNan(id))
    const list = await house.ask('GET', '/v1/jobs')
    expect([list.status, list.json.jobs[0].id, list.json.jobs[0].state]).toEqual([200, id, 'SUCCESS'])
    const job = await house.ask('GET', `/v1/jobs/${id}`)
    expect(job.json.result).toEqual([null, null, { a: null, text: 'NaN' }])
    expect((await house.ask('GET', `/v1/jobs/${id}/result`)).json).toEqual([null, null, { a: null, text: 'NaN' }])
    expect(await house.app.result(id).get()).toEqual([Number.NaN, Infinity, { a: -Infinity, text: 'NaN' }])
    end()
  })

  it('one is one job with its id, its state where that can be told, and an error; the others are listed', async () => {
    await using house = await build(store, define)
    const { spoil, end } = await open(house)
    const ids: string[] = []
    for (let at = 0; at < 3; at++) ids.push((await house.post('/v1/tasks/report', [at])).json.id)
    const [good, bad, other] = ids as [string, string, string]
    await spoil(bad, '{"status": "SUCCESS", "task_id": "x", "result": [1, 2')
    const list = await house.ask('GET', '/v1/jobs')
    expect(list.status).toBe(200)
    expect(list.json.jobs.map((job: { id: string }) => job.id).sort()).toEqual([...ids].sort())
    expect(list.json.jobs.find((job: { id: string }) => job.id === bad)).toMatchObject({
      task: 'report',
      error: { type: 'DecodeError', message: expect.stringContaining('not readable as application/json') },
    })
    const found = await house.ask('GET', `/v1/jobs?q=${good}`)
    expect(found.json.jobs).toHaveLength(1)
    const job = await house.ask('GET', `/v1/jobs/${bad}`)
    expect([job.status, job.json.error.type, 'result' in job.json]).toEqual([200, 'DecodeError', false])
    // What stands beside the record on SQLite.
    const state = store === 'redis:' ? 'SUCCESS' : 'PENDING'
    expect(await house.app.result(bad).state()).toBe(state)
    if (state === 'SUCCESS') {
      const result = await house.ask('GET', `/v1/jobs/${bad}/result`)
      expect([result.status, result.json.type]).toEqual([409, 'urn:celeriac:problem:job-unreadable'])
      await expect(house.app.result(bad).get({ timeout: '5s' })).rejects.toThrow(DecodeError)
      await expect(house.app.result(bad).events({ timeout: '5s' }).next()).rejects.toThrow(DecodeError)
      const events = await house.ask('GET', `/v1/jobs/${bad}/events`)
      expect(events.text).toMatch(/event: error\ndata: \{"state":"SUCCESS","type":"DecodeError"/)
    }
    expect(await house.app.purge()).toBe(3)
    expect(await house.app.result(other).state()).toBe('REVOKED')
    expect(await house.app.result(bad).state()).toBe(state === 'PENDING' ? 'REVOKED' : state)
    end()
  })

  it('a job whose record is spoiled while a request waits for it is answered with its place', async () => {
    await using house = await build(store, define)
    const { spoil, end } = await open(house)
    house.app.on('task:after-publish', ({ id }) => spoil(id, '{"status": "SUCCESS", "result": nothing'))
    const answer = await house.post('/v1/tasks/report', [1], { prefer: 'wait=1' })
    const { id } = (await house.ask('GET', '/v1/jobs')).json.jobs[0]
    expect([200, 202]).toContain(answer.status)
    expect(answer.headers.location ?? answer.headers['content-location']).toBe(`/v1/jobs/${id}`)
    expect(answer.json.id).toBe(id)
    end()
  })

  it('random bytes never take the list, a job or the others down', async () => {
    await using house = await build(store, define)
    const { spoil, end } = await open(house)
    const good = (await house.post('/v1/tasks/report', [0])).json.id
    const bad = (await house.post('/v1/tasks/report', [0])).json.id
    const cut = fc
      .tuple(
        fc.constantFrom(celeryNan(bad), `{"status":"FAILURE","task_id":"${bad}","result":{"exc_type":[]}}`),
        fc.nat(),
      )
      .map(([text, length]) => Buffer.from(text.slice(0, length % text.length)))
    // A record that names another task is a job of that task, which is not exposed.
    const wrong = fc
      .jsonValue()
      .map((value) => ({ status: 'STEP', task_id: bad, ...(value as object) }) as Record<string, unknown>)
      .filter(({ name }) => typeof name !== 'string' || name === '')
      .map((value) => Buffer.from(JSON.stringify(value)))
    const records = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      cut,
      wrong,
      fc.json().map((text) => Buffer.from(text)),
    )
    await fc.assert(
      fc.asyncProperty(records, async (record) => {
        await spoil(bad, record)
        const { jobs } = await house.app.jobs()
        expect(jobs.map((job) => job.id).sort()).toEqual([good, bad].sort())
        expect(typeof (await house.app.result(bad).state())).toBe('string')
        const list = await house.ask('GET', '/v1/jobs?q=e')
        expect([list.status, (await house.ask('GET', `/v1/jobs/${bad}`)).status]).toEqual([200, 200])
      }),
      { numRuns: 60, examples: [[Buffer.from(`{"status":"STEP","task_id":"${bad}","name":""}`)]] },
    )
    end()
  })

  it('a progress that JSON has no word for is listed', async () => {
    await using house = await build(store, define)
    const { id } = (await house.post('/v1/tasks/big', [])).json
    const { backend } = await storesOf(house.app)
    const [meta] = await backend.load([id])
    if (meta) await backend.store({ ...meta, status: 'PROGRESS', result: { done: 2n ** 60n, rate: Number.NaN } })
    const list = await house.ask('GET', '/v1/jobs')
    expect(list.text).toContain('"progress":{"done":1152921504606846976,"rate":null}')
  })
})
