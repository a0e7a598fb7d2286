import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { createClient } from '../../../src/client/client.ts'
import { bearer } from '../../../src/http/server/serve.ts'
import type { Celeriac } from '../../../src/index.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { until } from '../../app/lab.ts'
import { Contract, ValidatingProxy } from '../contract.ts'
import { build, type House } from '../house.ts'

const TOKENS = {
  ann: 'a-token-of-ann-1234',
  bob: 'a-token-of-bob-1234',
  vic: 'a-token-of-vic-1234',
  oscar: 'a-token-of-oscar-12',
  root: 'a-token-of-root-123',
}
const authorize = bearer({
  [TOKENS.ann]: 'ann',
  [TOKENS.bob]: 'bob',
  [TOKENS.vic]: { id: 'vic', scopes: ['viewer'] },
  [TOKENS.oscar]: { id: 'oscar', scopes: ['operator'] },
  [TOKENS.root]: { id: 'root', scopes: ['admin'] },
})

function define(app: Celeriac) {
  app.task('hidden', () => 'hidden')
  const add = app.task('math.add', (x: number, y: number) => x + y)
  const row = app.task('rows.load', (name: string) => {
    throw new RangeError(`no row '${name}' of ${Math.trunc(Math.random() * 1000)}`)
  })
  const hold = app.task({
    name: 'hold',
    input: z.object({}),
    run: (_, { signal }) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
  })
  return [add, row, hold]
}

