import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BLOCK, compile } from '../expression.ts'
import { ExpressionError } from '../grammar.ts'
import { FUNCTIONS } from '../kernels.ts'
import { evaluateWithNumpy } from './numpy.ts'

const SPECIAL = Float64Array.of(
  ...[Number.NEGATIVE_INFINITY, -1e300, -1e16, -3, -2.5, -2, -1.5, -1, -0.75, -0.5, -1e-300, -0, 0, 1e-300, 0.1],
  ...[0.5, 0.75, 1, 1.5, 2, 2.5, 3, 1e16, 1e300, Number.POSITIVE_INFINITY, Number.NaN],
)

function values(text: string, xs: Float64Array): Float64Array {
  const f = compile(text)
  f.xs.set(xs)
  return f.run(xs.length).slice(0, xs.length)
}

function same(ours: number, theirs: number, tolerance: number): boolean {
  return Object.is(ours, theirs) || ours === theirs || Math.abs(ours - theirs) <= tolerance
}

function expectRefusal(text: string, character: number, problem: string): void {
  let caught: unknown
  try {
    compile(text)
  } catch (error) {
    caught = error
  }
  expect(caught).toBeInstanceOf(ExpressionError)
  const { message, position } = caught as ExpressionError
  expect(message).toContain(problem)
  expect({ message, character: position + 1 }).toEqual({ message, character })
}

