import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { keyOfCall } from '../../../src/calls/keys/keyOfCall.ts'
import { chain, group } from '../../../src/index.ts'
import { ArgumentError, ValidationError } from '../../../src/std/errors.ts'
import { useLab } from '../lab.ts'

describe('options of a task', () => {
  const lab = useLab('memory')
  const define = (options: object) => () =>
    lab()
      .app()
      .task('t', (key: string) => key, options)

  test.each([
    [{ unique: {} }, 'unique.while'],
    [{ unique: { while: 'runing' } }, "expected 'queued', 'running', 'until-done' or a duration, got \"runing\""],
    [{ unique: { while: 0 } }, 'expected at least 1 ms'],
    [{ unique: { while: 'queued', key: 1 } }, 'expected a function that returns text, or a text, got 1'],
    [{ unique: { while: 'queued', key: '' } }, 'expected a function that returns text'],
    [{ unique: { while: 'queued', onConflict: 'drop' } }, "expected 'return', 'replace' or 'reject'"],
    [{ unique: { while: 'queued', for: 1 } }, 'unknown option for'],
    [{ unique: 'queued' }, 'expected an object of options'],
    [{ debounce: { key: 'k' } }, 'debounce.wait'],
    [{ debounce: { wait: '1s' } }, 'debounce.key'],
    [{ debounce: { key: 'k', wait: '2s', max: '1s' } }, 'expected at least wait, 2000 ms, got 1000 ms'],
    [{ throttle: { key: 'k', every: 0 } }, 'expected at least 1 ms'],
    [{ throttle: { key: 'k', every: '1s', keep: 'both' } }, "expected 'first' or 'last'"],
    [{ unique: { while: '1s' }, debounce: { key: 'k', wait: '1s' } }, 'unique and debounce exclude each other'],
    [{ unique: { while: 'running' }, ignoreResult: true }, 'needs the record of the job'],
  ])('%j is refused', (options, message) => {
    expect(define(options)).toThrow(ArgumentError)
    expect(define(options)).toThrow(message)
  })

  test('a record that a call does not keep is needed, too', async () => {
    const task = lab()
      .app()
      .task('t', () => 1, { unique: { while: 'until-done' } })
    expect(() => task.applyAsync([], { ignoreResult: true })).toThrow('needs the record of the job')
    expect(() => task.applyAsync([], { idempotencyKey: 'k', idempotencyExpires: '1h' })).toThrow('exclude each other')
    const kept = lab()
      .app({ backend: 'rpc://' })
      .task('kept', () => 1, { unique: { while: 'until-done' } })
    await expect(kept.delay()).rejects.toThrow('needs a result backend that keeps notes')
  })
})

