import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { Outbox, outboxSchema } from '../../src/outbox/outbox.ts'
import { QueueFullError } from '../../src/std/errors.ts'
import { onStores } from '../app/lab.ts'
import { codecOf } from '../codec/keys.ts'
import { inFull } from '../tier.ts'
import { eventually } from '../wait.ts'
import { flaky, HOUR, LARGE, payloadsIn, sweepLater, textIn, wait } from './lab.ts'

/* Queues whose length is bounded, beside an outbox, dead letters, retries and payloads. */

onStores(
  ['sqlite', ...inFull('redis', 'rabbitmq', 'postgres')],
  (lab) => {
    test('a relay waits for room: no row is lost, or set aside', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'celeriac-cross-'))
      lab().after(() => rmSync(folder, { recursive: true, force: true }))
      const path = join(folder, 'shop.db')
      const db = new DatabaseSync(path, { timeout: 10_000 })
      lab().after(() => db.close())
      db.exec(outboxSchema('sqlite'))
      const app = lab().app({ maxQueueLength: 2, onFull: 'reject' })
      const echo = app.task('echo', (value: unknown) => value)
      const outbox = new Outbox(app)
      db.exec('BEGIN')
      const sent = await outbox.within(db, () => Promise.all([1, 2, 3, 4, 5, 6].map((n) => echo.delay(n))))
      db.exec('COMMIT')
      const relay = outbox.relay({ database: `sqlite:${path}` })
      lab().after(() => relay.stop())
      await relay.start()
      await eventually(
        () => app.queueSize(),
        (size) => size === 2,
      )
      // Until each was tried more often than an error of its own is.
      const attempts = () => db.prepare('SELECT min(attempts) AS least, count(*) AS rows FROM celeriac_outbox').get()
      await eventually(
        async () => attempts() as { least: number; rows: number },
        ({ least }) => least > 6,
      )
      expect(attempts()).toMatchObject({ rows: 4 })
      expect(db.prepare('SELECT count(*) AS failed FROM celeriac_outbox WHERE error IS NOT NULL').get()).toEqual({
        failed: 0,
      })
      await lab().work(app)
      expect(await Promise.all(sent.map((one) => one.get(wait)))).toEqual([1, 2, 3, 4, 5, 6])
    })

    test('bytes: a relay waits for room, and sets a row aside that never fits', async () => {
      if (lab().kind === 'rabbitmq') return
      const folder = mkdtempSync(join(tmpdir(), 'celeriac-cross-'))
      lab().after(() => rmSync(folder, { recursive: true, force: true }))
      const path = join(folder, 'shop.db')
      const db = new DatabaseSync(path, { timeout: 10_000 })
      lab().after(() => db.close())
      db.exec(outboxSchema('sqlite'))
      const app = lab().app({ maxQueueBytes: 8000, onFull: 'reject' })
      const length = app.task('length', (text: string) => text.length)
      const outbox = new Outbox(app)
      db.exec('BEGIN')
      const sizes = [1000, 20_000, 1001, 1002, 1003, 1004, 1005, 1006, 1007]
      const sent = await outbox.within(db, () => Promise.all(sizes.map((size) => length.delay('x'.repeat(size)))))
      db.exec('COMMIT')
      const relay = outbox.relay({ database: `sqlite:${path}` })
      lab().after(() => relay.stop())
      await relay.start()
      const failed = () => db.prepare('SELECT error FROM celeriac_outbox WHERE error IS NOT NULL').all()
      await eventually(
        async () => failed(),
        (rows) => rows.length === 1,
      )
      expect(failed()).toEqual([{ error: expect.stringMatching(/maxQueueBytes is 8000, which never fit/) }])
      const [use] = await app.bounds()
      expect(use?.used).toBeLessThanOrEqual(8000)
      await lab().work(app)
      const others = sent.filter((_, at) => at !== 1)
      expect(await Promise.all(others.map((one) => one.get(wait)))).toEqual(sizes.filter((_, at) => at !== 1))
    })

    test('bytes: of an input that is kept elsewhere the reference counts, of a sealed one what is stored', async () => {
      if (lab().kind === 'rabbitmq') return
      const { payloads } = await payloadsIn()
      const app = lab().app({ maxQueueBytes: 50_000, codec: codecOf(), payloads })
      const length = app.task('length', (text: string) => text.length)
      const large = await length.delayMany(Array.from({ length: 5 }, () => [LARGE]))
      const [before] = await app.bounds()
      expect(before?.used).toBeLessThan(20_000)
      const text = 'x'.repeat(500)
      const few = [await length.delay(text)]
      // Longer than the text: base64.
      const [after] = await app.bounds()
      expect((after?.used ?? 0) - (before?.used ?? 0)).toBeGreaterThan((text.length * 4) / 3)
      await lab().work(app)
      const got = await Promise.all([...large, ...few].map((one) => one.get(wait)))
      expect(got).toEqual([...large.map(() => LARGE.length), text.length])
    })

    test('dead letters are sent again into a full queue', async () => {
      const app = lab().app({ maxQueueLength: 1, onFull: 'reject' })
      const { task, state } = flaky(app)
      const worker = await lab().work(app)
      const first = await task.delay('a')
      await expect(first.get(wait)).rejects.toThrow()
      await eventually(
        () => app.deadLetters.count(),
        ({ celery = 0 }) => celery === 1,
      )
      await worker.stop()
      const second = await task.delay('b')
      await expect(task.delay('c')).rejects.toBeInstanceOf(QueueFullError)
      expect((await app.deadLetters.redrive({ all: true })).ids).toEqual([first.id])
      state.fails = false
      await lab().work(app)
      expect(await Promise.all([first, second].map((one) => one.get(wait)))).toEqual(['a', 'b'])
    })

    test('jobs are retried as far as there is room, and the call can be repeated', async () => {
      const app = lab().app({ maxQueueLength: 2, onFull: 'reject' })
      const { task, state } = flaky(app)
      const worker = await lab().work(app)
      const sent: string[] = []
      for (const value of ['a', 'b', 'c']) {
        const one = await task.applyAsync([value], { keepInput: true, tags: ['t'] })
        await expect(one.get(wait)).rejects.toThrow()
        sent.push(one.id)
      }
      await worker.stop()
      await expect(app.retryJobs({ tag: 't' })).rejects.toBeInstanceOf(QueueFullError)
      expect(await app.queueSize()).toBe(2)
      state.fails = false
      await lab().work(app)
      await eventually(
        async () => state.got.length,
        (length) => length === 2,
      )
      const again = await app.retryJobs({ ids: sent })
      expect([Object.keys(again.retried).length, again.before.length]).toEqual([1, 2])
      await eventually(
        async () => state.got.length,
        (length) => length === 3,
      )
      expect([...state.got].sort()).toEqual(['a', 'b', 'c'])
    })

    test('a large input that has no room leaves no payload', async () => {
      const { folder, payloads } = await payloadsIn()
      const app = lab().app({ maxQueueLength: 1, onFull: 'reject', codec: codecOf(), payloads })
      const first = await app.send('echo', [LARGE])
      const before = textIn(folder).length
      await expect(app.send('echo', [LARGE])).rejects.toBeInstanceOf(QueueFullError)
      expect(textIn(folder)).toHaveLength(before)
      const dropping = lab().app({ maxQueueLength: 1, onFull: 'drop-oldest', codec: codecOf(), payloads })
      const second = await dropping.send('echo', [LARGE])
      expect(await app.states([first.id, second.id])).toEqual(['REVOKED', 'PENDING'])
      dropping.task('echo', (value: unknown) => value)
      await lab().work(dropping)
      expect(await second.get(wait)).toBe(LARGE)
      expect(await sweepLater(dropping, HOUR / 2)).toBe(0)
    })
  },
  { memory: false },
)
