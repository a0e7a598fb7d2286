import { parse, type Term } from './grammar.ts'
import { type Kernel, reciprocal, square, squareRoot } from './kernels.ts'

/** Points computed at once: few enough that all blocks of a usual expression stay in the processor's first cache. */
export const BLOCK = 1024

/** A function of `xs`, made of loops over blocks. It owns its blocks: not for two callers at once. */
export interface Compiled {
  readonly text: string
  /** Where the caller puts the points; `BLOCK` places. */
  readonly xs: Float64Array
  /** The values at the first `count` points, in a block that the next call writes over. */
  run(count: number): Float64Array
  /** The value at one point. Slow: for a look, not for a loop. */
  at(x: number): number
}

/**
 * Compile a NumPy-style expression of `xs`, as `sqrt(4-xs**2)`, with Python's precedence and NumPy's results for
 * float64 arrays. All numbers are doubles: 1/0 is infinity and (-8)**(1/3) is NaN. Only functions and constants of a
 * fixed list can be reached; no code is made from the text.
 * @throws ExpressionError when the text is too long, unreadable, or holds anything else than arithmetic
 */
export function compile(text: string): Compiled {
  return new Program(text, simplify(parse(text)))
}

/** One loop to run: `out` becomes the kernel's function of the operands. */
interface Step {
  readonly kernel: Kernel
  readonly out: Float64Array
  readonly a: Float64Array
  readonly b: Float64Array
  readonly c: Float64Array
}

class Program implements Compiled {
  readonly text: string
  readonly xs = new Float64Array(BLOCK)
  readonly #steps: Step[] = []
  readonly #registers: Float64Array[] = []
  readonly #result: Float64Array

  constructor(text: string, term: Term) {
    this.text = text
    this.#result = this.#add(term, 0)
  }

  run(count: number): Float64Array {
    for (const { kernel, out, a, b, c } of this.#steps) kernel.run(out, count, a, b, c)
    return this.#result
  }

  at(x: number): number {
    this.xs[0] = x
    return this.run(1)[0] as number
  }

  /** Add the steps that compute the term; those from `free` on are the registers that may be written over. */
  #add(term: Term, free: number): Float64Array {
    if (term.kind === 'variable') return this.xs
    if (term.kind === 'number') return new Float64Array(BLOCK).fill(term.value)
    let next = free
    const [a = this.xs, b = a, c = a] = term.operands.map((operand) => {
      const block = this.#add(operand, next)
      if (block === this.#registers[next]) next += 1
      return block
    })
    const out = this.#register(free)
    this.#steps.push({ kernel: term.kernel, out, a, b, c })
    return out
  }

  #register(index: number): Float64Array {
    const block = this.#registers[index] ?? new Float64Array(BLOCK)
    this.#registers[index] = block
    return block
  }
}

/** Compute what holds no variable, and take NumPy's shortcuts for the usual powers. */
function simplify(term: Term): Term {
  if (term.kind !== 'call') return term
  const operands = term.operands.map(simplify)
  const values = operands.flatMap((operand) => (operand.kind === 'number' ? [operand.value] : []))
  if (values.length === operands.length) return { kind: 'number', value: compute(term.kernel, values) }
  const exponent = operands[1]
  if (term.operator === '**' && exponent?.kind === 'number') {
    return simplePower(operands[0] as Term, exponent.value) ?? { ...term, operands }
  }
  return { ...term, operands }
}

/** As NumPy's operator (not its function `power`) does with an array and a number. */
function simplePower(base: Term, exponent: number): Term | undefined {
  if (exponent === 0) return { kind: 'number', value: 1 }
  if (exponent === 1) return base
  const kernel = SHORTCUTS.get(exponent)
  return kernel && { kind: 'call', kernel, operator: '**', operands: [base] }
}

const SHORTCUTS: ReadonlyMap<number, Kernel> = new Map([
  [-1, reciprocal],
  [0.5, squareRoot],
  [2, square],
])

function compute(kernel: Kernel, values: readonly number[]): number {
  const [a, b = a, c = a] = values.map((value) => Float64Array.of(value)) as [
    Float64Array,
    Float64Array?,
    Float64Array?,
  ]
  const out = new Float64Array(1)
  kernel.run(out, 1, a, b, c)
  return out[0] as number
}
