import { afterAll, beforeAll, expect, test } from 'vitest'
import { z } from 'zod'
import { Beat } from '../../../src/beat/beat.ts'
import { type Client, createClient } from '../../../src/client/client.ts'
import { type Celeriac, every } from '../../../src/index.ts'
import { eventually } from '../../wait.ts'
import { Contract, ValidatingProxy } from '../contract.ts'
import { build, type House } from '../house.ts'
import { authorize, PEOPLE, type Person } from './people.ts'

const EVERY_HOUR = { kind: 'every', interval: '1h' } as const

let house: House
let proxy: ValidatingProxy
let client: Client<unknown>
beforeAll(async () => {
  house = await build('sqlite:', define, { http: { authorize, fleet: true } })
  const document = (await house.ask('GET', '/openapi.json', { headers: PEOPLE.admin })).json
  proxy = await ValidatingProxy.start(house.server.url, new Contract(document))
  client = clientOf('admin')
})
afterAll(async () => {
  expect(proxy.contract.breaches).toEqual([])
  await proxy.stop()
  await house[Symbol.asyncDispose]()
})

function define(app: Celeriac) {
  const report = app.task({
    name: 'report.build',
    input: z.object({ size: z.number().int().positive() }),
    run: ({ size }) => size,
  })
  const login = app.task('login', (user: string, password: string) => `${user}${password}`, { sensitive: ['password'] })
  app.task('hidden', () => undefined)
  app.schedules.define('of code', every('1d'), { task: report, args: { size: 1 } })
  return [report, login, 'python.task']
}

