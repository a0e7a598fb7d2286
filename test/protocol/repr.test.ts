import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MAX_REPR_LENGTH, pythonRepr, reprArgs, reprKwargs } from '../../src/protocol/repr.ts'
import { serialize } from '../../src/protocol/serializer.ts'
import { output } from '../command.ts'

test.each<[readonly unknown[], string]>([
  [[], '()'],
  [[1], '(1,)'],
  [[1, 2], '(1, 2)'],
  [[true, false, null, undefined], '(True, False, None, None)'],
  [
    [1.5, -0.25, 1e-7, 1e22, 2 ** 53, -0, Number.NaN, Number.NEGATIVE_INFINITY],
    '(1.5, -0.25, 1e-07, 1e+22, 9007199254740992.0, -0.0, nan, -inf)',
  ],
  [[10n ** 20n], '(100000000000000000000,)'],
  [
    ["it's", 'a\\b', 'line\nbreak', '\u0000\u2028\u{e0001}', 'é✓😀'],
    "('it\\'s', 'a\\\\b', 'line\\nbreak', '\\x00\\u2028\\U000e0001', 'é✓😀')",
  ],
  [[new Uint8Array([0, 255, 39, 97])], "(b'\\x00\\xff\\'a',)"],
  [
    [new Date('2026-01-02T03:04:05.123Z')],
    '(datetime.datetime(2026, 1, 2, 3, 4, 5, 123000, tzinfo=datetime.timezone.utc),)',
  ],
  [[{ a: 1, 'b c': [2], gone: undefined }], "({'a': 1, 'b c': [2]},)"],
  [[[[[1]]], { a: { b: { c: 1 } } }], "([[[...]]], {'a': {'b': {...}}})"],
])('args %#', (args, text) => {
  expect(reprArgs(args)).toBe(text)
})

test('kwargs', () => {
  expect(reprKwargs({})).toBe('{}')
  expect(reprKwargs({ a: 1, b: 'x' })).toBe("{'a': 1, 'b': 'x'}")
  expect(reprKwargs({ gone: undefined, b: 1 })).toBe("{'b': 1}")
})

describe('the cut', () => {
  test('a long list ends with dots, and is closed', () => {
    const text = reprArgs([Array.from({ length: 10_000 }, (_, i) => i)])
    expect(text).toMatch(/^\(\[0, 1, .*, \.\.\.\],\)$/)
    expect(text.length).toBeLessThan(MAX_REPR_LENGTH + 20)
  })

  test('a long text is cut at a space, never within a surrogate pair', () => {
    expect(pythonRepr('word '.repeat(1000), 12)).toBe("'word word...'")
    expect(pythonRepr('😀'.repeat(1000), 11)).toBe(`'${'😀'.repeat(5)}...'`)
  })

  test('large values cost no more than small ones', () => {
    const bytes = new Uint8Array(50_000_000)
    const text = 'x'.repeat(50_000_000)
    const started = performance.now()
    expect(reprArgs([bytes]).length).toBeLessThan(5 * MAX_REPR_LENGTH)
    expect(reprKwargs({ text }).length).toBeLessThan(2 * MAX_REPR_LENGTH)
    expect(performance.now() - started).toBeLessThan(1000)
  })
})

test('Python reads every repr as the value that it gets', async () => {
  const leaf = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
    fc.integer(),
  )
  const values = fc.sample(
    fc.array(fc.oneof(leaf, fc.array(leaf), fc.dictionary(fc.string(), leaf)), { maxLength: 4 }),
    300,
  )
  const pairs = values.map((args) => [serialize(args, 'json', 'args').body, reprArgs(args, 1e6)])
  const script = `
import ast, json, sys
for text, printed in json.load(sys.stdin):
    assert list(ast.literal_eval(printed)) == json.loads(text), (text, printed)
print('ok')`
  expect(await output('/usr/bin/python3', ['-c', script], { input: JSON.stringify(pairs) })).toBe('ok\n')
})
