import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Control } from '../../../src/control/control.ts'
import { type Celeriac, currentTask } from '../../../src/index.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { next, until } from '../../app/lab.ts'
import { Gates } from '../gates.ts'
import { type Answer, build, type House } from '../house.ts'
import { authorize, PEOPLE } from './people.ts'

const gates = new Gates()

function define(app: Celeriac) {
  const hold = app.task('hold', (name: string) => gates.pass(name))
  const add = app.task('add', (x: number, y: number) => x + y, { queue: 'sums' })
  app.task('spin', () => {
    const task = currentTask()
    while (!task?.signal.aborted) for (let at = 0; at < 1e6; at++);
  })
  return [hold, add]
}

let house: House
let one: Worker
let two: Worker
beforeAll(async () => {
  house = await build('sqlite:', define, {
    http: { authorize, fleet: true },
    app: { queues: { slow: {} }, maxQueueLength: 10 } as never,
  })
  one = new Worker(house.app, { hostname: 'celeriac@one', queues: ['celery', 'sums'], concurrency: 2, logger: false })
  two = new Worker(house.app, { hostname: 'celeriac@two', queues: ['other'], concurrency: 1, logger: false })
  await Promise.all([one.start(), two.start()])
})
afterAll(async () => {
  gates.openAll()
  await Promise.all([one.stop({ grace: 0 }), two.stop({ grace: 0 })])
  await house[Symbol.asyncDispose]()
})

const get = (path: string, person: keyof typeof PEOPLE = 'viewer'): Promise<Answer> =>
  house.ask('GET', path, { headers: PEOPLE[person] })
