import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assertEncodable, encodePlain } from '../../src/protocol/encoding.ts'
import { deserialize, JSON_ONLY, type SerializerName, serialize } from '../../src/protocol/serializer.ts'
import { DecodeError, EncodeError } from '../../src/std/errors.ts'

const ALL = new Set(['application/json', 'application/x-msgpack'])
const NAMES: SerializerName[] = ['json', 'msgpack']

function roundTrip(value: unknown, name: SerializerName): unknown {
  const { body, contentType, contentEncoding } = serialize(value, name, 'value')
  return deserialize(body, contentType, contentEncoding, ALL)
}

function reading(text: string): unknown {
  return deserialize(text, 'application/json', 'utf-8', JSON_ONLY)
}

/** Values of every kind that both serializers carry. */
function carried(name: SerializerName): fc.Arbitrary<unknown> {
  const big = name === 'json' ? fc.bigInt() : fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n })
  const year = (y: number) => new Date(`${String(y).padStart(4, '0')}-06-01T00:00:00Z`)
  const anyKey = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('constructor', 'toJSON', 'length', '__type__', 'hasOwnProperty', '__proto__'),
  )
  const key = anyKey.filter((text) => name === 'json' || text !== '__proto__')
  const number = fc.oneof(
    fc.double().filter((n) => name === 'json' || !Object.is(n, -0)),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.constantFrom(2 ** 53, -(2 ** 60), 1e21, 1e22, 0.12345678901234568, 1e-7, 2 ** 31, -(2 ** 31) - 1, 2 ** 32),
  )
  const leaf = fc.oneof(
    number,
    fc.string({ unit: name === 'json' ? 'binary' : 'grapheme' }),
    fc.boolean(),
    fc.constant(null),
    big.filter((n) => n < Number.MIN_SAFE_INTEGER || n > Number.MAX_SAFE_INTEGER),
    fc.date({ noInvalidDate: true, min: year(1), max: year(9999) }),
    fc.uint8Array(),
  )
  return fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 5 },
      leaf,
      fc.array(tie('value')),
      fc.dictionary(key, tie('value'), { noNullPrototype: true }),
    ),
  })).value
}

