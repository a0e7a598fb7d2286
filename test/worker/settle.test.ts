import { describe, expect, it } from 'vitest'
import type { App } from '../../src/app/app.ts'
import type { Settlement } from '../../src/backend/unitOfWork.ts'
import { encodeTask, NOTHING_EMBEDDED } from '../../src/protocol/message.ts'
import type { SignatureData } from '../../src/protocol/signature.ts'
import { ArgumentError, ConfigError, Ignore, Reject, StoreUnavailableError } from '../../src/std/errors.ts'
import { onAllStores, record, until, useLab } from '../app/lab.ts'
import { storesOf } from '../app/stores.ts'
import { ManualClock } from '../beat/clock.ts'
import { deadIn } from '../deadLetters.ts'

/** What is thrown in place of writing a settlement; undefined lets it through. */
type Trouble = (settlement: Settlement) => Error | undefined

/** The app's stores refuse what `trouble` says, as if they had answered so. */
async function refuse(app: App, trouble: Trouble): Promise<void> {
  const { unitOfWork } = await storesOf(app)
  const settle = unitOfWork.settle.bind(unitOfWork)
  unitOfWork.settle = async (settlement) => {
    const error = trouble(settlement)
    if (error) throw error
    return settle(settlement)
  }
}

/** Each way in which a run can end, by the name of its task. */
const OUTCOMES = ['success', 'failure', 'retry', 'reject', 'requeue', 'ignore'] as const
type Kind = (typeof OUTCOMES)[number]

/** What the record says when the store takes it. */
const STATES: Readonly<Record<Kind, string>> = {
  success: 'SUCCESS',
  failure: 'FAILURE',
  retry: 'SUCCESS',
  reject: 'FAILURE',
  requeue: 'SUCCESS',
  ignore: 'PENDING',
}

function define(app: App, count: (kind: Kind) => number): void {
  app.task('success', () => count('success'))
  app.task('failure', () => {
    count('failure')
    throw new RangeError('its own')
  })
  app.task(
    'retry',
    () => {
      if (count('retry') === 1) throw new Error('once more')
    },
    { retry: { max: 1, delay: 1 } },
  )
  app.task('reject', () => {
    count('reject')
    throw new Reject('its own')
  })
  app.task('requeue', () => {
    if (count('requeue') === 1) throw new Reject('again', { requeue: true })
  })
  app.task('ignore', () => {
    count('ignore')
    throw new Ignore()
  })
  app.task('good', (n: number) => n)
}

function counter(): (kind: Kind) => number {
  const runs = new Map<string, number>()
  return (kind) => {
    const n = (runs.get(kind) ?? 0) + 1
    runs.set(kind, n)
    return n
  }
}

