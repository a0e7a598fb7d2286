import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { bearer } from '../../src/http/server/serve.ts'
import { type Celeriac, chain, chord } from '../../src/index.ts'
import { until } from '../../src/testing/kit.ts'
import { type Answer, build, type House } from './house.ts'

const define = (app: Celeriac) => {
  app.task('tasks.hidden', () => 1)
  const add = app.task('tasks.add', (x: number, y: number) => x + y, { params: { x: z.number(), y: z.number() } })
  const sum = app.task('tasks.sum', (list: readonly number[]) => list.reduce((all, one) => all + one, 0))
  const fail = app.task('tasks.fail', (): number => {
    throw new RangeError('no such thing')
  })
  const render = app.task({
    name: 'reports.render',
    input: z.object({ page: z.number(), title: z.string() }),
    params: ['page', 'title'],
    run: ({ page, title }) => `${title} ${page}`,
  })
  const pay = app.task('tasks.pay', (amount: number) => amount)
  return [add, sum, fail, render, { task: pay, scopes: ['pay'] }, 'python.multiply']
}

const TOKENS = { 'a-token-of-ann-1234': { id: 'ann', scopes: ['pay'] }, 'a-token-of-bob-1234': 'bob' }
const as = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` })
const [ANN, BOB] = Object.keys(TOKENS).map(as) as [Record<string, string>, Record<string, string>]

const call = (task: string, args: readonly unknown[] = [], more: object = {}) => ({
  task,
  args,
  kwargs: {},
  options: {},
  ...more,
})
const add = (...args: number[]) => call('tasks.add', args)
const chainOf = (...tasks: unknown[]) => ({ task: 'celery.chain', kwargs: { tasks } })
const groupOf = (...tasks: unknown[]) => ({ task: 'celery.group', kwargs: { tasks } })
const chordOf = (header: unknown, body: unknown) => ({ task: 'celery.chord', kwargs: { header, body } })

function refused(answer: Answer, status: number, kind: string): { detail: string; errors?: { pointer: string }[] } {
  expect([answer.status, answer.json?.type, answer.headers['content-type']]).toEqual([
    status,
    `urn:celeriac:problem:${kind}`,
    'application/problem+json',
  ])
  return answer.json
}

async function ended(house: House, path: string): Promise<Answer> {
  let answer = await house.ask('GET', path, { headers: ANN })
  await until(`the end of ${path}`, async () => {
    answer = await house.ask('GET', path, { headers: ANN })
    return ['SUCCESS', 'FAILURE', 'REVOKED'].includes(answer.json?.state)
  })
  return answer
}

describe.each(['memory:', 'sqlite:', 'redis:'])('POST /v1/workflows on %s', (store) => {
  let house: House
  let idle: House
  const post = (document: unknown, headers: Record<string, string> = {}, path = '/v1/workflows'): Promise<Answer> =>
    house.post(path, document, { ...ANN, ...headers })
  beforeAll(async () => {
    house = await build(store, define, { worker: true, http: { authorize: bearer(TOKENS) } })
    idle = await build(store, define, {
      http: { authorize: bearer(TOKENS), maxBody: 2 ** 25 },
    })
  })
  afterAll(async () => {
    await house[Symbol.asyncDispose]()
    await idle[Symbol.asyncDispose]()
  })

  test('a chord: 202 and the job of its body, which ends with its result', async () => {
    const answer = await post(chainOf(add(1, 2), groupOf(add(10), add(20)), call('tasks.sum')))
    expect(answer.status).toBe(202)
    const { id, task, state } = answer.json
    expect([task, state, answer.headers.location]).toEqual(['tasks.sum', 'PENDING', `/v1/jobs/${id}`])
    expect((await ended(house, `/v1/jobs/${id}`)).json).toMatchObject({
      state: 'SUCCESS',
      result: 36,
      task: 'tasks.sum',
    })
  })

  test('what JSON.stringify makes of a workflow', async () => {
    const { app } = house
    const [adding, summing, rendering] = ['tasks.add', 'tasks.sum', 'reports.render'].map((name) => app.signature(name))
    const of = (name: string, ...args: unknown[]) => app.signature(name, args)
    const workflow = chain(
      chord([of('tasks.add', 1, 2), chain(of('tasks.add', 1, 1), of('tasks.add', 3))], summing as never),
      of('reports.render', 'page').set({ countdown: 1, priority: 3 }).link(of('python.multiply', 2)) as never,
    )
    expect([adding, rendering]).not.toContain(undefined)
    const answer = await post(JSON.parse(JSON.stringify(workflow)))
    expect((await ended(house, `/v1/jobs/${answer.json.id}`)).json).toMatchObject({ result: 'page 8' })
  })

  test('a group: its job says how many have ended; its result is the list', async () => {
    const answer = await post(groupOf(add(1, 2), chainOf(add(3, 4), add(5))))
    expect(answer.json).toMatchObject({ task: null, state: 'PENDING' })
    const path = `/v1/jobs/${answer.json.id}`
    const end = await ended(house, path)
    expect(end.json).toMatchObject({ state: 'SUCCESS', task: null, progress: { done: 2, total: 2 }, result: [3, 12] })
    expect((await house.ask('GET', `${path}/result`, { headers: ANN })).json).toEqual([3, 12])
    refused(await house.ask('GET', path, { headers: BOB }), 404, 'unknown-job')
    refused(await house.ask('DELETE', path, { headers: ANN }), 409, 'job-final')
    refused(await house.ask('POST', `${path}/retry`, { headers: ANN }), 409, 'input-not-kept')
  })

  test('a group that fails, and one that is cancelled', async () => {
    const failed = await post(groupOf(add(1, 2), call('tasks.fail')))
    const path = `/v1/jobs/${failed.json.id}`
    expect((await ended(house, path)).json).toMatchObject({
      state: 'FAILURE',
      progress: { done: 2, total: 2 },
      error: { type: 'RangeError', message: 'no such thing' },
    })
    refused(await house.ask('GET', `${path}/result`, { headers: ANN }), 409, 'job-failed')
    const waiting = await idle.post('/v1/workflows', groupOf(add(1, 2), add(1, 2)), ANN)
    const cancelled = await idle.ask('DELETE', waiting.headers.location as string, { headers: ANN })
    expect([cancelled.status, cancelled.json.state]).toEqual([200, 'REVOKED'])
  })

  test('map, starmap and chunks, each item checked by the schema of its task', async () => {
    const map = (task: string, it: unknown, more: object = {}) => ({
      task,
      kwargs: { task: { task: 'tasks.add' }, it, ...more },
      immutable: true,
    })
    const pairs = [
      [1, 2],
      [3, 4],
    ]
    const starmap = await post(map('celery.starmap', pairs))
    expect((await ended(house, `/v1/jobs/${starmap.json.id}`)).json).toMatchObject({ result: [3, 7] })
    expect((await post(map('celery.chunks', pairs, { n: 1 }))).status).toBe(202)
    const wrong = refused(
      await post(
        map('celery.starmap', [
          [1, 2],
          [1, 'two'],
        ]),
      ),
      422,
      'invalid-input',
    )
    expect(wrong.errors?.[0]?.pointer).toBe('#/kwargs/it/1')
    const hidden = { task: 'celery.map', kwargs: { task: { task: 'tasks.hidden' }, it: [1] }, immutable: true }
    refused(await post(hidden), 404, 'unknown-task')
    // Else the result of a step, which a client may choose, would name the task.
    refused(await post({ ...map('celery.map', [1]), immutable: false }), 400, 'invalid-workflow')
    refused(await post({ ...map('celery.map', [1]), args: [{ task: 'tasks.hidden' }] }), 400, 'invalid-workflow')
  })

  test('the same key is one workflow', async () => {
    const headers = { ...ANN, 'idempotency-key': '"twice"' }
    const document = groupOf(add(1, 2), add(1, 2))
    const before = await idle.app.queueSize()
    const answers = [
      await idle.post('/v1/workflows', document, headers),
      await idle.post('/v1/workflows', document, headers),
    ]
    expect(answers.map(({ status }) => status)).toEqual([202, 202])
    expect(answers[1]?.json.id).toBe(answers[0]?.json.id)
    expect(answers[1]?.headers['idempotent-replayed']).toBe('true')
    expect(await idle.app.queueSize()).toBe(before + 2)
    refused(await idle.post('/v1/workflows', add(1, 2), headers), 422, 'key-reused')
  })

  test('tags and owner are those of every job in it', async () => {
    const answer = await post(chainOf(add(1, 2), add(3)), {}, '/v1/workflows?tag=nightly')
    await ended(house, `/v1/jobs/${answer.json.id}`)
    const list = await house.ask('GET', '/v1/jobs?tag=nightly', { headers: ANN })
    expect(list.json.jobs).toHaveLength(2)
    expect((await house.ask('GET', '/v1/jobs?tag=nightly', { headers: BOB })).json.jobs).toHaveLength(0)
  })

  test('the tree: for its owner, with exposed tasks alone', async () => {
    const answer = await post(chordOf([add(1, 2), add(3, 4)], { ...call('tasks.sum'), options: { link: [add(1)] } }))
    const path = `/v1/jobs/${answer.json.id}/workflow`
    let tree = await house.ask('GET', path, { headers: ANN })
    await until('the tree to end', async () => {
      tree = await house.ask('GET', path, { headers: ANN })
      return tree.json.done === 4
    })
    expect(tree.json).toMatchObject({ id: answer.json.id, state: 'SUCCESS', total: 4, done: 4, truncated: false })
    expect(tree.json.edges.map(({ kind }: { kind: string }) => kind)).toEqual(['body', 'child'])
    refused(await house.ask('GET', path, { headers: BOB }), 404, 'unknown-job')
    refused(await house.ask('GET', '/v1/jobs/nothing/workflow', { headers: ANN }), 404, 'unknown-job')
    refused(await house.ask('POST', path, { headers: ANN }), 405, 'method-not-allowed')
  })

  test('a tree as events: all of it, then what changes, to the end', async () => {
    const answer = await post(chainOf({ ...add(1, 2), options: { countdown: 1 } }, groupOf(add(1), add(2))))
    const path = `/v1/jobs/${answer.json.id}/workflow`
    const headers = { ...ANN, accept: 'text/event-stream' }
    const { text } = await house.ask('GET', path, { headers })
    const events = [...text.matchAll(/event: (\w+)\ndata: (.*)\n/g)].map(([, type, data]) => ({
      type,
      data: JSON.parse(data as string),
    }))
    expect(events[0]).toMatchObject({ type: 'workflow', data: { total: 3, state: 'PENDING' } })
    expect(events.at(-1)?.data).toMatchObject({ state: 'SUCCESS', done: 3 })
    expect(text).toContain('id: end\nevent: ')
    const again = await house.ask('GET', path, { headers: { ...headers, 'last-event-id': 'end' } })
    expect(again.status).toBe(204)
  })
})

describe('what is refused, before anything is sent', () => {
  let house: House
  const post = (document: unknown, headers: Record<string, string> = ANN): Promise<Answer> =>
    house.post('/v1/workflows', document, { ...ANN, ...headers })
  beforeAll(async () => {
    house = await build('memory:', define, { http: { authorize: bearer(TOKENS), maxBody: 2 ** 25 } })
  })
  afterAll(() => house[Symbol.asyncDispose]())

  test.each([
    ['task_id', 'x'],
    ['reply_to', 'q'],
    ['root_id', 'x'],
    ['exchange', 'x'],
    ['routing_key', 'x'],
    ['queue', 'x'],
    ['headers', {}],
    ['owner', 'bob'],
    ['group_id', 'x'],
    ['chord', {}],
    ['chain', []],
    ['time_limit', 1],
    ['serializer', 'pickle'],
    ['constructor', {}],
    ['toString', 1],
  ])('the option %s is refused, with its place', async (name, value) => {
    const answer = await post(chainOf(add(1, 2), { ...add(3), options: { [name]: value } }))
    const { detail, errors } = refused(answer, 400, 'invalid-workflow')
    expect(detail).toContain(`chain[1].options.${name}: `)
    expect(errors?.[0]?.pointer).toBe(`#/kwargs/tasks/1/options/${name}`)
  })

  test.each([
    ['a step', (inner: object) => chainOf(add(1, 2), inner), 'chain[1]'],
    ['a member', (inner: object) => groupOf(inner), 'group[0]'],
    ['a header', (inner: object) => chordOf([add(1, 2), inner], call('tasks.sum')), 'chord.header[1]'],
    ['a body', (inner: object) => chordOf([add(1, 2)], inner), 'chord.body'],
    ['a link', (inner: object) => ({ ...add(1, 2), options: { link: [inner] } }), 'tasks.add.options.link[0]'],
    [
      'an errback of a group',
      (inner: object) => ({ ...groupOf(add(1, 2)), options: { link_error: inner } }),
      'group.options.link_error',
    ],
    [
      'a link of a link',
      (inner: object) =>
        chainOf({ ...add(1, 2), options: { link: { ...call('tasks.sum'), options: { link: [inner] } } } }),
      'chain[0].options.link.options.link[0]',
    ],
  ])('a task that is not exposed, needs a scope, or is built in, is refused in %s', async (_, within, place) => {
    for (const task of [
      'tasks.hidden',
      'nothing',
      'celery.accumulate',
      'celery.backend_cleanup',
      'celeriac.x',
      '__proto__',
    ]) {
      const { detail } = refused(await post(within(call(task, [], { immutable: true }))), 404, 'unknown-task')
      expect(detail).toContain(`${place}: `)
    }
    const pay = within(call('tasks.pay', [1], { immutable: true }))
    expect((await post(pay)).status).toBe(202)
    const { detail } = refused(await post(pay, BOB), 403, 'forbidden')
    expect(detail).toContain(`${place}: `)
  })

  test('arguments are checked, those of later steps as far as they are known', async () => {
    for (const [document, pointer] of [
      [add(1, 'two' as never), '#/args/1'],
      [chainOf(add(1, 2), add('two' as never)), '#/kwargs/tasks/1/args/0'],
      [chainOf(add(1, 2), { ...call('reports.render'), kwargs: { title: 5 } }), '#/kwargs/tasks/1'],
      [chainOf(add(1, 2), { ...add(1, 2), immutable: true }, add(1, 2)), '#/kwargs/tasks/2/args'],
      [{ ...call('reports.render'), kwargs: { page: 1 } }, '#/kwargs/title'],
    ] as const) {
      const { errors } = refused(await post(document), 422, 'invalid-input')
      expect(errors?.[0]?.pointer).toContain(pointer)
    }
  })

  test('what is no workflow: one clear error', async () => {
    const deep = (levels: number): object => (levels === 0 ? add(1, 2) : groupOf(deep(levels - 1)))
    for (const [document, text] of [
      [null, 'signature: expected a signature'],
      [[], 'signature: expected a signature'],
      [{}, 'signature.task: expected the name'],
      [groupOf(), 'group.tasks: expected at least 1'],
      [chainOf(), 'chain.tasks: expected at least 1'],
      [chordOf([], add(1, 2)), 'chord.header: expected at least 1'],
      [{ ...groupOf(add(1, 2)), args: [1] }, 'group.args: expected none'],
      [{ ...add(1, 2), subtask_type: 'group' }, 'signature.subtask_type: expected null'],
      [{ ...add(1, 2), headers: {} }, 'signature.headers: unknown'],
      [{ task: 'celery.chain', tasks: [add(1, 2)] }, 'signature.tasks: expected it in kwargs'],
      [{ task: 'group', kwargs: { tasks: [add(1, 2)] } }, 'group.task: expected celery.group'],
      [{ ...add(1, 2), options: { countdown: -1 } }, 'tasks.add.options.countdown: expected seconds'],
      [{ ...add(1, 2), options: { countdown: 1e300 } }, 'tasks.add.options.countdown: expected seconds'],
      [{ ...add(1, 2), options: { eta: 'tomorrow' } }, 'tasks.add.options.eta: expected a moment'],
      [deep(11), 'expected at most 10 workflows'],
      [groupOf(...Array.from({ length: 1001 }, () => add(1, 2))), 'group[1000]: expected at most 1000'],
    ] as const) {
      const { detail } = refused(await post(document), 400, 'invalid-workflow')
      expect(detail).toContain(text)
    }
    expect((await post(deep(10))).status).toBe(202)
    refused(await house.ask('POST', '/v1/workflows', { headers: ANN, body: '' }), 400, 'invalid-workflow')
    refused(await post(add(1, 2), { 'celeriac-webhook': 'https://example.com' }), 400, 'invalid-webhook')
  })

  test('100,001 members: one clear error, and nothing is sent', async () => {
    const many = groupOf(...Array.from({ length: 100_001 }, () => ({ task: 'tasks.add', args: [1, 2] })))
    const before = await house.app.queueSize()
    const answer = await house.post('/v1/workflows', many, ANN)
    expect(refused(answer, 400, 'invalid-workflow').detail).toContain('expected at most 1000 calls')
    expect(await house.app.queueSize()).toBe(before)
  })
})
