import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { emptyPostgres } from '../../../test/postgres/shared.ts'
import { emptyRabbit } from '../../../test/rabbitmq/shared.ts'
import { RedisServer } from '../../../test/redis/server.ts'
import { inFull } from '../../../test/tier.ts'
import { eventually } from '../../../test/wait.ts'
import { Folder, type Program } from '../../shared/test/program.ts'
import { type Answer, send } from '../simulate/client.ts'

const ERROR = 'Error during DB transaction : Please Check the request'

let folder: Folder
let server: Program

function ask(method: 'GET' | 'POST', path: string, data: unknown): Promise<Answer> {
  return send(method, path, data, server.url)
}

/** Hand in, wait for the task's end; its answer. */
async function store(path: string, data: unknown): Promise<string> {
  const { status, json } = await ask('POST', path, data)
  expect([status, Object.keys(json)]).toEqual([201, ['taskID']])
  const end = await eventually(
    () => ask('GET', '/check_request', json),
    (answer) => answer.json.status !== 'PENDING' && answer.json.status !== 'STARTED',
  )
  expect([end.status, end.json.status]).toEqual([200, 'SUCCESS'])
  return end.json.response
}

/** The request, when each of its jobs matches. */
async function request(rid: unknown, jobs: RegExp): Promise<Answer['json']> {
  const { json } = await eventually(
    () => ask('GET', '/number_request', { rid }),
    (answer) => answer.json.jobtodo.every((job: string) => jobs.test(job)),
  )
  return json
}

describe.each(['sqlite', 'rabbitmq, redis and postgres', ...inFull('postgres')])('numbers on %s', (kind) => {
  let redis: RedisServer | undefined

  async function stores(): Promise<Record<string, string>> {
    if (kind === 'sqlite') return {}
    // Its own data in the same database.
    if (kind === 'postgres') {
      const one = await emptyPostgres()
      return { BROKER_URL: one, DATABASE_URL: one }
    }
    redis = await RedisServer.start()
    const [broker, database] = await Promise.all([emptyRabbit(), emptyPostgres()])
    return { BROKER_URL: broker, RESULT_BACKEND: redis.url(), DATABASE_URL: database }
  }

  beforeAll(async () => {
    folder = new Folder({ NUMBERS_INTERVAL: '1s', ...(await stores()) })
    server = await folder.start('numbers')
  })

  afterAll(async () => {
    await folder?.close()
    await redis?.stop()
  })

  it('a request is stored, and its numbers are done', async () => {
    const data = { rid: 1, numbers: [51, 52, 53], jobtodo: ['sum', 'mul', 'sum'] }
    expect(await store('/number_request', data)).toBe('OK')
    const { numbers_id, ...stored } = await request(1, /_Done$/)
    expect(stored).toEqual({ ...data, jobtodo: ['sum_Done', 'mul_Done', 'sum_Done'], result: [53, 104, 55] })
    expect(numbers_id).toEqual([expect.any(Number), expect.any(Number), expect.any(Number)])
  })

  it('its rid is taken, and one that is not is no request', async () => {
    const data = { rid: 'two', numbers: [1], jobtodo: ['plus'] }
    expect([await store('/number_request', data), await store('/number_request', data)]).toEqual(['OK', ERROR])
    expect((await ask('GET', '/number_request', { rid: 'nobody' })).status).toBe(404)
    expect(await server.json('/number_request?rid=two')).toMatchObject(data)
    expect(await server.json('/number_request?rid=1')).toMatchObject({ rid: 1 })
    await store('/number_request', { rid: '21', numbers: [1], jobtodo: ['plus'] })
    expect(await server.json('/number_request?rid=21')).toMatchObject({ rid: '21' })
    expect(await server.json('/')).toMatchObject({ name: 'numbers', docs: '/docs' })
  })

  it('a job that no periodic task does is updated by whoever does it', async () => {
    await store('/number_request', { rid: 3, numbers: [51, 52], jobtodo: ['plus', 'plus'] })
    const { numbers_id } = await request(3, /^plus$/)
    const update = { numbers_id, numbers: [51, 52], jobtodo_new: ['plus_Done', 'plus_Done'], result: [53, null] }
    expect(await store('/update_request', { ...update, numbers: [51, 51] })).toBe(ERROR)
    expect(await store('/update_request', update)).toBe('OK')
    expect(await request(3, /^plus_Done$/)).toMatchObject({ result: [53, null] })
  })

  it('a result beyond all numbers is null', async () => {
    await store('/number_request', { rid: 4, numbers: [1.5e308], jobtodo: ['mul'] })
    expect(await request(4, /_Done$/)).toMatchObject({ numbers: [1.5e308], result: [null] })
  })

  it('what is wrong is told before there is a task', async () => {
    const data = { rid: 5, numbers: [1], jobtodo: ['sum'] }
    const wrong: [string, object, string][] = [
      ['/number_request', { ...data, rid: 1.5 }, '#/rid'],
      ['/number_request', { ...data, numbers: ['1'] }, '#/numbers/0'],
      ['/number_request', { ...data, jobtodo: [] }, '#/jobtodo'],
      ['/number_request', { ...data, jobtodo: ['sum', 'sum'] }, '#/jobtodo'],
      ['/number_request', { ...data, more: 1 }, '#'],
      ['/update_request', { numbers_id: [1], numbers: [1], jobtodo_new: ['x'], result: [1, 2] }, '#/result'],
    ]
    for (const [path, body, pointer] of wrong) {
      const { status, json } = await ask('POST', path, body)
      expect([status, json.errors[0].pointer]).toEqual([422, pointer])
    }
  })

  it.each([
    ['GET', '/number_request', ['#/rid']],
    ['GET', '/check_request', ['#/taskID']],
    ['POST', '/number_request', ['#/rid', '#/numbers', '#/jobtodo']],
    ['POST', '/update_request', ['#/numbers_id', '#/numbers', '#/jobtodo_new', '#/result']],
  ])('%s %s with nothing names what is missing', async (method, path, pointers) => {
    const response = await server.fetch(path, { method })
    const { errors, detail } = (await response.json()) as { errors: { pointer: string }[]; detail: string }
    for (const pointer of pointers) expect(detail).toContain(`${pointer.slice(2)}: `)
    expect([response.status, errors.map(({ pointer }) => pointer)]).toEqual([422, pointers])
  })

  it.each([
    ['GET', '/number_request', undefined, 422],
    ['GET', '/number_request?rid=nobody', undefined, 404],
    ['GET', '/check_request?taskID=nobody', undefined, 404],
    ['GET', '/check_request', undefined, 422],
    ['POST', '/number_request', '{', 400],
    ['POST', '/number_request', ' '.repeat(300_000), 413],
    ['PUT', '/number_request', undefined, 405],
    ['POST', '/check_request', undefined, 405],
    ['GET', '/update_request', undefined, 405],
  ])('%s %s with %s is %d, as a problem', async (method, path, body, status) => {
    const response = await server.fetch(path, { method, body })
    expect([response.status, response.headers.get('content-type')]).toEqual([status, 'application/problem+json'])
    expect(await response.json()).toMatchObject({ status })
  })

  it('a GET whose body is too large is refused, too', async () => {
    const { status } = await ask('GET', '/number_request', { rid: 'x'.repeat(300_000) })
    expect(status).toBe(413)
  })
})
