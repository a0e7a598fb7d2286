import type { SyntaxNode } from '@lezer/common'
import { parser } from '@lezer/python'
import { FUNCTIONS, type Kernel, negative, OPERATORS } from './kernels.ts'

/** An expression as a tree: a number, the variable, or a function of other trees. */
export type Term =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'variable' }
  | { readonly kind: 'call'; readonly kernel: Kernel; readonly operator: string; readonly operands: readonly Term[] }

/** Mend the expression: it is no expression at all, or holds something that is not allowed. */
export class ExpressionError extends Error {
  /** Where, counted in UTF-16 units from 0; the message counts characters from 1. */
  readonly position: number
  constructor(problem: string, position: number) {
    super(`at character ${position + 1}: ${problem}`)
    this.name = 'ExpressionError'
    this.position = position
  }
}

/** Characters that an expression may have. */
export const MAX_LENGTH = 1000

/** Levels of parentheses, calls, signs and right-hand operands within each other: each may need a block of memory. */
const MAX_DEPTH = 100

const CONSTANTS: ReadonlyMap<string, number> = new Map([
  ['pi', Math.PI],
  ['e', Math.E],
  ['tau', 2 * Math.PI],
])
const VARIABLES: ReadonlySet<string> = new Set(['xs', 'x'])
const MODULES: ReadonlySet<string> = new Set(['np', 'numpy', 'math'])

const ALLOWED = `numbers, xs, ${[...CONSTANTS.keys()].join(', ')}, ${[...OPERATORS.keys()].join(' ')}, parentheses and functions as sqrt(xs)`

/** What the grammar may find. All else in Python (strings, lambda, comparisons, subscripts, comments…) is refused. */
const NODES: ReadonlySet<string> = new Set([
  'Script',
  'ExpressionStatement',
  'ParenthesizedExpression',
  'UnaryExpression',
  'BinaryExpression',
  'CallExpression',
  'MemberExpression',
  'ArgList',
  'Number',
  'VariableName',
  'PropertyName',
  'ArithOp',
  '*',
  '**',
  '(',
  ')',
  ',',
  '.',
])

/**
 * Read Python's syntax for one arithmetic expression of `xs`. Nothing is run.
 * @throws ExpressionError when the text is too long, unreadable, or holds anything else than arithmetic
 */
export function parse(text: string): Term {
  if (text.length > MAX_LENGTH) {
    throw new ExpressionError(`expected at most ${MAX_LENGTH} characters, got ${text.length}`, MAX_LENGTH)
  }
  // The grammar knows `1.0` and `.5` but not `1.`: the dot is moved away as a space, so that positions stay.
  const source = text.replace(/(?<![\w.])(\d+)\.(?=[eE][+-]?\d|[^\w.]|$)/g, ' $1')
  const tree = parser.parse(source)
  tree.iterate({
    enter: (node) => {
      if (node.type.isError) throw new ExpressionError(unreadable(text, node.from), node.from)
      if (!NODES.has(node.name)) throw refusal(node.node, source)
    },
  })
  const statements = children(tree.topNode)
  const expressions = statements.flatMap(children)
  if (expressions.length === 0) throw new ExpressionError('expected an expression of xs, got nothing', 0)
  if (expressions.length > 1) throw refusal(expressions[1] as SyntaxNode, source)
  return read(expressions[0] as SyntaxNode, source, 0)
}

function read(node: SyntaxNode, source: string, depth: number): Term {
  if (depth > MAX_DEPTH) {
    throw new ExpressionError(`expected at most ${MAX_DEPTH} levels within each other, got more`, node.from)
  }
  switch (node.name) {
    case 'Number':
      return readNumber(node, source)
    case 'VariableName':
    case 'MemberExpression':
      return readName(node, source)
    case 'ParenthesizedExpression':
      return readParentheses(node, source, depth)
    case 'UnaryExpression':
      return readSign(node, source, depth)
    case 'BinaryExpression':
      return readOperation(node, source, depth)
    case 'CallExpression':
      return readCall(node, source, depth)
    default:
      throw refusal(node, source)
  }
}