onAllStores((lab) => {
  it('an outage is waited for, whatever the outcome: nothing is ended meanwhile, and all are stored', async () => {
    const app = lab().app()
    define(app, counter())
    let away = false
    let refused = 0
    await refuse(app, () => {
      if (!away) return undefined
      refused++
      return refused % 2 === 0 ? new StoreUnavailableError('OOM') : new StoreUnavailableError('the disk is full')
    })
    const worker = await lab().work(app, { concurrency: OUTCOMES.length })
    away = true
    const handles = await Promise.all(OUTCOMES.map((kind) => app.send(kind)))
    await until(() => refused >= 3 * OUTCOMES.length)
    for (const handle of handles) expect(['PENDING', 'STARTED']).toContain(await handle.state())
    expect(worker.busy).toBe(OUTCOMES.length)
    away = false
    for (const [at, kind] of OUTCOMES.entries()) {
      if (kind !== 'ignore') await until(async () => (await handles[at]?.state()) === STATES[kind])
    }
    await until(() => worker.busy === 0)
    expect(await app.send('good', [1]).get()).toBe(1)
    // What was rejected.
    expect(await deadIn(app)).toBe(1)
  })

  it('what the store refuses for its content is ended with less and less of it, and the slot comes back', async () => {
    const app = lab().app()
    let trouble: Trouble = () => undefined
    await refuse(app, (settlement) => trouble(settlement))
    let runs = 0
    define(app, () => ++runs)
    const worker = await lab().work(app, { concurrency: 1 })
    const steps: [what: string, holds: (settlement: Settlement) => boolean, state: string, dead: boolean][] = [
      ['the result', ({ meta }) => meta?.status === 'SUCCESS' || meta?.status === 'RETRY', 'FAILURE', true],
      ['all messages', ({ publish = [] }) => publish.length > 0, 'FAILURE', false],
      ['all records', ({ meta }) => meta !== undefined, 'PENDING', true],
      ['all but the acknowledgement', ({ meta, publish = [] }) => !!meta || publish.length > 0, 'PENDING', false],
    ]
    for (const error of [new ArgumentError('too long'), new Error('never heard of')]) {
      // What is in no row of the table is repeated for a while first: once is enough.
      for (const [what, holds, state, dead] of error instanceof ArgumentError ? steps : steps.slice(0, 1)) {
        trouble = (settlement) => (holds(settlement) || settlement.meta?.status === 'SUCCESS' ? error : undefined)
        const kept = await deadIn(app)
        const before = runs
        const handle = await app.send('success')
        await until(() => runs > before && worker.busy === 0)
        trouble = () => undefined
        expect(await handle.state(), what).toBe(state)
        if (state === 'FAILURE') expect((await handle.info())?.error?.message, what).toBe(error.message)
        expect((await deadIn(app)) - kept, what).toBe(dead ? 1 : 0)
        expect(await app.send('good', [2]).get(), what).toBe(2)
      }
    }
  })

  it('early acknowledgement: an outage is waited for, and what is refused is a failure', async () => {
    const app = lab().app()
    const task = app.task('task', (n: number) => n, { acksLate: false })
    const told = record(app)
    const { unitOfWork } = await storesOf(app)
    const write = unitOfWork.write.bind(unitOfWork)
    let trouble: Error | undefined
    let refused = 0
    unitOfWork.write = async (writing) => {
      if (writing.meta?.status !== 'SUCCESS' || !trouble) return write(writing)
      refused++
      throw trouble
    }
    await lab().work(app, { concurrency: 1 })
    trouble = new StoreUnavailableError('away')
    const first = await task.delay(1)
    await until(() => refused >= 3)
    trouble = undefined
    expect(await first.get()).toBe(1)
    trouble = new ArgumentError('too long')
    await expect((await task.delay(2)).get()).rejects.toThrow('too long')
    trouble = undefined
    expect(await task.delay(3).get()).toBe(3)
    expect(told.filter(({ name }) => name === 'task:failure')).toHaveLength(1)
  })

  it('a pool that throws, and a message that cannot be put back until its time, end their tasks', async () => {
    const app = lab().app()
    define(app, counter())
    const worker = await lab().work(app, { concurrency: 1 })
    const run = worker.pool.run.bind(worker.pool)
    worker.pool.run = () => Promise.reject(new Error('no such pool'))
    await expect((await app.send('good', [1])).get()).rejects.toThrow('no such pool')
    worker.pool.run = run
    await refuse(app, ({ publish = [] }) =>
      publish.some(({ notBefore }) => notBefore !== undefined) ? new ArgumentError('no delays here') : undefined,
    )
    const eta = new Date(Date.now() + 60_000)
    const message = encodeTask(messageOf('later', 'good', { eta: eta.toISOString() }), 'json')
    const { broker } = await storesOf(app)
    await broker.publish(message, { exchange: '', routingKey: 'celery' })
    await until(async () => (await app.result('later').info())?.error?.message === 'no delays here')
    expect(await app.send('good', [3]).get()).toBe(3)
  })

  it('links that the store can never send are refused before their task runs, and the worker goes on', async () => {
    const app = lab().app()
    let runs = 0
    app.task('task', () => ++runs)
    app.task('good', (n: number) => n)
    await lab().work(app, { concurrency: 1 })
    const cases: [string, SignatureData['options'], RegExp | undefined][] = [
      ['priority', { priority: 999 }, /priority: expected a whole number from 0 to 255, got 999/],
      ['fraction', { priority: 1.5 }, /priority/],
      ['name', { queue: 'q'.repeat(300) }, lab().kind === 'rabbitmq' ? /at most 255 bytes, got 300/ : undefined],
      ['exchange', { exchange: 'x', routing_key: 'k' }, undefined],
    ]
    for (const [id, options, reason] of cases) {
      const errbacks = [{ task: 'good', args: [], kwargs: {}, options, subtask_type: null, immutable: false }]
      await publish(app, id, { errbacks })
      const info = await until(async () => {
        const known = await app.result(id).info()
        return known !== undefined && ['SUCCESS', 'FAILURE'].includes(known.state) && known
      })
      if (reason)
        expect(info, id).toMatchObject({ state: 'FAILURE', error: { message: expect.stringMatching(reason) } })
      else expect(info, id).toMatchObject({ state: 'SUCCESS' })
      expect(await app.send('good', [4]).get(), id).toBe(4)
    }
    expect(runs).toBe(cases.filter(([, , reason]) => !reason).length)
  })
})

