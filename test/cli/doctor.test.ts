import { writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { App } from '../../src/app/app.ts'
import { deadLetterQueue } from '../../src/app/knownQueues.ts'
import { Control } from '../../src/control/control.ts'
import { findingsOf } from '../../src/doctor/checks.ts'
import { diagnose } from '../../src/doctor/diagnosis.ts'
import { readFleet } from '../../src/doctor/fleet.ts'
import { SURROUNDING_CHECKS, type Surroundings } from '../../src/doctor/surroundings.ts'
import { type Clock, systemClock } from '../../src/std/clock.ts'
import { createLogger } from '../../src/std/log.ts'
import { until, useLab } from '../app/lab.ts'
import { RedisServer } from '../redis/server.ts'
import { written } from '../stores/written.ts'
import { project, start } from './harness.ts'

const NAME = 'celeriac@a'
/** An hour ahead. */
const AHEAD: Clock = { ...systemClock, now: () => systemClock.now() + 3_600_000 }

async function findings(app: App, id?: string): Promise<Readonly<Record<string, string>>> {
  return Object.fromEntries((await diagnose(app, id)).findings.map(({ check, text }) => [check, text]))
}

let redis: RedisServer
beforeAll(async () => {
  redis = await RedisServer.start()
})
afterAll(() => redis.stop())

it('what is of a wrong type in an answer is left out', () => {
  const answer = { version: '1', time: 5, ready: true, quiet: false, reason: null }
  const wrong = [null, 5, 'text', [], {}, { ...answer, version: 5 }, { ...answer, time: Number.NaN }]
  const answers = { ...Object.fromEntries(wrong.map((value, at) => [`wrong${at}`, value])), right: answer }
  const lists = { a: [null, 5, {}, { name: 5 }, [], { name: 'queue' }, 'task [rate_limit=1/s]'], b: null, c: 'text' }
  const read = { answers, from: 0, until: 9 }
  expect(readFleet({ pongs: { right: 5 }, queues: lists, tasks: lists }, read)).toEqual({
    workers: ['right'],
    queues: new Set(['queue']),
    tasks: new Set(['task']),
    about: new Map([['right', { ...answer, time: 5000, from: 0, until: 9, reason: 'it does not say why' }]]),
  })
})

describe.each(['sqlite', 'redis'] as const)('on %s', (kind) => {
  const lab = useLab(kind, async () => {
    await redis.cli('flushall')
    return redis.url()
  })

  it('who holds a job: a worker that answers, or one that does not; and a worker that is quieted', async () => {
    const app = lab().app()
    app.task('endless', () => new Promise(() => undefined), { trackStarted: true })
    const worker = await lab().work(app, { hostname: NAME })
    const silent = await lab().work(app, { hostname: 'celeriac@silent', control: false, queues: ['other'] })
    const { id } = await app.send('endless', [])
    const other = await app.send('endless', [], { queue: 'other' })
    await until(async () => worker.busy > 0 && silent.busy > 0 && (await other.state()) === 'STARTED')
    await until(async () => (await app.result(id).state()) === 'STARTED')
    await new Control(app).quiet({ destination: [NAME], timeout: '5s' })
    expect(await findings(app, id)).toEqual({
      running: expect.stringMatching(`^${NAME} has it, with a lease of \\d+ s more`),
      quiet: expect.stringMatching(`^${NAME} takes no tasks since .*resume -d ${NAME}`),
    })
    expect((await findings(app, other.id))['worker-silent']).toMatch(/^celeriac@silent holds it and does not answer/)
  })

  it('a clock that is ahead: of a worker, and of the store', async () => {
    const late = lab().app({ clock: AHEAD })
    await lab().work(late, { hostname: NAME })
    const { 'clock-skew': skew } = await findings(lab().app())
    expect(skew).toMatch(new RegExp(`^the clock of ${NAME} is at least 3\\d{3}[.]\\d s ahead of this machine's: `))
    const ofStore = (await findings(late))['clock-skew']
    // A file has the clock of its machine.
    if (kind === 'redis')
      expect(ofStore).toMatch(/^the clock of redis:\S+ is at least 3\d{3}[.]\d s behind this machine's/)
    else expect(ofStore).toBeUndefined()
  })
})

describe('on a file', () => {
  const lab = useLab('sqlite')

  it('a worker that was killed, until another one rescues its job', async () => {
    const folder = project({
      'tasks.ts': `
import { Celeriac } from 'celeriac'
export const app = new Celeriac({ lease: '1s' })
app.task('endless', () => new Promise((resolve) => setTimeout(resolve, 60_000)))
`,
    })
    const worker = start(folder, ['worker', '-A', 'tasks.ts', '-b', lab().url, '-n', NAME])
    await worker.until(/ ready/)
    const app = lab().app({ lease: '1s' })
    const { id } = await app.send('endless', [])
    await until(async () => (await app.message(id))?.place === 'held')
    worker.child.kill('SIGKILL')
    await until(async () => ((await app.message(id))?.leaseEnds ?? Number.POSITIVE_INFINITY) < Date.now() - 1000)
    const { 'lease-expired': lost, 'worker-silent': silent } = await findings(app, id)
    expect(lost).toMatch(new RegExp(`^its worker ${NAME} was lost: the lease ended \\d+ s ago`))
    expect(silent).toContain(NAME)
  })

  it('a record without a message, dead letters, and a file of an older version', async () => {
    const app = lab().app()
    const { id } = await app.send('task', [])
    await app.send('task', [], { queue: deadLetterQueue('celery') })
    lab().database().exec(`DELETE FROM celeriac_message WHERE task_id = '${id}'`)
    expect((await findings(app, id))['no-message']).toMatch(/^its record says PENDING/)
    expect(await findings(app)).toEqual({
      'no-worker': expect.anything(),
      'dead-letters': expect.stringContaining('celery (1)'),
    })
    const old = `${lab().path}-old`
    writeFileSync(old, written('store.db'))
    expect(await findings(lab().app({ broker: `sqlite:${old}` }))).toEqual({
      schema: expect.stringMatching(/lacks \d+ of the steps of this version: run celeriac migrate$/),
    })
  })

  it('free space is that of its file system; little of it, and workers of another version, are found', async () => {
    const [facts, ...others] = await lab().app().storeFacts()
    expect(others).toEqual([])
    expect(facts?.free).toBeGreaterThan(0)
    const worker = { ready: true, quiet: false, reason: '' }
    const read = { time: 5000, from: 4000, until: 6000 }
    const around: Surroundings = {
      fleet: {
        workers: ['old', 'new'],
        queues: new Set(),
        tasks: new Set(),
        about: new Map([
          ['old', { ...worker, ...read, version: '1.0.0' }],
          ['new', { ...worker, ...read, version: '1.1.0' }],
        ]),
      },
      stores: [{ store: 'sqlite:jobs.db', free: 5 * 2 ** 20, from: 0, until: 0 }],
      version: '1.1.0',
    }
    expect(findingsOf(SURROUNDING_CHECKS, around)).toEqual([
      { check: 'store-full', text: expect.stringMatching(/^sqlite:jobs.db has 5 MB left in its file system/) },
      { check: 'version', text: expect.stringMatching(/^old runs celeriac 1[.]0[.]0; this is 1[.]1[.]0/) },
    ])
  })
})

it('Redis: memory that is nearly full, a policy that drops tasks, and a server that is gone', async () => {
  const server = await RedisServer.start({ maxmemory: '1gb', flags: ['--maxmemory-policy', 'allkeys-lru'] })
  onTestFinished(() => server.stop())
  const app = new App({ broker: server.url(), logger: createLogger('silent'), storeTimeout: '1s' })
  onTestFinished(() => app.close())
  expect((await findings(app))['store-evicts']).toMatch(/^redis:\S+ drops tasks .* \(maxmemory-policy allkeys-lru\)/)
  await server.cli('config', 'set', 'maxmemory-policy', 'noeviction')
  await server.cli('setrange', 'filler', String(40 * 2 ** 20), 'x')
  const [, used] = /used_memory:(\d+)/.exec(await server.cli('info', 'memory')) ?? []
  await server.cli('config', 'set', 'maxmemory', String(Math.round(Number(used) / 0.97)))
  const full = await findings(app)
  expect(full['store-full']).toMatch(/^redis:\S+ uses \d+ MB of its maxmemory of \d+ MB/)
  expect(full['store-evicts']).toBeUndefined()
  await server.cli('config', 'set', 'maxmemory', '1')
  expect(await findings(app)).toEqual({ 'store-full': expect.stringContaining('OOM') })
  await server.stop()
  expect(await findings(app)).toEqual({ 'store-unavailable': expect.stringMatching(/start it, or check its URL$/) })
})
