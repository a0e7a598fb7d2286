import { describe, expect, it } from 'vitest'
import { App } from '../../src/app/app.ts'
import { internalsOf } from '../../src/app/internals.ts'
import { TimeoutError } from '../../src/std/errors.ts'
import { createLogger } from '../../src/std/log.ts'
import { Stop } from '../../src/std/stopSignal.ts'
import { jobOf } from '../../src/testing/factories.ts'
import { ChildPool } from '../../src/worker/pool/child/pool.ts'
import { InlinePool } from '../../src/worker/pool/inline.ts'
import type { Pool } from '../../src/worker/pool/pool.ts'
import { processes } from '../../src/worker/pool/processes/process.ts'
import { threads } from '../../src/worker/pool/threads/thread.ts'
import { type StoreKind, until, useLab } from '../app/lab.ts'
import { inFull, isFull } from '../tier.ts'
import { defineHostile, HOSTILE_TASKS } from './hostile/tasks.ts'
import { hostile, KINDS } from './hostile/values.ts'

/** Writes all lines, to nowhere. */
const logger = createLogger('debug', { write: () => undefined })
const module = new URL('./hostile/tasks.ts', import.meta.url).href
/** Another each time in a search: the seeds from here on. */
const SEED = Number(process.env.FUZZ_SEED ?? 1)
const COUNT = isFull ? 200 : 10

describe.each([['inline', 'sqlite'], ['processes', 'sqlite'], ...inFull(['threads', 'sqlite'] as const)] as const)(
  'in the pool %s',
  (pool, kind: StoreKind) => {
    const lab = useLab(kind)

    it(`a task that throws, returns, reports or logs what throws when it is looked at has its end, and its slot is free (FUZZ_SEED=${SEED})`, {
      timeout: 180_000,
    }, async () => {
      const app = defineHostile(lab().app({ logger }))
      const worker = await lab().work(app, { pool, module, concurrency: 2 })
      const names = [...KINDS, ...Array.from({ length: COUNT }, (_, at) => String(SEED + at))]
      const calls = HOSTILE_TASKS.flatMap((task) => names.map((name) => ({ task, name })))
      const handles = await Promise.all(calls.map(({ task, name }) => app.send(task, [name])))
      const ends = await Promise.all(handles.map((handle) => handle.get({ timeout: '100s' }).catch((error) => error)))
      const endless = calls.filter((_, at) => ends[at] instanceof TimeoutError)
      expect(endless.map(({ task, name }) => `${task} ${name}`)).toEqual([])
      await until(() => worker.busy === 0)
      expect(worker.pools.map(({ busy }) => busy)).toEqual([0])
      expect(await app.send('add', [1, 2]).get({ timeout: '20s' })).toBe(3)
    })
  },
)

describe.each(['processes' as const, ...inFull('threads' as const)])('in the pool %s', (pool) => {
  const lab = useLab('sqlite')

  it('what nothing catches ends its child alone, whatever it is', { timeout: 120_000 }, async () => {
    const app = defineHostile(lab().app({ logger }))
    await lab().work(app, { pool, module, concurrency: 2 })
    const names = ['revoked', 'trappedError', 'impostor', 'notPrimitive', 'null', 'symbol', 'deepCause']
    const handles = await Promise.all(
      names.flatMap((name) => ['uncaught', 'unhandled'].map((task) => app.send(task, [name]))),
    )
    for (const handle of handles)
      await expect(handle.get({ timeout: '60s' })).rejects.toMatchObject({ type: 'WorkerLostError' })
    expect(await app.send('add', [1, 2]).get({ timeout: '30s' })).toBe(3)
  })
})

/** What a job of a pool is run with. */
const options = { signal: new Stop(), kill: new Stop(), report: () => undefined }

/** The failures of two jobs, one after the other, in a pool of one slot; then nothing runs. */
async function failures(pool: Pool): Promise<unknown[]> {
  await pool.start()
  const outcomes = [await pool.run(jobOf('one', 'add', []), options), await pool.run(jobOf('two', 'add', []), options)]
  expect(pool.busy).toBe(0)
  await pool.stop()
  return outcomes.map((outcome) => outcome.kind === 'failure' && outcome.error.message)
}

describe('where the app itself rejects', () => {
  it.each([
    ['hostileConstructor', 'made'],
    ['revoked', 'an unreadable object was thrown'],
    ['null', 'null was thrown'],
  ])('the job fails, and its slot is free: inline, %s', async (name, message) => {
    const runJob = (): Promise<never> => Promise.reject(hostile(name))
    const pool = new InlinePool({ ...internalsOf(new App({ logger: false })), runJob }, 1)
    expect(await failures(pool)).toEqual([message, message])
  })

  it.each([threads(), processes()])('the job fails, and its slot is free: $pool', async (kind) => {
    const rejecting = new URL('./hostile/rejecting.ts', import.meta.url).href
    const pool = new ChildPool(new App({ logger: false }), kind, { size: 1, module: rejecting })
    expect(await failures(pool)).toEqual(Array(2).fill('an unreadable object was thrown'))
  })
})