describe('the key of a call', () => {
  const lab = useLab('memory')

  test('of positional and keyword arguments, of an input, and by default of all of them', () => {
    const app = lab().app()
    const { definition } = app.task('positional', (a: number, b: string) => `${a}${b}`)
    const key = (a: number, b: string): string => `${a} ${b}`
    const asked = { option: 'unique', definition, key }
    expect(keyOfCall(asked, { args: [1, 'x'], kwargs: {} })).toBe('1 x')
    expect(keyOfCall(asked, { args: [1], kwargs: { b: 'x' } })).toBe('1 x')
    expect(() => keyOfCall(asked, { args: [1], kwargs: { c: 'x' } })).toThrow(ValidationError)
    const all = { ...asked, key: undefined }
    const whole = keyOfCall(all, { args: [1, 'x'], kwargs: {} })
    expect(keyOfCall(all, { args: [], kwargs: { b: 'x', a: 1 } })).toBe(whole)
    expect(keyOfCall(all, { args: [1, 'y'], kwargs: {} })).not.toBe(whole)
    const object = app.task({
      name: 'object',
      input: z.object({ a: z.any(), b: z.any() }),
      run: ({ a }) => a,
    }).definition
    const ofInput = { option: 'unique', definition: object, key: ({ a }: { a: string }) => a }
    expect(keyOfCall(ofInput, { args: [], kwargs: { a: 'é' } })).toBe('é')
    const ofAll = { ...ofInput, key: undefined }
    const same = [
      { a: { x: 1, y: [new Date(0), 2n ** 64n] }, b: null },
      { b: null, a: { y: [new Date(0), 2n ** 64n], x: 1, z: undefined } },
    ].map((kwargs) => keyOfCall(ofAll, { args: [], kwargs }))
    expect(same[0]).toBe(same[1])
  })

  test.each([
    [
      'throws',
      () => {
        throw new Error('no tenant')
      },
      'got one that threw: no tenant',
    ],
    ['returns a number', () => 7, 'expected a function that returns text, got 7'],
    ['returns nothing', () => undefined, 'got undefined'],
    ['returns empty text', () => '', 'got ""'],
    ['is asynchronous', async () => 'x', 'got a promise'],
    ['returns long text', () => 'é'.repeat(128), 'expected at most 255 bytes, got 256'],
  ])('a key function that %s: an error at the call', (_, key, message) => {
    const task = lab()
      .app()
      .task('t', (value: string) => value, { unique: { key: key as () => string, while: '1s' } })
    expect(() => task.delay('x')).toThrow(ArgumentError)
    expect(() => task.delay('x')).toThrow(`task t: unique: key: `)
    expect(() => task.delay('x')).toThrow(message)
  })
})

