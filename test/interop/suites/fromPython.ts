import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Worker } from '../../../src/worker/worker.ts'
import { until } from '../../app/lab.ts'
import type { PythonClient, PythonResult } from '../celery.ts'
import { Fleet, type FleetOptions } from '../fleet.ts'

/** Python's client, our worker. */
export function fromPython(kind: FleetOptions = {}): void {
  let fleet: Fleet
  let worker: Worker
  let python: PythonClient
  let packed: PythonClient

  beforeAll(async () => {
    fleet = await Fleet.start(kind)
    const others = fleet.app({ queue: 'packed', resultSerializer: 'msgpack' })
    await fleet.work(others, { hostname: 'packed@test' })
    worker = await fleet.work(fleet.app(), { queues: ['typescript', 'second'] })
    python = await fleet.pythonClient({ queue: 'typescript' })
    packed = await fleet.pythonClient({ queue: 'packed', serializer: 'msgpack' })
  })
  afterAll(() => fleet.end())

  describe('arguments and results', () => {
    test('positional', async () => {
      const args = [1, -2.5, 'Grüße 🎈', null, true, [], { a: [1, { b: {} }] }]
      expect(await python.run('ts.echo', args)).toEqual({ status: 'SUCCESS', result: args, traceback: null })
      expect(await python.run('ts.add', [1])).toMatchObject({ result: 101 })
    })

    test('numbers that are not finite come as numbers, and go back as they came', async () => {
      const expression = '["NaN", float("nan"), [float("inf"), {"a": -float("inf")}]]'
      const id = await python.call<string>('send_python', { task: 'ts.echo', expression })
      expect(await python.call('repr_of', { id })).toBe("['NaN', nan, [inf, {'a': -inf}]]")
    })

    test("Python's times, numbers and ids of Celery before 5.3 are text, and go back as they came", async () => {
      const values = [
        'datetime(2026, 1, 2, 3, 4, 5, 678901)',
        'datetime(1890, 1, 1, tzinfo=timezone(timedelta(hours=8, minutes=5, seconds=43)))',
        'date(2026, 1, 2)',
        'time(3, 4, 5, 678901)',
        'Decimal("1.10")',
        'UUID("0123456789abcdef0123456789abcdef")',
      ]
      const id = await python.call<string>('send_python', { task: 'ts.echo', expression: `[${values}]` })
      const texts = [
        '2026-01-02T03:04:05.678901',
        '1890-01-01T00:00:00+08:05:43',
        // Kombu before 5.3 writes a date so.
        '2026-01-02T00:00:00',
        '03:04:05.678901',
        '1.10',
        '01234567-89ab-cdef-0123-456789abcdef',
      ]
      expect(await python.call('repr_of', { id })).toBe(`[${texts.map((text) => `'${text}'`).join(', ')}]`)
    })

    test('by keyword', async () => {
      const kwargs = { a: { b: [1.5, null] }, c: 'd' }
      expect(await python.run('ts.object', [], { kwargs })).toMatchObject({ status: 'SUCCESS', result: kwargs })
    })

    test('the input of an object task by position, by name and mixed', async () => {
      const result = { f: 'xs', a: 0, b: 2, size: 100 }
      expect(await python.run('ts.integrate', ['xs', 0, 2])).toMatchObject({ result })
      expect(await python.run('ts.integrate', ['xs', 0, 2, 5])).toMatchObject({ result: { ...result, size: 5 } })
      expect(await python.run('ts.integrate', ['xs'], { kwargs: { b: 2, a: 0 } })).toMatchObject({ result })
      expect(await python.run('ts.integrate', [], { kwargs: { f: 'xs', b: 2, a: 0 } })).toMatchObject({ result })
      expect(await python.run('ts.scale', [2], { kwargs: { by: 3 } })).toMatchObject({ result: 6 })
    })

    test('a positional task by name and mixed', async () => {
      expect(await python.run('ts.add', [], { kwargs: { x: 1, y: 2 } })).toMatchObject({ result: 3 })
      expect(await python.run('ts.add', [1], { kwargs: { y: 2 } })).toMatchObject({ result: 3 })
    })

    test('results of ours', async () => {
      expect(await python.run('ts.give', ['text'])).toMatchObject({ result: 'Grüße 🎈' })
      expect(await python.run('ts.give', ['float'])).toMatchObject({ result: 0.1 })
      expect(await python.run('ts.give', ['nothing'])).toMatchObject({ status: 'SUCCESS', result: null })
    })

    test('msgpack, with results in it', async () => {
      expect(await packed.run('ts.add', [1, 2])).toMatchObject({ result: 3 })
      expect(await packed.run('ts.give', ['bytes'])).toMatchObject({ result: "b'\\x00\\xff'" })
    })

    test('a compressed body', async () => {
      const text = 'again and '.repeat(1000)
      expect((await python.run('ts.join', [text], { compression: 'zlib' })).result).toBe(text)
    })

    test('a compression that Node does not have is refused, and said so', async () => {
      const { status, error } = await python.run('ts.add', [1, 2], { compression: 'bzip2' })
      expect({ status, text: error?.text }).toEqual({
        status: 'FAILURE',
        text: expect.stringContaining('application/x-bz2'),
      })
    })

    test('message protocol 1', async () => {
      expect(await python.run('ts.add', [1, 2], { protocol: 1 })).toMatchObject({ result: 3 })
      const before = Date.now()
      expect(await python.run('ts.add', [1, 2], { protocol: 1, countdown: 0.5 })).toMatchObject({ result: 3 })
      expect(Date.now() - before).toBeGreaterThanOrEqual(500)
    })
  })

  describe('endings', () => {
    test('a failure has its type, its message and its traceback', async () => {
      const { status, error, traceback } = await python.run('ts.fail')
      expect(status).toBe('FAILURE')
      expect(error).toMatchObject({
        type: 'TypeError',
        module: 'builtins',
        args: ['no such thing'],
        text: 'no such thing',
      })
      expect(traceback).toContain('TypeError: no such thing')
    })

    test('an error class of ours', async () => {
      expect((await python.run('ts.fail_custom', ['sold out'])).error).toMatchObject({
        type: 'ShopError',
        text: 'sold out',
      })
    })

    test.each([
      ['value', 'builtins', 'ValueError', ['out of range']],
      ['json', 'builtins', 'ValueError', [expect.stringContaining('JSON')]],
      ['python', 'builtins', 'KeyError', ['apple']],
      ['stock', 'errors', 'OutOfStock', ['apple', 3, [1.5, null]]],
    ])('what %s throws is caught as %s.%s, with its arguments', async (kind, module, name, args) => {
      for (const client of [python, packed]) {
        const id = await client.send('ts.raise', [kind])
        const error = await client.call<PythonResult['error']>('caught', { id, module, name })
        expect(error).toMatchObject({ type: name, module, args })
      }
    })

    test('wrong arguments are a TypeError', async () => {
      const missing = "task ts.scale: got multiple values for argument 'number'"
      const twice = await python.send('ts.scale', [1], { kwargs: { number: 2 } })
      const caught = (id: string) =>
        python.call<PythonResult['error']>('caught', { id, module: 'builtins', name: 'TypeError' })
      expect(await caught(twice)).toMatchObject({ args: [missing] })
      expect(await caught(await python.send('ts.integrate', ['xs']))).toMatchObject({
        text: expect.stringMatching(/^task ts.integrate: a: /),
      })
      expect(await caught(await python.send('ts.add', [1], { kwargs: { z: 2 } }))).toMatchObject({
        text: expect.stringContaining("got an unexpected keyword argument 'z'"),
      })
    })

    test('a task that we do not know', async () => {
      const { status, error } = await python.run('ts.unknown')
      expect({ status, type: error?.type }).toEqual({ status: 'FAILURE', type: 'NotRegistered' })
    })

    test('a retry keeps the id and counts', async () => {
      const id = await python.send('ts.retry_once')
      expect(await python.get(id)).toMatchObject({ result: { retries: 1, id } })
    })

    test.each([{ compression: 'zlib' }, { protocol: 1 }, { countdown: 0.3 }])(
      'a retry of a message with %o',
      async (options) => {
        const id = await python.send('ts.retry_once', [], options)
        expect(await python.get(id)).toMatchObject({ result: { retries: 1, id } })
      },
    )

    test('a retry of a message in msgpack', async () => {
      const id = await packed.send('ts.retry_once')
      expect(await packed.get(id)).toMatchObject({ result: { retries: 1, id } })
    })

    test('the state RETRY shows why', async () => {
      const id = await python.send('ts.retry_later')
      await until(async () => (await python.call<{ status: string }>('state', { id })).status === 'RETRY')
      const { info } = await python.call<{ info: unknown }>('state', { id })
      expect(info).toMatchObject({ text: 'not yet' })
      await python.call('revoke', { id })
    })

    test('expired before it ran', async () => {
      const { status, error } = await python.run('ts.add', [1, 2], { expires: '2020-01-01T00:00:00+00:00' })
      expect(status).toBe('REVOKED')
      expect(error).toMatchObject({ type: 'TaskRevokedError', module: 'celery.exceptions', text: 'expired' })
    })

    test('the soft time limit of the call', async () => {
      const { status, error } = await python.run('ts.sleep', [20_000], { soft_time_limit: 0.3, time_limit: 20 })
      expect(status).toBe('FAILURE')
      expect(error).toMatchObject({ type: 'SoftTimeLimitExceeded' })
    })

    test('the hard time limit of the call', async () => {
      const { status, error } = await python.run('ts.forever', [], { time_limit: 0.3 })
      expect(status).toBe('FAILURE')
      expect(error).toMatchObject({ type: 'TimeLimitExceeded' })
    })
  })

  describe('what the call says', () => {
    test('id and headers', async () => {
      expect(await python.run('ts.request', [], { task_id: 'chosen-2', headers: { tenant: 'acme' } })).toMatchObject({
        result: {
          id: 'chosen-2',
          rootId: 'chosen-2',
          parentId: null,
          headers: { tenant: 'acme' },
          attempt: 1,
          queue: 'typescript',
          hostname: worker.hostname,
          redelivered: false,
        },
      })
    })

    test('what self.request has', async () => {
      const link = [{ task: 'ts.echo', options: { queue: 'typescript' } }]
      const limits = { time_limit: 30, soft_time_limit: 20 }
      const options = { ...limits, priority: 6, expires: 600, shadow: 'shown', link, task_id: 'told-1' }
      const { result } = await python.run('ts.message', [1], { ...options, kwargs: {} })
      expect(result).toMatchObject({
        args: [1],
        timeLimit: 30_000,
        softTimeLimit: 20_000,
        priority: 6,
        expires: expect.stringMatching(/^\d{4}-.*Z$/),
        shadow: 'shown',
        callbacks: ['ts.echo'],
        correlationId: 'told-1',
        replyTo: expect.stringMatching(/^[0-9a-f-]{36}$/),
        origin: expect.stringMatching(/^gen\d+@/),
        deliveryInfo: { routingKey: 'typescript', priority: 6, redelivered: false },
        contentType: 'application/json',
        argsrepr: '[1]',
        kwargsrepr: '{}',
        isEager: false,
        calledDirectly: false,
      })
    })

    test('countdown', async () => {
      const before = Date.now()
      expect(await python.run('ts.add', [1, 2], { countdown: 0.7 })).toMatchObject({ result: 3 })
      expect(Date.now() - before).toBeGreaterThanOrEqual(700)
    })

    test('eta and expires', async () => {
      const eta = new Date(Date.now() + 1000)
      const options = { eta: eta.toISOString().replace('Z', '+00:00'), expires: 600 }
      expect(await python.run('ts.add', [1, 2], options)).toMatchObject({ result: 3 })
      expect(Date.now()).toBeGreaterThanOrEqual(eta.getTime())
    })

    test('delayed tasks take no place of those that are due', async () => {
      const later = await python.call<string[]>('many', {
        task: 'ts.add',
        calls: Array(300).fill([1, 1]),
        countdown: 600,
      })
      expect(await python.run('ts.add', [1, 2])).toMatchObject({ result: 3 })
      await until(() => worker.busy === 0)
      expect(later).toHaveLength(300)
    })

    test('another queue', async () => {
      expect(await python.run('ts.request', [], { queue: 'second' })).toMatchObject({ result: { queue: 'second' } })
    })

    test('ignore_result keeps no record', async () => {
      const id = await python.send('ts.note', ['ignored by the call'], { ignore_result: true })
      await until(async () => (await fleet.lines('notes')).includes('ts.note ignored by the call'))
      await until(() => worker.busy === 0)
      expect(await fleet.recorded(id)).toBe(false)
    })
  })

  describe('on its way', () => {
    test('progress and states of its own', async () => {
      const id = await python.send('ts.progress')
      const state = () => python.call<{ status: string; info: unknown }>('state', { id })
      await until(async () => (await state()).status === 'PROGRESS')
      expect(await state()).toEqual({ status: 'PROGRESS', info: { done: 1, of: 2 } })
      await fleet.open(id)
      await until(async () => (await state()).status === 'STEP 1')
      expect(await state()).toEqual({ status: 'STEP 1', info: ['custom'] })
      await fleet.open(id)
      expect(await python.get(id)).toMatchObject({ status: 'SUCCESS', result: 'done' })
    })

    test('the children of our task are known to Python', async () => {
      const id = await python.send('ts.children', [2])
      const { result } = await python.get(id)
      expect(await python.call('children', { id })).toEqual(result)
      // By rpc:// their results belong to whoever called them.
      if (fleet.kind.results === 'redis') expect(await python.call('get_many', { ids: result })).toEqual([0, 2])
    })
  })
}
