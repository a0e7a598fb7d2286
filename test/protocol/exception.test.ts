import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeException, encodeException, errorInfo } from '../../src/protocol/exception.ts'
import {
  ArgumentError,
  CallError,
  Fatal,
  NotRegistered,
  PythonError,
  SoftTimeLimitExceeded,
  TaskError,
  TaskRevokedError,
  TimeLimitExceeded,
  TimeoutError,
  WorkerLostError,
} from '../../src/std/errors.ts'

class CardDeclined extends Error {}
class ValueError extends Error {
  override name = 'ValueError'
}

test.each<[unknown, string, string, string]>([
  [new Error('boom'), 'Error', 'boom', 'celeriac.errors'],
  [new TypeError('boom'), 'TypeError', 'boom', 'builtins'],
  [new CardDeclined('no'), 'CardDeclined', 'no', 'celeriac.errors'],
  [new ValueError('no'), 'ValueError', 'no', 'builtins'],
  [new DOMException('late', 'TimeoutError'), 'TimeoutError', 'late', 'builtins'],
  [new TimeoutError('late'), 'TimeoutError', 'late', 'celeriac.errors'],
  [new Fatal('no'), 'Fatal', 'no', 'celeriac.errors'],
  [new SoftTimeLimitExceeded(), 'SoftTimeLimitExceeded', 'the soft time limit is over', 'billiard.exceptions'],
  [new TimeLimitExceeded('30 s'), 'TimeLimitExceeded', '30 s', 'billiard.exceptions'],
  [new WorkerLostError('gone'), 'WorkerLostError', 'gone', 'billiard.exceptions'],
  [new NotRegistered('math.add'), 'NotRegistered', 'math.add', 'celery.exceptions'],
  [new TaskRevokedError('id', 'revoked'), 'TaskRevokedError', 'revoked', 'celery.exceptions'],
  [new AggregateError([new Error('a'), new Error('b')]), 'AggregateError', 'a; b', 'celeriac.errors'],
])('%s', (error, type, message, module) => {
  const info = errorInfo(error)
  expect(info).toMatchObject({ type, message, module })
  expect(info.traceback).toContain('exception.test.ts')
  const encoded = { exc_type: type, exc_message: [message], exc_module: module }
  expect(encodeException(info)).toEqual(encoded)
  expect(decodeException(encoded)).toEqual({ type, message, module })
})

/** Says of itself how Python is to see it. */
class OutOfStock extends Error {
  static readonly pythonClass = 'shop.errors.OutOfStock'
  readonly args: readonly unknown[]
  constructor(...args: readonly unknown[]) {
    super('out of stock')
    this.args = args
  }
}

class Nested extends Error {
  static readonly pythonClass = 'shop.models:Order.Missing'
}

class Badly extends Error {
  static readonly pythonClass: unknown = 'no class'
}

const overflow = (): unknown => {
  const deeper = (): number => deeper() + 1
  try {
    return deeper()
  } catch (error) {
    return error
  }
}

describe('as Python sees it', () => {
  test.each<[unknown, string, string, string, unknown[]]>([
    [new RangeError('boom'), 'RangeError', 'builtins', 'ValueError', ['boom']],
    [new SyntaxError('boom'), 'SyntaxError', 'builtins', 'ValueError', ['boom']],
    [new ReferenceError('boom'), 'ReferenceError', 'builtins', 'NameError', ['boom']],
    [new URIError('boom'), 'URIError', 'builtins', 'ValueError', ['boom']],
    [overflow(), 'RangeError', 'builtins', 'RecursionError', ['Maximum call stack size exceeded']],
    [Object.assign(new Error('no'), { code: 'ENOENT' }), 'Error', 'builtins', 'FileNotFoundError', ['no']],
    [Object.assign(new Error('no'), { code: 'ECONNREFUSED' }), 'Error', 'builtins', 'ConnectionRefusedError', ['no']],
    [Object.assign(new Error('no'), { code: 'E_OWN' }), 'Error', 'celeriac.errors', 'Error', ['no']],
    [new CallError('task add: missing'), 'CallError', 'builtins', 'TypeError', ['task add: missing']],
    [new OutOfStock('apple', 3), 'Error', 'shop.errors', 'OutOfStock', ['apple', 3]],
    [new Nested('gone'), 'Error', 'shop.models', 'Order.Missing', ['gone']],
    [new Badly('said badly'), 'Badly', 'celeriac.errors', 'Badly', ['said badly']],
    [new PythonError('KeyError', ['a', 1]), 'KeyError', 'builtins', 'KeyError', ['a', 1]],
    [new PythonError('shop.errors.Closed'), 'Closed', 'shop.errors', 'Closed', []],
    [
      new TaskError('id', 'RangeError', 'x', undefined, { module: 'builtins', pythonType: 'ValueError' }),
      'TaskError',
      'builtins',
      'ValueError',
      ['x'],
    ],
    [new TaskError('id', 'Odd', 'x'), 'TaskError', 'celeriac.errors', 'TaskError', ['x']],
  ])('%s', (error, type, module, pythonType, args) => {
    const info = errorInfo(error)
    const className = error instanceof OutOfStock ? 'OutOfStock' : error instanceof Nested ? 'Nested' : type
    const encoded = encodeException(info)
    expect(encoded).toMatchObject({ exc_type: pythonType, exc_module: module, exc_message: args })
    const { traceback: _, ...rest } = info
    // What is read is what was written.
    expect(decodeException(JSON.parse(JSON.stringify(encoded)))).toEqual(rest)
    expect(rest).toMatchObject({ type: className, message: (error as Error).message, module })
  })

  test('arguments that cannot be sent arrive as text, long ones are cut', () => {
    const circle: unknown[] = []
    circle.push(circle)
    const { args = [] } = errorInfo(
      new OutOfStock(undefined, () => 1, circle, Number.NaN, { n: [1] }, 10n, 'x'.repeat(20_000), ['y'.repeat(20_000)]),
    )
    expect(args.slice(0, 6)).toEqual([null, '[object Function]', '[object Array]', Number.NaN, { n: [1] }, '10'])
    expect((args[6] as string).length).toBe(16_384)
    expect((args[7] as string).length).toBeLessThan(2000)
    expect(errorInfo(new OutOfStock(...Array(500).fill(1))).args).toHaveLength(100)
  })

  test.each([
    '',
    'no class',
    'a..b',
    '.a',
    'a.',
    '1a',
    'a:b:c',
    'SystemExit',
    'builtins.KeyboardInterrupt',
    null,
    'a'.repeat(300),
  ])('PythonError refuses %j', (name) => {
    expect(() => new PythonError(name as string)).toThrow(ArgumentError)
  })

  test('PythonError has its arguments as message, and its class as name', () => {
    expect(String(new PythonError('shop.errors.OutOfStock', ['apple', 3, { a: 1n }]))).toBe(
      'OutOfStock: apple, 3, [object Object]',
    )
    expect(() => new PythonError('ValueError', 'x' as never)).toThrow(/and a list of arguments/)
  })
})

