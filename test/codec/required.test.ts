import { expect, test } from 'vitest'
import { App } from '../../src/app/app.ts'
import { schedulesOf } from '../../src/beat/schedules.ts'
import { every } from '../../src/beat/when/every.ts'
import { chain, chord } from '../../src/calls/workflow.ts'
import { Celeriac } from '../../src/celeriac.ts'
import { aesGcm } from '../../src/codec/aesGcm.ts'
import { serve } from '../../src/http/server/serve.ts'
import { createLogger } from '../../src/std/log.ts'
import { next, onStores } from '../app/lab.ts'
import { payloadsIn } from '../cross/lab.ts'
import { inFull } from '../tier.ts'
import { codecOf, KEYS } from './keys.ts'

/* The codec option `required`: what is not sealed is refused, wherever it is read. */

const WAIT = { timeout: '60s' } as const
const LARGE = 'x'.repeat(5000)
const REFUSED = { name: 'CodecError', code: 'NOT_SEALED', message: expect.stringMatching(/is not sealed, .* required/) }
const strict = codecOf('new', KEYS, true)

function define(app: App) {
  return {
    echo: app.task('echo', (value: unknown) => value),
    list: app.task('list', (values: unknown[]) => values),
    boom: app.task('boom', () => {
      throw new RangeError('secret')
    }),
  }
}

test('required is true or false', () => {
  const codec = { ...codecOf(), required: 1 as never }
  expect(() => new App({ codec: Object.assign(Object.create(codecOf()), codec) })).toThrow(
    /^codec: required: expected true or false, got 1/,
  )
  expect(() => aesGcm({ keys: KEYS, seal: 'new', required: 'yes' as never })).toThrow(
    /^aesGcm: required: expected true/,
  )
})

onStores(
  ['sqlite', ...inFull('redis', 'postgres', 'rabbitmq')],
  (lab, kind) => {
    test('a message that is not sealed is not run: a dead letter, which an app without it can seal', async () => {
      const plain = lab().app()
      const sent = await define(plain).echo.delay('text')
      const app = lab().app({ codec: strict })
      define(app)
      const refused = next(app, 'task:undecodable')
      const worker = await lab().work(app)
      expect((await refused).error).toMatchObject({ type: 'CodecError', message: REFUSED.message })
      await expect(sent.get(WAIT)).rejects.toMatchObject({ type: 'CodecError', message: REFUSED.message })
      await worker.stop()
      expect(await app.deadLetters.get(sent.id)).toMatchObject({
        reason: 'undecodable',
        problem: expect.stringMatching(/^CodecError: .* is not sealed/),
      })
      await expect(app.deadLetters.edit(sent.id, { args: ['other'] })).rejects.toMatchObject(REFUSED)
      const lenient = lab().app({ codec: codecOf() })
      await lenient.deadLetters.edit(sent.id, { args: ['read'] })
      await lenient.deadLetters.redrive({ ids: [sent.id] })
      await lab().work(app)
      expect(await app.result(sent.id).get(WAIT)).toBe('read')
    })

    test('a result that is not sealed is an error that says so', async () => {
      const plain = lab().app()
      const { echo, boom } = define(plain)
      await lab().work(plain)
      const [sent, failed] = [await echo.delay('text'), await boom.delay()]
      await sent.get(WAIT)
      await expect(failed.get(WAIT)).rejects.toThrow('secret')
      const app = lab().app({ codec: strict })
      for (const { id } of [sent, failed]) await expect(app.result(id).get(WAIT)).rejects.toMatchObject(REFUSED)
      const info = await app.result(sent.id).info()
      expect(info).toMatchObject({ state: 'SUCCESS', result: undefined, error: { type: 'CodecError' } })
      const end = await app.result(failed.id).info()
      expect(end).toMatchObject({ state: 'FAILURE', error: { type: 'RangeError', message: REFUSED.message } })
      expect(JSON.stringify([info, end])).not.toMatch(/text|secret/)
      expect(await lab().app({ codec: codecOf() }).result(sent.id).get(WAIT)).toBe('text')
    })

    test('what is sealed goes on as before: results, errors, chains, chords, kept inputs, large payloads', async () => {
      const { payloads } = await payloadsIn()
      const app = lab().app({ codec: strict, payloads })
      const { echo, list, boom } = define(app)
      await lab().work(app)
      expect(
        await chain(echo.s(1), echo.s())
          .delay()
          .then((sent) => sent.get(WAIT)),
      ).toBe(1)
      expect(await (await chord([echo.s(1), echo.s(LARGE)], list.s()).delay()).get(WAIT)).toEqual([1, LARGE])
      await expect((await boom.delay()).get(WAIT)).rejects.toThrow('secret')
      const kept = await boom.applyAsync([], { keepInput: true })
      await expect(kept.get(WAIT)).rejects.toThrow('secret')
      if (kind !== 'redis') expect(Object.keys((await app.retryJobs({ ids: [kept.id] })).retried)).toHaveLength(1)
    })

    test('large inputs and results, and kept inputs, that are not sealed', async () => {
      const { payloads } = await payloadsIn()
      const plain = lab().app({ payloads })
      const { echo, boom } = define(plain)
      const worker = await lab().work(plain)
      const done = await echo.delay(LARGE)
      await done.get(WAIT)
      const kept = await boom.applyAsync([], { keepInput: true })
      await expect(kept.get(WAIT)).rejects.toThrow('secret')
      await worker.stop()
      const large = await echo.delay(LARGE)
      const app = lab().app({ codec: strict, payloads })
      define(app)
      await lab().work(app)
      await expect(app.result(done.id).get(WAIT)).rejects.toMatchObject(REFUSED)
      await expect(app.result(large.id).get(WAIT)).rejects.toThrow(REFUSED.message.sample)
      expect(await app.deadLetters.get(large.id)).toMatchObject({ reason: 'undecodable' })
      if (kind !== 'redis') await expect(app.retryJobs({ ids: [kept.id] })).rejects.toMatchObject(REFUSED)
    })
  },
  { memory: false },
)

onStores(
  ['sqlite'],
  (lab) => {
    test('an entry of a schedule that is not sealed', async () => {
      const plain = lab().app()
      define(plain)
      await schedulesOf(plain).add('nightly', every('1h'), { task: 'echo', args: ['text'] })
      const app = lab().app({ codec: strict })
      define(app)
      expect(JSON.stringify(await schedulesOf(app).list())).not.toContain('text')
      await expect(schedulesOf(app).get('nightly')).rejects.toMatchObject(REFUSED)
    })

    test('over HTTP no result is streamed that is not sealed', async () => {
      const { payloads } = await payloadsIn()
      const options = { broker: lab().url, logger: createLogger('silent'), payloads }
      const plain = lab().app({ payloads })
      await lab().work(plain)
      const { id } = await define(plain).echo.delay(LARGE)
      await plain.result(id).get(WAIT)
      const app = new Celeriac({ ...options, codec: strict })
      lab().after(() => app.close())
      const server = await serve(app.http({ expose: [define(app).echo] }), { port: 0 })
      lab().after(() => server.close())
      const answer = await fetch(`${server.url}/v1/jobs/${id}/result`)
      expect(answer.status).toBe(409)
      expect(await answer.text()).toMatch(/is not sealed/)
    })
  },
  { memory: false },
)