const clientOf = (who: Person) => createClient(proxy.url, { headers: PEOPLE[who], retries: 0 })
const ask = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
  fetch(proxy.url + path, {
    method,
    headers: { ...PEOPLE.admin, ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })

test('an entry is added, read, changed, paused, run and removed; its task runs by it', async () => {
  const added = await client.schedules.create({
    ...{ name: 'nightly a/b', schedule: { kind: 'cron', expression: '0 3 * * *', tz: 'Europe/Berlin' } },
    ...{ task: 'report.build', input: { size: 7 }, options: { queue: 'slow' }, overlap: 'skip', jitter: '10s' },
  })
  expect(added).toMatchObject({
    ...{ when: 'cron 0 3 * * * (Europe/Berlin)', task: 'report.build', args: [], kwargs: { size: 7 }, jitter: 10_000 },
    ...{ options: { queue: 'slow' }, missed: 'once', overlap: 'skip', source: 'call', paused: false, runs: 0 },
  })
  const read = await client.schedules.get('nightly a/b', { next: 3 })
  expect(read).toEqual({ ...added, next: expect.any(Array) })
  expect(read.next).toHaveLength(3)
  expect(read.next?.[0]).toBe(read.nextRunAt?.replace(/T.*/, read.next?.[0]?.slice(10) ?? ''))

  const { id, links } = await client.schedules.run('nightly a/b')
  expect(links.self).toBe(`/v1/jobs/${id}`)
  expect((await house.app.message(id, 'slow'))?.queue).toBe('slow')
  const ran = await client.schedules.get('nightly a/b')
  expect(ran).toMatchObject({ runs: 1, lastJob: id, version: added.version })

  const changed = await client.schedules.change('nightly a/b', { schedule: EVERY_HOUR, end: '2999-01-01' })
  expect(changed).toMatchObject({ when: 'every 1h', end: '2999-01-01T00:00:00.000Z', kwargs: { size: 7 }, runs: 1 })
  expect(changed.version).not.toBe(added.version)
  expect(await client.schedules.change('nightly a/b', { end: null, options: {} })).toMatchObject({ options: {} })
  expect(await client.schedules.get('nightly a/b')).not.toHaveProperty('end')

  await client.schedules.pause('nightly a/b')
  await client.schedules.pause('nightly a/b')
  expect((await client.schedules.list({ paused: true })).schedules.map(({ name }) => name)).toEqual(['nightly a/b'])
  expect(await client.schedules.get('nightly a/b', { next: 2 })).toMatchObject({ paused: true, next: [] })
  await client.schedules.resume('nightly a/b')
  await client.schedules.remove('nightly a/b')
  await expect(client.schedules.get('nightly a/b')).rejects.toMatchObject({ status: 404, kind: 'unknown-schedule' })
})

test('a change that is of another version is refused, runs do not count', async () => {
  const { version } = await client.schedules.create({ name: 'shared', schedule: EVERY_HOUR, task: 'python.task' })
  const second = await client.schedules.change('shared', { missed: 'skip' }, { version })
  const late = client.schedules.change('shared', { missed: { all: 3 } }, { version })
  await expect(late).rejects.toMatchObject({ status: 412, kind: 'schedule-changed' })
  await expect(client.schedules.remove('shared', { version })).rejects.toMatchObject({ status: 412 })
  await client.schedules.run('shared')
  const answer = await ask('GET', '/v1/schedules/shared')
  expect(answer.headers.get('etag')).toBe(`"${second.version}"`)
  for (const condition of [`W/"${second.version}"`, 'nothing', '"other"'])
    expect((await ask('PATCH', '/v1/schedules/shared', { jitter: 1 }, { 'if-match': condition })).status).toBe(412)
  for (const condition of [`"other", "${second.version}"`, '*'])
    expect((await ask('PATCH', '/v1/schedules/shared', { jitter: 1 }, { 'if-match': condition })).status).toBe(200)
  // Without a condition, twenty changes at once all take effect, each of a part of its own.
  const names = ['missed', 'overlap', 'jitter', 'task'] as const
  const values = { missed: 'once', overlap: 'allow', jitter: 5000, task: 'report.build' } as const
  await Promise.all(
    names.flatMap((name) => {
      const change = { [name]: values[name], ...(name === 'task' && { kwargs: { size: 2 } }) }
      return Array.from({ length: 5 }, () => client.schedules.change('shared', change))
    }),
  )
  expect(await client.schedules.get('shared')).toMatchObject({ ...values, kwargs: { size: 2 } })
  await client.schedules.remove('shared')
})

test('what the code defines is listed before a beat has stored it, changed and paused, and cannot be removed', async () => {
  expect(await client.schedules.get('of code')).toMatchObject({ source: 'code', when: 'every 1d', runs: 0 })
  const refused = { status: 409, kind: 'schedule-in-code' }
  await expect(client.schedules.remove('of code')).rejects.toMatchObject(refused)
  await client.schedules.pause('of code')
  await expect(client.schedules.remove('of code')).rejects.toMatchObject(refused)
  await client.schedules.resume('of code')
  const again = { name: 'of code', schedule: EVERY_HOUR, task: 'report.build', input: { size: 1 } }
  await expect(client.schedules.create(again)).rejects.toMatchObject({ status: 409, kind: 'schedule-exists' })
})

test('a beat sends by an entry that was added over HTTP, and pages come in order', async () => {
  const beat = new Beat(house.app)
  await beat.start()
  try {
    for (const name of ['z', 'a', 'ä', 'm'])
      await client.schedules.create({ name, schedule: EVERY_HOUR, task: 'python.task', args: [1], paused: true })
    await client.schedules.create({
      name: 'often',
      ...{ schedule: { kind: 'every', interval: 100 }, task: 'report.build', input: { size: 3 } },
    })
    await eventually(
      () => client.schedules.get('often'),
      ({ runs }) => runs >= 2,
    )
    const pages: string[] = []
    let cursor: string | undefined
    do {
      const page = await client.schedules.list({ limit: 2, cursor })
      pages.push(page.schedules.map(({ name }) => name).join(' '))
      cursor = page.cursor
    } while (cursor !== undefined)
    expect(pages).toEqual(['a m', 'of code often', 'z ä'])
    expect((await client.schedules.list({ task: 'python.task' })).schedules).toHaveLength(4)
    const first = await ask('GET', '/v1/schedules?limit=1&task=python.task')
    const next = /^<([^>]+)>; rel="next"$/.exec(first.headers.get('link') ?? '')?.[1] as string
    expect(((await (await ask('GET', next)).json()) as { schedules: { name: string }[] }).schedules[0]?.name).toBe('m')
  } finally {
    await beat.stop()
    for (const name of ['z', 'a', 'ä', 'm', 'often']) await client.schedules.remove(name)
  }
})

test('what a task calls sensitive is not shown, and arguments of unknown code and headers only to admins', async () => {
  const login = { task: 'login', args: ['ann', 'hunter22'], options: { headers: { key: 'a-secret' } } }
  await client.schedules.create({ name: 'login', schedule: EVERY_HOUR, ...login })
  await client.schedules.create({ name: 'python', schedule: EVERY_HOUR, task: 'python.task', args: ['a-secret'] })
  const options = { headers: { key: 'a-secret' } }
  expect(await client.schedules.get('login')).toMatchObject({ args: ['ann', '…'], options })
  expect(await client.schedules.get('python')).toMatchObject({ args: ['a-secret'] })
  for (const who of ['viewer', 'operator'] as const) {
    const page = await clientOf(who).schedules.list()
    expect(JSON.stringify(page)).not.toMatch(/a-secret|hunter22/)
    expect(await clientOf(who).schedules.get('login')).toMatchObject({ args: ['ann', '…'], options: {} })
    expect(await clientOf(who).schedules.get('python')).toMatchObject({ concealed: true })
  }
  // Another option keeps the arguments that are not shown.
  await client.schedules.change('login', { options: { queue: 'slow' } })
  const { id } = await client.schedules.run('login')
  const message = await house.app.message(id, 'slow')
  expect(JSON.stringify(message?.envelope.body) + String(message?.envelope.body)).toContain('hunter22')
  for (const name of ['login', 'python']) await client.schedules.remove(name)
})

test('each role may do what is its own, and one without a role nothing', async () => {
  await client.schedules.create({ name: 'roles', schedule: EVERY_HOUR, task: 'python.task' })
  const requests: readonly [least: Person, method: string, path: string, body?: object][] = [
    ['viewer', 'GET', '/v1/schedules'],
    ['viewer', 'GET', '/v1/schedules/roles?next=1'],
    ['operator', 'POST', '/v1/schedules/roles/pause'],
    ['operator', 'POST', '/v1/schedules/roles/resume'],
    ['operator', 'POST', '/v1/schedules/roles/run'],
    ['admin', 'POST', '/v1/schedules', { name: 'more', schedule: EVERY_HOUR, task: 'python.task' }],
    ['admin', 'PATCH', '/v1/schedules/roles', { jitter: 2 }],
    ['admin', 'DELETE', '/v1/schedules/roles'],
  ]
  const ranks: Person[] = ['other', 'viewer', 'operator', 'admin']
  for (const [least, method, path, body] of requests) {
    for (const who of ranks) {
      const { status } = await ask(method, path, body, PEOPLE[who])
      const mayDo = ranks.indexOf(who) >= ranks.indexOf(least)
      expect([who, method, path, status < 300]).toEqual([who, method, path, mayDo])
      if (!mayDo) expect(status).toBe(403)
    }
    expect((await fetch(proxy.url + path, { method })).status).toBe(401)
    const foreign = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }
    if (method !== 'GET') expect((await ask(method, path, body, foreign)).status).toBe(403)
  }
  await client.schedules.remove('more')
})

