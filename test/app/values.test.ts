import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { EncodeError } from '../../src/std/errors.ts'
import { currentTask } from '../../src/tasks/current.ts'
import { next, onEachStore, useLab } from './lab.ts'

class Socket {
  readonly open = true
}
const circle: { self?: unknown } = {}
circle.self = circle

/** What cannot be carried, below `.user.socket`, and why. */
const REFUSED: [string, unknown, string][] = [
  ['a function', () => 1, 'functions cannot be sent'],
  ['a symbol', Symbol('s'), 'symbols cannot be sent'],
  ['a class instance', new Socket(), 'instances of Socket cannot be sent; send plain data'],
  ['a Map', new Map(), 'instances of Map cannot be sent; send Object.fromEntries(it) or an array of entries'],
  ['a Set', new Set(), 'instances of Set cannot be sent; send an array'],
  ['an Error', new Error('no'), 'instances of Error cannot be sent; send its message'],
  ['a promise', Promise.resolve(1), 'promises cannot be sent: did you forget an await?'],
  ['an invalid Date', new Date(Number.NaN), 'an invalid Date cannot be sent'],
  ['a small bigint', 5n, '5n would arrive as the number 5; send Number(5n)'],
]

describe('arguments that cannot be carried', () => {
  const lab = useLab('memory')

  it.each(REFUSED)('%s is refused at the call, with its path', async (_what, socket, reason) => {
    const app = lab().app()
    const echo = app.task('echo', (...values: unknown[]) => values)
    const render = app.task({ name: 'render', input: z.looseObject({}), run: (input) => input })
    const user = { name: 'Mara', socket }
    const positional = (): unknown => echo.delay({ user })
    expect(positional).toThrow(EncodeError)
    expect(positional).toThrow(TypeError)
    expect(positional).toThrow(`args[0].user.socket: ${reason}`)
    expect(() => echo.delay(1, [user])).toThrow(`args[1][0].socket: ${reason}`)
    expect(() => render.delay({ user })).toThrow(`input.user.socket: ${reason}`)
    expect(() => app.send('elsewhere', { user })).toThrow(`args.user.socket: ${reason}`)
    expect(() => app.send('elsewhere', [user])).toThrow(`args[0].socket: ${reason}`)
    expect(() => echo.applyAsync([], { headers: { user } })).toThrow(`headers.user.socket: ${reason}`)
    await expect(echo.delayMany([[1], [{ user }]])).rejects.toThrow(`args[0].user.socket: ${reason}`)
    expect(await app.queueSize()).toBe(0)
  })

  it('names the place of an undefined item, a hole and a circle', () => {
    const echo = lab()
      .app()
      .task('echo', (value: unknown) => value)
    expect(() => echo.delay([1, undefined])).toThrow('args[0][1]: undefined cannot be sent here; send null')
    expect(() => echo.delay(new Array(2))).toThrow('args[0][0]: sparse arrays cannot be sent')
    expect(() => echo.delay(circle)).toThrow('args[0].self: circular structures cannot be sent')
    expect(() => echo.delay({ 'odd key': () => 1 })).toThrow('args[0]["odd key"]: functions cannot be sent')
  })
})

describe('without typed JSON', () => {
  const lab = useLab('memory')

  it('Dates and bytes are refused in JSON, with what to send; msgpack has words for them', async () => {
    const app = lab().app({ typedJson: false })
    const echo = app.task('echo', (value: unknown) => value)
    const reason = 'cannot be sent by JSON without types (the option typedJson is off); send'
    expect(() => echo.delay({ at: new Date() })).toThrow(EncodeError)
    expect(() => echo.delay({ at: new Date() })).toThrow(`args[0].at: a Date ${reason} its toISOString()`)
    expect(() => app.send('elsewhere', { raw: new Uint8Array(1) })).toThrow(`args.raw: bytes ${reason} them as base64`)
    await lab().work(app)
    const at = new Date(5)
    expect(await (await echo.applyAsync([at], { serializer: 'msgpack' })).get()).toEqual(at)
    expect(await echo.delay({ n: 1.5, text: 'ä', big: 2n ** 64n }).get()).toEqual({ n: 1.5, text: 'ä', big: 2n ** 64n })
  })
})

