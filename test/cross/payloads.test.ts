import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { createHttp } from '../../src/http/api.ts'
import { serve } from '../../src/http/server/serve.ts'
import { chain, chord } from '../../src/index.ts'
import { Outbox, outboxSchema } from '../../src/outbox/outbox.ts'
import { ArgumentError } from '../../src/std/errors.ts'
import { onStores, useLab } from '../app/lab.ts'
import { storesOf } from '../app/stores.ts'
import { sqliteText } from '../codec/dump.ts'
import { codecOf } from '../codec/keys.ts'
import { emptyRabbit } from '../rabbitmq/shared.ts'
import { inFull, isFull } from '../tier.ts'
import { eventually } from '../wait.ts'
import { charging, DAY, flaky, HOUR, LARGE, payloadsIn, SENTINEL, sweepLater, textIn, wait } from './lab.ts'

/* A payload store beside a codec, dead letters, an outbox and transactions of the caller. */

const OTHER = `${SENTINEL} edited ${'y'.repeat(5000)}`

onStores(
  ['sqlite', ...inFull('redis', 'rabbitmq', 'postgres')],
  (lab, kind) => {
    test('large inputs and results are sealed before they are put, and come back', async () => {
      const { folder, payloads } = await payloadsIn()
      const app = lab().app({ codec: codecOf(), payloads })
      const echo = app.task('echo', (value: unknown) => value)
      const list = app.task('list', (...values: unknown[]) => values.flat())
      let attempts = 0
      const second = app.task(
        'second',
        (value: unknown) => {
          if (++attempts === 1) throw new Error('again')
          return value
        },
        { retry: { max: 1, backoff: [0] } },
      )
      await lab().work(app)
      const keepInput = (await storesOf(app)).backend.jobs !== undefined
      const sent = await echo.applyAsync([LARGE], { keepInput })
      expect(await sent.get(wait)).toBe(LARGE)
      expect(await (await echo.delay({ bytes: Buffer.from(LARGE) })).get(wait)).toMatchObject({
        bytes: new Uint8Array(Buffer.from(LARGE)),
      })
      expect(await (await second.delay(LARGE)).get(wait)).toBe(LARGE)
      expect(await (await echo.applyAsync([LARGE], { serializer: 'msgpack' })).get(wait)).toBe(LARGE)
      expect(await (await chain(echo.s(LARGE), list.s(OTHER)).delay()).get(wait)).toEqual([LARGE, OTHER])
      expect(await (await chord([echo.s(LARGE), echo.s('b')], list.s(OTHER)).delay()).get(wait)).toEqual([
        LARGE,
        'b',
        OTHER,
      ])
      if (keepInput) {
        const { retried } = await app.retryJobs({ ids: [sent.id], state: 'SUCCESS' })
        expect(await app.result(retried[sent.id] as string).get(wait)).toBe(LARGE)
      }
      expect(textIn(folder)).toContain('celeriac-codec')
      expect(textIn(folder)).not.toContain(SENTINEL)
      if (kind === 'sqlite') expect(sqliteText(lab())).not.toContain(SENTINEL)

      const blind = lab().app({ payloads })
      await expect(blind.result(sent.id).get(wait)).rejects.toMatchObject({ name: 'CodecError' })
      expect((await blind.result(sent.id).info())?.error?.type).toBe('CodecError')
    })

    test('a dead letter keeps its large input: shown, edited, sent again, dropped, forgotten', async () => {
      const { folder, payloads } = await payloadsIn()
      const app = lab().app({ codec: codecOf(), payloads })
      const { task, state } = flaky(app)
      const worker = await lab().work(app)
      const sent = await Promise.all([1, 2, 3, 4].map(() => task.delay(LARGE)))
      const tagged = await task.applyAsync([LARGE], { tags: ['of a customer'] })
      for (const one of [...sent, tagged]) await expect(one.get(wait)).rejects.toThrow()
      await eventually(
        () => app.deadLetters.count(),
        ({ celery = 0 }) => celery === 5,
      )
      await worker.stop()
      const ids = sent.map(({ id }) => id) as [string, string, string, string]
      const [plain, changed, dropped, forgotten] = ids
      const { backend } = await storesOf(app)
      await backend.forget([...ids, tagged.id])
      expect(await sweepLater(app, 8 * DAY)).toBe(0)
      expect((await app.deadLetters.get(plain))?.args).toEqual([LARGE])
      const blind = await lab().app().deadLetters.get(plain)
      expect(blind).toMatchObject({ args: undefined, problem: expect.stringContaining('payload store') })

      await app.deadLetters.edit(changed, { args: [OTHER] })
      expect((await app.deadLetters.get(changed))?.args).toEqual([OTHER])
      await app.deadLetters.drop({ ids: [dropped] })
      expect(await sweepLater(app, 8 * DAY)).toBe(1)
      expect(await app.forgetJobs({ ids: [forgotten] }, { dryRun: true })).toMatchObject({ removed: { payloads: 1 } })
      expect(await app.forgetJobs({ ids: [forgotten] })).toMatchObject({
        ids: [forgotten],
        removed: { deadLetters: 1, payloads: 1 },
      })
      expect(await app.forgetJobs({ tag: 'of a customer' })).toMatchObject({
        ids: [tagged.id],
        removed: { deadLetters: 1, payloads: 1 },
      })
      // Without the key, and without payloads.
      expect(
        (
          await lab()
            .app()
            .deadLetters.redrive({ ids: [plain] })
        ).ids,
      ).toEqual([plain])
      expect((await app.deadLetters.redrive({ all: true })).ids).toEqual([changed])
      if (kind !== 'rabbitmq') expect(await sweepLater(app, 2 * HOUR)).toBe(0)
      state.fails = false
      await lab().work(app)
      await eventually(
        async () => [...state.got].sort(),
        ({ length }) => length === 2,
      )
      expect([...state.got].sort()).toEqual([OTHER, LARGE].sort())
      expect(textIn(folder)).not.toContain(SENTINEL)
    })
  },
  { memory: false },
)

