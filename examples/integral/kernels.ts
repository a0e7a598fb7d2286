/**
 * The functions that an expression may call, each as a loop over a block of numbers. A loop of its own per function,
 * rather than one loop that is handed the function, lets V8 inline the function and keep doubles out of the heap.
 * Results are NumPy's for float64 arrays, infinities and NaN included; `out` may be one of the operands.
 */
type Loop = (out: Float64Array, count: number, a: Float64Array, b: Float64Array, c: Float64Array) => void

/** A function of one to three blocks; operands beyond its arity are ignored. */
export interface Kernel {
  readonly arity: number
  readonly run: Loop
}

const one = (run: Loop): Kernel => ({ arity: 1, run })
const two = (run: Loop): Kernel => ({ arity: 2, run })
const named = (names: string[], kernel: Kernel): [string, Kernel][] => names.map((name) => [name, kernel])

/** Unary minus. */
export const negative = one((out, n, a) => {
  for (let i = 0; i < n; i++) out[i] = -(a[i] as number)
})
/** What `**2` becomes. */
export const square = one((out, n, a) => {
  for (let i = 0; i < n; i++) out[i] = (a[i] as number) * (a[i] as number)
})
/** What `**-1` becomes. */
export const reciprocal = one((out, n, a) => {
  for (let i = 0; i < n; i++) out[i] = 1 / (a[i] as number)
})
/** What `**0.5` becomes. */
export const squareRoot = one((out, n, a) => {
  for (let i = 0; i < n; i++) out[i] = Math.sqrt(a[i] as number)
})
const add = two((out, n, a, b) => {
  for (let i = 0; i < n; i++) out[i] = (a[i] as number) + (b[i] as number)
})
const subtract = two((out, n, a, b) => {
  for (let i = 0; i < n; i++) out[i] = (a[i] as number) - (b[i] as number)
})
const multiply = two((out, n, a, b) => {
  for (let i = 0; i < n; i++) out[i] = (a[i] as number) * (b[i] as number)
})
const divide = two((out, n, a, b) => {
  for (let i = 0; i < n; i++) out[i] = (a[i] as number) / (b[i] as number)
})
const floorDivide = two((out, n, a, b) => {
  for (let i = 0; i < n; i++) out[i] = floorQuotient(a[i] as number, b[i] as number)
})
const remainder = two((out, n, a, b) => {
  for (let i = 0; i < n; i++) out[i] = floorModulo(a[i] as number, b[i] as number)
})
const power = two((out, n, a, b) => {
  for (let i = 0; i < n; i++) out[i] = raise(a[i] as number, b[i] as number)
})

/** C's pow, which takes 1 ** NaN and (-1) ** ±Infinity for 1 where JavaScript has NaN. */
function raise(base: number, exponent: number): number {
  if (base === 1 || (base === -1 && Math.abs(exponent) === Number.POSITIVE_INFINITY)) return 1
  return base ** exponent
}

/** NumPy's floor_divide, which is exact where floor(a / b) is off by one. */
function floorQuotient(a: number, b: number): number {
  if (b === 0) return a / b
  const rest = a % b
  let quotient = (a - rest) / b
  if (rest !== 0 && b < 0 !== rest < 0) quotient -= 1
  if (quotient === 0) return zeroLike(a / b)
  const floored = Math.floor(quotient)
  return quotient - floored > 0.5 ? floored + 1 : floored
}

function floorModulo(a: number, b: number): number {
  const rest = a % b
  if (rest === 0) return zeroLike(b)
  return b < 0 !== rest < 0 ? rest + b : rest
}

/** Zero with the sign of a number. */
function zeroLike(a: number): number {
  return a < 0 || Object.is(a, -0) ? -0 : 0
}

/** Ties go to the even neighbour: adding 2^52 leaves no room for a fraction, and the addition rounds so. Zero keeps the sign. */
function roundHalfEven(a: number): number {
  const size = Math.abs(a)
  return size < 2 ** 52 ? Math.sign(a) * (size + 2 ** 52 - 2 ** 52) : a
}