onEachStore((lab) => {
  it('a result that cannot be carried fails the task, with its path and without a retry', async () => {
    const app = lab().app()
    let runs = 0
    const task = app.task(
      'task',
      (index: number) => {
        runs++
        return { user: { socket: REFUSED[index]?.[1] } }
      },
      { retry: 3 },
    )
    await lab().work(app)
    const handles = await task.delayMany(REFUSED.map((_, index) => [index]))
    for (const [index, handle] of handles.entries()) {
      const message = `result.user.socket: ${REFUSED[index]?.[2]}`
      await expect(handle.get()).rejects.toMatchObject({ type: 'EncodeError', message })
      expect(await handle.state()).toBe('FAILURE')
    }
    expect(runs).toBe(REFUSED.length)
  })

  it('refuses progress and meta that cannot be carried, where they are said', async () => {
    const app = lab().app()
    const task = app.task('task', async (which: string) => {
      const value = { user: { socket: new Socket() } }
      if (which === 'progress') await currentTask()?.progress(value)
      else await currentTask()?.updateState('STEP 1', value)
    })
    await lab().work(app)
    const reason = 'instances of Socket cannot be sent; send plain data'
    await expect(task.delay('progress').get()).rejects.toMatchObject({
      type: 'EncodeError',
      message: `progress.user.socket: ${reason}`,
    })
    await expect(task.delay('meta').get()).rejects.toMatchObject({ message: `meta.user.socket: ${reason}` })
  })

  const VALUES = {
    bytes: new Uint8Array([0, 1, 254, 255]),
    date: new Date('2026-11-20T12:34:56.789Z'),
    big: 2n ** 63n + 1n,
    negative: -(2n ** 60n),
    text: 'naïve ☃ \u0000 "quoted"',
    numbers: [0, -1.5, 1e300, Number.MAX_SAFE_INTEGER],
    nested: { list: [null, true, { deep: new Date(0) }] },
  }

  it.each(['json', 'msgpack'] as const)(
    'bytes, dates and big integers are carried by %s: in arguments, results, progress, states',
    async (serializer) => {
      const app = lab().app({ serializer, resultSerializer: serializer })
      const told = next(app, 'task:success')
      let seen: unknown
      const echo = app.task('echo', async (value: typeof VALUES, gate: string) => {
        seen = value
        await currentTask()?.updateState('STEP 1', value)
        await app.result(gate).get()
        return value
      })
      const show = app.task('show', async (value: typeof VALUES, gate: string) => {
        await currentTask()?.progress(value)
        await app.result(gate).get()
      })
      app.task('gate', () => undefined)
      await lab().work(app)
      const gate = await app.send('gate', [], { queue: 'elsewhere' })
      const handle = await echo.delay(VALUES, gate.id)
      for await (const event of handle.events()) {
        if (event.state !== 'STEP 1' || event.type !== 'state') continue
        expect(event.meta).toEqual(VALUES)
        break
      }
      const shown = await show.delay(VALUES, gate.id)
      for await (const event of shown.events()) {
        if (event.type !== 'progress') continue
        expect(event.data).toEqual(VALUES)
        expect(event.info.progress).toEqual(VALUES)
        break
      }
      await gate.revoke()
      if (lab().kind === 'rabbitmq') await lab().work(app, { queues: ['elsewhere'] })
      await expect(handle.get()).rejects.toMatchObject({ type: 'TaskRevokedError' })
      expect(seen).toEqual(VALUES)
      const back = app.task('back', (value: unknown) => value)
      expect(await back.delay(VALUES).get()).toEqual(VALUES)
      expect((await told).result).toEqual(VALUES)
    },
  )

  it('one call may choose its serializer', async () => {
    const app = lab().app()
    const kind = app.task('kind', (value: unknown) => value)
    const handle = await kind.applyAsync([VALUES], { serializer: 'msgpack' })
    await lab().work(app)
    expect(await handle.get()).toEqual(VALUES)
    expect(() => kind.applyAsync([2n ** 70n], { serializer: 'msgpack' })).toThrow(
      'args[0]: an integer beyond 64 bits cannot be sent by msgpack',
    )
    expect(await kind.delay(2n ** 70n).get()).toBe(2n ** 70n)
  })

  it('undefined becomes null as a result, and is left out of objects', async () => {
    const app = lab().app()
    const nothing = app.task('nothing', (given: { a?: number }) => {
      if ('a' in given) throw new Error('expected no a')
    })
    await lab().work(app)
    expect(await nothing.delay({ a: undefined }).get()).toBeNull()
  })

  it('carries a result of 5 MB', async () => {
    const app = lab().app()
    const large = app.task('large', (size: number) => ({ text: 'x'.repeat(size), bytes: new Uint8Array(size) }))
    await lab().work(app)
    const { text, bytes } = await large.delay(2_500_000).get()
    expect([text.length, bytes.length]).toEqual([2_500_000, 2_500_000])
  })
})
