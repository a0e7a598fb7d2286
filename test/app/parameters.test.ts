import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { TaskOptions } from '../../src/config/taskOptions.ts'
import { ArgumentError, ValidationError } from '../../src/std/errors.ts'
import type { Schema } from '../../src/std/schema.ts'
import { onFewStores, useLab } from './lab.ts'

/** What was thrown, or what the call came to. */
async function outcome(call: () => PromiseLike<unknown>): Promise<unknown> {
  try {
    return await call()
  } catch (error) {
    return (error as Error).message
  }
}

onFewStores((lab) => {
  it('an object task takes its input by position, by name and mixed, in the order of its schema', async () => {
    const app = lab().app()
    const input = z.object({ f: z.string(), a: z.number(), size: z.number().default(100) })
    app.task({ name: 'integrate', input, run: (given) => given })
    await lab().work(app)
    const whole = { f: 'xs', a: 1, size: 100 }
    expect(await app.send('integrate', ['xs', 1]).get()).toEqual(whole)
    expect(await app.send('integrate', ['xs'], { kwargs: { a: 1 } }).get()).toEqual(whole)
    expect(await app.send('integrate', { f: 'xs' }, { kwargs: { a: 1, size: 5 } }).get()).toEqual({ ...whole, size: 5 })
    expect(await app.send('integrate', [{ f: 'xs', a: 1 }]).get()).toEqual(whole)
    expect(await outcome(() => app.send('integrate', ['xs', 1, 2, 3]).get())).toBe(
      'task integrate: takes 3 positional arguments but 4 were given; its parameters are f, a, size',
    )
    expect(await outcome(() => app.send('integrate', ['xs'], { kwargs: { f: 'ys', a: 1 } }).get())).toBe(
      "task integrate: got multiple values for argument 'f'",
    )
    expect(await outcome(() => app.send('integrate', ['xs']).get())).toMatch(/^task integrate: a: /)
  })

  it('a positional task takes keyword arguments by the names of its parameters', async () => {
    const app = lab().app()
    app.task('power', (base: number, exponent: number = 2, offset: number = 0) => base ** exponent + offset)
    app.task('opaque', ({ base }: { base: number }) => base)
    await lab().work(app)
    expect(await app.send('power', { base: 3 }).get()).toBe(9)
    expect(await app.send('power', [3], { kwargs: { offset: 1 } }).get()).toBe(10)
    expect(await app.send('power', { exponent: 3, base: 2 }).get()).toBe(8)
    const wrong = await app.send('power', [3], { kwargs: { bass: 1 } })
    expect(await outcome(() => wrong.get())).toBe(
      "task power: got an unexpected keyword argument 'bass'; its parameters are base, exponent, offset",
    )
    expect((await wrong.info())?.error).toMatchObject({
      type: 'CallError',
      module: 'builtins',
      pythonType: 'TypeError',
    })
    expect(await outcome(() => app.send('power', [3], { kwargs: { base: 1 } }).get())).toBe(
      "task power: got multiple values for argument 'base'",
    )
    expect(await outcome(() => app.send('opaque', { base: 1 }).get())).toBe(
      'task opaque: takes positional arguments, got keyword arguments base; the names of its parameters are not known (declare them: the option params)',
    )
  })
})

