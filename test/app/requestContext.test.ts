import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { App } from '../../src/app/app.ts'
import { ArgumentError, EncodeError, ValidationError } from '../../src/std/errors.ts'
import { createLogger } from '../../src/std/log.ts'
import { currentTask, requestContext, urlFor } from '../../src/tasks/current.ts'
import { onEachStore, until, useLab } from './lab.ts'

const schema = z.object({ user: z.string(), tenant: z.number().optional() })

onEachStore((lab, kind) => {
  test('a task knows the context in which it was called, its retries and its children too', async () => {
    const app = lab().app({ context: schema })
    const seen: unknown[] = []
    const child = app.task('child', () => {
      seen.push(requestContext()?.values)
    })
    const task = app.task(
      'task',
      async () => {
        seen.push([currentTask()?.attempt, currentTask()?.request?.values])
        await sleep(1)
        await child.delay()
        if (currentTask()?.attempt === 1) throw new Error('again')
      },
      { retry: { max: 1, delay: 1 } },
    )
    await lab().work(app)
    const handle = await app.withContext({ user: 'ada' }, () => task.delay())
    await handle.get()
    await until(() => seen.length === 4)
    expect(seen).toContainEqual([1, { user: 'ada' }])
    expect(seen).toContainEqual([2, { user: 'ada' }])
    expect(seen.filter((one) => !Array.isArray(one))).toEqual([{ user: 'ada' }, { user: 'ada' }])
    expect(requestContext()).toBeUndefined()
    const plain = await task.delay()
    await plain.get()
    expect(seen).toContainEqual([1, undefined])
  })

  test('by name, with options, many at once, by hand', async () => {
    const app = lab().app()
    const who = app.task('who', () => requestContext()?.values.user ?? null)
    await lab().work(app)
    const handles = await app.withContext({ user: 'ada' }, async () => [
      await app.send('who'),
      await who.applyAsync([], { countdown: 1, headers: { own: 1 } }),
      ...(await who.delayMany([[], []])),
      await who.applyAsync([], { headers: { celeriac_context: { values: { user: 'eve' } } } }),
      await who.applyAsync([], { headers: { celeriac_context: undefined } }),
    ])
    expect(await Promise.all(handles.map((handle) => handle.get()))).toEqual(['ada', 'ada', 'ada', 'ada', 'eve', null])
  })

  // In memory each app has a store of its own.
  if (kind !== 'memory')
    test('a context that cannot be read is ignored, with a warning, and not passed on', async () => {
      const lines: Record<string, unknown>[] = []
      const logger = createLogger('warn', { write: (line: string) => lines.push(JSON.parse(line)) })
      const app = lab().app({ context: schema, logger })
      const child = app.task('child', () => requestContext() === undefined)
      app.task(
        'task',
        async () => {
          if (currentTask()?.attempt === 1) throw new Error('again')
          return (await child.delay()).id
        },
        { retry: { max: 1, delay: 1 } },
      )
      await lab().work(app)
      // The other app has no schema: it may send what this one cannot take.
      const sender = lab().app()
      const sent = await sender.withContext({ user: 7 }, () => sender.send<string>('task'))
      expect(await app.result(await sent.get()).get()).toBe(true)
      const warnings = lines.filter(({ task }) => task !== undefined)
      expect(warnings.map(({ task }) => task)).toEqual(['task', 'task'])
      expect(warnings[0]).toMatchObject({ problem: expect.stringMatching(/^context: user: /) })
    })

  test('signals about a task carry its request, on both sides', async () => {
    const app = lab().app()
    const users: [string, unknown][] = []
    const names = ['task:before-publish', 'task:after-publish', 'task:received', 'task:prerun', 'task:success'] as const
    for (const name of names) app.on(name, ({ request }) => users.push([name, request?.values.user]))
    app.on('task:unknown', ({ task, request }) => users.push([task, request?.values.user]))
    const task = app.task('task', () => 1)
    await lab().work(app)
    await app.withContext({ user: 'ada' }, () => task.delay().get())
    await app.withContext({ user: 'bob' }, () => expect(app.send('elsewhere').get()).rejects.toThrow('elsewhere'))
    const of = (one: unknown): string[] => users.flatMap(([name, user]) => (user === one ? name : [])).toSorted()
    // Some come after the caller has its result.
    await expect.poll(() => of('ada')).toEqual(names.toSorted())
    await expect.poll(() => users).toContainEqual(['elsewhere', 'bob'])
    users.length = 0
    await task.delay().get()
    await expect.poll(() => of(undefined)).toEqual(names.toSorted())
    expect(users).toHaveLength(names.length)
  })

  test('hooks after a task: its outcome and its request', async () => {
    const lines: unknown[] = []
    const logger = createLogger('error', { write: (line: string) => lines.push(JSON.parse(line)) })
    const app = lab().app({ logger })
    const ends: unknown[] = []
    app.afterTask(() => {
      throw new Error('of the hook')
    })
    app.afterTask(async ({ task, state, result, error, runtime, request, retries }) => {
      await sleep(1)
      ends.push({ task, state, result, error: error?.message, ran: runtime > 0, retries, user: request?.values.user })
      expect(requestContext()).toBe(request)
      expect(currentTask()).toBeUndefined()
    })
    app.task('good', () => 'fine')
    app.task(
      'bad',
      () => {
        throw new Error('again')
      },
      { retry: { max: 1, delay: 1 } },
    )
    app.task('late', () => 1)
    await app.withContext({ user: 'ada' }, async () => {
      await app.send('late', [], { expires: new Date(Date.now() - 1000) })
      await app.send('good')
      await app.send('bad')
    })
    await lab().work(app)
    await until(() => ends.length === 3)
    const base = { user: 'ada', ran: true, retries: 0 }
    expect(ends).toContainEqual({ ...base, task: 'good', state: 'SUCCESS', result: 'fine', error: undefined })
    expect(ends).toContainEqual({
      ...base,
      task: 'bad',
      state: 'FAILURE',
      result: undefined,
      error: 'again',
      retries: 1,
    })
    expect(ends).toContainEqual({
      ...base,
      task: 'late',
      state: 'REVOKED',
      result: undefined,
      error: 'expired',
      ran: false,
    })
    expect(lines).toHaveLength(3)
    expect(lines[0]).toMatchObject({ msg: 'an afterTask hook threw', err: { message: 'of the hook' } })
  })
})