const post = (path: string, body?: unknown, person: keyof typeof PEOPLE = 'operator'): Promise<Answer> =>
  house.ask('POST', path, {
    headers: { ...PEOPLE[person], ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })

test('workers: what they are, run and hold, by one look for all who ask', async () => {
  const begun = next(house.app, 'task:prerun')
  const { id } = (await house.post('/v1/tasks/hold', ['a'], PEOPLE.owner)).json
  await begun
  const asked = new Control(house.app)
  expect((await asked.ping({ timeout: 200 })).length).toBe(2)
  const started = performance.now()
  const answers = await Promise.all(Array.from({ length: 20 }, () => get('/v1/workers')))
  expect(performance.now() - started).toBeLessThan(5000)
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
  const { workers } = (answers[0] as Answer).json
  expect(workers.map(({ name }: { name: string }) => name)).toEqual(['celeriac@one', 'celeriac@two'])
  expect(workers[0]).toMatchObject({
    ...{ software: 'celeriac', ready: true, quiet: false, reserved: 0, pid: process.pid },
    pool: { kind: expect.stringMatching(/^celeriac:/), size: 2 },
    running: [{ id, task: 'hold', queue: 'celery', startedAt: expect.any(String), age: expect.any(Number) }],
    rss: expect.any(Number),
    loop: expect.any(Number),
    cpuSeconds: expect.any(Number),
    processed: expect.any(Number),
  })
  expect(workers[1].queues).toEqual([{ name: 'other' }])
  expect((await get('/v1/workers/celeriac@two')).json).toMatchObject({ name: 'celeriac@two', running: [] })
  expect((await get('/v1/workers/celeriac@three')).json).toMatchObject({
    status: 404,
    type: 'urn:celeriac:problem:unknown-worker',
  })
  gates.open('a')
})

test('queues: what waits and since when, who takes from them, pauses, bounds', async () => {
  for (let count = 0; count < 8; count++) await house.app.send('nobody', [], { queue: 'slow' })
  const { queues, delayed, held } = (await get('/v1/queues')).json
  const byName = Object.fromEntries(queues.map((queue: { name: string }) => [queue.name, queue]))
  expect(Object.keys(byName)).toEqual(['celery', 'other', 'slow', 'sums'])
  expect(byName.slow).toMatchObject({
    ...{ waiting: 8, declared: true, workers: [], paused: false, limit: 10, nearlyFull: true },
    ...{ oldest: expect.any(String), oldestAge: expect.any(Number) },
  })
  expect(byName.other).toMatchObject({ waiting: 0, declared: false, workers: ['celeriac@two'] })
  expect([delayed, held]).toEqual([0, expect.any(Number)])
  expect((await post('/v1/queues/slow/pause')).status).toBe(204)
  expect((await get('/v1/queues/slow')).json).toMatchObject({ name: 'slow', paused: true })
  expect((await house.app.limits.paused()).map(({ rule }) => rule)).toEqual(['queue:slow'])
  expect((await post('/v1/queues/slow/resume')).status).toBe(204)
  expect((await get('/v1/queues/slow')).json).toMatchObject({ paused: false })
  expect((await get('/v1/queues/unheard-of')).status).toBe(404)
  const names = async (): Promise<string[]> =>
    (await get('/v1/queues')).json.queues.map(({ name }: { name: string }) => name)
  await post('/v1/queues/stopped/pause')
  expect(await names()).toContain('stopped')
  await post('/v1/queues/stopped/resume')
  expect(await names()).not.toContain('stopped')
})

test('queues: one whose last worker is gone is listed as long as messages wait in it', async () => {
  const worker = new Worker(house.app, { hostname: 'celeriac@last', queues: ['left'], logger: false })
  await worker.start()
  const left = async (): Promise<unknown> =>
    (await get('/v1/queues')).json.queues.find(({ name }: { name: string }) => name === 'left')
  await until(async () => (await left()) !== undefined)
  await worker.stop()
  await until(async () => (await left()) === undefined)
  await house.app.send('nobody', [], { queue: 'left' })
  await until(async () => (await left()) !== undefined)
  expect(await left()).toMatchObject({ waiting: 1, workers: [], declared: false })
  await house.app.purge('left')
  await until(async () => (await left()) === undefined)
})

test('queues: where a recorder runs, one that no worker ever took from is listed while messages wait in it', async () => {
  const app = { recorder: true, taskSentEvents: true } as never
  await using recorded = await build('sqlite:', define, { http: { authorize, fleet: true }, app })
  const { recorderOf } = await import('../../../src/recorder/recorder.ts')
  await (await recorderOf(recorded.app)).start()
  await recorded.app.send('add', [1, 2], { queue: 'mistyped' })
  const list = async (): Promise<Answer['json']> =>
    (await recorded.ask('GET', '/v1/queues', { headers: PEOPLE.viewer })).json.queues
  const found = async () => (await list()).find(({ name }: { name: string }) => name === 'mistyped')
  await until(async () => (await found()) !== undefined)
  expect(await found()).toMatchObject({ waiting: 1, declared: false, workers: [] })
  await recorded.app.purge('mistyped')
  await until(async () => (await found()) === undefined)
})

test('peek: the next messages, none of them taken; their content for admins', async () => {
  await house.app.send('hold', ['secret'], { queue: 'slow', priority: 5, owner: 'ann' })
  const { messages } = (await get('/v1/queues/slow/messages?limit=2', 'operator')).json
  expect(messages).toHaveLength(2)
  expect(messages[0]).toMatchObject({ task: 'hold', argsrepr: "('secret',)", priority: 5, retries: 0 })
  expect(messages[0]).toMatchObject({ since: expect.any(String), age: expect.any(Number), bytes: expect.any(Number) })
  expect(messages[0].content).toBeUndefined()
  expect((await get('/v1/queues/slow/messages?content=1', 'operator')).status).toBe(403)
  const whole = (await get('/v1/queues/slow/messages?limit=1&content=1', 'admin')).json.messages[0]
  expect(whole.content).toMatchObject({ args: ['secret'], kwargs: {}, headers: { task: 'hold' } })
  expect(await house.app.queueSize('slow')).toBe(9)
  for (const query of ['limit=0', 'limit=101', 'x=1'])
    expect((await get(`/v1/queues/slow/messages?${query}`, 'operator')).status).toBe(400)
})

test('purge: a dry run counts; then all that waits is dropped, and its jobs are revoked', async () => {
  const { id } = await house.app.send('hold', ['x'], { queue: 'slow' })
  const purge = (query: string): Promise<Answer> =>
    house.ask('DELETE', `/v1/queues/slow/messages${query}`, { headers: PEOPLE.admin })
  expect((await purge('?dryRun=1')).json).toEqual({ count: 10, dryRun: true })
  expect((await purge('')).json).toEqual({ count: 10 })
  expect((await purge('')).json).toEqual({ count: 0 })
  expect((await house.app.result(id).info())?.state).toBe('REVOKED')
})

test('commands: quiet and resume, pools, consumers, limits; refused ones say why', async () => {
  const path = '/v1/workers/celeriac@one'
  expect((await post(`${path}/quiet`)).json).toEqual({ worker: 'celeriac@one', ok: 'takes no more tasks' })
  expect((await get(path)).json).toMatchObject({ ready: false, quiet: true })
  expect((await post(`${path}/resume`)).status).toBe(200)
  expect((await post(`${path}/pool-grow`, { count: 2 })).json).toMatchObject({ ok: 'pool will grow' })
  await until(async () => one.pools[0]?.size === 4)
  expect((await post(`${path}/pool-shrink`, { count: 2 })).status).toBe(200)
  expect((await post(`${path}/add-consumer`, { queue: 'more' })).status).toBe(200)
  await until(async () => one.queues.includes('more'))
  expect((await post(`${path}/cancel-consumer`, { queue: 'more' })).status).toBe(200)
  expect((await post(`${path}/rate-limit`, { task: 'hold', rate: '10/s' })).status).toBe(200)
  expect((await post(`${path}/rate-limit`, { task: 'hold', rate: 0 })).status).toBe(200)
  expect((await post(`${path}/time-limit`, { task: 'hold', hard: 60 })).status).toBe(200)
  expect((await post(`${path}/enable-events`)).status).toBe(200)
  expect((await post(`${path}/autoscale`, { max: 4, min: 1 })).json).toMatchObject({
    status: 409,
    type: 'urn:celeriac:problem:worker-refused',
  })
  expect((await post(`${path}/pool-restart`)).status).toBe(409)
  expect((await post('/v1/workers/celeriac@none/quiet')).status).toBe(404)
})

test.each([
  ['pool-grow', { count: 0 }],
  ['pool-grow', { count: 'many' }],
  ['pool-grow', { count: 1001 }],
  ['pool-shrink', { count: 1e9 }],
  ['autoscale', { max: 1e9, min: 1 }],
  ['pool-grow', { n: 1 }],
  ['pool-grow', [1]],
  ['add-consumer', {}],
  ['add-consumer', { queue: '' }],
  ['rate-limit', { task: 'hold', rate: 'often' }],
  ['rate-limit', { rate: '1/s' }],
  ['time-limit', { task: 'hold', hard: 'soon' }],
  ['time-limit', { task: 'hold', hard: -1 }],
  ['quiet', { now: true }],
  ['profile', { seconds: 61 }],
  ['profile', { seconds: 1, path: '/etc/passwd' }],
])('%s %j: 422', async (action, body) => {
  const answer = await post(`/v1/workers/celeriac@one/${action}`, body)
  expect(answer.json).toMatchObject({ status: 422, type: 'urn:celeriac:problem:invalid-input' })
})

test('stack and profile of a worker', async () => {
  const { slots } = (await get('/v1/workers/celeriac@one/stack', 'operator')).json
  expect(slots).toEqual([])
  const { id } = (await house.post('/v1/tasks/hold', ['b'], PEOPLE.owner)).json
  await until(async () => (await get('/v1/workers/celeriac@one/stack', 'operator')).json.slots.length === 1)
  const again = (await get('/v1/workers/celeriac@one/stack', 'operator')).json
  expect(again.slots).toMatchObject([{ id, task: 'hold', pid: process.pid, age: expect.any(Number) }])
  gates.open('b')
  const profile = await post('/v1/workers/celeriac@one/profile', { seconds: 1 })
  expect(profile.status).toBe(200)
  expect(profile.headers['content-disposition']).toBe('attachment; filename="celeriac_one.cpuprofile"')
  expect(profile.json.nodes.length).toBeGreaterThan(1)
})

test('shutdown: for admins; the worker stops', async () => {
  const path = '/v1/workers/celeriac@two/shutdown'
  expect((await post(path)).status).toBe(403)
  expect((await post(path, undefined, 'admin')).status).toBe(202)
  await until(async () => (await get('/v1/workers/celeriac@two')).status === 404)
  await sleep(1100)
  expect((await get('/v1/workers')).json.workers).toHaveLength(1)
})

test('where a recorder runs, a worker that was lost is still listed, without an answer', async () => {
  const app = { recorder: true } as never
  await using recorded = await build('sqlite:', define, { http: { authorize, fleet: true }, app })
  const { recorderOf } = await import('../../../src/recorder/recorder.ts')
  const recorder = await recorderOf(recorded.app)
  await recorder.start()
  const worker = new Worker(recorded.app, { hostname: 'celeriac@lost', queues: ['idle'], logger: false })
  await worker.start()
  const list = async (): Promise<Answer['json']> =>
    (await recorded.ask('GET', '/v1/workers', { headers: PEOPLE.viewer })).json.workers
  await until(async () => (await list())[0]?.seenAt !== undefined)
  expect(await list()).toMatchObject([{ name: 'celeriac@lost', answers: true, software: 'celeriac' }])
})
