import { z } from 'zod'
import { ExpressionError, MAX_LENGTH, parse } from './grammar.ts'
import type { Integral } from './sampling.ts'

/** Points drawn when the request names no size. */
export const DEFAULT_SIZE = 100

/** A quarter of a minute of work at least; more is taken for a mistake. */
export const MAX_SIZE = 1e9

/** Bounds of such a size give an area that a double can still hold. */
const MAX_BOUND = 1e150

/** One thing that is wrong with a request: where (a JSON pointer, empty for the whole body) and what. */
export interface Problem {
  readonly pointer: string
  readonly detail: string
}

/** What came of reading a request: the integral with its defaults, or all that is wrong with it. */
export type ParsedRequest =
  | { readonly integral: Integral; readonly problems?: undefined }
  | { readonly integral?: undefined; readonly problems: readonly Problem[] }

/* Each field has one check of its own beside its type, so that one mistake makes one problem and hides no other. */

const expression = z
  .string({ error: ({ input }) => `expected an expression of xs as text, got ${describe(input)}` })
  .superRefine((text, context) => {
    try {
      parse(text)
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error
      context.addIssue({ code: 'custom', message: error.message })
    }
  })
  .meta({ maxLength: MAX_LENGTH, description: 'NumPy-style expression of xs, as sqrt(4-xs**2)' })

const boundError = ({ input }: { input?: unknown }): string =>
  `expected a number within ±${MAX_BOUND}, got ${describe(input)}`
const bound = z
  .number({ error: boundError })
  .refine((value) => Math.abs(value) <= MAX_BOUND, { error: boundError })
  .meta({ minimum: -MAX_BOUND, maximum: MAX_BOUND })

const sizeError = ({ input }: { input?: unknown }): string =>
  `expected a whole number from 1 to ${MAX_SIZE}, got ${describe(input)}`
const size = z
  .number({ error: sizeError })
  .refine((value) => Number.isInteger(value) && value >= 1 && value <= MAX_SIZE, { error: sizeError })
  .meta({ type: 'integer', minimum: 1, maximum: MAX_SIZE, description: 'how many points to draw' })
  .default(DEFAULT_SIZE)

const FIELDS = {
  f: expression,
  a: bound.meta({ ...bound.meta(), description: 'left end of xs' }),
  b: bound.meta({ ...bound.meta(), description: 'right end of xs, at least a' }),
  c: bound.meta({ ...bound.meta(), description: 'lower end of ys' }),
  d: bound.meta({ ...bound.meta(), description: 'upper end of ys, at least c' }),
  size,
}

/**
 * The six fields of a request, checked: a Standard Schema whose issues name all that is wrong at once.
 * Numbers in quotes are refused, and so are unknown fields, as a mistyped `size` would else go unnoticed.
 */
export const IntegralInput = z
  .strictObject(FIELDS, { error: objectError })
  .refine(({ a, b }) => a <= b, { path: ['b'], when: bothNumbers('a', 'b'), error: orderError('a', 'b') })
  .refine(({ c, d }) => c <= d, { path: ['d'], when: bothNumbers('c', 'd'), error: orderError('c', 'd') })

/** Read the body of a request as an integral to estimate. Never throws; no default is taken for a wrong value. */
export function parseRequest(body: unknown): ParsedRequest {
  const { success, data, error } = IntegralInput.safeParse(body)
  if (success) return { integral: data }
  return {
    problems: error.issues.map(({ path, message }) => ({
      pointer: path.map((key) => `/${String(key)}`).join(''),
      detail: message,
    })),
  }
}

type Bound = 'a' | 'b' | 'c' | 'd'

/** Whether two bounds can be compared, whatever is wrong with the other fields. */
function bothNumbers(low: Bound, high: Bound): (payload: { value: unknown }) => boolean {
  return ({ value }) => {
    if (typeof value !== 'object' || value === null) return false
    const fields = value as Partial<Record<Bound, unknown>>
    return (
      typeof fields[low] === 'number' && typeof fields[high] === 'number' && !Number.isNaN(fields[low] + fields[high])
    )
  }
}

function orderError(low: Bound, high: Bound): (issue: { input?: unknown }) => string {
  return ({ input }) => {
    const fields = input as Record<Bound, number>
    return `expected ${high} to be at least ${low} = ${fields[low]}, got ${fields[high]}`
  }
}

function objectError(issue: { code?: string; keys?: readonly string[]; input?: unknown }): string {
  const fields = Object.keys(FIELDS).join(', ')
  if (issue.code !== 'unrecognized_keys') {
    return `expected an object with the fields ${fields}, got ${describe(issue.input)}`
  }
  const unknown = (issue.keys ?? []).map((key) => JSON.stringify(key)).join(', ')
  return `expected only the fields ${fields}, got also ${unknown}`
}

/** The value as a person would name it. */
function describe(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (typeof value === 'string')
    return `the text ${JSON.stringify(value.length > 40 ? `${value.slice(0, 39)}…` : value)}`
  if (typeof value === 'bigint') return `${value}n`
  if (Array.isArray(value)) return 'an array'
  if (typeof value === 'object' && value !== null) return 'an object'
  return typeof value === 'function' ? 'a function' : String(value)
}