describe('other things thrown', () => {
  test.each<[unknown, string, string]>([
    ['text', 'Error', 'text'],
    [42, 'Error', '42 was thrown'],
    [null, 'Error', 'null was thrown'],
    [undefined, 'Error', 'undefined was thrown'],
    [Symbol('s'), 'Error', 'Symbol(s) was thrown'],
    [{ code: 7 }, 'Error', '{"code":7} was thrown'],
    [{ name: 'Odd', message: 'like an error' }, 'Odd', 'like an error'],
    [() => 1, 'Error', 'a function was thrown'],
    [
      {
        toJSON: () => {
          throw new Error('x')
        },
      },
      'Error',
      'an object was thrown',
    ],
    [Object.create(null), 'Error', '{} was thrown'],
  ])('%#', (thrown, type, message) => {
    expect(errorInfo(thrown)).toEqual({ type, message, module: 'celeriac.errors' })
  })

  test('hostile ones are described too', () => {
    const fail = () => {
      throw new Error('trap')
    }
    const traps = Object.fromEntries(Object.getOwnPropertyNames(Reflect).map((name) => [name, fail]))
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    const getters = Object.defineProperties(new Error('x'), {
      message: { get: fail },
      stack: { get: fail },
      name: { get: fail },
      cause: { get: fail },
    })
    for (const thrown of [
      new Proxy({}, traps),
      new Proxy(new Error('x'), traps),
      new Proxy(fail, traps),
      proxy,
      getters,
    ]) {
      const info = errorInfo(thrown)
      expect(typeof info.message).toBe('string')
      expect(info.type).toBe('Error')
    }
  })

  test('anything at all', () => {
    fc.assert(
      fc.property(fc.anything({ withProxy: true, withBigInt: true } as object), (thrown) => {
        const { type, message } = errorInfo(thrown)
        expect(typeof type).toBe('string')
        expect(message.isWellFormed()).toBe(true)
      }),
    )
  })
})

describe('the traceback', () => {
  test('has the chain of causes', () => {
    const error = new Error('outer', { cause: new TypeError('middle', { cause: 'inner text' }) })
    const { traceback } = errorInfo(error)
    expect(traceback).toMatch(
      /^Error: outer\n {4}at [\s\S]*\nCaused by: TypeError: middle\n {4}at [\s\S]*\nCaused by: inner text$/,
    )
  })

  test('ends: circles, ten causes, 16 Ki characters', () => {
    const circle = new Error('circle')
    circle.cause = circle
    expect(errorInfo(circle).traceback).not.toContain('Caused by')
    let chain = new Error('0')
    for (let i = 1; i < 50; i++) chain = new Error(String(i), { cause: chain })
    expect(errorInfo(chain).traceback?.match(/Caused by/g)).toHaveLength(10)
    const long = errorInfo(new Error('😀'.repeat(20_000)))
    expect(long.traceback?.length).toBe(16_384)
    expect(long.message.length).toBe(16_384)
    expect(long.message.isWellFormed()).toBe(true)
  })
})

test.each<[unknown, string, string, unknown[]?]>([
  [{ exc_type: 'X', exc_message: 'text', exc_module: null }, 'X', 'text'],
  [{ exc_type: 'X', exc_message: [] }, 'X', '', []],
  [{ exc_type: 'X' }, 'X', '', []],
  [{ exc_type: 'X', exc_message: ['a', 1, null] }, 'X', "('a', 1, None)", ['a', 1, null]],
  [{ exc_type: 'X', exc_message: [{ a: 1 }] }, 'X', "{'a': 1}", [{ a: 1 }]],
  [{ exc_type: 'X', exc_message: ['a'], celeriac: { type: 5 } }, 'X', 'a'],
  ['just text', 'Error', 'just text'],
  [null, 'Error', 'None'],
  [{ other: 1 }, 'Error', "{'other': 1}"],
])('reads %j', (value, type, message, args) => {
  expect(decodeException(value)).toEqual(args ? { type, message, args } : { type, message })
})
