import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { App } from '../../src/app/app.ts'
import { chain, chord } from '../../src/calls/workflow.ts'
import { Celeriac } from '../../src/celeriac.ts'
import { aesGcm, type Codec } from '../../src/codec/aesGcm.ts'
import { serve } from '../../src/http/server/serve.ts'
import { CodecError } from '../../src/std/errors.ts'
import { createLogger } from '../../src/std/log.ts'
import { type Lab, next, onStores, useLab } from '../app/lab.ts'
import { storesOf } from '../app/stores.ts'
import { emptyRabbit } from '../rabbitmq/shared.ts'
import { inFull, isFull } from '../tier.ts'
import { codecOf, KEYS } from './keys.ts'

/* Who has no key, or another one; and what was changed in the store. */

const WAIT = { timeout: '60s' } as const
const echoOf = (app: App) => app.task('echo', (value: unknown) => value)

function appOf(lab: Lab, codec: Codec | undefined): App {
  return lab.app({ codec })
}

onStores(
  ['sqlite', ...inFull('redis')],
  (lab) => {
    test.each([
      ['no codec', undefined, /is sealed, and this process cannot open it/],
      ['another key', aesGcm({ keys: { other: randomBytes(32) } }), /sealed with the key "new"/],
      ['a wrong key', aesGcm({ keys: { new: randomBytes(32) } }), /sealed with another key of the name new/],
    ])('a worker with %s puts the message aside; it is whole', async (_, codec, message) => {
      const caller = appOf(lab(), codecOf())
      const sent = await echoOf(caller).delay('text')
      const blind = appOf(lab(), codec)
      echoOf(blind)
      const refused = next(blind, 'task:undecodable')
      const worker = await lab().work(blind)
      expect((await refused).error).toMatchObject({ type: 'CodecError', message: expect.stringMatching(message) })
      await expect(sent.get(WAIT)).rejects.toMatchObject({ type: 'CodecError' })
      await worker.stop()
      // Sent again, a worker with the key runs it.
      const dead = await blind.deadLetters.get(sent.id)
      expect(dead?.error).toMatchObject({ type: 'CodecError', message: expect.stringMatching(message) })
      const done = next(caller, 'task:success')
      expect((await blind.deadLetters.redrive({ all: true })).ids).toEqual([sent.id])
      await lab().work(caller)
      await done
      expect(await caller.result(sent.id).get(WAIT)).toBe('text')
    })

    test('a caller without the key learns the state, and why it does not get the result', async () => {
      const caller = appOf(lab(), codecOf())
      const echo = echoOf(caller)
      const boom = caller.task('boom', () => {
        throw new RangeError('secret')
      })
      await lab().work(caller)
      const [sent, failed] = [await echo.delay('text'), await boom.delay()]
      await sent.get(WAIT)
      await expect(failed.get(WAIT)).rejects.toThrow('secret')
      const blind = appOf(lab(), undefined)
      await expect(blind.result(sent.id).get(WAIT)).rejects.toThrow(CodecError)
      const info = await blind.result(sent.id).info()
      expect(info).toMatchObject({ state: 'SUCCESS', result: undefined, error: { type: 'CodecError' } })
      expect(await blind.result(failed.id).info()).toMatchObject({
        state: 'FAILURE',
        error: { type: 'RangeError', message: expect.stringMatching(/is sealed/), traceback: '…' },
      })
    })

    test('keys rotate: the old one opens, the new one seals', async () => {
      const old = aesGcm({ keys: { old: KEYS.old as Uint8Array } })
      const caller = appOf(lab(), old)
      const before = await echoOf(caller).delay('before')
      const rotated = appOf(lab(), codecOf('new'))
      const echo = echoOf(rotated)
      await lab().work(rotated)
      expect(await rotated.result(before.id).get(WAIT)).toBe('before')
      // The result of the first is sealed with the new key, which its caller does not have.
      await expect(caller.result(before.id).get(WAIT)).rejects.toThrow(/sealed with the key "new"/)
      expect(await (await echo.delay('after')).get(WAIT)).toBe('after')
    })

    test('messages without a seal are read, as those of before', async () => {
      const sent = await echoOf(appOf(lab(), undefined)).delay('plain')
      const app = appOf(lab(), codecOf())
      echoOf(app)
      await lab().work(app)
      expect(await app.result(sent.id).get(WAIT)).toBe('plain')
    })

    test('a chord of sealed members is purged with its parts', async () => {
      const app = appOf(lab(), codecOf())
      const echo = echoOf(app)
      const list = app.task('list', (values: unknown[]) => values)
      await chord([echo.s(1), echo.s(2)], list.s()).delay()
      expect(await app.purge()).toBe(2)
      const { chords } = (await storesOf(app)).backend
      expect(await chords?.complete(Date.now() + 60_000, 10)).toHaveLength(1)
    })
  },
  { memory: false },
)

