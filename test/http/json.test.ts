import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseJson } from '../../src/http/input/json.ts'

function positionOf(text: string): number | undefined {
  const parsed = parseJson(text)
  return parsed.kind === 'error' ? parsed.position : -1
}

describe('parseJson', () => {
  test('reads whatever JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = JSON.stringify(value)
        const parsed = parseJson(text)
        if (text.includes('"__proto__"') || /\d{16}/.test(text)) return
        expect(parsed).toEqual({ kind: 'value', value: JSON.parse(text) })
      }),
    )
  })

  test.each([
    ['{"a":}', 5],
    ['{"a":1,}', 7],
    ['{a:1}', 1],
    ['[1,2', 4],
    ['"abc', 4],
    ['{"a":1} x', 8],
    ['nul', 3],
    ['[tru]', 1],
    ['{"a":01}', 6],
    ['[1 2]', 3],
    [`{"long":"${'x'.repeat(200)}", "b": }`, 217],
    ['["\\"]", }', 8],
    ['[,1]', 1],
    ['[1,]', 3],
    ['hello', 0],
    ['  ', 2],
    ['{"a":[1,{"b":nope}]}', 13],
    ["{'a':1}", 1],
  ])('says where %s is wrong', (text, position) => {
    expect(positionOf(text)).toBe(position)
  })

  test('says where any damaged text is wrong: never past its end', () => {
    fc.assert(
      fc.property(fc.json(), fc.nat(), fc.string({ minLength: 1, maxLength: 2 }), (text, place, noise) => {
        const at = place % (text.length + 1)
        const damaged = text.slice(0, at) + noise + text.slice(at)
        const parsed = parseJson(damaged)
        if (parsed.kind === 'error' && parsed.position !== undefined) {
          expect(parsed.position).toBeGreaterThanOrEqual(0)
          expect(parsed.position).toBeLessThanOrEqual(damaged.length)
        }
      }),
    )
  })

  test('reads 100 levels, and no more', () => {
    expect(parseJson('['.repeat(100) + ']'.repeat(100)).kind).toBe('value')
    expect(parseJson('['.repeat(101) + ']'.repeat(101))).toMatchObject({ kind: 'error', position: 100 })
    expect(parseJson('{"a":'.repeat(500_000))).toMatchObject({ kind: 'error', position: 500 })
    expect(parseJson(JSON.stringify({ text: '\\"['.repeat(200) })).kind).toBe('value')
  })

  test.each(['{"__proto__":{"x":1}}', '[{"a":{"\\u005f_proto__":1}}]', '{"__\\u0070roto__":1}'])(
    'refuses the key in %s',
    (text) => {
      expect(parseJson(text)).toMatchObject({ kind: 'error', reason: 'the key __proto__ is not accepted' })
      expect(({} as { x?: number }).x).toBeUndefined()
    },
  )

  test('__proto__ as a value is just text', () => {
    expect(parseJson('["__proto__"]')).toEqual({ kind: 'value', value: ['__proto__'] })
  })

  test('integers beyond 2^53 keep every digit', () => {
    const parsed = parseJson(
      '{"n":12345678901234567890,"m":-9007199254740993,"s":"12345678901234567890","f":0.1234567890123456789}',
    )
    const value = { n: 12345678901234567890n, m: -9007199254740993n, s: '12345678901234567890', f: 0.12345678901234568 }
    expect(parsed).toEqual({ kind: 'value', value })
    expect(parseJson('[9007199254740992, 100000000000000000]')).toEqual({ kind: 'value', value: [2 ** 53, 1e17] })
    expect(parseJson('1'.repeat(5000)).kind).toBe('error')
  })
})
