import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createClient, type LiveMessage, type LiveOptions } from '../../../src/client/client.ts'
import type { Celeriac } from '../../../src/index.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { until } from '../../app/lab.ts'
import { Contract } from '../contract.ts'
import { Gates } from '../gates.ts'
import { build, type House } from '../house.ts'
import { authorize, PEOPLE } from './people.ts'

let gates: Gates

function define(app: Celeriac) {
  app.task('hidden', () => 'hidden')
  const add = app.task('add', (x: number, y: number) => x + y)
  const hold = app.task('hold', (name: string) => gates.pass(name))
  const bad = app.task('bad', (row: number) => {
    throw new RangeError(`no row ${row}`)
  })
  return [add, hold, bad]
}

type Kind = LiveMessage['kind']
type Of<Name extends Kind> = Extract<LiveMessage, { kind: Name }>

/** A stream that is read all the time. */
class Reading implements Disposable {
  readonly messages: LiveMessage[] = []
  readonly #end = new AbortController()
  readonly #changed = new EventTarget()
  #error: unknown

  constructor(url: string, who: keyof typeof PEOPLE, options: LiveOptions) {
    const client = createClient(url, { token: PEOPLE[who].authorization.slice('Bearer '.length), retries: 0 })
    void this.#read(client.live({ ...options, signal: this.#end.signal }))
  }

  async #read(stream: AsyncIterable<LiveMessage>): Promise<void> {
    try {
      for await (const message of stream) {
        this.messages.push(message)
        this.#changed.dispatchEvent(new Event('change'))
      }
    } catch (error) {
      if (this.#end.signal.aborted) return
      this.#error = error
      this.#changed.dispatchEvent(new Event('change'))
    }
  }

  of<Name extends Kind>(kind: Name): Of<Name>[] {
    return this.messages.filter((message): message is Of<Name> => message.kind === kind)
  }