describe.each(NAMES)('%s', (name) => {
  test('whatever is sent arrives as it was', () => {
    fc.assert(
      // Not the test runner's equality: it is misled by keys such as `constructor`.
      fc.property(carried(name), (value) => isDeepStrictEqual(roundTrip(value, name), value)),
      { numRuns: 1000 },
    )
  })

  test('a value is not changed by sending it', () => {
    const value = { date: new Date(0), list: [1, { big: 2n ** 60n }], gone: undefined }
    const before = structuredClone(value)
    serialize(value, name, 'value')
    expect(value).toStrictEqual(before)
  })

  test('bytes come back as Uint8Array, also from a Buffer', () => {
    const back = roundTrip([Buffer.from('hi')], name) as [Uint8Array]
    expect(Object.getPrototypeOf(back[0])).toBe(Uint8Array.prototype)
    expect(back[0]).toEqual(new Uint8Array([104, 105]))
    expect(Object.getPrototypeOf((roundTrip({ b: new Uint8Array(0) }, name) as { b: object }).b)).toBe(
      Uint8Array.prototype,
    )
  })

  test('undefined properties and symbol keys are left out; null prototypes become plain objects', () => {
    expect(roundTrip({ a: undefined, b: 1, [Symbol('s')]: 2 }, name)).toStrictEqual({ b: 1 })
    expect(roundTrip(Object.assign(Object.create(null), { a: 1 }), name)).toStrictEqual({ a: 1 })
  })

  class Socket {}
  class Money {
    toJSON() {
      return 1
    }
  }
  class Numbers extends Array {}
  const circle: Record<string, unknown> = { name: 'c' }
  circle.inner = [{ circle }]
  const deep = (levels: number): unknown => {
    let value: unknown = 1
    for (let i = 0; i < levels; i++) value = [value]
    return value
  }

  test.each<[string, unknown, string]>([
    ['function', [{ user: { socket: () => 1 } }], 'args[0].user.socket: functions cannot be sent'],
    ['symbol', [Symbol('x')], 'args[0]: symbols cannot be sent'],
    ['instance', [new Socket()], 'args[0]: instances of Socket cannot be sent; send plain data'],
    ['toJSON', [new Money()], 'args[0]: instances of Money cannot be sent; send plain data'],
    ['array class', [Numbers.from([1])], 'args[0]: instances of Numbers cannot be sent; send plain data'],
    [
      'Map',
      { m: new Map() },
      'args.m: instances of Map cannot be sent; send Object.fromEntries(it) or an array of entries',
    ],
    ['Set', [new Set()], 'args[0]: instances of Set cannot be sent; send an array'],
    ['Error', [new RangeError('x')], 'args[0]: instances of RangeError cannot be sent; send its message'],
    ['RegExp', [/x/], 'args[0]: instances of RegExp cannot be sent; send its source'],
    ['Float64Array', [new Float64Array(1)], 'args[0]: instances of Float64Array cannot be sent; send plain data'],
    ['promise', [Promise.resolve(1)], 'args[0]: promises cannot be sent: did you forget an await?'],
    ['invalid Date', [new Date(Number.NaN)], 'args[0]: an invalid Date cannot be sent'],
    ['undefined in array', [1, undefined], 'args[1]: undefined cannot be sent here; send null'],
    ['sparse', new Array(3), 'args[0]: sparse arrays cannot be sent; send null where nothing is'],
    ['undefined', undefined, 'args: undefined cannot be sent here; send null'],
    ['small bigint', [{ n: 5n }], 'args[0].n: 5n would arrive as the number 5; send Number(5n)'],
    ['circle', [circle], 'args[0].inner[0].circle: circular structures cannot be sent'],
    ['odd key', [{ 'odd key': Symbol.iterator }], 'args[0]["odd key"]: symbols cannot be sent'],
    ['late in a changed array', [new Date(0), { f: () => 1 }], 'args[1].f: functions cannot be sent'],
  ])('refused: %s', (_kind, value, message) => {
    expect(() => serialize(value, name, 'args')).toThrow(new EncodeError(message))
  })

  test('nesting: 100 levels pass, 101 do not, neither way', () => {
    expect(roundTrip(deep(100), name)).toStrictEqual(deep(100))
    expect(() => serialize(deep(101), name, 'x')).toThrow(/^x(\[0\]){100}: nested deeper than 100 levels$/)
    const levels = 101
    const body =
      name === 'json'
        ? '['.repeat(levels) + ']'.repeat(levels)
        : new Uint8Array([...new Array(levels - 1).fill(0x91), 0x90])
    const type = name === 'json' ? 'application/json' : 'application/x-msgpack'
    expect(() => deserialize(body, type, 'utf-8', ALL)).toThrow(new DecodeError('nested deeper than 100 levels'))
  })

  test('absurd nesting is an error like any other', () => {
    const body = name === 'json' ? '['.repeat(1e6) + ']'.repeat(1e6) : new Uint8Array(1e6).fill(0x91)
    const type = name === 'json' ? 'application/json' : 'application/x-msgpack'
    expect(() => deserialize(body, type, 'utf-8', ALL)).toThrow(DecodeError)
  })

  test('assertEncodable takes what a task may return, nothing too', () => {
    expect(() => assertEncodable(undefined, 'result', name)).not.toThrow()
    expect(() => assertEncodable({ f: () => 1 }, 'result', name)).toThrow('result.f: functions cannot be sent')
  })
})

