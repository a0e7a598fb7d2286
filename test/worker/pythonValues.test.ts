import { describe, expect, it } from 'vitest'
import { PythonValue } from '../../src/index.ts'
import type { Envelope } from '../../src/protocol/envelope.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { until, useLab } from '../app/lab.ts'
import { storesOf } from '../app/stores.ts'

/* Messages as Celery 5.3 and newer writes them, by hand: this machine has Celery 5.2, whose JSON has no types. */

const VALUES = {
  datetime: { __type__: 'datetime', __value__: '2026-01-02T03:04:05.678901+08:05:43' },
  naive: { __type__: 'datetime', __value__: '2026-01-02T03:04:05.678901' },
  date: { __type__: 'date', __value__: '2026-01-02' },
  time: { __type__: 'time', __value__: '03:04:05.678901' },
  decimal: { __type__: 'decimal', __value__: '1.10' },
  uuid: { __type__: 'uuid', __value__: { hex: '0123456789abcdef0123456789abcdef' } },
}

function messageOf(task: string, body: unknown): Envelope {
  const id = `id-${task}`
  return {
    headers: { lang: 'py', task, id, root_id: id, retries: 0, timelimit: [null, null], tenant: 'acme' },
    properties: { contentType: 'application/json', contentEncoding: 'utf-8', correlationId: id, deliveryMode: 2 },
    body: JSON.stringify(body),
  }
}

const nothing = { callbacks: null, errbacks: null, chain: null, chord: null }

describe.each(['memory', 'sqlite'] as const)('on %s', (kind) => {
  const lab = useLab(kind)
  describe('typed values of Celery 5.3 and newer', () => {
    it('arrive as far as JavaScript holds them; a datetime that is returned is the same one', async () => {
      const app = lab().app()
      let got: unknown
      app.task('first', (values: typeof VALUES) => {
        got = values
        return values.datetime
      })
      app.task('second', (before: unknown, values: unknown) => [before, values])
      const { broker, backend } = await storesOf(app)
      const next = {
        task: 'second',
        args: [VALUES],
        kwargs: {},
        options: { task_id: 'id-next', queue: 'later' },
        subtask_type: null,
        immutable: false,
      }
      const body = [[VALUES], {}, { ...nothing, chain: [next] }]
      await broker.publish(messageOf('first', body), { exchange: '', routingKey: 'celery' })
      await lab().work(app)
      await until(async () => (await app.result('id-first').state()) === 'SUCCESS')
      expect(got).toEqual({
        datetime: new Date('2026-01-01T18:58:22.678Z'),
        naive: new Date('2026-01-02T03:04:05.678Z'),
        date: '2026-01-02',
        time: '03:04:05.678901',
        decimal: '1.10',
        uuid: '01234567-89ab-cdef-0123-456789abcdef',
      })
      expect((await backend.load(['id-first']))[0]?.result).toEqual(new Date('2026-01-01T18:58:22.678Z'))
      const consumer = await broker.consume([{ name: 'later' }], { prefetch: 1, name: 'test' })
      for await (const delivery of consumer) {
        const [args] = JSON.parse(String(delivery.envelope.body))
        expect(args).toEqual([VALUES.datetime, VALUES])
        await delivery.ack()
        break
      }
      await consumer.release()
    })

    it('a retry passes the body on as it came', async () => {
      const app = lab().app()
      app.task('again', () => currentTask()?.retry({ countdown: 500 }))
      const { broker } = await storesOf(app)
      const message = messageOf('again', [[VALUES, Number.MAX_VALUE], {}, nothing])
      let runs = 0
      app.use({
        run: async ({ job }, next) => {
          runs++
          return next({ job, args: job.args })
        },
      })
      await broker.publish(message, { exchange: '', routingKey: 'celery' })
      const worker = await lab().work(app)
      await until(() => runs > 0)
      await worker.stop({ grace: 1000 })
      const consumer = await broker.consume([{ name: 'celery' }], { prefetch: 1, name: 'test' })
      for await (const delivery of consumer) {
        expect(String(delivery.envelope.body)).toBe(message.body)
        expect(delivery.envelope.headers).toMatchObject({ tenant: 'acme', task: 'again' })
        await delivery.ack()
        break
      }
      await consumer.release()
    })
  })

  it('a PythonValue is sent as its type', async () => {
    const app = lab().app()
    const values = [
      new PythonValue('decimal', '1.10'),
      { id: new PythonValue('uuid', '01234567-89AB-cdef-0123-456789abcdef') },
    ]
    await app.send('elsewhere', [values], { queue: 'python' })
    const { broker } = await storesOf(app)
    const consumer = await broker.consume([{ name: 'python' }], { prefetch: 1, name: 'test' })
    for await (const delivery of consumer) {
      expect(JSON.parse(String(delivery.envelope.body))[0]).toEqual([[VALUES.decimal, { id: VALUES.uuid }]])
      await delivery.ack()
      break
    }
    await consumer.release()
    expect(() => new PythonValue('uuid', 'x')).toThrow('expected a UUID')
  })
})
