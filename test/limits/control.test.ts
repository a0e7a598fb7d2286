import { expect, test } from 'vitest'
import { Control } from '../../src/control/control.ts'
import { until } from '../app/lab.ts'
import { PythonClient } from '../interop/celery.ts'
import { limitedApp, onTwoLimitedStores } from './fixture.ts'

const NAME = 'celeriac@a'
const ONE = { destination: [NAME], timeout: '10s' } as const
const done = (ok: string) => [{ [NAME]: { ok } }]

onTwoLimitedStores((lab, kind) => {
  test('pause and resume by remote control; what a worker says of a paused queue; limits', async () => {
    const app = limitedApp(lab())
    const api = app.limit('api', { rate: '600/m', burst: 5, breaker: { failures: 1, within: '1m', pause: '1h' } })
    const ran: string[] = []
    const keyed = app.task('keyed', (key: string) => ran.push(key), {
      concurrency: { limit: 2, key: (key: string) => key },
    })
    const plain = app.task('plain', () => ran.push('plain'), { queue: 'other' })
    const uses = app.task('uses', () => ran.push('uses'), { uses: api })
    await lab().work(app, { hostname: NAME, queues: ['celery', 'other'] })
    const control = new Control(app)
    expect(await control.pause({ queue: 'other' }, ONE)).toEqual(done('queue other is paused'))
    expect(await control.pause({ task: keyed, key: 'a' }, ONE)).toEqual(done('task keyed, key a is paused'))
    expect(await control.pause({ limit: api }, ONE)).toEqual(done('limit api is paused'))
    await until(async () => {
      const { paused_queues } = (await control.inspect(ONE).stats())[NAME] as { paused_queues?: unknown }
      return JSON.stringify(paused_queues) === '["other"]'
    })
    expect((await control.inspect(ONE).activeQueues())[NAME]).toMatchObject([{ name: 'celery' }, { paused: true }])
    const sent = [await keyed.delay('a'), await plain.delay(), await uses.delay()]
    await (await keyed.delay('b')).get({ timeout: '20s' })
    expect(ran).toEqual(['b'])

    const all = (await control.inspect(ONE).limits())[NAME]
    const none = { concurrency: null, rate: null, burst: null, until: null, breaker: null, held: 0 }
    expect(all).toEqual([
      { ...none, rule: 'api', key: '', paused: true, waiting: 1, rate: '10/s', burst: 5, breaker: 'closed' },
      { ...none, rule: 'queue:other', key: '', paused: true, waiting: 0 },
      { ...none, rule: 'task:keyed', key: '', paused: false, waiting: 1 },
      { ...none, rule: 'task:keyed:concurrency', key: 'a', paused: true, waiting: 1, concurrency: 2 },
      { ...none, rule: 'task:uses', key: '', paused: false, waiting: 1 },
    ])
    const some = (await control.inspect(ONE).limits({ paused: true, limit: 1, rule: 'api' }))[NAME]
    expect(some).toMatchObject([{ rule: 'api' }])

    expect(await control.unpause({ queue: 'other' }, ONE)).toEqual(done('queue other is not paused'))
    expect(await control.unpause({ task: 'keyed', key: 'a' }, ONE)).toEqual(done('task keyed, key a is not paused'))
    expect(await control.unpause({ limit: 'api' }, ONE)).toEqual(done('limit api is not paused'))
    for (const one of sent) await one.get({ timeout: '20s' })
    expect((await control.inspect(ONE).activeQueues())[NAME]).not.toMatchObject([{}, { paused: true }])
  })

  // Celery is on Redis, of the stores that keep limits.
  if (kind === 'redis')
    test("Python's app.control pauses and resumes, and lists limits", async () => {
      const app = limitedApp(lab())
      const plain = app.task('plain', () => 'ran', { queue: 'other' })
      await lab().work(app, { hostname: NAME, queues: ['celery', 'other'] })
      const python = await PythonClient.start({ broker: lab().url })
      lab().after(() => python.stop())
      const ask = (command: string, given: object): Promise<unknown> =>
        python.call('broadcast', { command, arguments: given, destination: [NAME], timeout: 10 })
      expect(await ask('pause', { queue: 'other' })).toEqual(done('queue other is paused'))
      expect(await ask('limits', {})).toEqual([
        { [NAME]: [expect.objectContaining({ rule: 'queue:other', paused: true })] },
      ])
      const sent = await plain.delay()
      expect(await ask('resume', { queue: 'other' })).toEqual(done('queue other is not paused'))
      expect(await sent.get({ timeout: '20s' })).toBe('ran')
    })

  test('commands of any sender: what is wrong is an answer, and nothing is paused', async () => {
    const app = limitedApp(lab())
    app.task('plain', () => undefined)
    await lab().work(app, { hostname: NAME })
    await lab().work(app, { hostname: 'celeriac@b', control: ['inspect'] })
    const control = new Control(app)
    const wrong: readonly (readonly [given: Readonly<Record<string, unknown>>, error: RegExp])[] = [
      [{}, /^TypeError.*pause: expected one of queue, task and limit/],
      [{ queue: 'a', task: 'b' }, /^TypeError.*expected one of queue, task and limit, got 2/],
      [{ queue: '' }, /^TypeError.*queue: expected a text/],
      [{ task: { name: 'plain' } }, /^TypeError.*task: expected a text/],
      [{ queue: 'a', key: 'b' }, /^TypeError.*key: expected a task/],
      [{ task: 'plain', key: 'b' }, /^ValueError.*expected a task with a key/],
      [{ limit: 'queue:a' }, /^ValueError.*does not begin with queue:/],
    ]
    for (const [given, error] of wrong)
      expect(await control.broadcast('pause', given, ONE)).toEqual([
        { [NAME]: { error: expect.stringMatching(error) } },
      ])
    for (const limit of [0, -1, 'x'])
      expect(await control.broadcast('limits', { limit }, ONE)).toMatchObject([{ [NAME]: { error: /limit/ } }])
    expect(await control.pause({ queue: 'a' }, { ...ONE, destination: ['celeriac@b'] })).toEqual([
      { 'celeriac@b': { error: expect.stringMatching(/^PermissionError/) } },
    ])
    expect(await app.limits.paused()).toEqual([])
    for (const target of [{}, { queue: 'a', limit: 'b' }, { queue: 1 }, undefined])
      expect(() => control.pause(target as never)).toThrow(/^target: /)
  })
})
