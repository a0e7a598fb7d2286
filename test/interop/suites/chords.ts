import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { App } from '../../../src/app/app.ts'
import type { AnyValue } from '../../../src/calls/signatureFrom.ts'
import { chain, chord, group, type Signature } from '../../../src/calls/workflow.ts'
import { Reader } from '../../../src/testing/reader.ts'
import { storesOf } from '../../app/stores.ts'
import { eventually, within } from '../../wait.ts'
import type { PythonClient, PythonResult, PythonSignature } from '../celery.ts'
import { Fleet, type FleetOptions } from '../fleet.ts'
import { policies } from './policies.ts'

type Canvas =
  | PythonSignature
  | { readonly chain: readonly Canvas[] }
  | { readonly group: readonly Canvas[] }
  | { readonly chord: readonly Canvas[]; readonly body: Canvas }

const ours = (task: string, args: unknown[] = [], options: Record<string, unknown> = {}): PythonSignature => ({
  task,
  args,
  options: { queue: 'typescript', ...options },
})
const theirs = (task: string, args: unknown[] = [], options: Record<string, unknown> = {}): PythonSignature => ({
  task,
  args,
  options: { queue: 'python', ...options },
})

/** Chords over workers of both kinds, with Celery's keys in Redis. */
export function chords(kind: FleetOptions = {}): void {
  let fleet: Fleet
  let python: PythonClient
  let app: App

  beforeAll(async () => {
    fleet = await Fleet.start(kind)
    app = fleet.app()
    await fleet.work(app)
    // Tasks wait for each other: one thread would not do.
    await fleet.pythonWorker({ pool: kind.broker === 'rabbitmq' ? 'prefork' : 'threads' })
    python = await fleet.pythonClient({ queue: 'typescript' })
  })
  afterAll(() => fleet.end())
  // What is left where the last part was Python's is swept after a minute.
  // All of a chord at once: the one of the test before may not be closed yet, and half of it would stay.
  beforeEach(async () => {
    const keys = [...(await fleet.redis.keys('celeriac.[cj]*')), ...(await fleet.redis.keys('celery-taskset-meta-*'))]
    if (keys.length > 0) await fleet.redis.del(keys)
  })

  async function run(spec: Canvas): Promise<PythonResult> {
    return python.get(await python.call<string>('run_canvas', { spec }), 60)
  }

  /** The group of each chord that is open: a part of an earlier one that comes late opens none. */
  async function openGroups(): Promise<string[]> {
    const keys = await fleet.redis.keys('celery-taskset-meta-*.s')
    return keys.map((key) => key.slice('celery-taskset-meta-'.length, -2))
  }

  /** Resolves when this many parts have come. */
  async function partsOf(count: number): Promise<void> {
    const parts = async (): Promise<number> => {
      const [group] = await openGroups()
      return group === undefined ? 0 : fleet.redis.zcard(`celery-taskset-meta-${group}.j`)
    }
    await eventually(parts, (found) => found === count)
  }

  /** Nothing is left of chords whose last part was ours. */
  async function nothingLeft(): Promise<void> {
    const keys = async (): Promise<string[]> => [
      ...(await fleet.redis.keys('celery-taskset-meta-*.[jst]')),
      ...(await fleet.redis.keys('celeriac.[cj]*')),
    ]
    await eventually(keys, (left) => left.length === 0)
  }

  describe('a chord of a Python client', () => {
    test('all members and the body ours', async () => {
      const chord = Array.from({ length: 20 }, (_, n) => ours('ts.add', [n, 1]))
      expect(await run({ chord, body: ours('ts.total') })).toMatchObject({ status: 'SUCCESS', result: 210 })
      await nothingLeft()
    })

    for (const [name, body] of [
      ['ours', ours('ts.total')],
      ['of Python', theirs('py.total')],
    ] as const)
      test(`half of the members ours, half of Python; the body ${name}`, async () => {
        const chord = Array.from({ length: 20 }, (_, n) => (n % 2 ? ours('ts.add', [n, 1]) : theirs('py.add', [n, 1])))
        expect(await run({ chord, body })).toMatchObject({ status: 'SUCCESS', result: 210 })
      })

    test('results are in the order of the header', async () => {
      const chord = Array.from({ length: 12 }, (_, n) => (n % 3 ? ours('ts.add', [n, 0]) : theirs('py.add', [n, 0])))
      const { result } = await run({ chord, body: ours('ts.echo') })
      expect(result).toEqual([Array.from({ length: 12 }, (_, n) => n)])
    })

    for (const body of [ours('ts.echo'), theirs('py.echo')])
      for (const last of ['ts', 'py'])
        test(`the last part is that of ${last}, the body ${body.task}`, async () => {
          const [first, second] = last === 'py' ? ['a', 'b'] : ['b', 'a']
          const spec = { chord: [ours('ts.gated', ['a']), theirs('py.gated', ['b'])], body }
          const id = await python.call<string>('run_canvas', { spec })
          await fleet.open(first)
          await partsOf(1)
          await fleet.open(second)
          const { status, result } = await python.get(id)
          expect(status).toBe('SUCCESS')
          expect(JSON.stringify(result)).toContain('["a","b"]')
        })
  })

  describe('a chord of ours', () => {
    const call = ({ task, args, options }: PythonSignature): Signature<AnyValue, AnyValue> => {
      return app.signature(task, [...(args ?? [])]).set({ queue: options?.queue as string })
    }

    for (const body of [ours('ts.total'), theirs('py.total')])
      test(`half of the members ours, half of Python; the body ${body.task}`, async () => {
        const header = Array.from({ length: 20 }, (_, n) =>
          call(n % 2 ? ours('ts.add', [n, 1]) : theirs('py.add', [n, 1])),
        )
        expect(await chord(header, call(body)).delay().get({ timeout: '60s' })).toBe(210)
      })

    test('a chain of both kinds, and a chord, as members', async () => {
      const steps = [call(theirs('py.add', [1, 1])), call(ours('ts.add', [10])), call(theirs('py.add', [100]))] as const
      const inner = chord([call(theirs('py.add', [1, 2])), call(ours('ts.add', [3, 4]))], call(ours('ts.total')))
      const sent = await chord([chain(...steps), inner, call(ours('ts.add', [0, 7]))], call(theirs('py.echo'))).delay()
      expect(JSON.stringify(await sent.get({ timeout: '60s' }))).toContain('[112,10,7]')
    })

    test('a member of Python fails', async () => {
      const header = [call(theirs('py.fail', ['broken'])), call(ours('ts.add', [1, 1]))]
      const sent = await chord(header, call(ours('ts.total'))).delay()
      await expect(sent.get({ timeout: '60s' })).rejects.toThrow(/Dependency \S+ raised .*broken/)
    })
  })

  describe('a saved group', () => {
    test('of ours is restored by Python', async () => {
      const members = [1, 2].map((n) => app.signature('ts.add', [n, n]).set({ queue: 'typescript' }))
      const sent = await group(members).delay()
      await sent.save()
      expect(await python.call('restore_group', { id: sent.id })).toEqual([sent.id, [2, 4]])
      expect(await python.call('restore_group', { id: 'another' })).toBeNull()
    })

    test('of Python is found by its id', async () => {
      const [id, members] = await python.call<[string, string[]]>('save_group', {
        calls: [theirs('py.add', [1, 1]), ours('ts.add', [2, 2])],
      })
      const found = await app.groupResult(id)
      expect(found?.members.map((member) => member.id)).toEqual(members)
      expect(await found?.join({ timeout: '60s' })).toEqual([2, 4])
    })
  })

  describe('a member that fails', () => {
    for (const [name, failing, last] of [
      ['ours, and the last part is ours', ours('ts.fail', ['broken']), ours('ts.gated', ['last'])],
      ['ours, and the last part is of Python', ours('ts.fail', ['broken']), theirs('py.gated', ['last'])],
      ['of Python, and the last part is ours', theirs('py.fail', ['broken']), ours('ts.gated', ['last'])],
    ] as const)
      test(name, async () => {
        const body = ours('ts.note', ['never'], { link_error: [ours('ts.note', [`failed ${name}`])] })
        const id = await python.call<string>('run_canvas', { spec: { chord: [failing, last], body } })
        await partsOf(1)
        await fleet.open('last')
        const { status, error } = await python.get(id)
        expect([status, error?.type]).toEqual(['FAILURE', 'ChordError'])
        expect(error?.text).toMatch(/^Dependency \S+ raised .*broken/)
        const noted = async (): Promise<string[]> => (await fleet.lines('notes')).filter((line) => line.includes(name))
        await eventually(noted, (lines) => lines.length === 1)
        expect((await fleet.lines('notes')).filter((line) => line.includes('never'))).toEqual([])
      })

    test('our caller sees it, too', async () => {
      const id = await python.call<string>('run_canvas', {
        spec: { chord: [ours('ts.fail', ['broken']), ours('ts.add', [1, 2])], body: ours('ts.total') },
      })
      await expect(app.result(id).get({ timeout: '30s' })).rejects.toThrow(/Dependency \S+ raised/)
      await nothingLeft()
    })
  })

  describe('nested', () => {
    test('chains in the header, across both kinds of worker', async () => {
      const chord = [
        { chain: [ours('ts.add', [1, 1]), theirs('py.add', [10]), ours('ts.add', [100])] },
        { chain: [theirs('py.add', [2, 2]), ours('ts.add', [10]), theirs('py.add', [100])] },
        ours('ts.add', [0, 7]),
      ]
      expect(await run({ chord, body: ours('ts.echo') })).toMatchObject({ result: [[112, 114, 7]] })
    })

    test('a chain in the header that fails at its first step', async () => {
      const chord = [
        { chain: [ours('ts.fail', ['early']), ours('ts.add', [1]), ours('ts.add', [1])] },
        ours('ts.add', [1, 1]),
      ]
      expect(await run({ chord, body: ours('ts.total') })).toMatchObject({
        status: 'FAILURE',
        error: { type: 'ChordError' },
      })
      await nothingLeft()
    })

    for (const last of ['ts', 'py'])
      test(`a group at the end of a chain in the header: its results are a list; the last part is that of ${last}`, async () => {
        const group = [ours('ts.add', [10]), theirs('py.add', [20])]
        const chord = [
          { chain: [ours('ts.add', [1, 1]), { group }] },
          (last === 'ts' ? ours : theirs)(`${last}.gated`, ['end']),
        ]
        const id = await python.call<string>('run_canvas', { spec: { chord, body: ours('ts.echo') } })
        await partsOf(2)
        await fleet.open('end')
        expect(await python.get(id)).toMatchObject({ status: 'SUCCESS', result: [[[12, 22], 'end']] })
      })

    test('a group, a task and a group', async () => {
      const { middle, last } = await python.call<{ middle: string; last: string[] }>('run_groups', {
        first: [ours('ts.add', [1, 1]), theirs('py.add', [2, 2])],
        middle: ours('ts.total'),
        last: [ours('ts.add', [1]), theirs('py.add', [2])],
      })
      // Celery's client may miss that one ends while it asks for another.
      const ended = await Promise.all([middle, ...last].map((id) => app.result(id).get({ timeout: '60s' })))
      expect(ended).toEqual([6, 7, 8])
    })

    test('a chain after a group', async () => {
      const spec = {
        chain: [{ group: [ours('ts.add', [1, 1]), ours('ts.add', [2, 2])] }, ours('ts.total'), ours('ts.add', [10])],
      }
      expect(await run(spec)).toMatchObject({ status: 'SUCCESS', result: 16 })
      await nothingLeft()
    })
  })

  describe('a member that is added', () => {
    for (const adding of ['ts', 'py'])
      for (const added of ['ts', 'py'])
        for (const last of ['header', 'added'] as const)
          test(`by ${adding}, is run by ${added}; the last part is of the ${last}`, async () => {
            const adder = adding === 'ts' ? ours : theirs
            const queue = added === 'ts' ? 'typescript' : 'python'
            const gates = { added: `added ${adding} ${added} ${last}`, header: `header ${adding} ${added} ${last}` }
            const chord = [
              adder(`${adding}.adding`, [`${added}.gated`, [gates.added], queue]),
              theirs('py.gated', [gates.header]),
            ]
            const id = await python.call<string>('run_canvas', { spec: { chord, body: ours('ts.echo') } })
            await partsOf(1)
            const [group] = await openGroups()
            expect(await fleet.redis.get(`celery-taskset-meta-${group}.t`)).toBe('1')
            await fleet.open(last === 'header' ? gates.added : gates.header)
            await partsOf(2)
            await fleet.open(last === 'header' ? gates.header : gates.added)
            const { status, result } = await python.get(id, 60)
            expect(status).toBe('SUCCESS')
            // Python gives what it adds the place of the task that adds it.
            expect((result as string[][])[0]?.toSorted()).toEqual(['added', gates.added, gates.header])
          })
  })

  describe('a member that is delivered twice', () => {
    /** Put a copy of the message of a queue into it. */
    async function twice(queue: string): Promise<void> {
      const { broker } = await storesOf(fleet.app())
      const consumer = await broker.consume([{ name: queue }], { prefetch: 1, name: 'celery@copy' })
      const delivery = await within(() => `a message in ${queue}`, new Reader(consumer).next())
      await broker.publish(delivery.envelope, { exchange: '', routingKey: queue })
      await delivery.reject({ requeue: true })
      await consumer.close()
      await consumer.release()
    }

    test('ours, with another result each time: one part', async () => {
      const app = fleet.app({ queue: 'ours twice' })
      const spec = {
        chord: [ours('ts.uuid', [], { queue: 'ours twice' }), ours('ts.gated', ['twice'])],
        body: ours('ts.echo'),
      }
      const id = await python.call<string>('run_canvas', { spec })
      await twice('ours twice')
      const worker = await fleet.work(app, { hostname: 'ts@twice', concurrency: 1 })
      // Both have ended: a part that comes after the end of the chord stays for an hour.
      await eventually(
        async () => (worker.totals.get('ts.uuid') ?? 0) - worker.busy,
        (ended) => ended === 2,
      )
      await partsOf(1)
      await fleet.open('twice')
      const { result } = await python.get(id)
      expect(result).toEqual([[expect.stringMatching(/^\w{8}-/), 'twice']])
      await nothingLeft()
    })

    test('of Python, with another result each time: the tasks are counted', async () => {
      const counting = theirs('py.count', ['number'], { queue: 'theirs twice' })
      const chord = [counting, ours('ts.gated', ['one']), ours('ts.gated', ['two'])]
      const id = await python.call<string>('run_canvas', { spec: { chord, body: ours('ts.echo') } })
      await twice('theirs twice')
      await fleet.pythonWorker({ queue: 'theirs twice', hostname: 'py@twice' })
      await partsOf(2)
      // Three entries of two tasks: one is removed.
      await fleet.open('one')
      await eventually(
        async () => (await fleet.redis.get('number')) === '2' && (await fleet.redis.llen('gate:one')) === 0,
        Boolean,
      )
      await partsOf(2)
      await fleet.open('two')
      expect(await python.get(id)).toMatchObject({ result: [[expect.any(Number), 'one', 'two']] })
      await nothingLeft()
    })
  })

  policies(() => ({ fleet, app, python, partsOf }))
}
