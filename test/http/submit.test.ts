import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { Celeriac } from '../../src/index.ts'
import { Deferred } from '../../src/std/deferred.ts'
import { until } from '../../src/testing/kit.ts'
import { build, type House } from './house.ts'

/** What a task waits for, by name. */
const gates = new Map<string, Deferred<void>>()
const gate = (name: string): Deferred<void> => {
  const known = gates.get(name) ?? new Deferred<void>()
  gates.set(name, known)
  return known
}

function define(app: Celeriac) {
  const render = app.task({
    name: 'reports.render',
    input: z.object({ id: z.string(), dpi: z.coerce.number() }),
    progress: z.object({ page: z.number(), of: z.number() }),
    run: async ({ id }, ctx) => {
      await ctx.progress({ page: 1, of: 10 })
      await gate(id).promise
      return { url: `https://cdn/${id}.pdf`, pages: 10 }
    },
  })
  const add = app.task('tasks.add', (x: number, y: number) => x + y)
  const fail = app.task('tasks.fail', () => {
    throw new RangeError('too far')
  })
  const wait = app.task({
    name: 'tasks.wait',
    input: z.object({}),
    run: (_, ctx) =>
      new Promise((_resolve, reject) => ctx.signal.addEventListener('abort', () => reject(ctx.signal.reason))),
  })
  return [render, add, fail, wait]
}

describe.each(['memory:', 'sqlite:', 'redis:'])('POST /v1/tasks/{name} and Prefer on %s', (store) => {
  let house: House
  beforeAll(async () => {
    house = await build(store, define, { worker: true })
  })
  afterAll(() => house[Symbol.asyncDispose]())

  test('the example exchange', async () => {
    const id = `r1 ${store}`
    const first = await house.ask('POST', '/v1/tasks/reports.render', {
      headers: {
        'content-type': 'application/json',
        prefer: 'respond-async, wait=2',
        'idempotency-key': '"9d1c-r1"',
        traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
      },
      body: `{"id":"${id}","dpi":"300"}`,
    })
    expect(first.status).toBe(202)
    const self = first.headers.location as string
    expect(self).toMatch(/^\/v1\/jobs\/[0-9a-f-]{36}$/)
    expect(first.headers).toMatchObject({
      'retry-after': '1',
      'preference-applied': 'respond-async, wait=2',
      link: `<${self}/events>; rel="monitor"; type="text/event-stream", <${self}/result>; rel="result"`,
      'content-type': 'application/json',
    })
    expect(first.json).toMatchObject({
      id: self.slice('/v1/jobs/'.length),
      task: 'reports.render',
      state: 'STARTED',
      progress: { page: 1, of: 10 },
      attempt: 1,
    })
    gate(id).resolve()
    await house.app.result(first.json.id).get({ timeout: '10s' })
    const events = await house.ask('GET', `${self}/events`, { headers: { 'last-event-id': '0' } })
    expect(events.headers['content-type']).toMatch(/^text\/event-stream/)
    expect(events.text).toContain(`event: result\n`)
    expect(events.text).toContain(`"url":"https://cdn/${id}.pdf"`)
  })

  test('wait: 200 with the job as soon as it has ended', async () => {
    const answer = await house.post('/v1/tasks/tasks.add', [2, 3], { prefer: 'wait=10' })
    expect(answer.status).toBe(200)
    const { id } = answer.json
    expect(answer.headers).toMatchObject({
      'content-location': `/v1/jobs/${id}`,
      'preference-applied': 'wait=10',
      'content-type': 'application/json',
      'cache-control': 'no-cache',
    })
    expect(answer.headers.location).toBeUndefined()
    expect(answer.headers['retry-after']).toBeUndefined()
    expect(answer.json).toMatchObject({ task: 'tasks.add', state: 'SUCCESS', result: 5 })
    expect((await house.ask('GET', `/v1/jobs/${id}`)).json).toEqual(answer.json)
  })

  test('wait: a failure is an end, too', async () => {
    const answer = await house.post('/v1/tasks/tasks.fail', [], { prefer: 'wait=10' })
    expect(answer.status).toBe(200)
    expect(answer.json).toMatchObject({ state: 'FAILURE', error: { type: 'RangeError', message: 'too far' } })
  })

  test('respond-async alone, wait=0, and what is not known: 202 at once', async () => {
    const at_once = await house.post('/v1/tasks/tasks.add', [2, 3], { prefer: 'respond-async' })
    expect([at_once.status, at_once.headers['preference-applied']]).toEqual([202, 'respond-async'])
    const zero = await house.post('/v1/tasks/tasks.add', [2, 3], { prefer: 'wait=0' })
    expect([zero.status, zero.headers['preference-applied']]).toEqual([202, 'wait=0'])
    for (const prefer of ['return=minimal', 'wait=-5', '@@@', ';;;', '"', '=', ',,,,', 'wait=1e3'])
      expect(
        (await house.post('/v1/tasks/tasks.add', [2, 3], { prefer })).headers['preference-applied'],
      ).toBeUndefined()
  })

  test.each([
    ['1', 'REVOKED'],
    ['0', 'STARTED'],
  ])('a client that leaves while it waits: Celeriac-Cancel-On-Disconnect: %s', async (cancel, state) => {
    const sent = request({
      port: house.server.port,
      method: 'POST',
      path: `/v1/tasks/tasks.wait?tag=left-${cancel}`,
      headers: { prefer: 'wait=20', 'celeriac-cancel-on-disconnect': cancel },
      agent: false,
    })
    sent.on('error', () => undefined)
    sent.end()
    const find = async (): Promise<{ id: string; state: string } | undefined> =>
      (await house.ask('GET', `/v1/jobs?tag=left-${cancel}`)).json.jobs[0]
    // Held by the worker; whether it says STARTED is an option of the app.
    await until('the job is there', async () => (await find()) !== undefined)
    sent.destroy()
    if (state === 'REVOKED') await until('it is revoked', async () => (await find())?.state === 'REVOKED')
    else {
      await new Promise((resolve) => setTimeout(resolve, 150))
      const job = await find()
      expect(job?.state).not.toBe('REVOKED')
      await house.ask('DELETE', `/v1/jobs/${job?.id}`)
    }
  })
})