describe('json alone', () => {
  test('a plain value is not copied', () => {
    const value = [{ a: [1, 2.5, 'x', true, null], gone: undefined }]
    expect(encodePlain(value, 'v')).toBe(value)
  })

  test.each<[unknown, string]>([
    [new Date('2026-01-02T03:04:05.123Z'), '{"__type__":"datetime","__value__":"2026-01-02T03:04:05.123000+00:00"}'],
    [new Date('2026-01-02T03:04:05Z'), '{"__type__":"datetime","__value__":"2026-01-02T03:04:05+00:00"}'],
    [new Uint8Array([0, 255]), '{"__type__":"base64","__value__":"AP8="}'],
    [2n ** 64n, '18446744073709551616'],
    [-(2n ** 53n), '-9007199254740992'],
    [2 ** 53, '9.007199254740992e+15'],
    [-0, '-0.0'],
  ])('writes %s', (value, text) => {
    expect(serialize(value, 'json', 'v')).toEqual({
      body: text,
      contentType: 'application/json',
      contentEncoding: 'utf-8',
    })
  })

  test.each<[string, unknown]>([
    ['{"__type__":"datetime","__value__":"2026-01-02T03:04:05.123456+02:00"}', new Date('2026-01-02T01:04:05.123Z')],
    ['{"__type__":"datetime","__value__":"2026-01-02T03:04:05"}', new Date('2026-01-02T03:04:05Z')],
    ['{"__type__":"datetime","__value__":"0001-01-01T00:00:00"}', new Date('0001-01-01T00:00:00Z')],
    ['{"__type__":"date","__value__":"2026-01-02"}', '2026-01-02'],
    ['{"__type__":"time","__value__":"01:02:00"}', '01:02:00'],
    ['{"__type__":"decimal","__value__":"1.10"}', '1.10'],
    [
      '{"__type__":"uuid","__value__":{"hex":"0123456789abcdef0123456789ABCDEF"}}',
      '01234567-89ab-cdef-0123-456789abcdef',
    ],
    ['[{"__type__":"bytes","__value__":"é"}]', [new Uint8Array([0xc3, 0xa9])]],
    ['{"a":{"__type__":"base64","__value__":"AP8="}}', { a: new Uint8Array([0, 255]) }],
    ['{"__type__":"datetime"}', { __type__: 'datetime' }],
    ['{"__type__":1,"__value__":2,"more":3}', { __type__: 1, __value__: 2, more: 3 }],
    [
      '[9007199254740991, 9007199254740993, -12345678901234567890]',
      [9007199254740991, 9007199254740993n, -12345678901234567890n],
    ],
    ['9007199254740993', 9007199254740993n],
    [
      '[0.12345678901234567, 1.5e300, 12345678901234567.5, 1e20]',
      [0.12345678901234566, 1.5e300, 12345678901234568, 1e20],
    ],
    ['"text \\u00e9"', 'text é'],
  ])('reads %s', (text, value) => {
    expect(reading(text)).toStrictEqual(value)
    expect(deserialize(Buffer.from(text), 'application/json', 'utf-8', JSON_ONLY)).toStrictEqual(value)
  })

  test.each([
    ['{"__type__":"myclass","__value__":1}', 'unknown __type__ "myclass"'],
    ['{"__type__":"constructor","__value__":"x"}', 'unknown __type__ "constructor"'],
    ['{"__type__":null,"__value__":1}', 'unknown __type__ null'],
    ['{"__type__":"datetime","__value__":1}', 'expected text as __value__'],
    [
      '{"__type__":"datetime","__value__":"2026-02-30T00:00:00"}',
      'expected an ISO 8601 time, got "2026-02-30T00:00:00"',
    ],
    ['{"__type__":"base64","__value__":"A"}', 'not base64'],
    ['{"__type__":"uuid","__value__":{"hex":"xyz"}}', '__type__ uuid: expected'],
    ['{"a":', 'not readable as application/json'],
    ['', 'not readable as application/json'],
    ['{NaN:1}', 'not readable as application/json'],
    ['[1NaN]', 'not readable as application/json'],
    ['[NaN5]', 'not readable as application/json'],
    ['[1Infinity]', 'not readable as application/json'],
    ['[+Infinity]', 'not readable as application/json'],
    ['[-NaN]', 'not readable as application/json'],
    ['[nan]', 'not readable as application/json'],
    ['["NaN",NaN', 'not readable as application/json'],
    ['9'.repeat(5000), 'integer of 5000 digits'],
  ])('refuses %s', (text, message) => {
    expect(() => reading(text)).toThrow(DecodeError)
    expect(() => reading(text)).toThrow(message)
  })

  test.each<[unknown, string]>([
    [new Date(8.64e15), 'v: a Date outside the years 1 to 9999 cannot be sent'],
    [10n ** 5000n, 'v: an integer of more than 4300 digits cannot be sent'],
    [
      { a: [{ __type__: 1, __value__: 2, c: undefined }] },
      'v.a[0]: an object with just the keys __type__ and __value__ would',
    ],
  ])('refuses to write %s', (value, message) => {
    expect(() => serialize(value, 'json', 'v')).toThrow(EncodeError)
    expect(() => serialize(value, 'json', 'v')).toThrow(message)
  })

  test("NaN and infinities are Python's tokens, in strings they are text", () => {
    const value = { 'NaN "': [Number.NaN, -Infinity, 'NaN, Infinity', '\\"NaN\\', Infinity], big: 2n ** 64n, zero: -0 }
    const { body } = serialize(value, 'json', 'v')
    expect(body).toBe(
      String.raw`{"NaN \"":[NaN,-Infinity,"NaN, Infinity","\\\"NaN\\",Infinity],"big":18446744073709551616,"zero":-0.0}`,
    )
    expect(reading(body as string)).toStrictEqual(value)
    expect(reading('NaN')).toBe(Number.NaN)
    expect(reading(' [ -Infinity ,\nInfinity\t, 12345678901234567890, NaN ] ')).toStrictEqual([
      -Infinity,
      Infinity,
      12345678901234567890n,
      Number.NaN,
    ])
  })

  test('a long text with tokens is read in linear time, whatever its quotes and backslashes', () => {
    const texts = ['"\\\\', '"\\"', 'NaN ', '"NaN",', '-Infinity,', '\\"'].map((part) => `[NaN,${part.repeat(100_000)}`)
    const before = process.cpuUsage()
    for (const text of texts) expect(() => reading(text)).toThrow(DecodeError)
    // Quadratic time would be minutes.
    expect(process.cpuUsage(before).user / 1000).toBeLessThan(5000)
  })

  test('the keys __type__ and __value__ beside others are fine', () => {
    const value = { __type__: 'a', __value__: 'b', c: 1 }
    expect(roundTrip(value, 'json')).toStrictEqual(value)
  })

  test('__proto__ from outside is a key like any other', () => {
    for (const more of ['', ',"t":{"__type__":"date","__value__":"x"}', ',"n":9007199254740993']) {
      const value = reading(`{"__proto__":{"polluted":true}${more}}`) as Record<string, unknown>
      expect(Object.keys(value)).toContain('__proto__')
      expect(value.polluted).toBeUndefined()
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    }
    const own = JSON.parse('{"__proto__":{"polluted":true},"big":1}') as Record<string, unknown>
    own.big = 2n ** 60n
    expect(roundTrip(own, 'json')).toStrictEqual(own)
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })

  test('body must be UTF-8, in an encoding that is known', () => {
    const bytes = new Uint8Array([0x22, 0xff, 0x22])
    expect(() => deserialize(bytes, 'application/json', 'utf-8', JSON_ONLY)).toThrow(DecodeError)
    expect(() => deserialize(new Uint8Array([0x31]), 'application/json', 'koi8-r', JSON_ONLY)).toThrow(
      'content encoding "koi8-r" is not known; expected utf-8',
    )
  })
})