describe.each(['memory:', 'sqlite:'])('%s', (store) => {
  let house: House
  let proxy: ValidatingProxy
  let worker: Worker
  const ids: Record<string, string> = {}
  const clientOf = (who: keyof typeof TOKENS) => createClient(proxy.url, { token: TOKENS[who] })

  beforeAll(async () => {
    house = await build(store, define, { http: { authorize, fleet: true } })
    const document = (await house.ask('GET', '/openapi.json', { headers: { authorization: `Bearer ${TOKENS.root}` } }))
      .json
    proxy = await ValidatingProxy.start(`http://127.0.0.1:${house.server.port}`, new Contract(document))
    // The first request starts the recorder: what is sent before it has begun is not known to it.
    await clientOf('root').recorded.jobs()
    worker = new Worker(house.app, { concurrency: 4, taskEvents: true })
    await worker.start()
    const [ann, bob] = [clientOf('ann'), clientOf('bob')]
    ids.annAdd = (await ann.submit('math.add' as never, [1, 2] as never)).id
    ids.annRow = (await ann.submit('rows.load' as never, ['ann'] as never)).id
    ids.bobRow = (await bob.submit('rows.load' as never, ['bob'] as never)).id
    ids.hidden = (await house.app.send('hidden', [], { owner: 'ann' })).id
    await until(async () => {
      const { jobs } = await clientOf('root').recorded.jobs({ state: ['SUCCESS', 'FAILURE'] })
      return jobs.length === 4
    })
  })
  afterAll(async () => {
    await worker.stop()
    await proxy.stop()
    await house[Symbol.asyncDispose]()
  })

  test('a viewer lists the jobs of all, with facets; each other one their own of exposed tasks', async () => {
    const vic = await clientOf('vic').recorded.jobs({ facets: true })
    expect(vic.jobs.map(({ id }) => id).toSorted()).toEqual(Object.values(ids).toSorted())
    expect(vic.facets).toMatchObject({ total: 4, isPartial: false })
    expect(Object.fromEntries(vic.facets?.states.map(({ value, count }) => [value, count]) ?? [])).toEqual({
      FAILURE: 2,
      SUCCESS: 2,
    })
    const ann = await clientOf('ann').recorded.jobs()
    expect(ann.jobs.map(({ id }) => id).toSorted()).toEqual([ids.annAdd, ids.annRow].toSorted())
    expect(ann.jobs.every(({ owner }) => owner === 'ann')).toBe(true)
    await expect(clientOf('ann').recorded.jobs({ owner: 'bob' })).rejects.toMatchObject({ status: 403 })
    await expect(clientOf('ann').recorded.jobs({ task: 'hidden' })).rejects.toMatchObject({ status: 400 })
    expect((await clientOf('vic').recorded.jobs({ owner: 'bob' })).jobs.map(({ id }) => id)).toEqual([ids.bobRow])
    expect((await clientOf('vic').recorded.jobs({ q: 'row bob' })).jobs.map(({ id }) => id)).toEqual([ids.bobRow])
    expect((await clientOf('ann').recorded.jobs({ q: 'row bob' })).jobs).toEqual([])
  })

  test('a page of them leads to the next one; a cursor that no page gave is refused', async () => {
    const vic = clientOf('vic')
    const seen: string[] = []
    let cursor: string | undefined
    do {
      const page = await vic.recorded.jobs({ limit: 3, cursor })
      seen.push(...page.jobs.map(({ id }) => id))
      cursor = page.cursor
    } while (cursor !== undefined)
    expect(seen.toSorted()).toEqual(Object.values(ids).toSorted())
    await expect(vic.recorded.jobs({ cursor: 'x' })).rejects.toMatchObject({ status: 400 })
  })

  test('the history of a job: its events, with the error; of another’s, and of none, there is none', async () => {
    const { job, steps } = await clientOf('ann').recorded.history(ids.annRow as string)
    expect(job).toMatchObject({ state: 'FAILURE', task: 'rows.load', owner: 'ann', queue: 'celery' })
    expect(job.exception).toMatch(/^ValueError\('no row \\'ann\\' of \d+'\)$/)
    expect(job.traceback).toContain('RangeError')
    expect(steps.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['task-received', 'task-started', 'task-failed']),
    )
    for (const id of [ids.bobRow, ids.hidden, 'none', 'ü'.repeat(300)])
      await expect(clientOf('ann').recorded.history(id as string)).rejects.toMatchObject({ status: 404 })
    expect((await clientOf('vic').recorded.history(ids.hidden as string)).job.task).toBe('hidden')
  })

  test('stats by task, by queue and of all, in steps; own jobs alone without a role', async () => {
    const vic = await clientOf('vic').recorded.stats({ by: 'all' })
    const sum = (name: 'succeeded' | 'failed', { series }: typeof vic): number =>
      series.flatMap(({ points }) => points).reduce((total, point) => total + point[name], 0)
    expect([sum('succeeded', vic), sum('failed', vic)]).toEqual([2, 2])
    const ann = await clientOf('ann').recorded.stats()
    expect([sum('succeeded', ann), sum('failed', ann)]).toEqual([1, 1])
    expect(ann.series.map(({ name }) => name).toSorted()).toEqual(['math.add', 'rows.load'])
    await expect(clientOf('ann').recorded.stats({ by: 'all' })).rejects.toMatchObject({ status: 403 })
    await expect(clientOf('ann').recorded.stats({ owner: 'bob' })).rejects.toMatchObject({ status: 403 })
    await expect(clientOf('ann').recorded.stats({ task: 'hidden' })).rejects.toMatchObject({ status: 400 })
    const queues = await clientOf('vic').recorded.stats({ by: 'queue', step: '1m' })
    expect(queues.series.map(({ name }) => name)).toEqual(['celery'])
    const { series } = await clientOf('vic').recorded.stats({ by: 'all', points: false })
    expect(series[0]).toMatchObject({ total: { succeeded: 2, failed: 2 }, points: [] })
    const [run] = queues.series[0]?.points.flatMap((point) => point.run ?? []) ?? []
    expect(run?.p50).toBeGreaterThanOrEqual(0)
    const from = new Date(Date.now() - 86_400_000 * 30)
    await expect(clientOf('vic').recorded.stats({ from, step: '1s' })).rejects.toMatchObject({ status: 400 })
    expect((await clientOf('vic').recorded.stats({ from })).step).toBe('1h')
  })

  test('failures that are alike are one group; an operator submits its jobs again, each once', async () => {
    const { failures } = await clientOf('vic').recorded.failures()
    expect(failures).toMatchObject([{ task: 'rows.load', type: 'ValueError', count: 2 }])
    const [{ fingerprint } = { fingerprint: '' }] = failures
    expect(await clientOf('ann').recorded.failures()).toMatchObject({
      failures: [{ fingerprint, count: 1, lastJob: ids.annRow }],
    })
    expect(await clientOf('ann').recorded.failure(fingerprint)).toMatchObject({ count: 1 })
    await expect(clientOf('vic').recorded.failure('none')).rejects.toMatchObject({ status: 404 })

    await expect(clientOf('vic').recorded.retryFailure(fingerprint)).rejects.toMatchObject({ status: 403 })
    const dry = await clientOf('oscar').recorded.retryFailure(fingerprint, { dryRun: true })
    expect(dry.ids.toSorted()).toEqual([ids.annRow, ids.bobRow].toSorted())
    expect(dry.retried).toEqual({})
    const own = await clientOf('ann').recorded.retryFailure(fingerprint)
    expect(Object.keys(own.retried)).toEqual([ids.annRow])
    const rest = await clientOf('oscar').recorded.retryJobs({ q: 'row bob' })
    expect(Object.keys(rest.retried)).toEqual([ids.bobRow])
    const again = await clientOf('oscar').recorded.retryJobs({ q: 'row bob', task: 'rows.load', until: new Date(0) })
    expect(again.ids).toEqual([])
    await expect(clientOf('oscar').recorded.retryJobs({})).rejects.toMatchObject({ status: 400 })
    await expect(clientOf('oscar').recorded.retryJobs({ state: 'PENDING' })).rejects.toMatchObject({ status: 400 })
  })

  test('jobs that have not ended are revoked by a filter, or by their ids: own ones, by an operator all', async () => {
    const [root, oscar, ann, vic] = (['root', 'oscar', 'ann', 'vic'] as const).map(clientOf) as ReturnType<
      typeof clientOf
    >[]
    const mine = await ann?.submit('hold' as never, {} as never)
    const other = await clientOf('bob').submit('hold' as never, {} as never)
    const both = [mine?.id, other.id] as string[]
    await until(async () => ((await root?.recorded.jobs({ task: 'hold', state: 'STARTED' }))?.jobs.length ?? 0) === 2)
    const dry = await oscar?.recorded.revokeJobs({ task: 'hold', dryRun: true })
    expect([dry?.ids.toSorted(), dry?.revoked, dry?.ended]).toEqual([both.toSorted(), 0, []])
    expect((await ann?.recorded.revokeJobs({ task: 'hold', dryRun: true }))?.ids).toEqual([mine?.id])
    await expect(vic?.recorded.revokeJobs({ task: 'hold' })).rejects.toMatchObject({ status: 403 })
    await expect(oscar?.recorded.revokeJobs({})).rejects.toMatchObject({ status: 400 })
    await expect(oscar?.recorded.revokeJobs({ task: 'hold', state: 'FAILURE' })).rejects.toMatchObject({ status: 400 })
    await expect(oscar?.recorded.revokeJobs({ id: Array(101).fill('x') })).rejects.toMatchObject({ status: 400 })
    expect(await oscar?.recorded.revokeJobs({ id: [other.id], terminate: true })).toMatchObject({
      ids: [other.id],
      revoked: 1,
    })
    expect(
      await oscar?.recorded.revokeJobs({ task: 'hold', queue: 'celery', limit: 1000, terminate: true }),
    ).toMatchObject({
      revoked: 1,
    })
    await until(async () => (await root?.recorded.jobs({ task: 'hold', state: 'REVOKED' }))?.jobs.length === 2)
    expect(await oscar?.recorded.revokeJobs({ id: [ids.annAdd as string], state: 'RECEIVED' })).toMatchObject({
      ids: [],
    })
  })

  test('events as they come, and those behind the last one; without a role those of own jobs alone', async () => {
    const stop = new AbortController()
    const seen: string[] = []
    const following = (async () => {
      for await (const event of clientOf('bob').recorded.events({ signal: stop.signal }))
        if (event.kind === 'event') seen.push(`${event.type} ${event.id} ${event.number}`)
    })().catch((error: unknown) => error)
    const watch = clientOf('vic').recorded.events({ type: 'task-succeeded', signal: stop.signal })
    const first = watch.next()
    // Both streams begin with the next event.
    await house.ask('GET', '/livez')
    const bob = clientOf('bob')
    await until(async () => {
      const job = await bob.submit('math.add' as never, [1, 1] as never)
      await job.result()
      await clientOf('ann').run('math.add' as never, [1, 1] as never)
      return seen.length > 0
    })
    for (const text of seen) {
      const [, id = ''] = text.split(' ')
      expect((await clientOf('vic').recorded.history(id)).job.owner).toBe('bob')
    }
    const { value } = await first
    expect(value).toMatchObject({ kind: 'event', type: 'task-succeeded' })
    stop.abort(new Error('enough'))
    expect(await following).toMatchObject({ message: 'enough' })

    const again = new AbortController()
    const [start] = seen
    const number = start?.split(' ')[2] as string
    const behind = clientOf('bob').recorded.events({ lastEventId: String(Number(number) - 1), signal: again.signal })
    expect((await behind.next()).value).toMatchObject({ number })
    again.abort()
    await behind.return()
    await expect(clientOf('ann').recorded.events({ owner: 'bob' }).next()).rejects.toMatchObject({ status: 403 })
  })

  test('a request without an identity gets 401, a wrong method 405', async () => {
    for (const path of [
      '/v1/stats',
      '/v1/failures',
      '/v1/events',
      `/v1/jobs/${ids.annAdd}/history`,
      '/v1/jobs?recorded=1',
    ]) {
      expect((await house.ask('GET', path)).status).toBe(401)
      const headers = { authorization: `Bearer ${TOKENS.root}` }
      expect((await house.ask('PUT', path, { headers })).status).toBe(405)
    }
  })

  test('each answer keeps to the OpenAPI document', () => {
    expect(proxy.contract.breaches).toEqual([])
  })
})