describe('values', () => {
  const lab = useLab('memory')

  test('are those of the schema, merged with those around, copied', async () => {
    const app = new App({ broker: 'memory:', context: z.object({ at: z.coerce.date(), n: z.number().default(1) }) })
    const given = { at: '2026-01-02T00:00:00Z', n: 2 }
    app.withContext(given, () => {
      given.n = 9
      expect(app.requestContext()?.values.n?.toFixed(1)).toBe('2.0')
      expect(app.requestContext()?.values.at?.getUTCDate()).toBe(2)
      app.withContext({ at: '2026-01-03T00:00:00Z' }, () => {
        expect(app.requestContext()?.values).toEqual({ at: new Date('2026-01-03T00:00:00Z'), n: 2 })
      })
      expect(app.requestContext()?.values.at?.getUTCDate()).toBe(2)
    })
    await app.close()
  })

  test('what does not fit is refused where it is set', () => {
    const app = lab().app({ context: schema })
    expect(() => app.withContext({ user: 1 } as never, () => 1)).toThrow(ValidationError)
    expect(() => app.withContext(7 as never, () => 1)).toThrow('context: expected an object of values, got 7')
    const asynchronous = lab().app({ context: z.object({}).refine(async () => true) })
    expect(() => asynchronous.withContext({}, () => 1)).toThrow('expected a schema that checks at once')
  })

  test('what cannot be sent is refused by its path', () => {
    const app = lab().app()
    class Socket {}
    const circle: Record<string, unknown> = {}
    circle.self = circle
    const cases: [Record<string, unknown>, string][] = [
      [{ user: { socket: new Socket() } }, 'context.user.socket: instances of Socket cannot be sent'],
      [{ list: [1, () => 1] }, 'context.list[1]: functions cannot be sent'],
      [{ mark: Symbol('x') }, 'context.mark: symbols cannot be sent'],
      [{ circle }, 'context.circle.self: circular structures cannot be sent'],
      [{ when: new Date() }, 'context.when: a Date cannot be sent'],
      [{ bytes: new Uint8Array(1) }, 'context.bytes: bytes cannot be sent'],
      [{ n: Number.NaN }, 'context.n: NaN cannot be sent'],
    ]
    for (const [values, message] of cases) {
      const call = () => app.withContext(values, () => 1)
      expect(call, message).toThrow(EncodeError)
      expect(call).toThrow(message)
    }
    const deep = JSON.parse(`${'{"a":'.repeat(30)}1${'}'.repeat(30)}`)
    expect(() => app.withContext(deep, () => 1)).toThrow('context: nested deeper than 20 levels')
    const proto = JSON.parse('{"user":{"__proto__":{"admin":true}}}')
    expect(() => app.withContext(proto, () => 1)).toThrow('the key __proto__ is not accepted')
    const task = app.task('task', (_user: unknown) => 1)
    expect(() => task.delay({ user: { socket: new Socket() } })).toThrow(
      'args[0].user.socket: instances of Socket cannot be sent',
    )
  })

  test('a context that is too large is refused by its size and the limit', () => {
    const app = lab().app({ request: { limit: 300 } })
    const call = () => app.withContext({ text: 'é'.repeat(200) }, () => 1)
    expect(call).toThrow(ArgumentError)
    expect(call).toThrow('context: expected at most 300 bytes of JSON (the option request.limit), got 422')
    expect(app.withContext({ text: 'é'.repeat(100) }, () => requestContext()?.values.text)).toHaveLength(100)
  })

  test('a header by hand is checked at the call', () => {
    const app = lab().app()
    const task = app.task('task', () => 1)
    for (const [header, problem] of [
      ['text', 'expected an object, got "text"'],
      [{ path: 1 }, 'path: expected text, got 1'],
      [{ base_url: 'javascript:alert(1)' }, 'base_url: expected a URL'],
      [{ base_url: 'https://shop.example@evil.example' }, 'base_url: expected a URL'],
      [{ query: { a: [1] } }, 'query: expected an object of texts'],
      [{ identity: 'x'.repeat(9000) }, 'larger than 8192 bytes'],
      [{ values: JSON.parse('{"__proto__":1}') }, 'the key __proto__ is not accepted'],
      [{ identity: JSON.parse('['.repeat(50) + ']'.repeat(50)) }, 'nested deeper than 20 levels'],
    ] as const) {
      expect(() => task.applyAsync([], { headers: { celeriac_context: header } })).toThrow(
        `headers.celeriac_context: ${problem}`,
      )
    }
  })

  test('eager and direct runs', async () => {
    const app = lab().app({ alwaysEager: true })
    const ends: unknown[] = []
    app.afterTask(({ state, request }) => ends.push([state, request?.values.user]))
    const inner = app.task('inner', () => requestContext()?.values.user)
    const outer = app.task('outer', async () => (await inner.delay()).get())
    await app.withContext({ user: 'ada' }, async () => {
      expect(await (await outer.delay()).get()).toBe('ada')
      expect(inner()).toBe('ada')
    })
    expect(inner()).toBeUndefined()
    expect(ends).toEqual([
      ['SUCCESS', 'ada'],
      ['SUCCESS', 'ada'],
    ])
  })

  test('a worker that is started within a request does not run its tasks in it', async () => {
    const app = lab().app()
    const task = app.task('task', () => requestContext()?.values.user ?? null)
    await app.withContext({ user: 'ada' }, () => lab().work(app))
    expect(await (await task.delay()).get()).toBeNull()
    expect(await (await app.withContext({ user: 'bob' }, () => task.delay())).get()).toBe('bob')
  })

  test('1,000 calls that wait among each other keep to their own', async () => {
    const app = lab().app()
    const task = app.task('task', async (n: number) => {
      await sleep(n % 7)
      return [n, requestContext()?.values.n]
    })
    await lab().work(app)
    const numbers = Array.from({ length: 1000 }, (_, n) => n)
    const results = await Promise.all(
      numbers.map((n) =>
        app.withContext({ n }, async () => {
          await sleep(n % 5)
          return (await task.delay(n)).get()
        }),
      ),
    )
    expect(results).toEqual(numbers.map((n) => [n, n]))
  })
})