describe('msgpack alone', () => {
  test.each<[unknown, string]>([
    [2n ** 64n, 'v: an integer beyond 64 bits cannot be sent by msgpack'],
    ['\ud800', 'v: text with half a surrogate pair cannot be sent'],
    [{ '\ud800': 1 }, 'v["\\ud800"]: a key with half a surrogate pair cannot be sent'],
    [JSON.parse('{"__proto__":1}'), 'v.__proto__: the key __proto__ cannot be sent by msgpack'],
  ])('refuses to write %s', (value, message) => {
    expect(() => serialize(value, 'msgpack', 'v')).toThrow(new EncodeError(message))
  })

  test.each<[string, number[]]>([
    ['a set extension', [0xd4, 0x73, 0x91, 0x01]],
    ['undefined', [0xd4, 0x00, 0x00]],
    ['a reserved byte', [0xc1]],
    ['a short body', [0x92, 1]],
    ['a long body', [1, 2]],
    ['no body', []],
    ['a huge array', [0xdd, 0xff, 0xff, 0xff, 0xff]],
    ['a huge map', [0xdf, 0xff, 0xff, 0xff, 0xff]],
  ])('refuses to read %s', (_what, bytes) => {
    expect(() => deserialize(new Uint8Array(bytes), 'application/x-msgpack', 'binary', ALL)).toThrow(DecodeError)
  })

  test('never pollutes, and takes no text for a body', () => {
    const map = new Uint8Array([0x81, 0xa9, ...Buffer.from('__proto__'), 0x81, 0xa1, 0x61, 0x01])
    const value = deserialize(map, 'application/x-msgpack', 'binary', ALL) as Record<string, unknown>
    expect(value.a).toBeUndefined()
    expect(() => deserialize('x', 'application/x-msgpack', 'binary', ALL)).toThrow('must be bytes, got text')
  })

  test('negative zero loses its sign', () => {
    expect(roundTrip(-0, 'msgpack')).toBe(0)
  })
})

test('only accepted content types are read', () => {
  expect(() => deserialize('', 'application/x-python-serialize', 'binary', ALL)).toThrow(
    new DecodeError(
      'content type "application/x-python-serialize" is not accepted; accepted: application/json, application/x-msgpack',
    ),
  )
  expect(() => deserialize(new Uint8Array(1), 'application/x-msgpack', 'binary', JSON_ONLY)).toThrow(/not accepted/)
  expect(() => deserialize('', 'application/x-yaml', 'utf-8', new Set(['application/x-yaml']))).toThrow(/is not known/)
})

test('nonsense is refused as DecodeError, never with another error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), fc.constantFrom(...ALL), (bytes, type) => {
      try {
        deserialize(bytes, type, 'utf-8', ALL)
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError)
      }
    }),
    { numRuns: 3000 },
  )
})
