import { describe, expect, test } from 'vitest'
import { functionParameters } from '../../src/tasks/functionParameters.ts'

type Run = (...args: never[]) => unknown

/** From text, so that no compiler between this file and the engine rewrites it. */
function made(text: string): Run {
  return new Function(`return (${text})`)() as Run
}

/** A method of an object: its source text has neither `function` nor an arrow. */
function method(text: string): Run {
  return (Object.values(made(`{ ${text} }`)) as unknown as Run[])[0] as Run
}

describe('what is certain', () => {
  test.each([
    ['(x, y) => x', ['x', 'y']],
    ['() => 1', []],
    ['x => x', ['x']],
    ['async x => x', ['x']],
    ['async => async', ['async']],
    ['async (x, y = 1) => x', ['x', 'y']],
    ['function (a, b) {}', ['a', 'b']],
    ['function named(a, b,) {}', ['a', 'b']],
    ['async function* named(a) {}', ['a']],
    ['function async(a) {}', ['a']],
    ['(x /* the ( first */, // the second\n y) => x', ['x', 'y']],
    ['(  x           , y          )           => x', ['x', 'y']],
    [`(a = 1, b = -2.5, c = 'x)', d = "y,", e = \`z\`, f = [], g = {}, h = true, i = null) => a`, [...'abcdefghi']],
    ['(größe, $x, _y) => größe', ['größe', '$x', '_y']],
    ['function classify(x) {}', ['x']],
  ])('%s', (text, names) => {
    expect(functionParameters(made(text))).toEqual({ names, rest: false })
  })

  test.each(['run(a, b) {}', 'async run(a, b) {}', '*run(a, b) {}', 'async *run(a, b) {}', 'async(a, b) {}'])(
    'the method %s',
    (text) => {
      expect(functionParameters(method(text))).toEqual({ names: ['a', 'b'], rest: false })
    },
  )

  test('a rest parameter', () => {
    expect(functionParameters(made('(x, ...more) => x'))).toEqual({ names: ['x'], rest: true })
    expect(functionParameters(made('(...all) => all'))).toEqual({ names: [], rest: true })
  })
})

describe('what is not', () => {
  test.each([
    '({ x }) => x',
    '([x]) => x',
    '(x, { y } = {}) => x',
    '(x = f(1, 2), y) => x',
    '(x = (1, 2)) => x',
    "(x = 'it\\'s, y') => x",
    '(x = /[)]/, y) => x',
    '(x = 1 + 2) => x',
    ['(x = `$', '{1}`) => x'].join(''),
    '(x = "a" + "b", y) => x',
    'function () { return arguments[0] }',
    'Math.max',
    '((x) => x).bind(null)',
    'class { constructor(x) {} }',
    'class extends Object { constructor(x) { super(x) } }',
    '{ ["run it"](x) {} }["run it"]',
  ])('%s', (text) => {
    expect(functionParameters(made(text))).toBeUndefined()
  })

  test('a list longer than is read', () => {
    expect(functionParameters(made(`(x, /* ${'*'.repeat(5000)} */ y) => x`))).toBeUndefined()
  })

  test('reading takes time in proportion to the text, whatever is in it', () => {
    const hostile = `(x = '${'/*'.repeat(1900)}', y) => x`
    const start = performance.now()
    for (let turn = 0; turn < 100; turn++) functionParameters(made(hostile))
    expect(performance.now() - start).toBeLessThan(2000)
  })
})
