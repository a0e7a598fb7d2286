import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClient } from '../../../src/client/client.ts'
import { createHttp } from '../../../src/http/api.ts'
import { type HttpServer, serve } from '../../../src/http/server/serve.ts'
import { until } from '../../app/lab.ts'
import { authorize, PEOPLE } from '../../http/fleet/people.ts'
import type { PythonClient } from '../celery.ts'
import { Fleet, type FleetOptions } from '../fleet.ts'

interface Asked {
  readonly status: number
  // biome-ignore lint/suspicious/noExplicitAny: whatever JSON the server says.
  readonly json: any
}

/** A pure Python fleet behind an API without tasks, as `celeriac dashboard` has it: calls, retries and revokes. */
export function fleetCalls(options: FleetOptions): void {
  let fleet: Fleet
  let server: HttpServer
  let folder: string
  let python: PythonClient
  const client = (who: keyof typeof PEOPLE) => createClient(server.url, { headers: PEOPLE[who] })
  beforeAll(async () => {
    fleet = await Fleet.start(options)
    // Prefork, as a thread cannot be terminated.
    await fleet.pythonWorker({ hostname: 'py@test', pool: 'prefork', concurrency: 2, events: true })
    python = await fleet.pythonClient()
    folder = await mkdtemp(join(tmpdir(), 'celeriac-fleet-calls-'))
    const app = fleet.app({ recorder: { file: join(folder, 'recorder.db') } })
    const http = { expose: [], authorize, fleet: { anyTask: true } }
    server = await serve(createHttp(app, http), { port: 0 })
    await client('admin').recorded.jobs()
    await until(async () => (await client('admin').me()).recorder === 'recording')
  })
  afterAll(async () => {
    await server.close()
    await fleet.end()
    await rm(folder, { recursive: true, force: true })
  })

  async function ask(method: string, path: string, body?: unknown, who: keyof typeof PEOPLE = 'admin'): Promise<Asked> {
    const headers = { ...PEOPLE[who], ...(body !== undefined && { 'content-type': 'application/json' }) }
    const sent = { method, headers, ...(body !== undefined && { body: JSON.stringify(body) }) }
    const response = await fetch(server.url + path, sent)
    const text = await response.text()
    return { status: response.status, json: text === '' ? undefined : JSON.parse(text) }
  }
  const job = async (id: string): Promise<Asked['json']> => (await ask('GET', `/v1/jobs/${id}/history`)).json.job
  const becomes = (id: string, state: string): Promise<unknown> => until(async () => (await job(id))?.state === state)
  const resultOf = async (id: string): Promise<unknown> => {
    await until(async () => (await ask('GET', `/v1/jobs/${id}`)).json.state === 'SUCCESS')
    return (await ask('GET', `/v1/jobs/${id}`)).json.result
  }

  test('an admin calls a task that Python runs, by position, by name, or both; others do not', async () => {
    const { tasks } = await client('viewer').knownTasks()
    expect(tasks.find(({ name }) => name === 'py.echo')).toEqual({ name: 'py.echo', workers: ['py@test'] })
    const call = async (query: string, body: unknown) => ask('POST', `/v1/tasks/py.echo?queue=python${query}`, body)
    const listed = await call('', [1, 'two'])
    expect(listed.status).toBe(202)
    expect(await resultOf(listed.json.id)).toEqual({ args: [1, 'two'], kwargs: {} })
    const named = await call('&tag=red', { x: 1, args: [2] })
    expect(await resultOf(named.json.id)).toEqual({ args: [], kwargs: { x: 1, args: [2] } })
    const both = await client('admin').callAny('py.echo', { args: [1], kwargs: { y: 2 } }, { queue: 'python' })
    expect(await both.result()).toEqual({ args: [1], kwargs: { y: 2 } })
    const later = await client('admin').callAny(
      'py.echo',
      { args: [3] },
      { queue: 'python', countdown: 1, priority: 1 },
    )
    expect(await later.result()).toEqual({ args: [3], kwargs: {} })
    for (const who of ['owner', 'operator'] as const)
      expect(await ask('POST', '/v1/tasks/py.echo?queue=python', [1], who)).toMatchObject({
        status: 404,
        json: { type: 'urn:celeriac:problem:unknown-task' },
      })
    expect((await ask('POST', '/v1/tasks/py.echo', [1], 'viewer')).status).toBe(403)
    expect((await ask('POST', '/v1/tasks/celeriac.wait', [1])).status).toBe(404)
    for (const [query, body] of [
      ['?queue=', []],
      ['?priority=256', []],
      ['?countdown=-1', []],
      ['?eta=tomorrow', []],
      ['?eta=2099-01-01&countdown=1', []],
      ['?other=1', []],
    ] as const)
      expect([query, (await ask('POST', `/v1/tasks/py.echo${query}`, body)).status]).toEqual([query, 400])
    for (const body of [[1], { args: 1 }, { kwargs: [] }, { args: [], more: 1 }])
      expect([body, (await ask('POST', '/v1/tasks/py.echo?call=1', body)).status]).toEqual([body, 422])
    const { entries } = await client('admin').audit({ action: 'task.submit' })
    expect(entries.at(-1)).toMatchObject({
      ...{ who: 'root', target: 'task py.echo', status: 202, details: { query: { queue: 'python' } } },
    })
  })

  test('jobs of Python callers: those that run are stopped, those that wait never run', async () => {
    const running = await python.send('py.gated', ['never'], { queue: 'python' })
    const waiting = await python.send('py.echo', ['late'], { queue: 'python', countdown: 3 })
    await becomes(running, 'STARTED')
    await until(async () => (await job(waiting)) !== undefined)
    expect((await ask('DELETE', `/v1/jobs/${waiting}`, undefined, 'viewer')).status).toBe(403)
    expect((await ask('DELETE', `/v1/jobs/${waiting}`, undefined, 'owner')).status).toBe(404)
    expect((await ask('DELETE', `/v1/jobs/${waiting}`, undefined, 'operator')).status).toBeLessThan(300)
    const stopped = await ask('DELETE', `/v1/jobs/${running}?terminate=1`, undefined, 'operator')
    expect(stopped).toMatchObject({ json: { id: running, task: 'py.gated' } })
    // Its worker may have ended it already.
    expect([200, 202]).toContain(stopped.status)
    await Promise.all([becomes(running, 'REVOKED'), becomes(waiting, 'REVOKED')])
    expect((await ask('DELETE', `/v1/jobs/${running}`, undefined, 'operator')).status).toBe(409)
  })

  test('a job of a Python caller is submitted again with an input that an admin gives', async () => {
    const failed = await python.send('py.fail', ['boom'], { queue: 'python' })
    // Its record comes before its events, and has no task.
    await until(async () => (await job(failed))?.task === 'py.fail' && (await job(failed)).state === 'FAILURE')
    expect(await ask('POST', `/v1/jobs/${failed}/retry`)).toMatchObject({
      json: {
        type: 'urn:celeriac:problem:input-not-kept',
        detail: expect.stringMatching(/keepInput keeps it.*result_extended/),
      },
    })
    // The events of Celery have no queue.
    const again = await client('admin')
      .job(failed)
      .retry({ input: ['again'], queue: 'python' })
    await becomes(again.id, 'FAILURE')
    await until(async () => (await job(again.id)).exception?.includes('again'))
    const { id } = await client('admin')
      .job(failed)
      .retry({ call: { args: ['third'] }, queue: 'python' })
    await until(async () => (await job(id))?.exception?.includes('third') === true)
    expect((await ask('POST', `/v1/jobs/${failed}/retry`, ['x'], 'operator')).status).toBe(404)
  })

  test('with result_extended a job of a Python caller is submitted again with its own input', async () => {
    await fleet.pythonWorker({ hostname: 'kept@test', queue: 'kept', pool: 'solo', extended: true, events: true })
    const failed = await python.send('py.fail', ['lost', 2], { queue: 'kept' })
    await becomes(failed, 'FAILURE')
    expect(await client('admin').recorded.input(failed)).toEqual({ args: ['lost', 2], kwargs: {} })
    expect((await ask('GET', `/v1/jobs/${failed}/input`, undefined, 'operator')).status).toBe(403)
    const again = await client('admin').job(failed).retry()
    await until(async () => (await job(again.id))?.exception?.includes("'lost\\', 2") === true)
    const dry = await client('admin').recorded.retryJobs({ id: [failed], dryRun: true })
    expect(dry).toMatchObject({ ids: [failed], inputNotKept: [] })
    const { retried } = await client('admin').recorded.retryJobs({ id: [failed] })
    await until(async () => (await job(retried[failed] as string))?.state === 'FAILURE')
  })

  test('a canvas of Python is a workflow', async () => {
    const id = await python.call<string>('run_canvas', {
      spec: {
        chain: [
          { task: 'py.add', args: [1, 2] },
          { task: 'py.add', args: [3] },
        ],
      },
      queue: 'python',
    })
    await becomes(id, 'SUCCESS')
    await until(async () => (await client('viewer').recorded.workflows()).workflows[0]?.endedAt !== undefined)
    const [flow] = (await client('viewer').recorded.workflows({ task: 'py.add' })).workflows
    expect(flow).toMatchObject({ task: 'py.add', state: 'SUCCESS', total: 2, states: { SUCCESS: 2 } })
    const members = await client('viewer').recorded.jobs({ root: flow?.root })
    expect(members.jobs.map((member) => member.id)).toContain(id)
  })
}