describe('declared parameters', () => {
  const lab = useLab('memory')

  it('calls by position from code: on the wire they are keyword arguments', async () => {
    const app = lab().app()
    const seen: unknown[] = []
    app.use({
      send: (call, next) => {
        seen.push([call.args, call.kwargs])
        return next(call)
      },
    })
    const divide = app.task({
      name: 'divide',
      input: z.object({ by: z.number(), number: z.number().default(1) }),
      params: ['number', 'by'],
      run: ({ number, by }) => number / by,
    })
    await lab().work(app)
    expect(await divide.delay(6, 2).get()).toBe(3)
    expect(await divide.delay({ number: 8, by: 2 }).get()).toBe(4)
    expect(await divide.applyAsync([9, 3]).get()).toBe(3)
    const many = await divide.delayMany([[1, 2], { number: 4, by: 2 }])
    expect(await Promise.all(many.map((one) => one.get()))).toEqual([0.5, 2])
    expect(await divide(10, 5)).toBe(2)
    expect(seen).toEqual([
      [[], { number: 6, by: 2 }],
      [[], { number: 8, by: 2 }],
      [[], { number: 9, by: 3 }],
      [[], { number: 1, by: 2 }],
      [[], { number: 4, by: 2 }],
    ])
    expect(await outcome(() => divide.delay(...([1, 2, 3] as unknown as [number, number])))).toMatch(
      /takes 2 positional/,
    )
  })

  it('an object that has none of the names is the first argument, one that has some is the input', async () => {
    const app = lab().app()
    app.task({
      name: 'count',
      input: z.object({ words: z.record(z.string(), z.number()), least: z.number().default(0) }),
      params: ['words', 'least'],
      run: ({ words, least }) => Object.values(words).filter((count) => count >= least).length,
    })
    await lab().work(app)
    expect(await app.send('count', [{ a: 1, b: 2 }]).get()).toBe(2)
    expect(await app.send('count', [{ a: 1, b: 2 }], { kwargs: { least: 2 } }).get()).toBe(1)
    expect(await app.send('count', [{ words: { a: 1 } }]).get()).toBe(1)
  })

  it('of a positional task: what is missing or too much is refused, at the call and in the worker', async () => {
    const app = lab().app()
    const add = app.task('add', (x: number, y: number, z: number = 0) => x + y + z, { params: ['x', 'y', 'z?'] })
    const sum = app.task('sum', (first: number, ...more: number[]) => more.reduce((a, b) => a + b, first), {
      params: ['first', '...more'],
    })
    const missing = "task add: missing 2 required arguments: 'x' and 'y'"
    expect(() => add.delay(...([] as unknown as [number, number]))).toThrow(ValidationError)
    expect(() => add.delay(...([] as unknown as [number, number]))).toThrow(missing)
    expect(() => add(...([] as unknown as [number, number]))).toThrow(missing)
    expect(() => add.delay(...([1, 2, 3, 4] as unknown as [number, number]))).toThrow(
      'takes 3 positional arguments but 4',
    )
    await lab().work(app)
    expect(await add.delay(1, 2).get()).toBe(3)
    expect(await sum.delay(1, 2, 3).get()).toBe(6)
    expect(await outcome(() => app.send('add', []).get())).toBe(missing)
    expect(await outcome(() => app.send('add', [1], { kwargs: { z: 3 } }).get())).toBe(
      "task add: missing 1 required argument: 'y'",
    )
    expect(await outcome(() => app.send('sum', []).get())).toBe("task sum: missing 1 required argument: 'first'")
  })

  it('with schemas: each argument is checked, and the function gets what they make of it', async () => {
    const app = lab().app()
    const repeat = app.task('repeat', (text: string, times?: number) => text.repeat(times ?? 0), {
      params: { text: z.string(), times: z.coerce.number().int().max(9).default(2) },
    })
    await lab().work(app)
    expect(await repeat.delay('ab').get()).toBe('abab')
    expect(repeat('ab')).toBe('abab')
    expect(await app.send('repeat', { times: '3', text: 'c' }).get()).toBe('ccc')
    let error: unknown
    try {
      repeat.delay(5 as never, 100)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(ValidationError)
    expect((error as ValidationError).issues.map(({ path }) => path)).toEqual([['text'], ['times']])
    expect(await outcome(() => app.send('repeat', []).get())).toBe("task repeat: missing 1 required argument: 'text'")
    const slow = app.task('slow', (n: number) => n, {
      params: { n: z.number().refine(async (n) => n > 0, { message: 'must be positive' }) },
    })
    expect(await outcome(() => slow.delay(-1))).toBe('task slow: n: must be positive')
    expect(await slow.delay(1).get()).toBe(1)
  })

  it.each<[unknown, string]>([
    [{ params: 'x' }, 'params: expected names or an object of schemas, got x'],
    [{ params: ['x', 'x'] }, 'params: x is given twice'],
    [{ params: ['x y'] }, 'params: expected names, got "x y"'],
    [{ params: [1] }, 'params: expected names, got 1'],
    [{ params: ['x?', 'y'] }, 'params: y follows one that may be left out'],
    [{ params: ['...x', 'y'] }, 'params: expected names, got "...x"'],
    [{ params: { x: 1 } }, 'params: x: expected a Standard Schema'],
    [{ params: ['__proto__'] }, 'params: expected names, got "__proto__"'],
  ])('%j of a positional task is refused', (options, message) => {
    const define = (): unknown =>
      lab()
        .app()
        .task('one', () => 1, options as TaskOptions)
    expect(define).toThrow(ArgumentError)
    expect(define).toThrow(message)
  })

  it.each<[unknown, string]>([
    [['n', 'm'], 'params: the input has no m; it has n'],
    [['n?'], 'params: expected names, got "n?"'],
    [{ n: z.number() }, 'params: expected an array of names of the input'],
  ])('%j of a task with an input is refused', (params, message) => {
    const define = (): unknown =>
      lab()
        .app()
        .task({ name: 'one', input: z.object({ n: z.number() }), params: params as never, run: () => 1 })
    expect(define).toThrow(message)
  })
})

describe('the order of a schema', () => {
  const lab = useLab('memory')
  const plain = (value: object) => ({
    '~standard': { version: 1, vendor: 'test', validate: (given: unknown) => ({ value: given }) } as const,
    ...value,
  })

  it.each<[string, Schema, readonly string[] | undefined]>([
    ['zod', z.object({ b: z.number(), a: z.number() }), ['b', 'a']],
    ['zod with a refinement', z.strictObject({ b: z.number(), a: z.number() }).refine(() => true), ['b', 'a']],
    ['zod that JSON cannot hold', z.object({ b: z.date(), a: z.number() }), ['b', 'a']],
    ['entries, as of valibot', plain({ entries: { b: 1, a: 2 } }), ['b', 'a']],
    ['a schema that tells nothing', plain({}), undefined],
    ['an object of anything', z.looseObject({}), undefined],
    ['keys that look like indexes', z.object({ b: z.number(), 1: z.number() }), undefined],
  ])('%s', (_name, input, names) => {
    expect(define(input).definition.parameters?.list.map(({ name }) => name)).toEqual(names)
  })

  function define(input: Schema) {
    return lab()
      .app()
      .task({ name: 'one', input, run: () => 1 })
  }
})