const replies = () => {
  const lab = useLab('rabbitmq', emptyRabbit)

  test('replies are sealed', async () => {
    const [caller, app] = [
      lab().app({ codec: codecOf(), backend: 'rpc://' }),
      lab().app({ codec: codecOf(), backend: 'rpc://' }),
    ]
    const boom = (own: App) =>
      own.task('boom', () => {
        throw new RangeError('secret')
      })
    echoOf(app)
    boom(app)
    await lab().work(app)
    expect(await (await echoOf(caller).delay('text')).get(WAIT)).toBe('text')
    await expect((await boom(caller).delay()).get(WAIT)).rejects.toMatchObject({
      type: 'RangeError',
      message: 'secret',
    })
    const blind = lab().app({ backend: 'rpc://' })
    await lab().work(app, { queues: ['plain'] })
    const sent = await blind.send('echo', ['text'], { queue: 'plain' })
    await expect(sent.get(WAIT)).rejects.toThrow(CodecError)
  })
}

if (isFull) describe('on RabbitMQ, with results in the memory of the caller', replies)

describe('on SQLite', () => {
  const lab = useLab('sqlite')

  const swap = (table: string, column: string, key: string, [a, b]: readonly string[]): void => {
    const db = lab().database()
    const read = db.prepare(`SELECT ${column} AS value FROM ${table} WHERE ${key} = ?`)
    const [one, other] = [a, b].map((id) => (read.get(id as string) as { value: string | Uint8Array }).value)
    const write = db.prepare(`UPDATE ${table} SET ${column} = ? WHERE ${key} = ?`)
    write.run(other as string, a as string)
    write.run(one as string, b as string)
  }

  test('results and messages that were swapped are refused', async () => {
    const app = appOf(lab(), codecOf())
    const echo = echoOf(app)
    const waiting = [await echo.delay('c'), await echo.delay('d')]
    swap(
      'celeriac_message',
      'body',
      'task_id',
      waiting.map(({ id }) => id),
    )
    await lab().work(app)
    for (const one of waiting) await expect(one.get(WAIT)).rejects.toThrow(/was changed, moved here/)
    const sent = [await echo.delay('a'), await echo.delay('b')]
    for (const one of sent) await one.get(WAIT)
    swap(
      'celeriac_result',
      'meta',
      'id',
      sent.map(({ id }) => id),
    )
    for (const one of sent) await expect(app.result(one.id).get(WAIT)).rejects.toThrow(/was changed, moved here/)
  })

  test('an error that is shown as a result is refused', async () => {
    const app = appOf(lab(), codecOf())
    const boom = app.task('boom', () => {
      throw new RangeError('secret')
    })
    await lab().work(app)
    const failed = await boom.delay()
    await expect(failed.get(WAIT)).rejects.toThrow('secret')
    const db = lab().database()
    db.prepare("UPDATE celeriac_result SET meta = replace(meta, 'FAILURE', 'SUCCESS'), state = 'SUCCESS'").run()
    await expect(app.result(failed.id).get(WAIT)).rejects.toThrow(/the result of .* was changed, moved here/)
  })

  test('the input of a job that waits is changed; without the key only its time', async () => {
    const app = appOf(lab(), codecOf())
    const sent = await echoOf(app).applyAsync(['before'], { keepInput: true, countdown: '1h' })
    const blind = appOf(lab(), undefined)
    await expect(blind.result(sent.id).change({ args: ['x'] })).rejects.toThrow(CodecError)
    const other = appOf(lab(), aesGcm({ keys: { other: randomBytes(32) } }))
    await expect(other.result(sent.id).change({ args: ['x'] })).rejects.toThrow(CodecError)
    await sent.change({ args: ['Changed-text'] })
    await other.result(sent.id).change({ countdown: 0 })
    const { backend } = await storesOf(app)
    const [kept] = (await backend.jobs?.metadata([sent.id])) ?? []
    expect(kept?.input).toContain('Changed-text')
    const row = lab().database().prepare('SELECT head, body FROM celeriac_message').get() as Record<string, string>
    expect(Object.values(row).join()).not.toContain('Changed')
    await lab().work(app)
    expect(await sent.get(WAIT)).toBe('Changed-text')
    await expect(blind.retryJobs({ ids: [sent.id], state: 'SUCCESS' })).rejects.toThrow(/the input is sealed/)
    const { retried } = await app.retryJobs({ ids: [sent.id], state: 'SUCCESS' })
    expect(await app.result(retried[sent.id] as string).get(WAIT)).toBe('Changed-text')
  })

  test('a chain that is a member of a sealed chord is purged with its part', async () => {
    const app = appOf(lab(), codecOf())
    const echo = echoOf(app)
    const list = app.task('list', (values: unknown[]) => values)
    await chord([echo.s(1), chain(echo.s(2), echo.s())], list.s()).delay()
    expect(await app.purge()).toBe(2)
    const { chords } = (await storesOf(app)).backend
    expect(await chords?.complete(Date.now() + 60_000, 10)).toHaveLength(1)
  })

  test('the class of an error is searched, and its message is not', async () => {
    const app = appOf(lab(), codecOf())
    const boom = app.task('boom', () => {
      throw new RangeError('secret')
    })
    await lab().work(app)
    const sent = await boom.delay()
    await expect(sent.get(WAIT)).rejects.toThrow('secret')
    const { backend } = await storesOf(app)
    const search = async (q: string) => (await backend.jobs?.list({ q, limit: 10 }))?.metas.length
    expect([await search('rangeerror'), await search('secret')]).toEqual([1, 0])
  })

  test('the API without the key shows a marker', async () => {
    const app = appOf(lab(), codecOf())
    const sent = await echoOf(app).applyAsync(['text'], { keepInput: true })
    await lab().work(app)
    await sent.get(WAIT)
    const blind = new Celeriac({ broker: lab().url, logger: createLogger('silent') })
    lab().after(() => blind.close())
    const server = await serve(blind.http({ expose: [echoOf(blind)] }), { port: 0 })
    lab().after(() => server.close())
    const ask = async (path: string, method = 'GET') => {
      const response = await fetch(`http://127.0.0.1:${server.port}/v1/jobs/${sent.id}${path}`, { method })
      return { status: response.status, json: (await response.json()) as Record<string, unknown> }
    }
    expect(await ask('')).toMatchObject({ status: 200, json: { state: 'SUCCESS', error: { type: 'CodecError' } } })
    expect(await ask('/result')).toMatchObject({ status: 409, json: { type: 'urn:celeriac:problem:job-unreadable' } })
    expect(await ask('/retry', 'POST')).toMatchObject({
      status: 409,
      json: { type: 'urn:celeriac:problem:input-not-kept', detail: expect.stringMatching(/is sealed/) },
    })
  })

  test('what is sent in a transaction of the caller is sealed, too', async () => {
    const app = appOf(lab(), codecOf())
    const echo = echoOf(app)
    await storesOf(app)
    const db = lab().database()
    db.exec('BEGIN IMMEDIATE')
    const sent = await app.within(db, () => echo.delay('Sentinel-text'))
    const row = db.prepare('SELECT head, body FROM celeriac_message').get() as Record<string, string>
    expect(Object.values(row).join()).not.toContain('Sentinel')
    db.exec('COMMIT')
    await lab().work(app)
    expect(await sent.get(WAIT)).toBe('Sentinel-text')
  })

  test('the eager mode seals what it keeps in memory', async () => {
    const app = lab().app({ codec: codecOf(), alwaysEager: true, broker: undefined, backend: undefined })
    const echo = echoOf(app)
    const sent = await chain(echo.s({ at: new Date(0) }), echo.s()).delay()
    expect(await sent.get(WAIT)).toEqual({ at: new Date(0) })
  })

  test('the name of the header is not free for callers', async () => {
    const app = appOf(lab(), codecOf())
    const call = async () => app.send('echo', ['text'], { headers: { 'celeriac-codec': { key: 'new' } } })
    await expect(call()).rejects.toThrow(/headers: expected custom names, got "celeriac-codec"/)
  })

  test.each([
    [
      'throws',
      {
        seal: () => {
          throw new Error('no key yet')
        },
      },
      /the codec cannot seal the message/,
    ],
    ['returns a promise', { seal: async () => ({}) }, /expected that it returns \{ bytes, headers \}, and no promise/],
  ])('a codec that %s fails the call, and nothing is sent', async (_, { seal }, message) => {
    const app = appOf(lab(), { seal, open: () => new Uint8Array() } as never)
    await expect(app.send('echo', ['text'])).rejects.toThrow(message)
    expect(await (await storesOf(app)).broker.size('celery')).toBe(0)
  })
})
