import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { emptyPostgres } from '../../../test/postgres/shared.ts'
import { inFull } from '../../../test/tier.ts'
import { eventually } from '../../../test/wait.ts'
import { Running, resultOf } from './running.ts'

const CIRCLE = { f: 'sqrt(4-xs**2)', a: 0, b: 2, c: 0, d: 2, size: 1_000_000 }
const LONG = { ...CIRCLE, size: 1e9 }

describe.each(['sqlite', ...inFull('postgres')])('the service on %s', (kind) => {
  let folder = ''
  let service: Running

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'integral-'))
    const broker = kind === 'postgres' ? ['--broker', await emptyPostgres()] : []
    service = await Running.start(folder, ['--concurrency', '2', ...broker])
  })

  afterAll(async () => {
    await service?.end()
    await rm(folder, { recursive: true, force: true })
  })

  it('estimates pi, and numbers its jobs 0, 1, 2', async () => {
    const response = await service.request('PUT', '/', CIRCLE)
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual({ result: 0 })
    expect(response.headers.get('location')).toBe('/0')
    const result = await resultOf(service, 0)
    expect(Math.abs(result - Math.PI)).toBeLessThan(0.01)
    expect(await service.get('/0')).toEqual({ task_id: 0, result })
    const { size: _, ...unsized } = CIRCLE
    expect([await service.put(unsized), await service.put(CIRCLE)]).toEqual([1, 2])
    // 100 points unless told: the result is a multiple of 4/100.
    expect((await resultOf(service, 1)) * 25).toBeCloseTo(Math.round((await resultOf(service, 1)) * 25), 9)
  })

  it('leads to what celeriac knows of the job', async () => {
    const response = await service.request('GET', '/0')
    const [, path = ''] = /<(.*)>; rel="describedby"/.exec(response.headers.get('link') ?? '') ?? []
    expect(await service.get(path)).toMatchObject({ task: 'integrate', state: 'SUCCESS' })
  })

  it('lists jobs while they run, and then as ready', async () => {
    const id = await service.put({ ...CIRCLE, size: 20_000_000 })
    expect(await service.get('/')).toMatchObject({ '0': { ready: true }, [id]: { ready: false } })
    expect(await service.get(`/${id}`)).toEqual({ task_id: id })
    await resultOf(service, id)
    expect((await service.get('/'))[id]).toEqual({ ready: true })
  })

  it('shows progress of a running job at /v1', async () => {
    const id = await service.put(LONG)
    const link = (await service.request('GET', `/${id}`)).headers.get('link') as string
    const path = link.slice(1, link.indexOf('>'))
    const { progress } = await eventually(
      () => service.get(path),
      (job) => job.progress > 0,
    )
    expect(progress).toBeLessThan(1)
    await service.request('DELETE', `/${id}`)
  })

  it('calls off a running job, and its thread goes on with the next', async () => {
    const ids = [await service.put(LONG), await service.put(LONG)]
    const waiting = await service.put(LONG)
    const next = await service.put(CIRCLE)
    await new Promise((resolve) => setTimeout(resolve, 300))
    const early = await service.request('DELETE', `/${waiting}`)
    const revoked = { type: 'TaskRevokedError', message: 'revoked' }
    expect(await early.json()).toEqual({ task_id: waiting, error: revoked })
    expect(early.status).toBe(200)
    const start = performance.now()
    for (const id of ids) expect((await service.request('DELETE', `/${id}`)).status).toBe(202)
    for (const id of ids) {
      const job = await eventually(
        () => service.get(`/${id}`),
        ({ error }) => error,
      )
      expect(job).toEqual({ task_id: id, error: revoked })
    }
    expect(performance.now() - start).toBeLessThan(2000)
    expect(await resultOf(service, next)).toBeCloseTo(Math.PI, 1)
    expect((await service.request('DELETE', `/${ids[0]}`)).status).toBe(409)
    expect((await service.get('/'))[ids[0] as number]).toEqual({ ready: true })
  })

  it('takes the task at /v1/tasks/integrate too', async () => {
    const before = await service.get('/')
    const response = await service.request('POST', '/v1/tasks/integrate', CIRCLE)
    expect(response.status).toBe(202)
    const path = response.headers.get('location') as string
    const { result } = await eventually(
      () => service.get(path),
      ({ state }) => state === 'SUCCESS',
    )
    expect(Math.abs(result - Math.PI)).toBeLessThan(0.01)
    expect((await service.request('POST', '/v1/tasks/integrate', { ...CIRCLE, size: 0 })).status).toBe(422)
    expect(await service.get('/')).toEqual(before)
  })

  describe('refuses, before there is a job,', () => {
    it.each<[string, unknown, [string, RegExp][]]>([
      ['an unknown function', { ...CIRCLE, f: 'foo(xs)' }, [['#/f', /character 1: unknown function "foo"/]]],
      ['code', { ...CIRCLE, f: "__import__('os')" }, [['#/f', /not allowed|string/]]],
      ['a broken expression', { ...CIRCLE, f: 'sqrt(4-xs**2' }, [['#/f', /character/]]],
      ['an expression that is no text', { ...CIRCLE, f: 4 }, [['#/f', /as text, got 4/]]],
      ['missing fields, all of them', {}, [...'fabcd'].map((name): [string, RegExp] => [`#/${name}`, /got nothing/])],
      ['a bound in quotes', { ...CIRCLE, a: '0' }, [['#/a', /expected a number .*got the text "0"/]]],
      ['an infinite bound', JSON.stringify(CIRCLE).replace('"b":2', '"b":1e999'), [['#/b', /got Infinity/]]],
      ['a > b', { ...CIRCLE, a: 3 }, [['#/b', /expected b to be at least a = 3, got 2/]]],
      ['c > d', { ...CIRCLE, c: 3 }, [['#/d', /expected d to be at least c = 3, got 2/]]],
      ['size 0', { ...CIRCLE, size: 0 }, [['#/size', /from 1 to 1000000000, got 0/]]],
      ['half a point', { ...CIRCLE, size: 1.5 }, [['#/size', /got 1.5/]]],
      ['an absurd size', { ...CIRCLE, size: 1e12 }, [['#/size', /got 1000000000000/]]],
      ['a size that is null', { ...CIRCLE, size: null }, [['#/size', /got null/]]],
      ['an unknown field', { ...CIRCLE, sise: 5 }, [['#', /got also "sise"/]]],
      ['an array', [1], [['#', /expected an object .*got an array/]]],
    ])('%s', async (_, body, expected) => {
      const before = [await service.get('/'), (await service.get('/v1/jobs')).jobs[0].id]
      const response = await service.request('PUT', '/', body)
      expect(response.status).toBe(422)
      expect(response.headers.get('content-type')).toBe('application/problem+json')
      const { errors, detail, status } = (await response.json()) as {
        status: number
        detail: string
        errors: { pointer: string; detail: string }[]
      }
      expect(status).toBe(422)
      expect(errors.map(({ pointer }) => pointer)).toEqual(expected.map(([pointer]) => pointer))
      for (const [index, [pointer, reason]] of expected.entries()) {
        expect(errors[index]?.detail).toMatch(reason)
        expect(detail).toContain(pointer.slice(2))
      }
      expect([await service.get('/'), (await service.get('/v1/jobs')).jobs[0].id]).toEqual(before)
    })
  })

  it.each<[string, string, string, unknown, number, RegExp]>([
    ['what is not JSON', 'PUT', '/', '{"f"', 400, /expected JSON/],
    ['no body', 'PUT', '/', undefined, 400, /expected JSON/],
    ['a body of a megabyte', 'PUT', '/', `"${'x'.repeat(1 << 20)}"`, 413, /16384 bytes/],
    ['POST /', 'POST', '/', CIRCLE, 405, /allowed: GET, HEAD, PUT/],
    ['PUT /0', 'PUT', '/0', CIRCLE, 405, /allowed: GET, HEAD, DELETE/],
    ['a number that no job has', 'GET', '/4711', undefined, 404, /no job 4711/],
    ['a number beyond all', 'GET', `/${'9'.repeat(30)}`, undefined, 404, /no job 999/],
    ['DELETE of no job', 'DELETE', '/4711', undefined, 404, /no job 4711/],
    ['a path that is none', 'GET', '/jobs', undefined, 404, /nothing is at \/jobs/],
  ])('answers %s with a problem', async (_, method, path, body, status, detail) => {
    const response = await service.request(method, path, body)
    expect(response.status).toBe(status)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(await response.json()).toMatchObject({ status, detail: expect.stringMatching(detail) })
  })
})
