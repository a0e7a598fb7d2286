import { expect, it } from 'vitest'
import type { App } from '../../src/app/app.ts'
import { Control } from '../../src/control/control.ts'
import { CONTROL_EXCHANGE, REPLY_EXCHANGE, replyQueue } from '../../src/protocol/control.ts'
import type { Envelope } from '../../src/protocol/envelope.ts'
import { serialize } from '../../src/protocol/serializer.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { next, onAllStores, record, until, useLab } from '../app/lab.ts'
import { storesOf } from '../app/stores.ts'

const PONG = { ok: 'pong' }

/** Ask as kombu does, and give back the one reply. */
async function ask(app: App, body: object, serializer: 'json' | 'msgpack' = 'json'): Promise<Envelope> {
  const { broker } = await storesOf(app)
  const binding = { exchange: REPLY_EXCHANGE, kind: 'direct', routingKey: 'me' } as const
  const queue = { name: replyQueue('me'), bindings: [binding], transient: true }
  const consumer = await broker.consume([queue], { prefetch: 1, name: 'me' })
  const { body: text, ...properties } = serialize(
    { destination: null, ...body, ticket: 'ticket', reply_to: { exchange: REPLY_EXCHANGE, routing_key: 'me' } },
    serializer,
    'body',
  )
  const envelope = { headers: { clock: 1, expires: 1 }, properties, body: text }
  await broker.publish(envelope, { exchange: CONTROL_EXCHANGE, routingKey: '' })
  for await (const delivery of consumer) {
    await delivery.ack()
    await consumer.release()
    return delivery.envelope
  }
  throw new Error('no reply')
}

async function answerTo(app: App, body: object): Promise<unknown> {
  return JSON.parse((await ask(app, body)).body as string)
}