describe('compile', () => {
  it.each([
    ['-xs**2', 3, -9],
    ['(-xs)**2', 3, 9],
    ['2**-1', 0, 0.5],
    ['2**3**2', 0, 512],
    ['2**-xs*3', 1, 1.5],
    ['-xs**-xs**2', 2, -0.0625],
    ['- - +xs', 3, 3],
    ['7//2', 0, 3],
    ['-7//2', 0, -4],
    ['xs%3', -7, 2],
    ['xs%-3', 7, -2],
    ['-xs%3', 7, 2],
    ['8/4/2', 0, 1],
    ['8-4-2', 0, 2],
    ['2*xs//3*2', 5, 6],
    ['1.+2.*xs', 1, 3],
    ['1.e3+1.e-1+.5+1.5e+1', 0, 1015.6],
    ['4.-xs**2.', 1, 3],
    ['(1.)', 0, 1],
    ['x', 4, 4],
    ['7', 4, 7],
    ['np.sqrt(numpy.abs(math.floor(xs)))', -15.5, 4],
    ['np.pi*math.e*tau', 0, Math.PI * Math.E * 2 * Math.PI],
    ['round(xs)', 2.5, 2],
    ['round(xs)', -3.5, -4],
    ['clip(xs, 0, 1,)', 3, 1],
    ['sqrt(\n  4\n - xs**2)\n', 0, 2],
    ['(1+xs)*(2+xs)-(3+xs)*(4+xs)', 1, -14],
    ['1-(2-(3-(4-xs)))', 5, 3],
  ])('%s at %d is %d', (text, x, expected) => {
    expect(compile(text).at(x)).toBeCloseTo(expected, 12)
  })

  it('computes a whole block as it computes one point', () => {
    const f = compile('sqrt(4-xs**2)*sin(xs)+3')
    const xs = f.xs.map((_, index) => index / BLOCK)
    f.xs.set(xs)
    const block = f.run(BLOCK).slice()
    expect(Array.from(block)).toEqual(Array.from(xs, (x) => f.at(x)))
  })

  it('takes a sum as long as the text may be', () => {
    expect(compile(Array(500).fill('x').join('+')).at(2)).toBe(1000)
  })

  it.each([
    ["__import__('os')", 12, 'string'],
    ['xs.constructor', 1, 'before a dot'],
    ['np.constructor', 1, 'unknown name "constructor"'],
    ['np.constructor(xs)', 1, 'unknown function "constructor"'],
    ['constructor(xs)', 1, 'unknown function "constructor"'],
    ['__proto__', 1, 'unknown name'],
    ['np.np.sin(xs)', 1, 'member expression'],
    ['np.random.uniform(xs)', 1, 'member expression'],
    ['np.xs', 1, 'unknown name "xs"'],
    ['(() => 1)()', 2, 'tuple expression'],
    ['xs if xs>0 else 0', 1, 'conditional expression'],
    ['xs > 0', 4, 'compare op ">"'],
    ['not xs', 1, 'not'],
    ['xs and 1', 4, 'and'],
    ['~xs', 1, 'bit op'],
    ['xs @ xs', 4, '@'],
    ['a=1', 1, 'assign statement'],
    ['(a:=1)', 2, 'named expression'],
    ['[1]', 1, 'array expression'],
    ['{}', 1, 'dictionary expression'],
    ["'x'", 1, 'string'],
    ['f"{xs}"', 1, 'format string'],
    ['`x`', 1, 'expected an arithmetic expression'],
    ['lambda: 1', 1, 'lambda expression'],
    ['xs[0]', 3, '[" is not allowed'],
    ['xs, 1', 3, 'is not allowed'],
    ['(xs, 1)', 1, 'tuple expression'],
    ['xs; xs', 1, 'statement group'],
    ['xs\nxs', 4, 'is not allowed'],
    ['xs # comment', 4, 'comment'],
    ['this', 1, 'unknown name'],
    ['True', 1, 'boolean'],
    ['None', 1, 'none'],
    ['1j', 1, 'decimal number'],
    ['0x1F', 1, 'decimal number'],
    ['1_000', 1, 'decimal number'],
    ['012', 1, 'decimal number'],
    ['sin', 1, 'expected arguments after sin'],
    ['sin()', 1, 'expected 1 argument for sin, got 0'],
    ['arctan2(xs)', 1, 'expected 2 arguments for arctan2, got 1'],
    ['sin(*xs)', 5, 'not allowed'],
    ['pow(**xs)', 5, 'not allowed'],
    ['sin(x=xs)', 6, 'assign op'],
    ['sin(x for x in xs)', 7, 'for'],
    ['sin(xs)(xs)', 1, 'call expression'],
    ['pi(xs)', 1, 'unknown function "pi"'],
    ['xs xs', 4, 'expected an arithmetic expression'],
    ['2xs', 2, 'expected an arithmetic expression'],
    ['xs +', 5, 'expected more, got the end'],
    ['(xs', 4, 'expected more, got the end'],
    ['xs)', 3, 'expected an arithmetic expression'],
    ['1.5.2', 5, 'expected an arithmetic expression'],
    ['1..real', 3, 'expected an arithmetic expression'],
    ['ｓin(xs)', 1, 'unknown function'],
    ['', 1, 'got nothing'],
    ['  \n ', 1, 'got nothing'],
  ])('refuses %j', expectRefusal)

  it.each([
    ['10,000 parentheses', `${'('.repeat(10_000)}xs${')'.repeat(10_000)}`, 1001, 'at most 1000 characters'],
    ['400 parentheses', `${'('.repeat(400)}xs${')'.repeat(400)}`, 102, 'at most 100 levels'],
    ['400 signs', `${'-'.repeat(400)}xs`, 102, 'at most 100 levels'],
    ['200 powers', Array(200).fill('xs').join('**'), 405, 'at most 100 levels'],
  ])('refuses %s', (_, text, character, problem) => expectRefusal(text, character, problem))

  it('throws nothing but ExpressionError, whatever the text', () => {
    const token = fc.constantFrom(
      'xs',
      '1.',
      'np.',
      'sin',
      '(',
      ')',
      ',',
      '**',
      '//',
      '-',
      ' ',
      '\n',
      '"',
      '[',
      'if',
      '=',
    )
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(token).map((tokens) => tokens.join('')),
    )
    fc.assert(
      fc.property(text, (candidate) => {
        try {
          compile(candidate).at(1)
        } catch (error) {
          expect(error).toBeInstanceOf(ExpressionError)
        }
      }),
      { numRuns: 2000 },
    )
  })
})