  /** The first message of a kind that fits. */
  async next<Name extends Kind>(kind: Name, fits: (message: Of<Name>) => boolean = () => true): Promise<Of<Name>> {
    for (;;) {
      if (this.#error !== undefined) throw this.#error
      const found = this.of(kind).find(fits)
      if (found) return found
      await once(this.#changed, 'change', { signal: AbortSignal.timeout(10_000) })
    }
  }

  [Symbol.dispose](): void {
    this.#end.abort()
  }
}

describe.each(['sqlite:', 'redis:'])('%s', (store) => {
  let house: House
  let worker: Worker
  let url: string
  const read = (options: LiveOptions, who: keyof typeof PEOPLE = 'viewer') => new Reading(url, who, options)
  const submit = async (task: string, input: unknown, who: keyof typeof PEOPLE = 'owner'): Promise<string> =>
    (await house.post(`/v1/tasks/${task}`, input, PEOPLE[who])).json.id

  beforeAll(async () => {
    gates = new Gates()
    house = await build(store, define, { http: { authorize, fleet: true } })
    url = `http://127.0.0.1:${house.server.port}`
    await house.ask('GET', '/v1/jobs?recorded=1', { headers: PEOPLE.admin })
    worker = new Worker(house.app, { hostname: 'w@live', concurrency: 4, taskEvents: true, logger: false })
    await worker.start()
    const first = await submit('add', [0, 0])
    await until(async () => {
      const { json } = await house.ask('GET', '/v1/jobs?recorded=1&state=SUCCESS', { headers: PEOPLE.owner })
      return json.jobs[0]?.id === first
    })
  })
  afterAll(async () => {
    gates.openAll()
    await worker.stop({ grace: 0 })
    await house[Symbol.asyncDispose]()
  })

  test('jobs that change come as they are, those of others to viewers alone', async () => {
    using vic = read({ watch: 'jobs' })
    using ann = read({ watch: 'jobs' }, 'owner')
    using bob = read({ watch: 'jobs' }, 'other')
    const [begin] = await Promise.all([vic, ann, bob].map((one) => one.next('jobs')))
    expect(begin).toMatchObject({ jobs: [], more: 0 })
    const id = await submit('add', [1, 2])
    const other = await submit('add', [3, 4], 'other')
    const hidden = (await house.app.send('hidden', [], { owner: 'ann' })).id
    const ended = (job: string) => (message: Of<'jobs'>) =>
      message.jobs.some((one) => one.id === job && one.state === 'SUCCESS')
    for (const one of [id, other, hidden]) await vic.next('jobs', ended(one))
    await ann.next('jobs', ended(id))
    await bob.next('jobs', ended(other))
    const seen = (one: Reading): string[] => [
      ...new Set(one.of('jobs').flatMap(({ jobs }) => jobs.map((job) => job.id))),
    ]
    expect(seen(vic).toSorted()).toEqual([id, other, hidden].toSorted())
    expect(seen(ann)).toEqual([id])
    expect(seen(bob)).toEqual([other])
    const { jobs } = await ann.next('jobs', ended(id))
    expect(jobs[0]).toMatchObject({ task: 'add', result: '3', owner: 'ann', links: { self: `/v1/jobs/${id}` } })
  })

  test('a filter has no state: a job that leaves its list is in the message', async () => {
    using waits = read({ watch: 'jobs', task: ['hold', 'none'] })
    await waits.next('jobs')
    await submit('add', [1, 1])
    const id = await submit('hold', [`filter ${store}`])
    await waits.next('jobs', ({ jobs }) => jobs.some((job) => job.id === id && job.state === 'STARTED'))
    using one = read({ watch: 'jobs', id })
    await one.next('jobs')
    gates.open(`filter ${store}`)
    await waits.next('jobs', ({ jobs }) => jobs.some((job) => job.id === id && job.state === 'SUCCESS'))
    await one.next('jobs', ({ jobs }) => jobs.length === 1 && jobs[0]?.state === 'SUCCESS')
    expect(new Set(waits.of('jobs').flatMap(({ jobs }) => jobs.map(({ task }) => task)))).toEqual(new Set(['hold']))
  })

  test('a stream goes on behind a number; what it cannot tell is a reset', async () => {
    using before = read({ watch: 'jobs' })
    const { number } = await before.next('jobs')
    const id = await submit('add', [5, 6])
    await before.next('jobs', ({ jobs }) => jobs.some((job) => job.id === id && job.state === 'SUCCESS'))
    using after = read({ watch: 'jobs', lastEventId: number })
    const first = await after.next('jobs')
    expect(first.jobs.map((job) => [job.id, job.state])).toEqual([[id, 'SUCCESS']])
    expect(Number(first.number)).toBeGreaterThan(Number(number))
    using lost = read({ watch: 'jobs', lastEventId: '999999999999' })
    const reset = await lost.next('reset')
    expect(reset.after).toBe(999_999_999_999)
    // A heartbeat of the worker has a number, too.
    expect(Number(reset.number)).toBeGreaterThanOrEqual(Number(first.number))
  })

  test('statistics come by second, failures by group, once each while nothing changes', async () => {
    using all = read({ watch: ['stats', 'failures'] })
    using ofAnn = read({ watch: ['stats', 'failures'] }, 'owner')
    using byQueue = read({ watch: 'stats', by: 'queue', queue: 'celery' })
    await submit('bad', [7])
    const total = (one: Reading, name: string): number => {
      const points = new Map(
        one
          .of('stats')
          .flatMap(({ series }) => series)
          .filter((series) => series.name === name)
          .flatMap((series) => series.points.map((point) => [point.at, point.failed])),
      )
      return [...points.values()].reduce((sum, failed) => sum + failed, 0)
    }
    const failed = (name: string, one: Reading) => async () => total(one, name) === 1
    await until(failed('', all))
    await until(failed('bad', ofAnn))
    await until(failed('celery', byQueue))
    const group = await all.next('failures', ({ changed }) => changed.some(({ message }) => message === 'no row 7'))
    expect(group.changed[0]).toMatchObject({ task: 'bad', type: 'ValueError', count: 1 })
    await ofAnn.next('failures', ({ changed }) => changed[0]?.count === 1)
    await submit('bad', [8])
    const again = await all.next('failures', ({ changed }) => changed[0]?.count === 2)
    expect(again.changed).toEqual([expect.objectContaining({ message: 'no row 8', task: 'bad' })])
  })

  test('queues and workers come whole at first, then what changes of them', async () => {
    using both = read({ watch: ['queues', 'workers'] })
    const queues = await both.next('queues')
    expect(queues.gone).toEqual([])
    expect(queues.changed.map(({ name }) => name)).toContain('celery')
    const workers = await both.next('workers')
    expect(workers.changed.map(({ name }) => name)).toEqual(['w@live'])
    const id = await submit('hold', [`worker ${store}`])
    const running = await both.next('workers', ({ changed }) => changed[0]?.running?.[0]?.id === id)
    expect(running.changed[0]?.running?.[0]).toMatchObject({ task: 'hold', queue: 'celery' })
    await house.ask('POST', '/v1/queues/celery/pause', { headers: PEOPLE.operator })
    await both.next('queues', ({ changed }) => changed.some(({ name, paused }) => name === 'celery' && paused === true))
    await house.ask('POST', '/v1/queues/celery/resume', { headers: PEOPLE.operator })
    gates.open(`worker ${store}`)
    await both.next('workers', ({ changed }) => changed[0]?.running?.length === 0 && (changed[0]?.processed ?? 0) > 0)
    const isResumed = (): boolean => both.of('queues').at(-1)?.changed.at(-1)?.paused === false
    await until(isResumed)
    const [queuesBefore, workersBefore] = [both.of('queues').length, both.of('workers').length]
    // Two looks at what does not change; the use of the processor may have come down a step.
    await new Promise((resolve) => setTimeout(resolve, 2200))
    expect(both.of('queues').length).toBe(queuesBefore)
    expect(both.of('workers').length).toBeLessThanOrEqual(workersBefore + 1)
  })

  test('who may not see it, and what cannot be asked, gets a problem', async () => {
    const status = async (query: string, who: keyof typeof PEOPLE) =>
      (await house.ask('HEAD', `/v1/live?${query}`, { headers: PEOPLE[who] })).status
    expect(await status('watch=queues', 'owner')).toBe(403)
    expect(await status('watch=jobs,workers', 'owner')).toBe(403)
    expect(await status('watch=stats&by=all', 'owner')).toBe(403)
    expect(await status('watch=jobs&task=hidden', 'owner')).toBe(400)
    for (const query of [
      '',
      'watch=',
      'watch=job',
      'watch=jobs&limit=201',
      'watch=jobs&state=FAILURE',
      'watch=stats&by=x',
    ])
      expect([query, await status(query, 'admin')]).toEqual([query, 400])
  })

  test('who asks, which tasks there are, and which workflows', async () => {
    const document = (await house.ask('GET', '/openapi.json', { headers: PEOPLE.admin })).json
    const contract = new Contract(document)
    const get = async (path: string, who: keyof typeof PEOPLE) => {
      const answer = await house.ask('GET', path, { headers: PEOPLE[who] })
      contract.check({
        ...{ method: 'GET', path, status: answer.status, headers: answer.headers },
        body: Buffer.from(answer.text),
      })
      return answer.json
    }
    const vic = await get('/v1/me', 'viewer')
    expect(vic).toMatchObject({ id: 'vic', role: 'viewer', open: false, readOnly: false, recorder: 'recording' })
    expect(vic.can).toMatchObject({ see: true, list: true, peek: false, retry: false, callAny: false, record: true })
    const olga = (await get('/v1/me', 'operator')).can
    expect(olga).toMatchObject({
      pause: true,
      peek: true,
      control: true,
      content: false,
      schedule: false,
      purge: false,
    })
    expect((await get('/v1/me', 'admin')).can).toMatchObject({
      content: true,
      schedule: true,
      call: true,
      callAny: false,
    })
    expect(await get('/v1/me', 'owner')).toMatchObject({ role: null, can: { see: false, retry: true, call: true } })
    const { tasks } = await get('/v1/tasks', 'viewer')
    expect(tasks.find(({ name }: { name: string }) => name === 'add')).toEqual({
      ...{ name: 'add', exposed: true, recorded: true, workers: ['w@live'] },
    })
    expect(tasks.some(({ name }: { name: string }) => name === 'hidden')).toBe(true)
    const own = (await get('/v1/tasks', 'owner')).tasks.map(({ name }: { name: string }) => name)
    expect(own).toEqual(['add', 'bad', 'hold'])
    const { id } = (await house.post('/v1/workflows', CHAIN, PEOPLE.owner)).json
    await until(async () => (await get('/v1/workflows', 'owner')).workflows[0]?.endedAt !== undefined)
    const [flow] = (await get('/v1/workflows?task=add&since=2026-01-01', 'owner')).workflows
    expect(flow).toMatchObject({ task: 'add', state: 'SUCCESS', total: 2, states: { SUCCESS: 2 } })
    const members = await get(`/v1/jobs?root=${flow.root}`, 'owner')
    expect(members.jobs.map((job: { id: string }) => job.id)).toContain(id)
    expect((await get('/v1/workflows', 'other')).workflows).toEqual([])
    expect(contract.breaches).toEqual([])
  })
})

const CHAIN = {
  task: 'celery.chain',
  kwargs: {
    tasks: [
      { task: 'add', args: [1, 2] },
      { task: 'add', args: [3] },
    ],
  },
}
