import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { App } from '../../src/app/app.ts'
import type { BackendOptions } from '../../src/backend/backend.ts'
import type { Broker } from '../../src/broker/broker.ts'
import type { TaskMeta } from '../../src/protocol/result.ts'
import { PENDING, SUCCESS } from '../../src/protocol/states.ts'
import { ConfigError, DecodeError, StoreUnavailableError, UnknownJobError } from '../../src/std/errors.ts'
import { MemoryBroker } from '../../src/stores/memory/broker.ts'
import { RpcBackend } from '../../src/stores/rpc/backend.ts'
import { SequentialUnitOfWork } from '../../src/stores/sequentialUnitOfWork.ts'
import type { OpenedBackend } from '../../src/testing/backendFixture.ts'
import { envelopeOf, metaOf, toQueue } from '../../src/testing/factories.ts'
import { Reader } from '../../src/testing/reader.ts'
import { backendSuite } from '../../src/testing/suites/backendSuite.ts'
import { revokedSuite } from '../../src/testing/suites/revokedSuite.ts'
import { unitOfWorkSuite } from '../../src/testing/suites/unitOfWorkSuite.ts'
import { type Lab, next, until, useLab } from '../app/lab.ts'
import { Folder } from '../broker/sqlite/folder.ts'
import { RedisServer } from '../redis/server.ts'
import { StandaloneSqliteBroker } from '../stores/standalone.ts'
import { inFull, runs } from '../tier.ts'
import { define } from './modules/rpcTasks.ts'

const WORKER = fileURLToPath(new URL('modules/rpcWorker.ts', import.meta.url))
const OPTIONS: BackendOptions = { expires: 60_000, serializer: 'json', accept: ['json', 'msgpack'] }

function open(broker: Broker, replyTo: string, options: Partial<BackendOptions> = {}): RpcBackend {
  return new RpcBackend({ ...OPTIONS, replyTo, ...options }, broker)
}

/** As a worker in the caller's own process stores: everything but PENDING is a reply. */
class Replying extends RpcBackend {
  override store(meta: TaskMeta): Promise<boolean> {
    return super.store(meta, meta.status === PENDING ? undefined : { to: 'own', correlationId: meta.task_id })
  }
}

for (const serializer of ['json', ...inFull('msgpack' as const)] as const) {
  const opened = async (): Promise<OpenedBackend> => {
    const broker = new MemoryBroker()
    const backend = new Replying({ ...OPTIONS, serializer, replyTo: 'own' }, broker)
    const spoil = async (id: string, body: Uint8Array): Promise<void> => {
      const contentType = body[0] === 0x7b ? 'application/json' : 'application/x-msgpack'
      const properties = { contentType, contentEncoding: 'utf-8', correlationId: id, deliveryMode: 1 } as const
      await broker.publish({ headers: {}, properties, body }, { exchange: '', routingKey: 'own' }, { transient: true })
      await until(async () => (await backend.load([id]))[0]?.problem !== undefined)
    }
    return { backend, spoil, close: () => backend.close() }
  }
  backendSuite({ describe, it }, `rpc, ${serializer}`, opened)
  revokedSuite({ describe, it }, `rpc, ${serializer}`, opened)
}

unitOfWorkSuite({ describe, it }, 'memory, rpc', async () => {
  const broker = new MemoryBroker()
  const backend = new Replying({ ...OPTIONS, replyTo: 'own' }, broker)
  const close = async (): Promise<void> => {
    await backend.close()
    await broker.close()
  }
  return { broker, backend, unitOfWork: new SequentialUnitOfWork(broker, backend), close }
})