onAllStores((lab) => {
  it('ping: each worker answers, or those that are named', async () => {
    const app = lab().app()
    const control = new Control(app)
    expect(await control.ping({ timeout: 20 })).toEqual([])
    for (const name of ['a', 'b', 'c']) await lab().work(app, { hostname: `celery@${name}` })
    const all = await control.ping({ timeout: 300 })
    expect(all.sort((x, y) => JSON.stringify(x).localeCompare(JSON.stringify(y)))).toEqual([
      { 'celery@a': PONG },
      { 'celery@b': PONG },
      { 'celery@c': PONG },
    ])
    const started = performance.now()
    expect(await control.ping({ destination: ['celery@b'], timeout: '10s' })).toEqual([{ 'celery@b': PONG }])
    expect(performance.now() - started).toBeLessThan(5000)
    expect(await control.ping({ destination: ['celery@x'], timeout: 20 })).toEqual([])
    expect(await control.ping({ destination: [] })).toEqual([])
  })

  it('many may ask at once', async () => {
    const app = lab().app()
    await lab().work(app, { hostname: 'celery@a' })
    const control = new Control(app)
    const options = { destination: ['celery@a'], timeout: '10s' } as const
    const replies = await Promise.all(Array.from({ length: 10 }, () => control.ping(options)))
    expect(replies).toEqual(Array.from({ length: 10 }, () => [{ 'celery@a': PONG }]))
  })

  it('revoke: what waits never runs, what runs is told', async () => {
    const app = lab().app()
    let runs = 0
    app.task('task', () => runs++)
    app.task('running', () => {
      const task = currentTask()
      return new Promise((_, reject) => task?.signal.addEventListener('abort', () => reject(task.signal.reason)))
    })
    const control = new Control(app)
    const first = await app.send('task', [])
    expect(await control.revoke(first.id, { timeout: 10 })).toEqual([])
    await lab().work(app, { hostname: 'celery@a' })
    await expect(first.get()).rejects.toMatchObject({ code: 'TASK_REVOKED' })
    const begun = next(app, 'task:prerun')
    const running = await app.send('running', [])
    await begun
    const options = { destination: ['celery@a'], timeout: '10s' } as const
    expect(await control.revoke([running.id, 'other'], options)).toEqual([
      { 'celery@a': { ok: `tasks {'${running.id}', 'other'} flagged as revoked` } },
    ])
    await expect(running.get()).rejects.toMatchObject({ code: 'TASK_REVOKED' })
    const other = await app.send('task', [], { taskId: 'other' })
    await expect(other.get()).rejects.toMatchObject({ code: 'TASK_REVOKED' })
    expect(runs).toBe(0)
  })

  it('revoke with terminate says what it ends', async () => {
    const app = lab().app()
    app.task('running', () => new Promise(() => undefined))
    await lab().work(app, { hostname: 'celery@a', revokeGrace: 1 })
    const begun = next(app, 'task:prerun')
    const running = await app.send('running', [])
    await begun
    const options = { terminate: true, destination: ['celery@a'], timeout: '10s' } as const
    expect(await control(app).revoke(['nobody'], options)).toEqual([{ 'celery@a': { ok: 'terminate: tasks unknown' } }])
    expect(await control(app).revoke(running.id, options)).toEqual([{ 'celery@a': { ok: `terminate: ${running.id}` } }])
    await expect(running.get()).rejects.toMatchObject({ message: 'terminated' })
  })

  it('answers as Celery does, also what it does not know', async () => {
    const app = lab().app()
    await lab().work(app, { hostname: 'celery@a' })
    const reply = await ask(app, { method: 'ping', arguments: {} })
    expect(reply.headers).toMatchObject({ ticket: 'ticket', clock: expect.any(Number) })
    expect(JSON.parse(reply.body as string)).toEqual({ 'celery@a': PONG })
    const binary = await ask(app, { method: 'ping' }, 'msgpack')
    expect(binary.properties.contentType).toBe('application/x-msgpack')
    const say = (error: string) => ({ 'celery@a': { error } })
    expect(await answerTo(app, { method: 'x' })).toEqual(say("KeyError('x')"))
    expect(await answerTo(app, { method: 'revoke', arguments: {} })).toEqual(
      say(expect.stringMatching(/^TypeError\('/)),
    )
    expect(await answerTo(app, { method: 'revoke', arguments: { task_id: [] } })).toEqual({
      'celery@a': { ok: 'tasks set() flagged as revoked' },
    })
    const meant = { method: 'ping', pattern: '*@a', matcher: 'glob' }
    expect(await answerTo(app, meant)).toEqual({ 'celery@a': PONG })
  })

  it('a pattern that would keep a worker busy is refused, with the reason, and the next command is obeyed', async () => {
    const app = lab().app()
    const told = record(app)
    await lab().work(app, { hostname: `celery@${'a'.repeat(40)}` })
    const refused = {
      [`celery@${'a'.repeat(40)}`]: { error: expect.stringMatching(/^DecodeError\('control request: /) },
    }
    expect(await answerTo(app, { method: 'ping', pattern: 'celery@(a+)+$x', matcher: 'pcre' })).toEqual(refused)
    expect(await answerTo(app, { method: 'ping', pattern: '*a'.repeat(501), matcher: 'glob' })).toEqual(refused)
    expect(told.filter(({ name }) => name === 'worker:error')).toHaveLength(2)
    const [pong] = Object.values((await answerTo(app, { method: 'ping', pattern: '*@*a*', matcher: 'glob' })) as object)
    expect(pong).toEqual(PONG)
    expect(await answerTo(app, { method: 'revoke', arguments: { task_id: 'x'.repeat(1001) } })).toEqual({
      [`celery@${'a'.repeat(40)}`]: { error: expect.stringMatching(/at most 1000 characters/) },
    })
  })

  it('what cannot be read is told, and the next is obeyed', async () => {
    const app = lab().app()
    const told = record(app)
    await lab().work(app, { hostname: 'celery@a' })
    const { broker } = await storesOf(app)
    const json = { contentType: 'application/json', contentEncoding: 'utf-8' }
    const pickle = { contentType: 'application/x-python-serialize', contentEncoding: 'binary' }
    const route = { exchange: CONTROL_EXCHANGE, routingKey: '' }
    await broker.publish({ headers: {}, properties: json, body: '{{' }, route)
    await broker.publish({ headers: {}, properties: json, body: '[]' }, route)
    await broker.publish({ headers: {}, properties: pickle, body: new Uint8Array([0x80]) }, route)
    await until(() => told.filter(({ name }) => name === 'worker:error').length === 3)
    expect(await control(app).ping({ destination: ['celery@a'], timeout: '10s' })).toEqual([{ 'celery@a': PONG }])
  })
})

function control(app: App): Control {
  return new Control(app)
}

const lab = useLab('sqlite')

it('nothing is left behind', async () => {
  const app = lab().app()
  await control(app).ping({ timeout: 1 })
  const db = lab().database()
  expect(db.prepare('SELECT count(*) AS n FROM celeriac_message').get()).toEqual({ n: 0 })
  expect(db.prepare('SELECT count(*) AS n FROM celeriac_binding').get()).toEqual({ n: 0 })
})

it('arguments that cannot be are refused', async () => {
  const app = lab().app()
  await expect(control(app).revoke([''])).rejects.toThrow(/ids/)
  await expect(control(app).ping({ destination: 'a' as unknown as string[] })).rejects.toThrow(/a list of host names/)
  await expect(control(app).ping({ timeout: 'soon' as never })).rejects.toThrow(/timeout/)
})
