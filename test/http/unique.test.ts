import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bearer } from '../../src/http/server/serve.ts'
import type { Celeriac } from '../../src/index.ts'
import { build, type House } from './house.ts'

const byFirst = (key: string): string => key

const define = (app: Celeriac) => [
  app.task('once', (key: string) => key, { unique: { key: byFirst, while: 'until-done' } }),
  app.task('refusing', (key: string) => key, { unique: { key: byFirst, while: 'until-done', onConflict: 'reject' } }),
  app.task('plain', (key: string) => key),
]

describe.each(['memory:', 'sqlite:'])('unique tasks over HTTP on %s', (store) => {
  let house: House
  beforeAll(async () => {
    house = await build(store, define)
  })
  afterAll(() => house[Symbol.asyncDispose]())

  test('a further call: 202 with the Location of the first', async () => {
    const first = await house.post('/v1/tasks/once', ['a'])
    const again = await house.post('/v1/tasks/once', ['a'])
    expect([first.status, first.headers['idempotent-replayed']]).toEqual([202, undefined])
    expect([again.status, again.headers['idempotent-replayed']]).toEqual([202, 'true'])
    expect(again.headers.location).toBe(first.headers.location)
    expect(again.text).toBe(first.text)
  })

  test('with an Idempotency-Key: the key is remembered with the job that has the key of the task', async () => {
    const first = await house.post('/v1/tasks/once', ['b'])
    const keyed = { 'idempotency-key': '"k"' }
    const second = await house.post('/v1/tasks/once', ['b'], keyed)
    expect([second.status, second.headers.location]).toEqual([202, first.headers.location])
    await house.app.result(first.json.id).revoke()
    expect((await house.post('/v1/tasks/once', ['b'], keyed)).headers.location).toBe(first.headers.location)
    expect((await house.post('/v1/tasks/once', ['b'])).headers.location).not.toBe(first.headers.location)
    const other = await house.post('/v1/tasks/once', ['c'], { 'idempotency-key': '"l"' })
    const repeated = await house.post('/v1/tasks/once', ['c'], { 'idempotency-key': '"l"' })
    expect([repeated.status, repeated.text]).toEqual([202, other.text])
  })

  test('reject: 409 with the job; in a batch that job stands in its place', async () => {
    const first = await house.post('/v1/tasks/refusing', ['a'])
    const again = await house.post('/v1/tasks/refusing', ['a'])
    expect([again.status, again.json]).toMatchObject([
      409,
      { type: 'urn:celeriac:problem:not-unique', job: first.json.id },
    ])
    const jobs = ['a', 'z'].map((key) => ({ task: 'refusing', input: [key] }))
    const batch = await house.post('/v1/batches', { jobs })
    expect([batch.status, batch.json.jobs[0].id]).toEqual([202, first.json.id])
  })

  test('in a workflow: refused', async () => {
    const answer = await house.post('/v1/workflows', { task: 'once', args: ['a'] })
    expect([answer.status, answer.json.detail]).toMatchObject([400, expect.stringContaining('got once with unique')])
  })

  test('GET /v1/jobs?idempotencyKey= finds the job of each task', async () => {
    const one = await house.post('/v1/tasks/plain', ['1'], { 'idempotency-key': '"find me"' })
    const two = await house.post('/v1/tasks/once', ['2'], { 'idempotency-key': '"find me"' })
    const three = await house.app.send('refusing', ['3'], { idempotencyKey: 'find me', tags: [] })
    const four = await house.app.send('plain', ['4'], { idempotencyKey: 'find', idempotencyExpires: '1h', tags: [] })
    const list = await house.ask('GET', '/v1/jobs?idempotencyKey=find%20me')
    expect(list.status).toBe(200)
    const ids = (found: typeof list) => found.json.jobs.map((job: { id: string }) => job.id).sort()
    expect(ids(list)).toEqual([one.json.id, two.json.id, three.id].sort())
    expect(ids(await house.ask('GET', '/v1/jobs?idempotencyKey=find%20me&task=plain'))).toEqual([one.json.id])
    expect(ids(await house.ask('GET', '/v1/jobs?idempotencyKey=find'))).toEqual([four.id])
    expect(ids(await house.ask('GET', '/v1/jobs?idempotencyKey=none'))).toEqual([])
    const wrong = await house.ask('GET', '/v1/jobs?idempotencyKey=find%20me&state=SUCCESS')
    expect([wrong.status, wrong.json.type]).toEqual([400, 'urn:celeriac:problem:invalid-query'])
  })
})

test('idempotencyKey finds only what its sender may see', async () => {
  const authorize = bearer({
    'a-token-of-ada-1234': 'ada',
    'a-token-of-bob-1234': 'bob',
    'a-token-of-root-123': { id: 'root', scopes: ['admin'] },
  })
  await using house = await build('memory:', define, { http: { authorize } })
  const as = (token: string) => ({ authorization: `Bearer ${token}` })
  const key = { 'idempotency-key': '"shared"' }
  const own = await house.post('/v1/tasks/plain', ['1'], { ...as('a-token-of-ada-1234'), ...key })
  const other = await house.post('/v1/tasks/plain', ['1'], { ...as('a-token-of-bob-1234'), ...key })
  expect(own.json.id).not.toBe(other.json.id)
  const inCode = await house.app.send('once', ['x'], { idempotencyKey: 'shared' })
  const ids = async (token: string) => {
    const list = await house.ask('GET', '/v1/jobs?idempotencyKey=shared', { headers: as(token) })
    return list.json.jobs.map((job: { id: string }) => job.id)
  }
  expect(await ids('a-token-of-ada-1234')).toEqual([own.json.id])
  expect(await ids('a-token-of-bob-1234')).toEqual([other.json.id])
  expect(await ids('a-token-of-root-123')).toEqual([inCode.id])
})
