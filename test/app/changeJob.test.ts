import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Celeriac } from '../../src/index.ts'
import { ArgumentError, NotWaitingError } from '../../src/std/errors.ts'
import { createLogger } from '../../src/std/log.ts'
import { Worker } from '../../src/worker/worker.ts'
import { emptyRabbit } from '../rabbitmq/shared.ts'
import { RedisServer } from '../redis/server.ts'
import { inFull } from '../tier.ts'
import { storesOf } from './stores.ts'

const CHILD = join(import.meta.dirname, 'children', 'change.ts')
const COUNT = 400
const ids = Array.from({ length: COUNT }, (_, at) => `job-${at}`)

/** A store that several processes share. */
async function urlOf(store: 'sqlite:' | 'redis:'): Promise<string> {
  if (store === 'redis:') {
    const server = await RedisServer.start()
    onTestFinished(() => server.stop())
    return server.url()
  }
  const folder = await mkdtemp(join(tmpdir(), 'celeriac-change-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return `sqlite:${join(folder, 'store.db')}`
}

/** An app on it, whose task counts its runs. */
function appOn(broker: string, runs: Map<string, number>): Celeriac {
  const app = new Celeriac({ broker, logger: createLogger('silent') })
  app.task('tasks.echo', (value: string) => value)
  app.signals.on('task:success', ({ id }) => void runs.set(id, (runs.get(id) ?? 0) + 1))
  onTestFinished(() => app.close())
  return app
}

const submit = (app: Celeriac) =>
  Promise.all(ids.map((taskId) => app.send('tasks.echo', ['old'], { taskId, keepInput: true })))

describe.each(['sqlite:', 'redis:'] as const)('change on %s', (store) => {
  test('while a worker drains: each job runs once, as it was where the change is refused, else as it is', async () => {
    const url = await urlOf(store)
    const runs = new Map<string, number>()
    const [app, caller] = [appOn(url, runs), appOn(url, new Map())]
    await submit(caller)
    const worker = new Worker(app, { concurrency: 4, queues: ['celery', 'other'] })
    onTestFinished(() => worker.stop({ grace: 0 }))
    await worker.start()
    const changed = new Map<string, boolean>()
    // From the end, so that changes and worker meet.
    for (let at = COUNT - 1; at >= 0; at -= 1) {
      const id = `job-${at}`
      try {
        await caller.result(id).change({ args: ['new'], queue: at % 2 === 0 ? 'other' : undefined })
        changed.set(id, true)
      } catch (error) {
        if (!(error instanceof NotWaitingError)) throw error
        changed.set(id, false)
      }
    }
    const results = await Promise.all(ids.map((id) => caller.result(id).get({ timeout: '30s' })))
    expect(results).toEqual(ids.map((id) => (changed.get(id) ? 'new' : 'old')))
    // The signal of a run comes after its result is stored.
    await worker.stop()
    expect(ids.filter((id) => runs.get(id) !== 1)).toEqual([])
    expect([...changed.values()].filter(Boolean).length).toBeGreaterThan(0)
  })

  test.each([45, ...inFull(1, 150)])(
    'its process is killed after %i changes: message, record and input agree',
    async (kill) => {
      const url = await urlOf(store)
      const runs = new Map<string, number>()
      const app = appOn(url, runs)
      await submit(app)
      const child = spawn(process.execPath, ['--conditions=source', CHILD, url, String(COUNT)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const ended = once(child, 'exit')
      const confirmed = new Set<string>()
      for await (const id of createInterface({ input: child.stdout })) {
        confirmed.add(id)
        if (confirmed.size === kill) child.kill('SIGKILL')
      }
      await ended
      expect(confirmed.size).toBeGreaterThanOrEqual(kill)
      const { broker, backend } = await storesOf(app)
      const metas = await backend.load(ids)
      const inputs = await backend.jobs?.metadata(ids)
      const moved = new Set<string>()
      for (const [at, id] of ids.entries()) {
        const queue = metas[at]?.queue as string
        const found = await broker.find?.(id, queue)
        const state = found?.queue === 'other' ? 'new' : 'old'
        expect([
          id,
          found?.queue,
          String(found?.envelope.body).includes(state),
          String(inputs?.[at]?.input).includes(state),
        ]).toEqual([id, queue, true, true])
        if (state === 'new') moved.add(id)
      }
      expect([...confirmed].filter((id) => !moved.has(id))).toEqual([])
      expect((await broker.size('celery')) + (await broker.size('other'))).toBe(COUNT)
      const worker = new Worker(app, { concurrency: 4, queues: ['celery', 'other'] })
      onTestFinished(() => worker.stop({ grace: 0 }))
      await worker.start()
      const results = await Promise.all(ids.map((id) => app.result(id).get({ timeout: '30s' })))
      expect(results).toEqual(ids.map((id) => (moved.has(id) ? 'new' : 'old')))
      // The signal of a run comes after its result is stored.
      await worker.stop()
      expect(ids.filter((id) => runs.get(id) !== 1)).toEqual([])
    },
  )

  test('revokeJobs: a dry run changes nothing; page by page, each job once, and no job of another tag', async () => {
    const app = appOn(await urlOf(store), new Map())
    const send = (taskId: string, tag: string) => app.send('tasks.echo', ['old'], { taskId, tags: [tag] })
    await Promise.all([...ids.map((id) => send(id, 'import')), send('kept', 'other')])
    const filter = { tag: 'import', state: 'PENDING' }
    const dry = await app.revokeJobs(filter, { dryRun: true })
    expect([dry.jobs.length, dry.revoked, await app.queueSize()]).toEqual([COUNT, 0, COUNT + 1])
    const first = await app.revokeJobs(filter, { limit: 250 })
    expect([first.jobs.length, first.revoked]).toEqual([250, 250])
    const rest = await app.revokeJobs(filter, { cursor: first.cursor })
    expect([rest.revoked, rest.cursor]).toEqual([COUNT - 250, undefined])
    expect(new Set([...first.jobs, ...rest.jobs].map(({ id }) => id)).size).toBe(COUNT)
    expect([await app.queueSize(), await app.result('kept').state()]).toEqual([1, 'PENDING'])
  })

  test.each([
    {},
    { tag: undefined },
    { task: '' },
    { tag: '' },
    { owner: null },
    { state: 5 },
    { q: ' ' },
    { since: Number.NaN },
    { since: '2020-01-01' },
    { olderThan: '' },
    { olderThan: -1 },
    { Task: 'tasks.echo' },
  ])('revokeJobs: %o is refused, and nothing is revoked', async (filter) => {
    const app = appOn(await urlOf(store), new Map())
    const { id } = await app.send('tasks.echo', ['kept'], { tags: ['import'] })
    await expect(app.revokeJobs(filter as never)).rejects.toThrow(ArgumentError)
    expect(await app.result(id).state()).toBe('PENDING')
  })
})

test('RabbitMQ: a change is refused with the reason', async () => {
  const app = appOn(await emptyRabbit(), new Map())
  await expect(app.result('any').change({ countdown: 0 })).rejects.toThrow(/cannot change a message that waits/)
  await expect(app.message('any')).rejects.toThrow(/cannot find the message/)
})