function messageOf(id: string, task: string, more: object = {}): Parameters<typeof encodeTask>[0] {
  const base = { id, task, args: [], kwargs: {}, embed: NOTHING_EMBEDDED, retries: 0, rootId: id }
  return { ...base, ignoreResult: false, headers: {}, ...more }
}

async function publish(app: App, id: string, links: object): Promise<void> {
  const { broker } = await storesOf(app)
  const envelope = encodeTask(messageOf(id, 'task', { embed: { ...NOTHING_EMBEDDED, ...links } }), 'json')
  await broker.publish(envelope, { exchange: '', routingKey: 'celery' })
}

describe('in memory', () => {
  const lab = useLab('memory')

  it('a missing permission is the message’s where it stands alone, and waited for where nothing at all can be stored', async () => {
    const clock = new ManualClock(Date.now())
    const app = lab().app({ clock })
    let trouble: Trouble = () => undefined
    let refused = 0
    await refuse(app, (settlement) => trouble(settlement))
    define(app, counter())
    const worker = await lab().work(app, { concurrency: 1 })
    const denied = (): Error => {
      refused++
      return new ConfigError('NOPERM')
    }
    trouble = ({ meta }) => (meta?.status === 'SUCCESS' ? denied() : undefined)
    const alone = await app.send('success')
    await until(async () => {
      // Longer than the longest pause between attempts.
      clock.advance(1000)
      return (await alone.state()) === 'FAILURE'
    })
    refused = 0
    trouble = ({ meta }) => (meta ? denied() : undefined)
    const waiting = await app.send('success')
    // The first is repeated, then what holds less is tried, then all of it again.
    await until(() => {
      clock.advance(1000)
      return refused > 16
    })
    expect(await waiting.state()).toBe('PENDING')
    expect(worker.busy).toBe(1)
    trouble = () => undefined
    await until(async () => {
      clock.advance(1000)
      return (await waiting.state()) === 'SUCCESS'
    })
  })
})

describe('in a file', () => {
  const lab = useLab('sqlite')

  it('a message that the file refuses takes no other of its transaction along', async () => {
    const app = lab().app()
    const task = app.task('task', (n: number) => n)
    const db = lab().database()
    await storesOf(app)
    db.exec(`CREATE TRIGGER refuse BEFORE UPDATE ON celeriac_result WHEN NEW.id = 'bad' AND NEW.final
      BEGIN SELECT RAISE(ABORT, 'not this one'); END`)
    const worker = await lab().work(app, { concurrency: 3 })
    const bad = await task.applyAsync([0], { taskId: 'bad' })
    const good = await task.delayMany(Array.from({ length: 50 }, (_, n) => [n]))
    expect(await Promise.all(good.map((handle) => handle.get()))).toEqual(good.map((_, n) => n))
    await until(() => worker.busy === 0)
    expect(await bad.state()).toBe('PENDING')
    expect(await deadIn(app)).toBe(1)
  })
})