describe.each(['memory', 'sqlite'] as const)('rpc:// over a broker of %s', (kind) => {
  async function place(body: (broker: Broker) => Promise<void>): Promise<void> {
    const folder = new Folder()
    const broker = kind === 'memory' ? new MemoryBroker() : new StandaloneSqliteBroker(folder.url(), { lease: 30_000 })
    try {
      await body(broker)
    } finally {
      await broker.close()
      folder.remove()
    }
  }

  it("a result is a message to the caller's queue, in Celery's words", () =>
    place(async (broker) => {
      const backend = open(broker, 'own', { serializer: 'msgpack' })
      const reader = new Reader(
        await broker.consume([{ name: 'caller', transient: true }], { prefetch: 9, name: 'test' }),
      )
      expect(await backend.store(metaOf('1', SUCCESS, { result: 5 }), { to: 'caller', correlationId: '1' })).toBe(true)
      const { envelope, queue } = await reader.next()
      expect(queue).toBe('caller')
      expect(envelope.headers).toEqual({})
      expect(envelope.properties).toEqual({
        contentType: 'application/x-msgpack',
        contentEncoding: 'binary',
        correlationId: '1',
        deliveryMode: 1,
      })
      expect(await backend.load(['1'])).toEqual([undefined])
      await backend.close()
    }))

  it('what comes is read in order, once; a final state stays; what the caller knew is kept', () =>
    place(async (broker) => {
      const caller = open(broker, 'caller')
      const worker = open(broker, 'worker')
      const reply = { to: 'caller', correlationId: '1' }
      await caller.store(metaOf('1', PENDING, { name: 'task', date_submitted: '2026-11-01T12:00:00.000Z' }))
      const states: string[] = []
      const watched = (async () => {
        for await (const meta of caller.watch(['1'], new AbortController().signal)) states.push(meta.status)
      })()
      for (const state of ['STARTED', 'STEP', SUCCESS, 'LATE']) void worker.store(metaOf('1', state), reply)
      await watched
      expect(states.at(-1)).toBe(SUCCESS)
      expect((await caller.load(['1']))[0]).toMatchObject({
        status: SUCCESS,
        name: 'task',
        date_submitted: '2026-11-01T12:00:00.000Z',
      })
      await until(async () => (await broker.size('caller')) === 0)
      await caller.close()
      await worker.close()
    }))

  it('without an address nothing is sent, and a task of another process stays unknown', () =>
    place(async (broker) => {
      const backend = open(broker, 'own')
      expect(await backend.store(metaOf('elsewhere', SUCCESS))).toBe(true)
      expect(await backend.load(['elsewhere'])).toEqual([undefined])
      await backend.close()
    }))

  it('a reply that cannot be read is told to whoever waits, and a later one can still be', () =>
    place(async (broker) => {
      const backend = open(broker, 'own', { accept: ['json'] })
      await backend.store(metaOf('1', PENDING))
      const watch = backend.watch(['1'], new AbortController().signal)[Symbol.asyncIterator]()
      expect((await watch.next()).value).toMatchObject({ status: PENDING })
      const properties = { contentType: 'application/x-yaml', contentEncoding: 'utf-8', correlationId: '1' }
      await broker.publish({ headers: {}, properties, body: 'status: SUCCESS' }, toQueue('own'))
      expect((await watch.next()).value).toMatchObject({ status: 'UNKNOWN', problem: expect.any(DecodeError) })
      expect((await backend.load(['1']))[0]?.problem?.message).toContain('not accepted')
      await open(broker, 'worker').store(metaOf('1', SUCCESS), { to: 'own', correlationId: '1' })
      await until(async () => (await backend.load(['1']))[0]?.status === SUCCESS)
      await backend.close()
    }))

  it('what a worker refuses is told to the caller: the address is in the message', () =>
    place(async (broker) => {
      const caller = open(broker, 'caller')
      const worker = open(broker, 'worker')
      await caller.store(metaOf('1', PENDING))
      await broker.publish(envelopeOf('1', { replyTo: 'caller' }), toQueue('q'))
      const reader = new Reader(await broker.consume([{ name: 'q' }], { prefetch: 1, name: 'test' }))
      const unitOfWork = new SequentialUnitOfWork(broker, worker)
      expect(await unitOfWork.settle({ delivery: await reader.next(), meta: metaOf('1', 'REVOKED'), end: 'ack' })).toBe(
        true,
      )
      await until(async () => (await caller.load(['1']))[0]?.status === 'REVOKED')
      await caller.close()
      await worker.close()
    }))

  it('the queue of replies goes with its process, and what comes later is not kept', () =>
    place(async (broker) => {
      const caller = open(broker, 'caller')
      const worker = open(broker, 'worker')
      await caller.store(metaOf('1', PENDING))
      await caller.close()
      await worker.store(metaOf('1', SUCCESS), { to: 'caller', correlationId: '1' })
      expect(await broker.size('caller')).toBe(0)
      await worker.close()
    }))

  it('a reply is never taken for its task, by id or by purge', () =>
    place(async (broker) => {
      const worker = open(broker, 'worker')
      // Held by nobody, so that they wait in their queues.
      const consumer = await broker.consume([{ name: 'caller', transient: true }], { prefetch: 0, name: 'test' })
      await worker.store(metaOf('1', 'STEP'), { to: 'caller', correlationId: '1' })
      expect(await broker.size('caller')).toBe(1)
      expect(await broker.take?.('1')).toBeUndefined()
      expect(await broker.purge('caller')).toEqual({ count: 1, taskIds: [], parts: [] })
      await consumer.release()
      await worker.close()
    }))
})

