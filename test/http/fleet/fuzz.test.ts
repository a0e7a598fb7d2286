import { expect, test } from 'vitest'
import { FLEET_ROUTES } from '../../../src/http/fleet/fleet.ts'
import { pieces } from '../../../src/std/chunks.ts'
import { emptyRabbit } from '../../rabbitmq/shared.ts'
import { build } from '../house.ts'
import { authorize, PEOPLE } from './people.ts'
import { defineTasks } from './rows.ts'

/** No name of anything; paths that a router, a store or a log may read in another way. */
const NAMES = [
  'none',
  '%00',
  '%0d%0aSet-Cookie:x=1',
  '%2F..%2F..%2Fetc%2Fpasswd',
  '..%5C',
  '%E2%80%AE',
  '%ED%A0%80',
  '%FF',
  '%',
  'x'.repeat(255),
  'x'.repeat(256),
  '__proto__',
  "' OR 1=1 --",
  '*',
  'celeriac.lane.0000000000000000.celery',
].map((name) => name.replaceAll(' ', '%20'))
const QUERIES = ['', '?limit=1e9', '?limit=-1', '?cursor=%00', '?dryRun=maybe', '?content=1&content=1', '?x=%FF', '?q=']
const BODIES = [
  '',
  '{',
  '[]',
  'null',
  '{"__proto__":{"a":1}}',
  '{"count":1e400}',
  '{"queue":"\\u0000"}',
  `{"queue":"${'x'.repeat(9999)}"}`,
]
/** Never an error of the server. */
const EXPECTED = new Set([200, 202, 204, 400, 404, 405, 409, 413, 415, 422, 501])

test('whatever a client sends to the resources of a fleet, the server has an answer of its own', async () => {
  await using house = await build('memory:', defineTasks, { http: { authorize, fleet: true, maxBody: 5000 } })
  let turn = 0
  const asked = FLEET_ROUTES.flatMap(({ path, answers }) =>
    Object.keys(answers).flatMap((method) =>
      (path.includes(':') ? NAMES : ['none']).map((name) => {
        const body = method === 'GET' ? '' : (BODIES[turn % BODIES.length] ?? '')
        const target = `/v1${path.replace(/:\w+/, name)}${QUERIES[turn++ % QUERIES.length]}`
        return { method, target, body }
      }),
    ),
  )
  expect(asked.length).toBeGreaterThan(200)
  const odd: string[] = []
  const ask = async ({ method, target, body }: (typeof asked)[number]): Promise<void> => {
    const headers = { ...PEOPLE.admin, ...(body !== '' && { 'content-type': 'application/json' }) }
    const { status, text } = await house.ask(method, target, { headers, body })
    if (!EXPECTED.has(status) || text.includes('    at ')) odd.push(`${method} ${target} ${body}: ${status} ${text}`)
  }
  // Those to workers that do not exist are answered after seconds.
  for (const some of pieces(asked, 100)) await Promise.all(some.map(ask))
  expect(odd).toEqual([])
})

test.each(['redis:', 'rabbitmq:'])(
  'on %s a queue may have whatever name a client asks for, also that of a key of the store',
  async (store) => {
    const url = store === 'rabbitmq:' ? await emptyRabbit() : store
    await using house = await build(url, defineTasks, { http: { authorize, fleet: true } })
    // A message that is held: the keys of the store are there.
    await house.app.send('add', [1, 2], { countdown: '1h' })
    const names = [
      ...NAMES,
      'unacked',
      'unacked_index',
      '_kombu.binding.celery',
      ...['%F0%9F%8E%88', '%E3%81%82'].map((text) => text.repeat(200)),
    ]
    const odd: string[] = []
    for (const name of names)
      for (const [method, path] of [
        ['GET', ''],
        ['GET', '/messages'],
        ['DELETE', '/messages?dryRun=1'],
        ['DELETE', '/messages'],
        ['POST', '/pause'],
      ] as const) {
        const { status } = await house.ask(method, `/v1/queues/${name}${path}`, { headers: PEOPLE.admin })
        if (!EXPECTED.has(status)) odd.push(`${method} ${name.slice(0, 40)}${path}: ${status}`)
      }
    expect(odd).toEqual([])
  },
)

test('an open fleet shows all to every client; without `authorize` and without `open` there is none', async () => {
  await using open = await build('memory:', defineTasks, { http: { fleet: { open: true } } })
  for (const path of ['/v1/queues', '/v1/workers', '/v1/limits', '/v1/audit', '/v1/jobs'])
    expect([path, (await open.ask('GET', path)).status]).toEqual([path, 200])
  expect((await open.ask('POST', '/v1/queues/q/pause')).status).toBe(204)
  expect((await open.ask('GET', '/v1/audit')).json.entries).toMatchObject([{ who: '-', action: 'queue.pause' }])
  const foreign = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }
  expect((await open.ask('POST', '/v1/queues/q/resume', { headers: foreign })).status).toBe(403)
  await expect(build('memory:', defineTasks, { http: { fleet: true } })).rejects.toThrow(/authorize/)
  await using plain = await build('memory:', defineTasks)
  for (const path of ['/v1/queues', '/v1/workers', '/v1/audit'])
    expect([path, (await plain.ask('GET', path)).status]).toEqual([path, 404])
})