describe('on a SQLite file', () => {
  const lab = useLab('sqlite')

  test('a large result of a completion is put; where its transaction is undone it is swept', async () => {
    const { folder, payloads } = await payloadsIn()
    const app = lab().app({ codec: codecOf(), payloads })
    const list = app.task('list', (...values: unknown[]) => values.flat())
    const charge = charging(app, lab(), LARGE)
    charging(app, lab(), LARGE, 'undone', 'ROLLBACK')
    await lab().work(app)
    expect(await (await charge.delay('a')).get(wait)).toBe(LARGE)
    expect(await (await chord([charge.s('b')], list.s()).delay()).get(wait)).toEqual([LARGE])
    expect(textIn(folder)).not.toContain(SENTINEL)
    expect(await sweepLater(app, 2 * HOUR)).toBe(0)
    const undone = await app.send('undone', [])
    await expect(undone.get(wait)).rejects.toThrow(/got one that was rolled back/)
    expect(await sweepLater(app, 2 * HOUR)).toBe(1)
  })

  test('a large input in a transaction of the caller', async () => {
    const { folder, payloads } = await payloadsIn()
    const app = lab().app({ codec: codecOf(), payloads })
    const echo = app.task('echo', (value: unknown) => value)
    await app.connect()
    const db = new DatabaseSync(lab().path, { timeout: 10_000 })
    lab().after(() => db.close())
    const send = async (end: string) => {
      db.exec('BEGIN IMMEDIATE')
      const sent = await app.within(db, () => echo.delay(LARGE))
      db.exec(end)
      return sent
    }
    await send('ROLLBACK')
    const sent = await send('COMMIT')
    expect(await sweepLater(app, 2 * HOUR)).toBe(1)
    await lab().work(app)
    expect(await sent.get(wait)).toBe(LARGE)
    expect(textIn(folder)).not.toContain(SENTINEL)
  })

  test('a large sealed result over HTTP; not without the key', async () => {
    const { payloads } = await payloadsIn()
    const app = lab().app({ codec: codecOf(), payloads })
    const results = { text: LARGE, bytes: Buffer.from(LARGE), list: [LARGE, { one: 1 }] }
    const make = app.task('make', (name: keyof typeof results) => results[name] as unknown)
    await lab().work(app)
    const blind = lab().app({ payloads })
    blind.task('make', () => undefined)
    const [url, blindUrl] = await Promise.all(
      [app, blind].map(async (one) => {
        const server = await serve(createHttp(one, { expose: [...one.tasks.values()] as never } as never), { port: 0 })
        lab().after(() => server.close())
        return server.url
      }),
    )
    for (const name of ['text', 'bytes', 'list'] as const) {
      const { id } = await make.delay(name)
      await app.result(id).get(wait)
      const answer = await fetch(`${url}/v1/jobs/${id}/result`)
      expect(answer.status).toBe(200)
      const body = Buffer.from(await answer.arrayBuffer())
      if (name === 'bytes') expect(body.toString()).toBe(LARGE)
      else expect(JSON.parse(body.toString())).toEqual(results[name])
      const range = await fetch(`${url}/v1/jobs/${id}/result`, { headers: { range: 'bytes=0-9' } })
      expect([range.status, Buffer.from(await range.arrayBuffer())]).toEqual([206, body.subarray(0, 10)])
      const refused = await fetch(`${blindUrl}/v1/jobs/${id}/result`)
      expect(refused.status).toBe(409)
      expect(await refused.json()).toMatchObject({ error: { type: 'CodecError' } })
    }
  })

  test('a job with a large sealed input is changed: its input, its queue, its time', async () => {
    const { folder, payloads } = await payloadsIn()
    const app = lab().app({ codec: codecOf(), payloads })
    const echo = app.task('echo', (value: unknown) => value)
    const list = app.task('list', (...values: unknown[]) => values.flat())
    const keep = { keepInput: true } as const
    const [other, small, grown, moved] = await Promise.all([
      echo.applyAsync([LARGE], { ...keep, link: list.s(SENTINEL) }),
      echo.applyAsync([LARGE], keep),
      echo.applyAsync(['small'], keep),
      echo.applyAsync([LARGE], keep),
    ])
    await other.change({ args: [OTHER] })
    await small.change({ args: ['small'] })
    await grown.change({ args: [OTHER] })
    await moved.change({ queue: 'other' })
    const blind = lab().app({ payloads })
    await blind.result(moved.id).change({ countdown: 0 })
    await expect(blind.result(moved.id).change({ args: ['x'] })).rejects.toMatchObject({ name: 'CodecError' })
    const { broker } = await storesOf(app)
    const header = async (id: string, queue = 'celery') =>
      ((await broker.find?.(id, queue))?.envelope.headers.celeriac_payload ?? null) as { key: string } | null
    expect(await header(small.id)).toBeNull()
    for (const one of [other, grown]) expect(await header(one.id)).toMatchObject({ key: expect.any(String) })
    expect((await header(moved.id, 'other'))?.key.endsWith('.other')).toBe(true)
    await lab().work(app, { queues: ['celery', 'other'] })
    const all = [other, small, grown, moved]
    expect(await Promise.all(all.map((one) => one.get(wait)))).toEqual([OTHER, 'small', OTHER, LARGE])
    const [link] = (await other.info())?.children ?? []
    expect(await app.result(link as string).get(wait)).toEqual([OTHER, SENTINEL])
    const { retried } = await app.retryJobs({ ids: all.map(({ id }) => id), state: 'SUCCESS' })
    const again = all.map(({ id }) => app.result(retried[id] as string).get(wait))
    expect(await Promise.all(again)).toEqual([OTHER, 'small', OTHER, LARGE])
    expect(textIn(folder)).not.toContain(SENTINEL)
    expect(sqliteText(lab())).not.toContain(SENTINEL)
  })

  test('a job with a large sealed input is revoked, and its queue is purged: what follows ends', async () => {
    const { payloads } = await payloadsIn()
    const app = lab().app({ codec: codecOf(), payloads })
    const echo = app.task('echo', (value: unknown) => value)
    const list = app.task('list', (...values: unknown[]) => values.flat())
    const linked = await chain(echo.s(LARGE), list.s()).delay()
    await app.result(linked.parent?.id as string).revoke()
    await expect(linked.get(wait)).rejects.toThrow(/revoked/i)
    const joined = await chord([echo.s(LARGE), echo.s('b')], list.s()).delay()
    await lab().work(app, { queues: ['other'] })
    await app.purge('celery')
    await expect(joined.get(wait)).rejects.toThrow()
  })

  test('uploads are refused beside a codec', async () => {
    const { payloads } = await payloadsIn({ secret: 'a secret of 32 characters at least' })
    expect(() => lab().app({ codec: codecOf(), payloads })).toThrow(ArgumentError)
  })
})