/** sin(πx) / πx, and 1 at 0. */
function sinc(a: number): number {
  return a === 0 ? 1 : Math.sin(Math.PI * a) / (Math.PI * a)
}

function heaviside(a: number, atZero: number): number {
  if (Number.isNaN(a)) return a
  if (a === 0) return atZero
  return a < 0 ? 0 : 1
}

/** Operators with two operands, as Python writes them. `//` and `%` are floored: the remainder has the divisor's sign. */
export const OPERATORS: ReadonlyMap<string, Kernel> = new Map([
  ['+', add],
  ['-', subtract],
  ['*', multiply],
  ['/', divide],
  ['//', floorDivide],
  ['%', remainder],
  ['**', power],
])

/** Functions by NumPy's names (and Python's `math` names where they differ). */
export const FUNCTIONS: ReadonlyMap<string, Kernel> = new Map([
  [
    'sin',
    one((out, n, a) => {
      for (let i = 0; i < n; i++) out[i] = Math.sin(a[i] as number)
    }),
  ],
  [
    'cos',
    one((out, n, a) => {
      for (let i = 0; i < n; i++) out[i] = Math.cos(a[i] as number)
    }),
  ],
  [
    'tan',
    one((out, n, a) => {
      for (let i = 0; i < n; i++) out[i] = Math.tan(a[i] as number)
    }),
  ],
  ...named(
    ['arcsin', 'asin'],
    one((out, n, a) => {
      for (let i = 0; i < n; i++) out[i] = Math.asin(a[i] as number)
    }),
  ),
  ...named(
    ['arccos', 'acos'],
    one((out, n, a) => {
      for (let i = 0; i < n; i++) out[i] = Math.acos(a[i] as number)
    }),
  ),
  ...named(
    ['arctan', 'atan'],
    one((out, n, a) => {
      for (let i = 0; i < n; i++) out[i] = Math.atan(a[i] as number)
    }),
  ),
  ...named(
    ['arctan2', 'atan2'],
    two((out, n, a, b) => {
      for (let i = 0; i < n; i++) out[i] = Math.atan2(a[i] as number, b[i] as number)
    }),
  ),
  [
    'sinh',
    one((out, n, a) => {
      for (let i = 0; i < n; i++) out[i] = Math.sinh(a[i] as number)
    }),
  ],
  [
    'cosh',
    one((out, n, a) => {
      for (let i = 0; i < n; i++) out[i] = Math.cosh(a[i] as number)
    }),
  ],
  [
    'tanh',
    one((out, n, a) => {
      for (let i = 0; i < n; i++) out[i] = Math.tanh(a[i] as number)
    }),
  ],
  ...named(
    ['arcsinh', 'asinh'],
    one((out, n, a) => {
      for (let i = 0; i < n; i++) out[i] = Math.asinh(a[i] as number)
    }),
  ),
  ...named(
    ['arccosh', 'acosh'],
    one((out, n, a) => {
      for (let i = 0; i < n; i++) out[i] = Math.acosh(a[i] as number)
    }),
  ),
  ...named(
    ['arctanh', 'atanh'],
    one((out, n, a) => {
      for (let i = 0; i < n; i++) out[i] = Math.atanh(a[i] as number)
    }),
  ),
  [
    'exp',
    one((out, n, a) => {
      for (let i = 0; i < n; i++) out[i] = Math.exp(a[i] as number)
    }),
  ],
  [
    'exp2',
    one((out, n, a) => {
      for (let i = 0; i < n; i++) out[i] = 2 ** (a[i] as number)
    }),
  ],
  [
    'expm1',
    one((out, n, a) => {
      for (let i = 0; i < n; i++) out[i] = Math.expm1(a[i] as number)
    }),
  ],
  [
    'log',
    one((out, n, a) => {
      for (let i = 0; i < n; i++) out[i] = Math.log(a[i] as number)
    }),
  ],
  [
    'log2',
    one((out, n, a) => {
      for (let i = 0; i < n; i++) out[i] = Math.log2(a[i] as number)
    }),
  ],
  [
    'log10',
    one((out, n, a) => {
      for (let i = 0; i < n; i++) out[i] = Math.log10(a[i] as number)
    }),
  ],
  [
    'log1p',
    one((out, n, a) => {
      for (let i = 0; i < n; i++) out[i] = Math.log1p(a[i] as number)
    }),
  ],
  ['sqrt', squareRoot],
  [
    'cbrt',
    one((out, n, a) => {
      for (let i = 0; i < n; i++) out[i] = Math.cbrt(a[i] as number)
    }),
  ],
  ['square', square],
  ['reciprocal', reciprocal],
  ...named(
    ['abs', 'absolute', 'fabs'],
    one((out, n, a) => {
      for (let i = 0; i < n; i++) out[i] = Math.abs(a[i] as number)
    }),
  ),
  [
    'sign',
    one((out, n, a) => {
      // NumPy's has no negative zero.
      for (let i = 0; i < n; i++) out[i] = Math.sign(a[i] as number) + 0
    }),
  ],
  ['negative', negative],
  [
    'floor',
    one((out, n, a) => {
      for (let i = 0; i < n; i++) out[i] = Math.floor(a[i] as number)
    }),
  ],
  [
    'ceil',
    one((out, n, a) => {
      for (let i = 0; i < n; i++) out[i] = Math.ceil(a[i] as number)
    }),
  ],
  ...named(
    ['trunc', 'fix'],
    one((out, n, a) => {
      for (let i = 0; i < n; i++) out[i] = Math.trunc(a[i] as number)
    }),
  ),
  ...named(
    ['round', 'rint', 'around'],
    one((out, n, a) => {
      for (let i = 0; i < n; i++) out[i] = roundHalfEven(a[i] as number)
    }),
  ),
  ...named(
    ['degrees', 'rad2deg'],
    one((out, n, a) => {
      for (let i = 0; i < n; i++) out[i] = (a[i] as number) * (180 / Math.PI)
    }),
  ),
  ...named(
    ['radians', 'deg2rad'],
    one((out, n, a) => {
      for (let i = 0; i < n; i++) out[i] = (a[i] as number) * (Math.PI / 180)
    }),
  ),
  [
    'sinc',
    one((out, n, a) => {
      for (let i = 0; i < n; i++) out[i] = sinc(a[i] as number)
    }),
  ],
  [
    'heaviside',
    two((out, n, a, b) => {
      for (let i = 0; i < n; i++) out[i] = heaviside(a[i] as number, b[i] as number)
    }),
  ],
  ...named(['power', 'pow'], power),
  ...named(['mod', 'remainder'], remainder),
  ['floor_divide', floorDivide],
  [
    'fmod',
    two((out, n, a, b) => {
      for (let i = 0; i < n; i++) out[i] = (a[i] as number) % (b[i] as number)
    }),
  ],
  [
    'hypot',
    two((out, n, a, b) => {
      for (let i = 0; i < n; i++) out[i] = Math.hypot(a[i] as number, b[i] as number)
    }),
  ],
  [
    'minimum',
    two((out, n, a, b) => {
      for (let i = 0; i < n; i++) out[i] = Math.min(a[i] as number, b[i] as number)
    }),
  ],
  [
    'maximum',
    two((out, n, a, b) => {
      for (let i = 0; i < n; i++) out[i] = Math.max(a[i] as number, b[i] as number)
    }),
  ],
  [
    'clip',
    {
      arity: 3,
      run: (out, n, a, b, c) => {
        for (let i = 0; i < n; i++) out[i] = Math.min(Math.max(a[i] as number, b[i] as number), c[i] as number)
      },
    },
  ],
])