describe('where it applies', () => {
  const lab = useLab('sqlite')

  test('calls by name, with keyword arguments; a text as key is the same for all', async () => {
    const app = lab().app()
    app.task('t', (a: string, b: string) => a + b, { unique: { key: (a) => a, while: 'until-done' } })
    const first = await app.send('t', ['x', '1'])
    expect((await app.send('t', { b: '2', a: 'x' })).id).toBe(first.id)
    expect((await app.send('t', ['y', '1'])).sent).toBe(true)
    const one = app.task('one', (a: string) => a, { unique: { key: 'all', while: 'until-done' } })
    expect((await one.delay('1')).id).toBe((await one.delay('2')).id)
  })

  test('with an idempotency key, as a schedule has it: its own job is known again, after that of another', async () => {
    const app = lab().app()
    app.task('t', (a: string) => a, { unique: { key: 'k', while: 'until-done' } })
    const call = (idempotencyKey: string) => app.send('t', ['x'], { idempotencyKey })
    const first = await call('1')
    expect([first.sent, (await call('1')).id, (await call('2')).id]).toEqual([true, first.id, first.id])
    await app.purge()
    expect((await call('1')).sent).toBe(false)
    const second = await call('2')
    expect([second.sent, second.id === first.id, (await call('2')).id]).toEqual([true, false, second.id])
  })

  test('a call that is repeated with its idempotency key does not undo what came later', async () => {
    const app = lab().app()
    const ran: string[] = []
    app.task('save', (a: string) => void ran.push(a), { debounce: { key: 'k', wait: 300 } })
    const call = (value: string, options = {}) => app.send('save', [value], options)
    const first = await call('1', { idempotencyKey: 'one' })
    const [, last] = await Promise.all([call('2'), call('3'), call('1', { idempotencyKey: 'one' })])
    expect(last?.id).toBe(first.id)
    await lab().work(app)
    await first.get({ timeout: '30s' })
    expect(ran).toEqual(['3'])
  })

  test('members of workflows and links are refused', async () => {
    const app = lab().app()
    const once = app.task('once', (a: string) => a, { unique: { while: 'until-done' } })
    const plain = app.task('plain', (a: string) => a)
    const refused = 'got once with unique: call it by delay or applyAsync'
    expect(() => once.s('x').delay()).toThrow(refused)
    expect(() => chain(plain.s('x'), once.s()).delay()).toThrow(refused)
    expect(() => group([plain.s('x'), once.s('y')]).delay()).toThrow(refused)
    expect(() => plain.applyAsync(['x'], { link: once.s() })).toThrow(refused)
    await expect(plain.delayMany([['x']], { link: once.s() })).rejects.toThrow(refused)
  })

  test('a task that replaces itself by one fails', async () => {
    const app = lab().app()
    const once = app.task('once', (a: string) => a, { unique: { while: 'until-done' } })
    const outer = app.task({ name: 'outer', input: z.object({}), run: (_, ctx) => ctx.replace(once.s('x')) })
    await lab().work(app)
    await expect((await outer.delay({})).get({ timeout: '30s' })).rejects.toThrow('replace: expected tasks whose calls')
  })

  test('a call that makes no job is no child of its task', async () => {
    const app = lab().app()
    const once = app.task('once', (a: string) => a, { unique: { while: 'until-done' } })
    const outer = app.task('outer', async () => (await once.delay('x')).sent)
    const holder = await once.applyAsync(['x'], { countdown: '1h' })
    await lab().work(app)
    const handle = await outer.delay()
    expect(await handle.get({ timeout: '30s' })).toBe(false)
    expect((await handle.info())?.children).toEqual([])
    expect(holder.sent).toBe(true)
  })

  test('signals: before-publish of each call, after-publish of those that are sent', async () => {
    const app = lab().app()
    const once = app.task('once', (a: string) => a, { unique: { while: 'until-done' } })
    const told: string[] = []
    app.on('task:before-publish', () => told.push('before'))
    app.on('task:after-publish', () => told.push('after'))
    await once.delay('x')
    await once.delay('x')
    expect(told).toEqual(['before', 'after', 'before'])
  })

  test('alwaysEager: each call runs at once, unless its key is kept for a time', async () => {
    const app = lab().app({ alwaysEager: true })
    const ran: string[] = []
    const options = { unique: { key: 'k', while: 'until-done' } } as const
    const once = app.task('once', (a: string) => void ran.push(a), options)
    const timed = app.task('timed', (a: string) => void ran.push(a), { unique: { key: 'k', while: '1h' } })
    const save = app.task('save', (a: string) => void ran.push(a), { debounce: { key: 'k', wait: '1h' } })
    for (const task of [once, timed, save]) for (const value of ['1', '2']) await task.delay(value)
    expect(ran).toEqual(['1', '2', '1', '1', '2'])
    const nested: { delay(depth: number): Promise<{ readonly id: string }> } = app.task(
      'nested',
      async (depth: number): Promise<string> => (depth === 0 ? 'none' : (await nested.delay(depth - 1)).id),
      options,
    )
    const { id } = await nested.delay(1)
    expect(await app.result(id).get()).toBe(id)
  })
})

describe('idempotencyExpires', () => {
  const lab = useLab('sqlite')

  test('the key is remembered so long, whatever becomes of the record, also without one', async () => {
    const app = lab().app()
    const task = app.task('t', (a: string) => a)
    const call = (value: string, options = {}) =>
      task.applyAsync([value], { idempotencyKey: 'k', idempotencyExpires: 1200, ...options })
    const first = await call('1', { ignoreResult: true })
    expect((await call('2')).id).toBe(first.id)
    expect((await app.send('other', ['1'], { idempotencyKey: 'k', idempotencyExpires: 1200 })).sent).toBe(true)
    await first.forget()
    expect((await call('3')).sent).toBe(false)
    await new Promise((resolve) => setTimeout(resolve, 1250))
    const next = await call('4')
    expect([next.sent, next.id === first.id]).toEqual([true, false])
  })

  test('needs a key', () => {
    const task = lab()
      .app()
      .task('t', (a: string) => a)
    expect(() => task.applyAsync(['x'], { idempotencyExpires: '1h' })).toThrow('expected an idempotencyKey beside it')
    expect(() => task.applyAsync(['x'], { idempotencyKey: 'k', idempotencyExpires: 0 })).toThrow('at least 1 ms')
  })
})
