import { isBaseUrl } from '../config/baseUrl.ts'
import type { RequestConfig } from '../config/requestOptions.ts'
import type { ContextValues } from '../config/requestValues.ts'
import { encodeStrict } from '../protocol/encoding.ts'
import { ArgumentError } from '../std/errors.ts'
import { isRecord } from '../std/isRecord.ts'
import { validate } from '../std/schema.ts'
import { shown } from '../std/validate.ts'
import { type Carried, type ContextWire, carriedOf } from './requestContext.ts'

/** Deepest nesting of a context that is sent or read. */
const MAX_DEPTH = 20

/**
 * The context of these parts, its values checked and copied, so that later changes of the originals have no effect.
 * Throws EncodeError, with the path, for what cannot be sent, ValidationError for values that do not fit the schema,
 * ArgumentError for a context that is too large.
 */
export function sealContext(parts: ContextWire, config: RequestConfig): Carried {
  const { identity, values, ...rest } = parts
  if (values !== undefined && !isRecord(values))
    throw new ArgumentError(`context: expected an object of values, got ${shown(values)}`)
  const wire: ContextWire = {
    ...rest,
    ...(identity === undefined ? {} : { identity: plainCopy(identity, 'context.identity') }),
    ...(values === undefined ? {} : { values: plainCopy(values, 'context') as ContextValues }),
  }
  const size = jsonSize(wire)
  if (size > config.limit)
    throw new ArgumentError(
      `context: expected at most ${config.limit} bytes of JSON (the option request.limit), got ${size}`,
    )
  return carriedOf(wire, wire.values && checkValues(wire.values, config))
}

/** Bytes of a value as JSON. */
export function jsonSize(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value))
}

/** A copy of plain JSON data, and nothing else. */
function plainCopy(value: unknown, path: string): unknown {
  const copy: unknown = JSON.parse(JSON.stringify(encodeStrict(value, path)))
  // As deep as it will lie in the header.
  const problem = weigh(copy, 1, { left: Number.POSITIVE_INFINITY })
  if (problem) throw new ArgumentError(`${path}: ${problem}`)
  return copy
}

function checkValues(values: ContextValues, { schema }: RequestConfig): ContextValues {
  if (!schema) return values
  const checked = validate(schema, values, 'context')
  if (checked instanceof Promise) {
    // Its result is not used: only its rejection must be handled.
    checked.catch(() => undefined)
    throw new ArgumentError('context: expected a schema that checks at once, got one that is asynchronous')
  }
  if (!isRecord(checked)) throw new ArgumentError(`context: expected a schema of an object, it made ${shown(checked)}`)
  return checked
}

/** What came in the header of a message: a context, or why it is none. Never throws, whatever it is. */
export function readContext(
  header: unknown,
  config: RequestConfig,
): { readonly carried: Carried } | { readonly problem: string } {
  const problem = problemOf(header, config)
  if (problem !== undefined) return { problem }
  const wire = header as ContextWire
  try {
    return { carried: carriedOf(wire, wire.values && checkValues(wire.values, config)) }
  } catch (error) {
    // The caller reports it: the values do not fit the schema of this app, which may be newer.
    return { problem: error instanceof Error ? error.message : String(error) }
  }
}

function problemOf(header: unknown, { limit }: RequestConfig): string | undefined {
  if (!isRecord(header)) return `expected an object, got ${kindOf(header)}`
  const heavy = weigh(header, 0, { left: limit })
  if (heavy) return heavy === TOO_LARGE ? `${heavy} ${limit} bytes` : heavy
  for (const [name, [expected, fits]] of Object.entries(FIELDS)) {
    const value = header[name]
    if (value !== undefined && !fits(value)) return `${name}: expected ${expected}, got ${kindOf(value)}`
  }
  return undefined
}

const isText = (value: unknown): value is string => typeof value === 'string'
const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText)

const FIELDS: Readonly<Record<string, readonly [expected: string, fits: (value: unknown) => boolean]>> = {
  method: ['text', isText],
  path: ['text', isText],
  base_url: ['a URL of scheme, host and perhaps a path', isBaseUrl],
  query: [
    'an object of texts and lists of texts',
    (value) => isRecord(value) && Object.values(value).every((item) => isText(item) || isTexts(item)),
  ],
  headers: ['an object of texts', (value) => isRecord(value) && Object.values(value).every(isText)],
  values: ['an object', isRecord],
  traceparent: ['text', isText],
  tracestate: ['text', isText],
  omitted: ['a list of texts', isTexts],
}

const TOO_LARGE = 'larger than'

/**
 * Look through a value without trusting it: plain JSON, not too deep, not too large. Counts less than its JSON takes,
 * so that nothing is refused that was within the limit where it was sent.
 */
function weigh(value: unknown, depth: number, budget: { left: number }): string | undefined {
  budget.left -= typeof value === 'string' ? value.length + 2 : 1
  if (budget.left < 0) return TOO_LARGE
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return undefined
    case 'number':
      return Number.isFinite(value) ? undefined : `expected plain JSON, got ${value}`
    case 'object':
      return value === null ? undefined : weighMembers(value, depth, budget)
    default:
      return `expected plain JSON, got a ${typeof value}`
  }
}

function weighMembers(value: object, depth: number, budget: { left: number }): string | undefined {
  if (depth >= MAX_DEPTH) return `nested deeper than ${MAX_DEPTH} levels`
  if (!Array.isArray(value) && !isRecord(value)) return `expected plain JSON, got ${kindOf(value)}`
  if (Object.hasOwn(value, '__type__') && Object.hasOwn(value, '__value__'))
    return 'expected plain JSON, got a typed value of Celery'
  for (const [key, item] of Object.entries(value)) {
    if (key === '__proto__') return 'the key __proto__ is not accepted'
    if (!Array.isArray(value)) budget.left -= key.length + 2
    const problem = weigh(item, depth + 1, budget)
    if (problem) return problem
  }
  return undefined
}

function kindOf(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 80))
  if (typeof value !== 'object' || value === null) return String(value)
  if (Array.isArray(value)) return 'a list'
  return value instanceof Date ? 'a Date' : value instanceof Uint8Array ? 'bytes' : 'an object'
}
