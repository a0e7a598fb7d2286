import { afterAll, beforeAll, describe, expect, it, type TestContext } from 'vitest'
import { emptyPostgres } from '../../../test/postgres/shared.ts'
import { emptyRabbit } from '../../../test/rabbitmq/shared.ts'
import { RedisServer } from '../../../test/redis/server.ts'
import { inFull, isFull } from '../../../test/tier.ts'
import { eventually } from '../../../test/wait.ts'
import { Folder, type Program } from '../../shared/test/program.ts'

/** Starts a job; its id. */
async function begin(service: Program): Promise<string> {
  const html = await (await service.fetch('/image_page')).text()
  return /data-jobid="([^"]+)"/.exec(html)?.[1] ?? ''
}

/** As the seed's page does: asks twice a second, here quicker, until there is no more to come. */
function poll(service: Program, jobid: string): Promise<{ state: string; progress: number }> {
  return eventually(
    () => service.json(`/progress?jobid=${jobid}`),
    ({ progress }) => progress >= 0.99,
  )
}

async function picture(service: Program, jobid: string): Promise<string> {
  const response = await service.fetch(`/result.png?jobid=${jobid}`)
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'image/png'])
  return Buffer.from(await response.arrayBuffer())
    .subarray(0, 8)
    .toString('latin1')
}

const PNG = '\x89PNG\r\n\x1a\n'

