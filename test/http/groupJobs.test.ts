import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createClient, type JobEvent, type WorkflowDocument } from '../../src/client/client.ts'
import { bearer } from '../../src/http/server/serve.ts'
import type { Celeriac } from '../../src/index.ts'
import { EventClient } from './eventClient.ts'
import { Gates } from './gates.ts'
import { build, type House } from './house.ts'

/* The job of a workflow that ends with a group: as that of a task, it can be waited for and followed. */

const TOKENS = { 'a-token-of-ann-1234': 'ann', 'a-token-of-bob-1234': 'bob' }
const as = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` })
const [ANN, BOB] = Object.keys(TOKENS).map(as) as [Record<string, string>, Record<string, string>]

describe.each(['memory:', 'sqlite:', 'redis:'])('on %s', (store) => {
  const gates = new Gates()
  const define = (app: Celeriac) => [
    app.task('held', (name: string) => gates.pass(name)),
    app.task('boom', () => Promise.reject(new RangeError('no'))),
  ]
  let house: House
  beforeAll(async () => {
    house = await build(store, define, { worker: true, http: { authorize: bearer(TOKENS) } })
  })
  afterAll(async () => {
    gates.openAll()
    await house[Symbol.asyncDispose]()
  })
  const client = () => createClient(house.server.url, { headers: ANN })
  const groupOf = (...names: string[]): WorkflowDocument => ({
    task: 'celery.group',
    kwargs: { tasks: names.map((name) => (name === 'boom' ? { task: 'boom' } : { task: 'held', args: [name] })) },
  })

  test('events: its state, how many have ended, its result; the rest after a place; none after the end', async () => {
    const job = await client().submitWorkflow(groupOf('a', 'b'))
    const events: JobEvent[] = []
    for await (const event of job.events()) {
      events.push(event)
      const { done } = (event.type === 'progress' ? event.data : {}) as { done?: number }
      if (done === undefined || done === 0) gates.open('a')
      if (done === 1) gates.open('b')
    }
    expect(events.at(-1)).toEqual({ type: 'result', id: '4', data: ['a', 'b'] })
    expect(events.at(-2)).toEqual({ type: 'progress', id: '3', data: { done: 1, total: 2 } })
    const rest: JobEvent[] = []
    for await (const event of job.events({ lastEventId: '3' })) rest.push(event)
    expect(rest).toEqual(events.slice(-1))
    for await (const event of job.events({ lastEventId: '4' })) throw new Error(`got ${event.type}`)
    const ahead: string[] = []
    for await (const event of job.events({ lastEventId: '99' })) ahead.push(event.type)
    expect(ahead).toEqual(['reset', 'result'])
    expect(await job.result()).toEqual(['a', 'b'])
  })

  test('a group that fails ends with the error of its first member that has failed', async () => {
    const job = await client().submitWorkflow(groupOf('boom', 'c'))
    gates.open('c')
    const events: JobEvent[] = []
    for await (const event of job.events()) events.push(event)
    const error = { type: 'RangeError', message: 'no' }
    expect(events.at(-1)).toEqual({ type: 'error', id: '4', state: 'FAILURE', error })
    await expect(job.result()).rejects.toMatchObject({ kind: 'job-failed' })
    const group = { ...groupOf('boom', 'c'), immutable: false }
    const after = await client().submitWorkflow({ task: 'celery.chain', kwargs: { tasks: [{ task: 'boom' }, group] } })
    await expect(after.result({ timeout: 20_000 })).rejects.toMatchObject({ kind: 'job-failed' })
  })

  test('a request waits for a change of it', async () => {
    const job = await client().submitWorkflow(groupOf('d', 'e'))
    const path = `/v1/jobs/${job.id}`
    const first = await house.ask('GET', path, { headers: ANN })
    const etag = first.headers.etag as string
    expect([first.status, /^"[12]"$/.test(etag)]).toEqual([200, true])
    const gone = await house.ask('GET', path, { headers: { ...ANN, 'if-none-match': '"0"' } })
    expect(gone.status).toBe(200)
    gates.open('d')
    for (let known = etag; known !== '"3"'; ) {
      const headers = { ...ANN, 'if-none-match': known, prefer: 'wait=25' }
      const changed = await house.ask('GET', path, { headers })
      expect([changed.status, changed.headers['preference-applied']]).toEqual([200, 'wait=25'])
      known = changed.headers.etag as string
    }
    const same = await house.ask('GET', path, { headers: { ...ANN, 'if-none-match': '"3"' } })
    expect([same.status, same.headers['retry-after'], same.text]).toEqual([304, '1', ''])
    const ending = house.ask('GET', path, { headers: { ...ANN, 'if-none-match': '"3"', prefer: 'wait=25' } })
    gates.open('e')
    const end = await ending
    expect([end.status, end.headers['preference-applied']]).toEqual([200, 'wait=25'])
    expect(end.json).toMatchObject({ state: 'SUCCESS', progress: { done: 2, total: 2 }, result: ['d', 'e'] })
  })

  test('only its owner follows it; its links lead somewhere', async () => {
    const accepted = await house.post('/v1/workflows', groupOf('f'), ANN)
    gates.open('f')
    const { events } = accepted.json.links
    expect((await house.ask('GET', events, { headers: BOB })).status).toBe(404)
    expect((await house.ask('HEAD', events, { headers: ANN })).status).toBe(200)
    const stream = new EventClient(house.server.port, events, ANN)
    expect(await stream.ended).toBe(true)
    expect(stream.events.at(-1)).toEqual({ id: '3', event: 'result', data: '["f"]' })
    const none = await house.ask('GET', events, { headers: { ...ANN, 'last-event-id': '3' } })
    expect(none.status).toBe(204)
  })
})