const rpc = (): void => {
  const lab = useLab('rabbitmq', emptyRabbit)

  test('large sealed inputs and results, which are replies', async () => {
    const { folder, payloads } = await payloadsIn()
    const app = lab().app({ backend: 'rpc://', codec: codecOf(), payloads })
    const { task, state } = flaky(app)
    state.fails = false
    await lab().work(app)
    expect(await (await task.delay(LARGE)).get(wait)).toBe(LARGE)
    expect(textIn(folder)).not.toContain(SENTINEL)
  })
}
if (isFull) describe('with rpc://', rpc)

describe('an outbox', () => {
  const lab = useLab('memory')

  test('a large input waits in the payload store, sealed, as long as its row', async () => {
    const own = mkdtempSync(join(tmpdir(), 'celeriac-cross-'))
    lab().after(() => rmSync(own, { recursive: true, force: true }))
    const { folder, payloads } = await payloadsIn()
    const path = join(own, 'shop.db')
    const db = new DatabaseSync(path)
    lab().after(() => db.close())
    db.exec(outboxSchema('sqlite'))
    const app = lab().app({ broker: `sqlite:${join(own, 'store.db')}`, codec: codecOf(), payloads })
    const echo = app.task('echo', (value: unknown) => value)
    const outbox = new Outbox(app)
    db.exec('BEGIN')
    const sent = await outbox.within(db, () => echo.applyAsync([LARGE], { keepInput: true }))
    db.exec('COMMIT')
    expect(JSON.stringify(db.prepare('SELECT body FROM celeriac_outbox').all()).length).toBeLessThan(3000)
    expect(await sweepLater(app, DAY)).toBe(0)
    const relay = outbox.relay({ database: `sqlite:${path}` })
    lab().after(() => relay.stop())
    await relay.start()
    await lab().work(app)
    expect(await sent.get(wait)).toBe(LARGE)
    const { retried } = await app.retryJobs({ ids: [sent.id], state: 'SUCCESS' })
    expect(await app.result(retried[sent.id] as string).get(wait)).toBe(LARGE)
    expect(textIn(folder)).not.toContain(SENTINEL)
  })
})
