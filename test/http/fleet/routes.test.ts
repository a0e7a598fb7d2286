import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createHttp } from '../../../src/http/api.ts'
import { Celeriac } from '../../../src/index.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { Contract } from '../contract.ts'
import { type Answer, build, type House } from '../house.ts'
import { authorize, NAMES, PEOPLE } from './people.ts'
import { defineTasks, LETTERS_USED, ROWS, type Row, Subjects } from './rows.ts'

/** Who asks for these needs no identity. */
const OPEN = /^(?:GET|POST|PUT|PATCH|DELETE) \/(?:livez|readyz|docs)(?:$|\/)/
const SAFE = /^GET /

let house: House
let subjects: Subjects
let worker: Worker
let contract: Contract
beforeAll(async () => {
  house = await build('memory:', defineTasks, { http: { authorize, fleet: true } })
  contract = new Contract((await house.ask('GET', '/openapi.json', { headers: PEOPLE.admin })).json)
  subjects = new Subjects(house)
  await subjects.fill(LETTERS_USED)
  // It takes nothing that the rows submit.
  worker = new Worker(house.app, { hostname: 'w@live', queues: ['idle'], logger: false })
  await worker.start()
})
afterAll(async () => {
  await worker.stop({ grace: 0 })
  await house[Symbol.asyncDispose]()
})

async function ask(row: Row, headers: Record<string, string>, on = house): Promise<Answer> {
  const [named = '', pattern = ''] = row.route.split(' ')
  const method = row.head ? 'HEAD' : named
  const path = (await row.path?.(subjects)) ?? pattern
  const body = row.body === undefined ? undefined : JSON.stringify(row.body)
  const type: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' }
  const answer = await on.ask(method, path, { headers: { ...type, ...headers }, ...(body !== undefined && { body }) })
  contract.check({ method, path, status: answer.status, headers: answer.headers, body: Buffer.from(answer.text) })
  return answer
}

test('every route has a row', () => {
  const app = new Celeriac({ broker: 'memory:' })
  const api = createHttp(app, { expose: defineTasks(app), authorize, fleet: true })
  const routes = api.routes.filter(({ method, path }) => method !== 'ALL' && !path.includes('*'))
  const names = new Set(routes.map(({ method, path }) => `${method} ${path}`).filter((route) => !OPEN.test(route)))
  expect([...new Set(ROWS.map(({ route }) => route))].toSorted()).toEqual([...names].toSorted())
})

describe.each(ROWS.map((row) => [`${row.route} ${row.what ?? ''}`, row] as const))('%s', (_, row) => {
  test('by identity and role', async () => {
    expect((await ask(row, {})).status).toBe(401)
    expect((await ask(row, { authorization: 'Bearer a-forged-token-1234' })).status).toBe(401)
    const statuses: Record<string, number> = {}
    for (const name of NAMES) statuses[name] = (await ask(row, PEOPLE[name])).status
    expect(statuses).toEqual(Object.fromEntries(NAMES.map((name, at) => [name, row.expected[at]])))
  })
})

test('no change comes from a page of another origin', async () => {
  const foreign = { ...PEOPLE.admin, 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' }
  for (const row of ROWS) {
    if (SAFE.test(row.route)) continue
    const { json } = await ask(row, foreign)
    expect([row.route, json?.status, json?.type]).toEqual([row.route, 403, 'urn:celeriac:problem:cross-origin'])
  }
})

test('a read-only API refuses every change', async () => {
  await using fixed = await build('memory:', defineTasks, { http: { authorize, fleet: true, readOnly: true } })
  for (const row of ROWS) {
    if (SAFE.test(row.route)) continue
    const { json } = await ask(row, PEOPLE.admin, fixed)
    expect([row.route, json?.status, json?.detail]).toEqual([row.route, 403, 'this API is read-only'])
  }
  expect((await fixed.ask('GET', '/v1/jobs', { headers: PEOPLE.admin })).status).toBe(200)
})

test('without `fleet` a scope of the name of a role is a scope alone', async () => {
  await using plain = await build('memory:', defineTasks, { http: { authorize } })
  const { id } = (await plain.post('/v1/tasks/add', [1, 2], PEOPLE.owner)).json
  for (const headers of [PEOPLE.viewer, PEOPLE.operator]) {
    expect((await plain.ask('GET', `/v1/jobs/${id}`, { headers })).status).toBe(404)
    expect((await plain.ask('GET', '/v1/jobs', { headers })).json.jobs).toEqual([])
    expect((await plain.ask('GET', '/v1/limits', { headers })).status).toBe(403)
    expect((await plain.post('/v1/tasks/add', [1, 2], headers)).status).toBe(202)
  }
})

test('a viewer and an operator see the jobs of all, others their own', async () => {
  const id = await subjects.waiting()
  for (const name of NAMES) {
    const { jobs } = (await house.ask('GET', '/v1/jobs?limit=1000', { headers: PEOPLE[name] })).json
    expect([name, jobs.some((job: { id: string }) => job.id === id)]).toEqual([name, name !== 'other'])
  }
})

test('all answers keep to the OpenAPI document', () => {
  expect(contract.seen.size).toBeGreaterThan(100)
  expect(contract.breaches).toEqual([])
})