describe('urlFor', () => {
  const lab = useLab('memory')
  const within = <Result>(base_url: string, run: () => Result): Promise<Result> => {
    const app = lab().app({ alwaysEager: true })
    let result: Result
    const task = app.task('task', () => {
      result = run()
    })
    return task
      .applyAsync([], { headers: { celeriac_context: { base_url } } })
      .get()
      .then(() => result)
  }

  test('absolute, below the base, escaped', async () => {
    const url = (path: string, query?: Parameters<typeof urlFor>[1]) =>
      within('https://shop.example/eu', () => urlFor(path, query))
    expect(await url('/reports/1')).toBe('https://shop.example/eu/reports/1')
    expect(await url('/a b/ü/%20/50%/"<>', { q: 'a&b=c d', tags: ['x', 'y'], page: 2, all: true, none: null })).toBe(
      'https://shop.example/eu/a%20b/%C3%BC/%20/50%25/%22%3C%3E?q=a%26b%3Dc+d&tags=x&tags=y&page=2&all=true',
    )
    expect(await url('/a\r\nX-Evil: 1')).toBe('https://shop.example/eu/a%0D%0AX-Evil:%201')
  })

  test('what leads elsewhere is refused', () => {
    const app = lab().app({ request: { baseUrl: 'https://shop.example/' } })
    expect(app.urlFor('/')).toBe('https://shop.example/')
    for (const path of ['reports', '//evil.example', '/\\evil.example', '/a?b', '/a#b', '/../x', '/a/%2e%2e', ''])
      expect(() => app.urlFor(path), path).toThrow(/^urlFor: expected a path/)
    expect(() => app.urlFor('/a', { q: {} as never })).toThrow('urlFor: query.q: expected text')
  })

  test('without an address it says what is missing; with the option it needs no request', async () => {
    expect(() => urlFor('/reports/1')).toThrow('urlFor("/reports/1"): the address of the application is not known here')
    const app = lab().app({ request: { baseUrl: 'https://shop.example' } })
    const task = app.task('task', () => urlFor('/reports/1'))
    await lab().work(app)
    expect(await (await task.delay()).get()).toBe('https://shop.example/reports/1')
  })

  test('options are checked', () => {
    const open = (request: object) => () => new App({ broker: 'memory:', request })
    expect(open({ baseUrl: 'shop.example' })).toThrow('request: baseUrl: expected http or https')
    expect(open({ trustProxy: true })).toThrow("request: trustProxy: expected 'x-forwarded', 'forwarded' or false")
    expect(open({ headers: ['a b'] })).toThrow('request: headers: expected names of headers')
    expect(open({ limit: 1 })).toThrow('request: limit: expected a whole number of bytes')
    expect(open({ trust: 1 })).toThrow('request: unknown option trust')
    expect(() => new App({ context: {} as never })).toThrow('context: expected a Standard Schema')
  })
})
