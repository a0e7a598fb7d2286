import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, describe, expect, test } from 'vitest'
import { Seals } from '../../src/codec/seals.ts'
import { createHttp } from '../../src/http/api.ts'
import { serve } from '../../src/http/server/serve.ts'
import { chain, chord } from '../../src/index.ts'
import { Outbox, outboxSchema } from '../../src/outbox/outbox.ts'
import { onStores, useLab } from '../app/lab.ts'
import { storesOf } from '../app/stores.ts'
import { redisText, sqliteText } from '../codec/dump.ts'
import { codecOf } from '../codec/keys.ts'
import { RedisServer } from '../redis/server.ts'
import { inFull, isFull } from '../tier.ts'
import { eventually } from '../wait.ts'
import { charging, flaky, letterOf, SENTINEL, wait } from './lab.ts'

/* A codec beside completions, dead letters and an outbox. */

describe('completions', () => {
  const lab = useLab('sqlite')

  test('the result of a completion is sealed, and what follows gets it', async () => {
    const app = lab().app({ codec: codecOf() })
    const charge = charging(app, lab(), SENTINEL)
    const list = app.task('list', (...values: unknown[]) => values.flat())
    await lab().work(app)
    const sent = await chain(charge.s('a'), list.s()).delay()
    expect(await sent.get(wait)).toEqual([SENTINEL])
    const joined = await chord([charge.s('b')], list.s()).delay()
    expect(await joined.get(wait)).toEqual([SENTINEL])
    expect(sqliteText(lab())).not.toContain(SENTINEL)
  })
})

onStores(
  ['sqlite', ...inFull('redis', 'rabbitmq', 'postgres')],
  (lab, kind) => {
    test('a dead letter is shown with the key, edited with it, and sent again without it', async () => {
      const app = lab().app({ codec: codecOf() })
      const { task, state } = flaky(app)
      const worker = await lab().work(app)
      const [one, two] = [await task.delay(SENTINEL), await task.delay(SENTINEL)]
      for (const sent of [one, two]) await expect(sent.get(wait)).rejects.toThrow(SENTINEL)
      await eventually(
        () => app.deadLetters.count(),
        ({ celery = 0 }) => celery === 2,
      )
      await worker.stop()
      expect(await app.deadLetters.get(one.id)).toMatchObject({
        args: [SENTINEL],
        problem: undefined,
        error: { type: 'RangeError', message: '…' },
        headers: { argsrepr: '…' },
      })
      const blind = lab().app()
      const shown = await blind.deadLetters.get(one.id)
      expect(shown).toMatchObject({ args: undefined, problem: expect.stringMatching(/CodecError: .* is sealed/) })
      expect(JSON.stringify(shown)).not.toContain(SENTINEL)
      await expect(blind.deadLetters.edit(one.id, { args: ['x'] })).rejects.toMatchObject({ name: 'CodecError' })

      await app.deadLetters.edit(one.id, { args: [`${SENTINEL} edited`] })
      expect(await app.deadLetters.get(one.id)).toMatchObject({ args: [`${SENTINEL} edited`] })
      const { ids } = await blind.deadLetters.redrive({ all: true })
      expect([...ids].sort()).toEqual([one.id, two.id].sort())
      // Its error is that of before, for those who can read it.
      expect(await app.result(two.id).info()).toMatchObject({ state: 'RETRY', error: { type: 'RangeError' } })
      if (kind === 'sqlite') expect(sqliteText(lab())).not.toContain(SENTINEL)
      state.fails = false
      await lab().work(app)
      expect(await one.get(wait)).toBe(`${SENTINEL} edited`)
      expect(await two.get(wait)).toBe(SENTINEL)
      if (kind === 'sqlite') expect(sqliteText(lab())).not.toContain(SENTINEL)
    })

    test('the history of a dead letter says no error', async () => {
      const app = lab().app({ codec: codecOf() })
      const { task } = flaky(app)
      await lab().work(app)
      const sent = await task.delay(SENTINEL)
      await letterOf(app, sent.id)
      await app.deadLetters.redrive({ ids: [sent.id] })
      const letter = await eventually(
        () => app.deadLetters.get(sent.id),
        (found) => found?.deaths.length === 1,
      )
      expect(letter?.deaths[0]).toMatchObject({ error: { type: 'RangeError', message: '…' } })
    })
  },
  { memory: false },
)