it('settle: the reply goes before the acknowledgement; where it cannot be sent, the message stays ours', async () => {
  const folder = new Folder()
  const gone = new StandaloneSqliteBroker(folder.url(), { lease: 30_000 })
  await gone.close()
  const broker = new MemoryBroker()
  const unitOfWork = new SequentialUnitOfWork(broker, open(gone, 'worker'))
  await broker.publish(envelopeOf('1', { replyTo: 'caller' }), toQueue('q'))
  const reader = new Reader(await broker.consume([{ name: 'q' }], { prefetch: 1, name: 'test' }))
  const delivery = await reader.next()
  await expect(unitOfWork.settle({ delivery, meta: metaOf('1', SUCCESS), end: 'ack' })).rejects.toThrow(
    StoreUnavailableError,
  )
  expect(await delivery.ack()).toBe(true)
  await broker.close()
  folder.remove()
})

it('keeps the newest results up to 64 MiB, and all that is not finished', async () => {
  const backend = new Replying({ ...OPTIONS, replyTo: 'own' }, new MemoryBroker())
  await backend.store(metaOf('open', PENDING))
  const result = 'x'.repeat(2 ** 20)
  for (let at = 0; at < 70; at++) await backend.store(metaOf(`${at}`, SUCCESS, { result }))
  const kept = (await backend.load(Array.from({ length: 70 }, (_, at) => `${at}`))).map((meta) => meta !== undefined)
  expect(kept.indexOf(true)).toBeGreaterThanOrEqual(6)
  expect(kept.lastIndexOf(false)).toBeLessThan(10)
  expect((await backend.load(['open']))[0]?.status).toBe(PENDING)
  await backend.close()
})

it('needs a queue for replies', () => {
  expect(() => new RpcBackend(OPTIONS, new MemoryBroker())).toThrow(ConfigError)
})