const NEW = { name: 'new', schedule: EVERY_HOUR, task: 'report.build', input: { size: 1 } }
const WRONG: readonly [what: string, body: unknown, status: number, pointer?: string][] = [
  ['no body', undefined, 422],
  ['an array', [], 422, '#'],
  ['no name', { ...NEW, name: undefined }, 422, '#/name'],
  ['a name with a line end', { ...NEW, name: 'a\nb' }, 422, '#'],
  ['a long name', { ...NEW, name: 'a'.repeat(256) }, 422, '#'],
  ['no schedule', { ...NEW, schedule: undefined }, 422, '#/schedule'],
  ['a schedule of another kind', { ...NEW, schedule: { kind: 'never' } }, 422, '#/schedule'],
  ['a wrong cron', { ...NEW, schedule: { kind: 'cron', expression: '61 * * * *' } }, 422, '#/schedule'],
  ['a wrong zone', { ...NEW, schedule: { kind: 'cron', expression: '* * * * *', tz: 'Mars' } }, 422, '#/schedule'],
  ['an unknown member', { ...NEW, cron: '* * * * *' }, 422, '#'],
  ['a task that is not exposed', { ...NEW, task: 'hidden' }, 404],
  ['a task that does not exist', { ...NEW, task: 'no' }, 404],
  ['input that the schema refuses', { ...NEW, input: { size: -1 } }, 422, '#/input/size'],
  ['input that is missing', { ...NEW, input: {} }, 422, '#/input/size'],
  [
    'keyword arguments that the schema refuses',
    { ...NEW, input: undefined, kwargs: { size: 'x' } },
    422,
    '#/kwargs/size',
  ],
  ['two forms of input', { ...NEW, args: [1] }, 422, '#'],
  ['an option that is of one call', { ...NEW, options: { taskId: 'x' } }, 422, '#'],
  ['an option that names a URL', { ...NEW, options: { webhook: 'http://127.0.0.1/' } }, 422, '#'],
  ['an option that calls a task', { ...NEW, options: { link: { task: 'hidden' } } }, 422, '#'],
  ['a wrong option', { ...NEW, options: { priority: 'high' } }, 422, '#'],
  ['a wrong policy', { ...NEW, overlap: 'never' }, 422, '#'],
  ['too many missed runs', { ...NEW, missed: { all: 1001 } }, 422, '#'],
  ['a wrong moment', { ...NEW, start: 'soon' }, 422, '#/start'],
  ['an end before its start', { ...NEW, start: '2030-01-02', end: '2030-01-01' }, 422, '#'],
  ['no JSON', '{', 400],
  ['a prototype', '{"__proto__":{"name":"x"}}', 400],
]
test.for(WRONG)('refused: %s', async ([, body, status, pointer]) => {
  const answer = await ask('POST', '/v1/schedules', body)
  const document = (await answer.json()) as { detail: string; errors?: { pointer: string }[] }
  expect([answer.status, document.errors?.[0]?.pointer ?? pointer]).toEqual([
    status,
    pointer ?? document.errors?.[0]?.pointer,
  ])
  expect(document.detail.length).toBeGreaterThan(10)
  expect(await house.app.schedules.find('new')).toBeUndefined()
})