describe.each(['redis and rpc', ...inFull('sqlite', 'postgres', 'rabbitmq and redis')])('plots on %s', (kind) => {
  let folder: Folder
  let service: Program
  let redis: RedisServer | undefined

  beforeAll(async () => {
    redis = kind.includes('redis') ? await RedisServer.start() : undefined
    const stores: Record<string, string> = kind === 'postgres' ? { BROKER_URL: await emptyPostgres() } : {}
    if (redis) stores.BROKER_URL = kind.startsWith('rabbitmq') ? await emptyRabbit() : redis.url()
    if (redis) stores.RESULT_BACKEND = kind.endsWith('rpc') ? 'rpc://' : redis.url()
    folder = new Folder({ PLOTS_SECONDS: '0.5', ...stores })
    service = await folder.start('plots', '--concurrency', '2')
  })

  afterAll(async () => {
    await folder.close()
    await redis?.stop()
  })

  it('a link, a page, progress, a picture', async () => {
    const home = await service.fetch('/')
    expect([home.status, home.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
    expect(await home.text()).toContain('href="image_page"')
    const jobid = await begin(service)
    const early = await service.fetch(`/result.png?jobid=${jobid}`)
    expect([early.status, early.headers.get('retry-after'), await early.text()]).toEqual([202, '1', ''])
    const waiting = service.fetch(`/result.png?jobid=${jobid}`, { headers: { prefer: 'wait=30' } })
    const seen = new Set<number>()
    await eventually(
      () => service.json(`/progress?jobid=${jobid}`),
      ({ state, progress }) => {
        seen.add(progress)
        return state === 'SUCCESS'
      },
    )
    expect([...seen][0]).toBeLessThan(0.3)
    expect([...seen].at(-1)).toBe(1)
    expect((await waiting).headers.get('content-type')).toBe('image/png')
    expect(await picture(service, jobid)).toBe(PNG)
    expect(await service.json(`/progress?jobid=${jobid}`)).toEqual({ state: 'SUCCESS', progress: 1 })
  })

  it('progress as events: every state of the seed, in order', async () => {
    const jobid = await begin(service)
    const headers = { accept: 'text/event-stream' }
    const response = await service.fetch(`/progress?jobid=${jobid}`, { headers })
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    expect(response.headers.get('cache-control')).toBe('no-cache, no-transform')
    const text = await response.text()
    // A page whose connection broke comes back after a second.
    expect(text).toMatch(/^retry: 1000\n\n/)
    const told = [...text.matchAll(/^data: (.*)$/gm)].map(([, data = '']) => JSON.parse(data))
    expect(told.at(-1)).toEqual({ state: 'SUCCESS', progress: 1 })
    const between = told.filter(({ state }) => state === 'PROGRESS').map(({ progress }) => progress)
    // Over rpc:// nobody counts them: whoever reads more slowly sees the newest.
    if (kind === 'redis and rpc') expect([0.1, 0.3, 0.5, 0.8]).toEqual(expect.arrayContaining(between))
    else expect(between).toEqual([0.1, 0.3, 0.5, 0.8])
  })

  it('who comes again goes on where the stream broke off; after the end, that is the end', async () => {
    const jobid = await begin(service)
    const follow = async (after: string): Promise<string[]> => {
      const headers = { accept: 'text/event-stream', 'last-event-id': after }
      return (await (await service.fetch(`/progress?jobid=${jobid}`, { headers })).text()).match(/^data: .*$/gm) ?? []
    }
    // Over rpc:// nobody counts the states on the way.
    if (kind !== 'redis and rpc') expect((await follow('1'))[0]).not.toContain('PENDING')
    await poll(service, jobid)
    for (const after of ['1', '99', 'x'])
      expect(await follow(after)).toEqual(['data: {"state":"SUCCESS","progress":1}'])
  })

  it('a picture for everybody who asks', async () => {
    const jobs = await Promise.all(Array.from({ length: 4 }, () => begin(service)))
    await Promise.all(jobs.map((jobid) => poll(service, jobid)))
    expect(new Set(jobs).size).toBe(4)
    const pictures = await Promise.all(jobs.map((jobid) => service.fetch(`/result.png?jobid=${jobid}`)))
    expect(pictures.map(({ status }) => status)).toEqual([200, 200, 200, 200])
  })

  it.each([
    ['no id', '/result.png', 404],
    ['an empty id', '/result.png?jobid=', 404],
    ['an unknown id', '/result.png?jobid=nobody', 404],
    ['an id that cannot be one', `/result.png?jobid=${'x'.repeat(300)}`, 404],
    ['an id of control characters', '/result.png?jobid=%00%0a', 404],
    ['a page of no job', '/image_page?jobid=%3Cscript%3E', 404],
    ['a page of an empty id', '/image_page?jobid=', 404],
    ['an asset of none', '/assets/..%2Ftasks.ts', 404],
    ['an asset by a name of objects', '/assets/constructor', 404],
    ['no path', '/result.jpg', 404],
  ])('%s: %s is %d', async (_, path, status) => {
    const response = await service.fetch(path)
    expect(response.status).toBe(status)
    expect(await response.text()).not.toContain('<script>')
  })

  it.each(['/', '/image_page', '/progress', '/result.png'])('%s takes no POST', async (path) => {
    const response = await service.fetch(path, { method: 'POST' })
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
    expect(await response.json()).toMatchObject({ status: 405 })
  })

  it.each(['', '?jobid=', '?jobid=nobody'])('/progress%s says nothing, as in the seed', async (query) => {
    expect(await service.json(`/progress${query}`)).toEqual({})
  })

  it('the task takes no arguments', async () => {
    const options = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"days": 3}' }
    const response = await service.fetch('/v1/tasks/tasks.get_data_from_strava', options)
    expect(response.status).toBe(422)
  })

  it('the picture is at celeriac’s own API, too', async () => {
    const jobid = await begin(service)
    await poll(service, jobid)
    const response = await service.fetch(`/v1/jobs/${jobid}/result`)
    expect(response.headers.get('content-type')).toBe('image/png')
  })
})

describe.concurrent('what is killed in the middle of a plot', () => {
  function open({ onTestFinished }: TestContext): Folder {
    const folder = new Folder({ PLOTS_LEASE: '1s' })
    onTestFinished(() => folder.close())
    return folder
  }

  it('the worker: the next one draws it', async (context) => {
    const folder = open(context)
    const service = await folder.serve('plots/web.ts')
    const worker = await folder.work('plots/tasks.ts')
    const jobid = await begin(service)
    await eventually(
      () => service.json(`/progress?jobid=${jobid}`),
      ({ progress }) => progress > 0,
    )
    await worker.end('SIGKILL')
    await folder.work('plots/tasks.ts')
    expect(await poll(service, jobid)).toEqual({ state: 'SUCCESS', progress: 1 })
    expect(await picture(service, jobid)).toBe(PNG)
  })

  if (isFull)
    it('service and worker together: the next start draws it', async (context) => {
      const folder = open(context)
      const first = await folder.start('plots')
      const jobid = await begin(first)
      await eventually(
        () => first.json(`/progress?jobid=${jobid}`),
        ({ progress }) => progress > 0,
      )
      await first.end('SIGKILL')
      const second = await folder.start('plots')
      await poll(second, jobid)
      expect(await picture(second, jobid)).toBe(PNG)
    })

  it('the service is told to stop while somebody listens: it does not wait for the end', async (context) => {
    const folder = open(context)
    const service = await folder.serve('plots/web.ts')
    const jobid = await begin(service)
    const headers = { accept: 'text/event-stream' }
    const response = await service.fetch(`/progress?jobid=${jobid}`, { headers })
    const text = response.text()
    const since = performance.now()
    expect((await service.end()).code).toBe(0)
    expect(performance.now() - since).toBeLessThan(3000)
    expect(await text).toContain('PENDING')
  })
})