describe('apps on rpc://', () => {
  const lab = useLab('sqlite')
  let broker: string | undefined
  type Client = ReturnType<typeof define> & { readonly app: App }

  function client(): Client {
    const app = lab().app({ broker: broker ?? lab().url, backend: 'rpc://' })
    return { app, ...define(app) }
  }

  describe.each([
    ['sqlite', 'one process'],
    ['redis', 'two processes'],
    ...inFull(['sqlite', 'two processes'], ['redis', 'one process']),
  ])('over %s in %s', (store, where) => {
    let redis: RedisServer | undefined

    beforeEach(async () => {
      redis = store === 'redis' ? await RedisServer.start() : undefined
      broker = redis?.url()
      const server = redis
      // Last of all: the apps of the test are closed before.
      lab().after(() => server?.stop())
    })

    afterEach(() => {
      broker = undefined
    })

    async function work(): Promise<() => Promise<void>> {
      if (where === 'two processes') return startProcess(lab(), broker ?? lab().url)
      const worker = await lab().work(client().app)
      return () => worker.stop({ grace: 0 })
    }

    it('results, failures, retries, progress and states of its own', async () => {
      await work()
      const { app, add, fail, flaky, steps, bytes, unsendable } = client()
      expect(await add.delay(2, 3).get({ timeout: '10s' })).toBe(5)
      expect(await bytes.delay(300_000).get({ timeout: '10s' })).toEqual(new Uint8Array(300_000).fill(7))
      await expect(fail.delay('no').get({ timeout: '10s' })).rejects.toMatchObject({
        type: 'RangeError',
        message: 'no',
      })
      await expect(unsendable.delay().get({ timeout: '10s' })).rejects.toMatchObject({ type: 'EncodeError' })
      await expect(app.send('nobody').get({ timeout: '10s' })).rejects.toMatchObject({ type: 'NotRegistered' })
      const late = await flaky.delay()
      const states: string[] = []
      for await (const { state } of late.events({ timeout: '10s' })) states.push(state)
      expect(states).toContain('RETRY')
      expect(await late.info()).toMatchObject({ state: SUCCESS, result: 3, retries: 2, task: 'flaky', queue: 'celery' })
      const handle = await steps.delay(3)
      const seen: unknown[] = []
      for await (const { state, info } of handle.events({ timeout: '10s' })) seen.push([state, info.progress])
      expect(seen.slice(-5)).toEqual([
        ['PROGRESS', { step: 1 }],
        ['PROGRESS', { step: 2 }],
        ['PROGRESS', { step: 3 }],
        ['POLISHING', { of: 3 }],
        ['SUCCESS', undefined],
      ])
    })

    it('a wait that ends before the task, a result that is asked for later', async () => {
      const { add } = client()
      const handle = await add.delay(1, 2)
      await expect(handle.get({ timeout: 50 })).rejects.toMatchObject({ code: 'TIMEOUT' })
      expect(await handle.state()).toBe(PENDING)
      await work()
      await until(() => handle.ready())
      expect(await handle.get()).toBe(3)
      expect(await handle.get()).toBe(3)
      await handle.forget()
      expect(await handle.state()).toBe('UNKNOWN')
    })

    it('revoke: one that waits, one that is delayed, one that runs', async () => {
      const { add, wait } = client()
      for (const waiting of [await add.delay(1, 1), await add.applyAsync([1, 1], { countdown: '1m' })]) {
        expect(await waiting.revoke()).toBe(true)
        await expect(waiting.get({ timeout: '10s' })).rejects.toMatchObject({ code: 'TASK_REVOKED' })
      }
      await work()
      const running = await wait.delay()
      await until(async () => (await running.state()) === 'WAITING')
      expect(await running.revoke()).toBe(true)
      await expect(running.get({ timeout: '10s' })).rejects.toMatchObject({ code: 'TASK_REVOKED' })
      expect(await running.revoke()).toBe(false)
    })

    it('only the sender can read', async () => {
      await work()
      const { add } = client()
      const handle = await add.delay(1, 1)
      expect(await handle.get({ timeout: '10s' })).toBe(2)
      const other = client().app.result(handle.id)
      expect(await other.state()).toBe('UNKNOWN')
      await expect(other.get()).rejects.toThrow(UnknownJobError)
      await expect(other.get()).rejects.toThrow(/rpc:\/\/ belong to the process that sent the task/)
    })

    it('hundreds in flight, from two callers, and the worker is another in between', async () => {
      const end = await work()
      const callers = [client(), client()]
      const sums = await Promise.all(
        callers.map(async ({ add }, at) => {
          const handles = await add.delayMany(Array.from({ length: runs(1000) }, (_, n): [number, number] => [n, at]))
          if (at === 0) {
            await end()
            await work()
          }
          const results = await Promise.all(handles.map((handle) => handle.get({ timeout: '20s' })))
          return results.every((result, n) => result === n + at)
        }),
      )
      expect(sums).toEqual([true, true])
    })
  })

  it('what another process takes out of the queue is told to the sender', async () => {
    const { add } = client()
    const handle = await add.delay(1, 1)
    const ended = handle.get({ timeout: '10s' })
    expect(await client().app.result(handle.id).revoke()).toBe(true)
    await expect(ended).rejects.toMatchObject({ code: 'TASK_REVOKED', message: 'revoked' })
  })

  it('a caller that is gone: its task is done, its queue and its replies leave nothing', async () => {
    const gone = client()
    const handle = await gone.add.delay(1, 1)
    await gone.app.close()
    const { app } = client()
    const done = next(app, 'task:success')
    await lab().work(app)
    expect((await done).id).toBe(handle.id)
    const db = lab().database()
    await until(
      () => db.prepare("SELECT count(*) AS n FROM celeriac_message WHERE queue NOT LIKE '%pidbox'").get()?.n === 0,
    )
    const replies = db.prepare(
      "SELECT count(*) AS n FROM celeriac_binding WHERE exchange = '' AND queue NOT LIKE '%pidbox'",
    )
    expect(replies.get()?.n).toBe(0)
  })
})

async function startProcess(lab: Lab, broker: string): Promise<() => Promise<void>> {
  const child: ChildProcess = fork(WORKER, [broker])
  const exit = once(child, 'exit')
  const end = async (): Promise<void> => {
    if (child.connected) child.send('end')
    await exit
  }
  lab.after(end)
  await once(child, 'message')
  return end
}
