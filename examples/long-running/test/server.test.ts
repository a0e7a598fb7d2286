import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { emptyPostgres } from '../../../test/postgres/shared.ts'
import { RedisServer } from '../../../test/redis/server.ts'
import { inFull } from '../../../test/tier.ts'
import { eventually } from '../../../test/wait.ts'
import { Folder, type Program } from '../../shared/test/program.ts'

const POST = { method: 'POST' }

async function submit(server: Program): Promise<string> {
  return (await server.json('/async_long_running_task', POST)).task_id
}

/** Resolves with the status, when it is one of these. */
async function statusOf(server: Program, id: string, ...wanted: string[]): Promise<string> {
  const { task_status } = await eventually(
    () => server.json(`/async_long_running_task/${id}`),
    (answer) => wanted.includes(answer.task_status),
  )
  return task_status
}

const RUNNING = ['STARTED', 'STEP 1', 'STEP 2']

describe.each([['sqlite', '1'] as const, ...inFull(['redis', '2'] as const, ['postgres', '2'] as const)])(
  'long-running on %s, served by %s',
  (kind, workers) => {
    let folder: Folder
    let server: Program
    let redis: RedisServer | undefined

    beforeAll(async () => {
      redis = kind === 'redis' ? await RedisServer.start() : undefined
      const other = kind === 'postgres' ? { BROKER_URL: await emptyPostgres() } : undefined
      const stores = redis ? { BROKER_URL: redis.url(), RESULT_BACKEND: redis.url(1) } : other
      folder = new Folder({ LONG_RUNNING_SECONDS: '0.9', ...stores })
      server = await folder.start('long-running', '--workers', workers)
    })

    afterAll(async () => {
      await folder.close()
      await redis?.stop()
    })

    it('says at / what it is and what to try: JSON to programs, a page to browsers', async () => {
      const start = await server.json('/')
      expect(start).toMatchObject({ name: 'long-running', docs: '/docs', openapi: '/openapi.json' })
      expect(start.try[0]).toMatch(/^curl -X POST http:.*\/async_long_running_task$/)
      const page = await server.fetch('/', { headers: { accept: 'text/html,*/*' } })
      expect(page.headers.get('content-type')).toMatch(/^text\/html/)
      expect(await page.text()).toContain('<a href="/docs">')
    })

    it('202 at once, its states, its result with its id', async () => {
      const response = await server.fetch('/async_long_running_task', POST)
      expect(response.status).toBe(202)
      const { task_id: id, ...rest } = (await response.json()) as { task_id: string }
      expect([id.length, rest]).toEqual([36, {}])
      const path = `/async_long_running_task/${id}`
      expect(response.headers.get('location')).toBe(path)
      expect(await server.json(`${path}/result`)).toEqual({ message: 'Task not finished yet !' })
      expect(RUNNING).toContain(await statusOf(server, id, ...RUNNING))
      expect(await statusOf(server, id, 'SUCCESS')).toBe('SUCCESS')
      const events = await (await server.fetch(`/v1/jobs/${id}/events`)).text()
      const states = [...events.matchAll(/"state":"([^"]+)"/g)].map(([, state]) => state)
      expect(states).toEqual(['PENDING', 'STARTED', 'STEP 1', 'STEP 2'])
      expect(await server.json(`${path}/result`)).toEqual({ task_result: `done long-running task ${id}` })
    })

    it('the next waits in the queue: one at a time', async () => {
      const [first, second] = [await submit(server), await submit(server)]
      await statusOf(server, second, 'SUCCESS')
      const [{ finishedAt }, { startedAt }] = await Promise.all(
        [first, second].map((id) => server.json(`/v1/jobs/${id}`)),
      )
      expect(Date.parse(startedAt)).toBeGreaterThanOrEqual(Date.parse(finishedAt))
    })

    if (workers === '1')
      it('the synchronous way holds the process: nobody else is answered before', async () => {
        const since = performance.now()
        const call = server.json('/long_running_task', POST)
        await new Promise((resolve) => setTimeout(resolve, 200))
        expect((await server.fetch('/livez')).status).toBe(200)
        expect(performance.now() - since).toBeGreaterThan(850)
        expect(await call).toEqual({ result: 'done long-running task' })
      })

    it('the synchronous way returns the result', async () => {
      expect(await server.json('/long_running_task', POST)).toEqual({ result: 'done long-running task' })
    })

    it('the asynchronous way does not', async () => {
      const id = await submit(server)
      expect((await server.fetch('/livez')).status).toBe(200)
      expect((await server.json(`/async_long_running_task/${id}`)).task_status).not.toBe('SUCCESS')
      await statusOf(server, id, 'SUCCESS')
    })

    it('one that is called off says so instead of a result', async () => {
      const ids = [await submit(server), await submit(server)]
      expect((await server.fetch(`/v1/jobs/${ids[1]}`, { method: 'DELETE' })).status).toBe(200)
      const path = `/async_long_running_task/${ids[1]}`
      expect(await server.json(path)).toEqual({ task_status: 'REVOKED' })
      expect(await server.json(`${path}/result`)).toEqual({ message: 'Task ended with REVOKED: revoked' })
      await statusOf(server, ids[0] ?? '', 'SUCCESS')
    })

    it.each([
      ['GET', '/async_long_running_task/nobody', 404],
      ['GET', '/async_long_running_task/nobody/result', 404],
      ['GET', `/async_long_running_task/${'x'.repeat(300)}`, 404],
      ['GET', '/async_long_running_task/%00', 404],
      ['GET', '/async_long_running_task/%E0%A4%A/result', 404],
      ['GET', '/nothing', 404],
      ['GET', '/long_running_task', 405],
      ['GET', '/async_long_running_task', 405],
      ['DELETE', '/async_long_running_task/nobody', 405],
    ])('%s %s is %d, as a problem', async (method, path, status) => {
      const response = await server.fetch(path, { method })
      expect([response.status, response.headers.get('content-type')]).toEqual([status, 'application/problem+json'])
      expect(await response.json()).toMatchObject({ status })
    })

    it('the task takes no arguments', async () => {
      const options = { ...POST, headers: { 'content-type': 'application/json' }, body: '{"seconds": 3}' }
      const response = await server.fetch('/v1/tasks/async_tasks.long_running_task', options)
      expect(response.status).toBe(422)
    })
  },
)

describe('what is killed in the middle of a task', () => {
  let folder: Folder

  beforeEach(() => {
    folder = new Folder({ LONG_RUNNING_SECONDS: '1.5', LONG_RUNNING_LEASE: '1s' })
  })

  afterEach(() => folder.close())

  it('the worker: the next one does it from the beginning', async () => {
    const server = await folder.serve('long-running/server.ts')
    const id = await submit(server)
    const worker = await folder.work('long-running/tasks.ts')
    await statusOf(server, id, ...RUNNING)
    await worker.end('SIGKILL')
    await folder.work('long-running/tasks.ts')
    await statusOf(server, id, 'SUCCESS')
    const { task_result } = await server.json(`/async_long_running_task/${id}/result`)
    expect(task_result).toBe(`done long-running task ${id}`)
  })

  it('a time that is none: one line', async () => {
    const wrong = new Folder({ LONG_RUNNING_SECONDS: 'long' })
    const { code, stderr } = await wrong.run('examples/long-running/main.ts', ['--port', '0']).ended
    await wrong.close()
    expect(code).toBeGreaterThan(0)
    expect(stderr).toMatch(/LONG_RUNNING_SECONDS: expected a number of seconds/)
  })
})