test('without a fleet there are no such paths; without authorize it has to be opened', async () => {
  await using house = await build('memory:', define)
  for (const path of ['/v1/stats', '/v1/failures', '/v1/events', '/v1/jobs/x/history'])
    expect((await house.ask('GET', path)).status).toBe(404)
  expect((await house.ask('GET', '/v1/jobs?recorded=1')).status).toBe(400)
  expect(() => house.app.http({ expose: [], fleet: true })).toThrow(/http: fleet: expected `authorize`/)
  expect(() => house.app.http({ expose: [], fleet: { open: 1 } as never })).toThrow(/fleet/)
  await using open = await build('memory:', define, { http: { fleet: { open: true } } })
  expect((await open.ask('GET', '/v1/failures')).json).toEqual({ failures: [] })
})

test('with a fleet an operator revokes, and an admin forgets, jobs of tasks that are not exposed', async () => {
  await using house = await build('memory:', define, { http: { authorize, fleet: true } })
  const ask = async (method: string, path: string, who: keyof typeof TOKENS) =>
    (await house.ask(method, path, { headers: { authorization: `Bearer ${TOKENS[who]}` } })).json
  const { id } = await house.app.send('hidden', [], { owner: 'ann' })
  expect(await ask('DELETE', '/v1/jobs?task=hidden&dryRun=1', 'oscar')).toMatchObject({ jobs: [{ id }] })
  expect(await ask('DELETE', '/v1/jobs?owner=ann', 'oscar')).toMatchObject({ revoked: 1 })
  expect(await ask('DELETE', '/v1/records?owner=ann', 'ann')).toMatchObject({ ids: [] })
  expect(await ask('DELETE', '/v1/records?owner=ann', 'root')).toMatchObject({ ids: [id] })
})

test('read-only: whatever would change something is refused', async () => {
  await using house = await build('memory:', define, { http: { readOnly: true } })
  expect((await house.post('/v1/tasks/math.add', [1, 2])).status).toBe(403)
  expect((await house.ask('GET', '/v1/jobs')).status).toBe(200)
})