test('refused: queries, paths, methods and changes of what is not there', async () => {
  for (const query of ['next=0', 'next=1001', 'next=1&next=2', 'what=1'])
    expect((await ask('GET', `/v1/schedules/of%20code?${query}`)).status).toBe(400)
  for (const query of ['limit=0', 'cursor=!!', 'paused=maybe', 'task='])
    expect((await ask('GET', `/v1/schedules?${query}`)).status).toBe(400)
  for (const [method, path, body] of [
    ['GET', '/v1/schedules/no'],
    ['GET', '/v1/schedules/%00'],
    ['GET', `/v1/schedules/${'a'.repeat(300)}`],
    ['PATCH', '/v1/schedules/no', { jitter: 1 }],
    ['DELETE', '/v1/schedules/no'],
    ['POST', '/v1/schedules/no/pause'],
    ['POST', '/v1/schedules/no/resume'],
    ['POST', '/v1/schedules/no/run'],
  ] as const)
    expect([method, path, (await ask(method, path, body)).status]).toEqual([method, path, 404])
  expect((await ask('PATCH', '/v1/schedules/of%20code', {})).status).toBe(422)
  expect((await ask('PATCH', '/v1/schedules/of%20code', { name: 'x' })).status).toBe(422)
  expect((await ask('PUT', '/v1/schedules')).status).toBe(405)
  expect((await ask('GET', '/v1/schedules/of%20code/run')).status).toBe(405)
})

test('when a schedule would be due is computed without an entry', async () => {
  const viewer = clientOf('viewer')
  const start = new Date('2030-03-30T00:00:00Z')
  const end = new Date('2030-04-01T00:30:00Z')
  const berlin = { kind: 'cron', expression: '30 2 * * *', tz: 'Europe/Berlin' } as const
  expect(await viewer.schedules.moments(berlin, { start, end, next: 5 })).toEqual({
    when: 'cron 30 2 * * * (Europe/Berlin)',
    // The clock skips half past two on the second day.
    next: ['2030-03-30T01:30:00.000Z', '2030-03-31T01:00:00.000Z', '2030-04-01T00:30:00.000Z'],
  })
  expect((await viewer.schedules.moments(EVERY_HOUR)).next).toHaveLength(10)
  const wrong = viewer.schedules.moments({ kind: 'cron', expression: '61 * * * *' })
  await expect(wrong).rejects.toMatchObject({ kind: 'invalid-query', message: expect.stringContaining('got 61') })
})

test.each([
  '',
  '?schedule=',
  '?schedule={',
  '?schedule=null',
  '?schedule={"kind":"often"}',
  '?schedule={"kind":"every","interval":"1h"}&next=0',
])('GET /v1/moments%s is refused', async (query) => {
  const response = await ask('GET', `/v1/moments${query}`)
  expect(response.status).toBe(400)
  expect(await response.json()).toMatchObject({ errors: [{ parameter: query.includes('next') ? 'next' : 'schedule' }] })
})