describe('agrees with NumPy', () => {
  it('on each function and operator at special values', async () => {
    const operands = ['-3', '-1', '-0.5', '0', '0.5', '1', '2', '3', '1e999', '-1e999', '(1e999-1e999)']
    const calls = [...FUNCTIONS].flatMap(([name, { arity }]) => {
      if (arity === 1) return [`${name}(xs)`]
      if (arity === 3) return operands.flatMap((k) => [`${name}(xs, -1, ${k})`, `${name}(${k}, xs, 1)`])
      return operands.flatMap((k) => [`${name}(xs, ${k})`, `${name}(${k}, xs)`])
    })
    const operations = ['+', '-', '*', '/', '//', '%', '**'].flatMap((operator) =>
      operands.flatMap((k) => [`xs ${operator} ${k}`, `${k} ${operator} xs`, `(${k}) ${operator} xs`]),
    )
    const expressions = [...calls, ...operations]
    const theirs = await evaluateWithNumpy(expressions, SPECIAL, [0])
    const wrong = expressions.flatMap((text, index) => {
      const ours = values(text, SPECIAL)
      return Array.from(theirs[index]![0]!, (their, at) => ({ text, x: SPECIAL[at]!, ours: ours[at]!, their })).filter(
        ({ text, x, ours, their }) =>
          !(their === 0 ? Object.is(ours, their) : same(ours, their, 4e-15 * Math.abs(their))) &&
          !variesInNumpy(text, x),
      )
    })
    expect(wrong).toEqual([])
    expect(expressions.length).toBeGreaterThan(500)
  })

  it('on random expressions, but for what rounding alone decides', async () => {
    const expressions = fc.sample(anyExpression(), { seed: 7, numRuns: 1500 })
    const xs = Float64Array.from({ length: 40 }, (_, index) => -4 + index * 0.2137)
    const theirs = await evaluateWithNumpy(expressions, xs, [0, 1e-13, -1e-13])
    let unstable = 0
    const wrong = expressions.flatMap((text, index) => {
      const ours = values(text, xs)
      const [exact, ...disturbed] = theirs[index]! as [Float64Array, ...Float64Array[]]
      return Array.from(xs, (x, at) => ({ text, x, ours: ours[at]!, their: exact[at]! })).filter((found, at) => {
        const spread = Math.max(...disturbed.map((other) => Math.abs(other[at]! - found.their)))
        const wide = !(spread <= 1e-6 * Math.abs(found.their))
        if (wide && Number.isFinite(found.their)) unstable += 1
        const decided = disturbed.every((other) => Number.isFinite(other[at]!) === Number.isFinite(found.their))
        const tolerance = 1e-13 * Math.abs(found.their) + (Number.isFinite(found.their) ? 20 * spread : 0)
        return decided && !same(found.ours, found.their, tolerance)
      })
    })
    expect(wrong.slice(0, 20)).toEqual([])
    expect(unstable / (expressions.length * xs.length)).toBeLessThan(0.1)
  })
})

/**
 * Where releases of NumPy, or the processors they run on, differ: (-inf) ** 0.5 in `power`, which C has as infinity and
 * so have we, and a bound of `clip` that is not a number, which ours passes on as NumPy 2 does.
 */
function variesInNumpy(text: string, x: number): boolean {
  if (/^pow(er)?\(xs, 0.5\)$/.test(text)) return x === Number.NEGATIVE_INFINITY
  if (/^(minimum|maximum|clip)\(/.test(text) && x === 0) return true
  return /^clip\(xs, .*1e999-1e999/.test(text) || (/^clip\(.*, xs, /.test(text) && Number.isNaN(x))
}

/** Text joined with few parentheses, so that precedence decides its meaning. */
function anyExpression(): fc.Arbitrary<string> {
  const number = fc.constantFrom('0', '1', '2', '3', '0.5', '.25', '1.', '7.5', '1e-3', '2.e1', 'pi', 'e', 'np.pi')
  const atom = fc.oneof({ weight: 2, arbitrary: fc.constantFrom('xs', 'x') }, { weight: 1, arbitrary: number })
  const names = [...FUNCTIONS].map(([name, { arity }]) => ({ name, arity }))
  const { expression } = fc.letrec<{ expression: string }>((tie) => {
    const inner = tie('expression')
    return {
      expression: fc.oneof(
        { depthSize: 'small', maxDepth: 5, withCrossShrink: true },
        atom,
        fc
          .tuple(inner, fc.constantFrom('+', '-', '*', '/', '//', '%', '**', ' + ', ' ** -', '*-'), inner)
          .map((parts) => parts.join('')),
        fc.tuple(inner, fc.constantFrom('+', '-', '*', '**'), inner).map((parts) => `(${parts.join(' ')})`),
        fc.tuple(fc.constantFrom('-', '+', '--', '- '), inner).map((parts) => parts.join('')),
        fc
          .tuple(fc.constantFrom(...names), fc.constantFrom('', 'np.'), fc.array(inner, { minLength: 3, maxLength: 3 }))
          .map(
            ([{ name, arity }, prefix, operands]) => `${aliased(prefix, name)}(${operands.slice(0, arity).join(', ')})`,
          ),
      ),
    }
  })
  return expression.filter((text) => text.length <= 300)
}

/** Older NumPy has not yet all names that ours accepts with the prefix. */
function aliased(prefix: string, name: string): string {
  return /^(a(sin|cos|tan)h?|atan2|pow)$/.test(name) ? name : prefix + name
}
