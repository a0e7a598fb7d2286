import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { App } from '../../../src/app/app.ts'
import type { AsyncResult } from '../../../src/calls/asyncResult.ts'
import type { CallOptions } from '../../../src/config/callOptions.ts'
import { TaskError } from '../../../src/std/errors.ts'
import { until } from '../../app/lab.ts'
import { storesOf } from '../../app/stores.ts'
import { Fleet, type FleetOptions } from '../fleet.ts'

/** Our client, Python's worker. */
export function toPython(kind: FleetOptions = {}): void {
  let fleet: Fleet
  let app: App
  let packed: App

  beforeAll(async () => {
    fleet = await Fleet.start(kind)
    app = fleet.app({ queue: 'python' })
    packed = fleet.app({ queue: 'packed', serializer: 'msgpack', resultSerializer: 'msgpack' })
    await Promise.all([
      fleet.pythonWorker({ queues: ['python', 'second'] }),
      fleet.pythonWorker({ pool: 'prefork', concurrency: 2, queue: 'limited', hostname: 'limited@test' }),
      fleet.pythonWorker({ pool: 'solo', queue: 'packed', serializer: 'msgpack', hostname: 'packed@test' }),
    ])
  })
  afterAll(() => fleet.end())

  async function run<Result>(task: string, args?: readonly unknown[] | Record<string, unknown>, options?: CallOptions) {
    const result = await app.send<Result>(task, args, options)
    return result.get({ timeout: '20s' })
  }

  /** The failure of a call. */
  async function failure(task: string, args: readonly unknown[] = [], options?: CallOptions) {
    const result = await app.send(task, args, options)
    await expect(result.get({ timeout: '20s' })).rejects.toThrow()
    return { state: await result.state(), error: (await result.info())?.error }
  }

  describe('arguments and results', () => {
    test('positional', async () => {
      const args = [1, -2.5, 'Grüße 🎈', null, true, [], { a: [1, { b: {} }] }]
      expect(await run('py.echo', args)).toEqual({ args, kwargs: {} })
      expect(await run('py.add', [1])).toBe(101)
    })

    test('by keyword', async () => {
      expect(await run('py.echo', { a: { b: [1.5, null] }, c: 'd' })).toEqual({
        args: [],
        kwargs: { a: { b: [1.5, null] }, c: 'd' },
      })
      expect(await run('py.add', { x: 1, y: 2 })).toBe(3)
    })

    test('numbers that are not finite', async () => {
      const numbers = [Number.NaN, Infinity, -Infinity]
      expect(await run('py.types', numbers)).toEqual(['float: nan', 'float: inf', 'float: -inf'])
      expect(await run('py.echo', ['NaN', numbers])).toEqual({ args: ['NaN', numbers], kwargs: {} })
    })

    test('types as Python sees them', async () => {
      expect(await run('py.types', [1, 1.5, 'x', null, true, [1], {}])).toEqual([
        'int: 1',
        'float: 1.5',
        "str: 'x'",
        'NoneType: None',
        'bool: True',
        'list: [1]',
        'dict: {}',
      ])
    })

    test('results of Python', async () => {
      expect(await run('py.give', ['text'])).toBe('Grüße 🎈')
      expect(await run('py.give', ['list'])).toEqual([1, 2])
      expect(await run('py.give', ['none'])).toBeNull()
    })

    test('msgpack, with results in it', async () => {
      const result = await packed.send('py.types', [1, 1.5, 'ü', new Uint8Array([0, 255])])
      expect(await result.get({ timeout: '20s' })).toEqual(['int: 1', 'float: 1.5', "str: 'ü'", "bytes: b'\\x00\\xff'"])
      const bytes = await (await packed.send('py.give', ['bytes'])).get({ timeout: '20s' })
      expect([...(bytes as Uint8Array)]).toEqual([0, 255])
    })

    test('a Date is refused where the peer does not know typed JSON', async () => {
      const old = fleet.app({ queue: 'python', typedJson: false })
      expect(() => old.send('py.echo', [new Date()])).toThrow('args[0]')
    })
  })

  describe('endings', () => {
    test('a failure has its type, its message and its traceback', async () => {
      const { state, error } = await failure('py.fail')
      expect(state).toBe('FAILURE')
      expect(error).toMatchObject({ type: 'ValueError', message: "('boom', 1)" })
      expect(error?.traceback).toContain('ValueError')
    })

    test('an exception class of their own', async () => {
      expect((await failure('py.fail_custom', ['sold out'])).error).toMatchObject({
        type: 'ShopError',
        message: 'sold out',
      })
    })

    test.each(['json', 'msgpack'])(
      'TaskError has its module, its class and all its arguments: %s',
      async (serializer) => {
        const sender = serializer === 'json' ? app : packed
        const error = await (await sender.send('py.out_of_stock'))
          .get({ timeout: '20s' })
          .catch((caught: unknown) => caught)
        expect(error).toBeInstanceOf(TaskError)
        expect(error).toMatchObject({
          type: 'OutOfStock',
          module: 'errors',
          pythonClass: 'errors.OutOfStock',
          args: ['apple', 3, [1.5, null]],
          message: "('apple', 3, [1.5, None])",
        })
      },
    )

    test('a task that Python does not know', async () => {
      const result = await app.send('py.unknown')
      // Celery 5.2 stores a failure for it.
      await expect(result.get({ timeout: '20s' })).rejects.toThrow('py.unknown')
    })

    test('a retry keeps the id and counts', async () => {
      const result = await app.send('py.retry_once')
      const states: string[] = []
      for await (const { state } of result.events({ timeout: '20s' })) states.push(state)
      expect(states.at(-1)).toBe('SUCCESS')
      expect(states).toContain('RETRY')
      expect(await result.get()).toEqual({ retries: 1, id: result.id })
    })

    test('expired before it ran', async () => {
      const { state, error } = await failure('py.add', [1, 2], { expires: new Date(Date.now() - 60_000) })
      expect(state).toBe('REVOKED')
      expect(error).toMatchObject({ type: 'TaskRevokedError', message: 'expired' })
    })

    test('the soft time limit of the call', async () => {
      expect(await run('py.sleep', [20], { queue: 'limited', softTimeLimit: '1s', timeLimit: '20s' })).toBe(
        'soft limit',
      )
    })

    test('the hard time limit of the call', async () => {
      const { state, error } = await failure('py.sleep', [20], { queue: 'limited', timeLimit: '1s' })
      expect(state).toBe('FAILURE')
      expect(error).toMatchObject({ type: 'TimeLimitExceeded' })
    })
  })

  interface PythonRequest {
    id: string
    eta: string | null
    expires: string | null
    timelimit: [number | null, number | null]
    tenant: string | null
    argsrepr: string
    root_id: string
    delivery_info: { exchange: string; routing_key: string; priority: number }
  }

  describe('what the call says', () => {
    test('id, headers, limits, priority, as Python sees them', async () => {
      const options = {
        taskId: 'chosen-1',
        headers: { tenant: 'acme' },
        timeLimit: 30_000,
        softTimeLimit: 20_000,
        priority: 6,
      }
      expect(await run<PythonRequest>('py.request', [], options)).toMatchObject({
        id: 'chosen-1',
        root_id: 'chosen-1',
        tenant: 'acme',
        timelimit: [30, 20],
        delivery_info: { exchange: '', routing_key: 'python', priority: 6 },
      })
    })

    test('countdown', async () => {
      const before = Date.now()
      const { eta } = await run<PythonRequest>('py.request', [], { countdown: 700 })
      expect(Date.now() - before).toBeGreaterThanOrEqual(700)
      expect(Date.parse(eta as string) - before).toBeGreaterThanOrEqual(700)
    })

    test('eta and expires', async () => {
      const eta = new Date(Date.now() + 300)
      const expires = new Date(Date.now() + 600_000)
      const request = await run<PythonRequest>('py.request', [], { eta, expires })
      expect(Date.now()).toBeGreaterThanOrEqual(eta.getTime())
      expect(Date.parse(request.eta as string)).toBe(eta.getTime())
      expect(Date.parse(request.expires as string)).toBe(expires.getTime())
    })

    test('another queue', async () => {
      const { delivery_info } = await run<PythonRequest>('py.request', [], { queue: 'second' })
      expect(delivery_info.routing_key).toBe('second')
    })

    test('ignoreResult keeps no record', async () => {
      const result = await app.send('py.ignored', ['ignored by the call'], { ignoreResult: true })
      await until(async () => (await fleet.lines('effects')).includes('ignored by the call'))
      expect(await fleet.recorded(result.id)).toBe(false)
    })
  })

  describe('on its way', () => {
    test('progress and states of its own', async () => {
      const result = await app.send('py.progress')
      const seen: unknown[] = []
      for await (const event of result.events({ timeout: '20s' })) {
        if (event.type === 'progress') seen.push(['progress', event.data])
        if (event.type === 'state' && event.state === 'STEP 1') seen.push([event.state, event.meta])
        if (event.type === 'success') seen.push(['success', event.result])
        if (event.type === 'progress' || event.state === 'STEP 1') await fleet.open(result.id)
      }
      expect(seen).toEqual([
        ['progress', { done: 1, of: 2 }],
        ['STEP 1', ['custom']],
        ['success', 'done'],
      ])
    })

    test('the children of a Python task are in its record', async () => {
      const result = (await app.send<string[]>('py.children', [2])) as AsyncResult<string[]>
      const ids = await result.get({ timeout: '20s' })
      const [meta] = await (await storesOf(app)).backend.load([result.id])
      expect(meta?.children).toEqual(ids.map((id) => [[id, null], null]))
      // By rpc:// their results belong to whoever called them.
      if (fleet.kind.results === 'rpc') return
      for (const [n, id] of ids.entries()) expect(await app.result(id).get({ timeout: '20s' })).toBe(2 * n)
    })
  })
}