/** Python's decimal numbers, all taken as doubles; not hexadecimal, imaginary or with underscores. */
function readNumber(node: SyntaxNode, source: string): Term {
  const digits = slice(node, source)
  if (!/^(?!0\d+$)(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$/.test(digits)) {
    throw new ExpressionError(`expected a decimal number as 1, .5 or 1e-3, got ${digits}`, node.from)
  }
  return { kind: 'number', value: Number(digits) }
}

function readName(node: SyntaxNode, source: string): Term {
  if (node.name === 'VariableName' && VARIABLES.has(slice(node, source))) return { kind: 'variable' }
  const name = bareName(node, source)
  const value = CONSTANTS.get(name)
  if (value !== undefined) return { kind: 'number', value }
  if (FUNCTIONS.has(name)) throw new ExpressionError(`expected arguments after ${name}, as ${name}(xs)`, node.from)
  const known = [...VARIABLES, ...CONSTANTS.keys()].join(', ')
  throw new ExpressionError(`unknown name ${quote(name)}: expected one of ${known} or a function`, node.from)
}

/** The name without `np.`, `numpy.` or `math.` before it. No other dot is allowed. */
function bareName(node: SyntaxNode, source: string): string {
  if (node.name === 'VariableName') return slice(node, source)
  const [module, dot, property] = children(node)
  if (module?.name !== 'VariableName' || dot?.name !== '.' || property?.name !== 'PropertyName') {
    throw refusal(node, source)
  }
  if (!MODULES.has(slice(module, source))) {
    throw new ExpressionError(
      `expected one of ${[...MODULES].join(', ')} before a dot, got ${slice(module, source)}`,
      node.from,
    )
  }
  return slice(property, source)
}

function readParentheses(node: SyntaxNode, source: string, depth: number): Term {
  const [open, inner, close] = children(node)
  if (open?.name !== '(' || inner === undefined || close?.name !== ')') throw refusal(node, source)
  return read(inner, source, depth + 1)
}

function readSign(node: SyntaxNode, source: string, depth: number): Term {
  const [sign, operand] = children(node)
  if (sign === undefined || operand === undefined) throw refusal(node, source)
  const term = read(operand, source, depth + 1)
  const operator = slice(sign, source)
  if (operator === '+') return term
  if (operator === '-') return { kind: 'call', kernel: negative, operator, operands: [term] }
  throw refusal(sign, source)
}

function readOperation(node: SyntaxNode, source: string, depth: number): Term {
  const [left, sign, right] = children(node)
  if (left === undefined || sign === undefined || right === undefined) throw refusal(node, source)
  const operator = slice(sign, source)
  const kernel = OPERATORS.get(operator)
  if (kernel === undefined) throw refusal(sign, source)
  // A sum of many terms leans to the left and needs no more memory than one of two: it is not deep.
  const operands = [read(left, source, depth), read(right, source, depth + 1)]
  return { kind: 'call', kernel, operator, operands }
}

function readCall(node: SyntaxNode, source: string, depth: number): Term {
  const [callee, list] = children(node)
  if (callee === undefined || list?.name !== 'ArgList') throw refusal(node, source)
  if (callee.name !== 'VariableName' && callee.name !== 'MemberExpression') throw refusal(callee, source)
  const operator = bareName(callee, source)
  const kernel = FUNCTIONS.get(operator)
  if (kernel === undefined) {
    const known = [...FUNCTIONS.keys()].join(', ')
    throw new ExpressionError(`unknown function ${quote(operator)}: expected one of ${known}`, callee.from)
  }
  const operands = readArguments(list, source, depth + 1)
  if (operands.length !== kernel.arity) {
    const expected = kernel.arity === 1 ? '1 argument' : `${kernel.arity} arguments`
    throw new ExpressionError(`expected ${expected} for ${operator}, got ${operands.length}`, callee.from)
  }
  return { kind: 'call', kernel, operator, operands }
}

/** `(a, b)`, where Python allows a comma after the last one. */
function readArguments(list: SyntaxNode, source: string, depth: number): Term[] {
  const inner = children(list).slice(1, -1)
  return inner.flatMap((node, index) => {
    if (index % 2 === 0) return [read(node, source, depth)]
    if (node.name !== ',') throw refusal(node, source)
    return []
  })
}

function children(node: SyntaxNode): SyntaxNode[] {
  const found: SyntaxNode[] = []
  for (let child = node.firstChild; child !== null; child = child.nextSibling) found.push(child)
  return found
}

function slice(node: SyntaxNode, source: string): string {
  return source.slice(node.from, node.to)
}

/** "LambdaExpression" reads as "lambda expression"; a token is quoted as it is. */
function refusal(node: SyntaxNode, source: string): ExpressionError {
  const what = /^[A-Z]/.test(node.name) ? `${node.name.replace(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase()} ` : ''
  return new ExpressionError(`${what}${quote(slice(node, source))} is not allowed: expected ${ALLOWED}`, node.from)
}

function unreadable(text: string, position: number): string {
  const rest = text.slice(position).trimEnd()
  return rest === '' ? 'expected more, got the end' : `expected an arithmetic expression, got ${quote(rest)}`
}

function quote(text: string): string {
  return JSON.stringify(text.length > 30 ? `${text.slice(0, 29)}…` : text)
}