describe('over HTTP', () => {
  const lab = useLab('sqlite')

  test('an API without the key shows no input of a dead letter, does not edit it, and sends it again', async () => {
    const app = lab().app({ codec: codecOf() })
    const { task, state } = flaky(app)
    const worker = await lab().work(app)
    const sent = await task.delay(SENTINEL)
    await expect(sent.get(wait)).rejects.toThrow()
    await worker.stop()
    const blind = lab().app()
    flaky(blind)
    const server = await serve(createHttp(blind, { expose: [...blind.tasks.values()] as never } as never), { port: 0 })
    lab().after(() => server.close())
    const url = `${server.url}/v1/dead/${sent.id}`
    const shown = await (await fetch(url)).text()
    expect(shown).toContain('CodecError')
    expect(shown).not.toContain(SENTINEL)
    const headers = { 'content-type': 'application/json' }
    const edited = await fetch(url, { method: 'PATCH', headers, body: JSON.stringify({ input: ['x'] }) })
    expect([edited.status, await edited.json()]).toMatchObject([501, { detail: expect.stringContaining('is sealed') }])
    expect((await fetch(`${url}/redrive`, { method: 'POST' })).status).toBe(200)
    state.fails = false
    await lab().work(app)
    expect(await sent.get(wait)).toBe(SENTINEL)
  })
})

describe('what is opened and cannot be read', () => {
  const lab = useLab('sqlite')

  test('says nothing of itself in its dead letter', async () => {
    const codec = codecOf()
    const app = lab().app({ codec })
    await lab().work(app)
    const { broker } = await storesOf(app)
    // JSON that is none: the error of the parser quotes it.
    const sealed = new Seals(codec, 'json').messages.seal({
      headers: { lang: 'py', task: 'echo', id: 'bad' },
      properties: { contentType: 'application/json', contentEncoding: 'utf-8', correlationId: 'bad' },
      body: SENTINEL,
    })
    await broker.publish(sealed, { exchange: '', routingKey: 'celery' })
    const letter = await letterOf(app, 'bad')
    expect(letter?.reason).toBe('undecodable')
    expect(letter?.error.message).toBe('…')
    expect(sqliteText(lab())).not.toContain(SENTINEL)
  })
})

describe('an outbox', () => {
  const lab = useLab('memory')

  test('its rows are sealed, and a relay without the key publishes them', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'celeriac-cross-'))
    lab().after(() => rmSync(folder, { recursive: true, force: true }))
    const path = join(folder, 'shop.db')
    const db = new DatabaseSync(path)
    lab().after(() => db.close())
    db.exec(outboxSchema('sqlite'))
    const urls = { broker: `sqlite:${join(folder, 'store.db')}` }
    const app = lab().app({ ...urls, codec: codecOf() })
    const echo = app.task('echo', (value: unknown) => value)
    const list = app.task('list', (...values: unknown[]) => values.flat())
    const outbox = new Outbox(app)
    db.exec('BEGIN')
    const sent = await outbox.within(db, () => echo.applyAsync([SENTINEL], { keepInput: true }))
    const packed = await outbox.within(db, () => echo.applyAsync([SENTINEL], { serializer: 'msgpack' }))
    const joined = await outbox.add(db, chord([echo.s(SENTINEL), echo.s('b')], list.s(SENTINEL)))
    db.exec('COMMIT')
    const rows = JSON.stringify(db.prepare('SELECT * FROM celeriac_outbox').all())
    expect(rows).toContain('celeriac-codec')
    expect(rows).not.toContain(SENTINEL)
    const blind = lab().app(urls)
    const relay = new Outbox(blind).relay({ database: `sqlite:${path}` })
    lab().after(() => relay.stop())
    await relay.start()
    await lab().work(app)
    expect(await sent.get(wait)).toBe(SENTINEL)
    expect(await packed.get(wait)).toBe(SENTINEL)
    expect(await joined.get(wait)).toEqual([SENTINEL, 'b', SENTINEL])
    const again = await app.retryJobs({ ids: [sent.id], state: 'SUCCESS' })
    expect(await app.result(again.retried[sent.id] as string).get(wait)).toBe(SENTINEL)
  })
})

const redis = (): void => {
  let server: RedisServer
  const lab = useLab('redis', async () => {
    server = await RedisServer.start()
    return server.url()
  })
  afterEach(() => server.stop())

  test('dead letters: nothing is found in a snapshot', async () => {
    const app = lab().app({ codec: codecOf() })
    const { task } = flaky(app)
    await lab().work(app)
    const sent = await task.delay(SENTINEL)
    await letterOf(app, sent.id)
    expect(await redisText(server)).not.toContain(SENTINEL)
  })
}
if (isFull) describe('on Redis', redis)
