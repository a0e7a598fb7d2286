import { baseUrlOf, type RequestFacts } from '../config/baseUrl.ts'
import { isChosen, type RequestConfig } from '../config/requestOptions.ts'
import type { ContextValues } from '../config/requestValues.ts'
import { isTraceparent } from '../protocol/traceContext.ts'
import { type Carried, type ContextWire, carriedOf } from './requestContext.ts'
import { jsonSize, sealContext } from './wire.ts'

/** What the application says of a request beside what the request says itself. */
export interface Added {
  readonly identity?: unknown
  readonly values?: ContextValues
}

/**
 * The context of a request. `around` is that of what is mounted around: its identity and values hold where none are
 * added. Throws as `sealContext`.
 */
export function captureRequest(
  facts: RequestFacts,
  added: Added,
  config: RequestConfig,
  around: ContextWire | undefined,
): Carried {
  const identity = added.identity ?? around?.identity
  const values = around?.values || added.values ? { ...around?.values, ...added.values } : undefined
  const parts = requestParts(facts, config)
  // Within the limit, and nothing in it that would have to be checked.
  if (identity === undefined && values === undefined && mostSize(parts) <= config.limit) return carriedOf(parts)
  return sealContext({ ...parts, identity, values }, config)
}

/** Bytes of JSON that it has at most, where it is texts alone; else beyond any limit. */
function mostSize(parts: ContextWire): number {
  let size = 2
  for (const [name, value] of Object.entries(parts)) {
    if (typeof value !== 'string') return Number.POSITIVE_INFINITY
    size += name.length + 6 * value.length + 6
  }
  return size
}

/** Longest parts first: a context without them is still useful. */
const DROPPABLE_PARTS = ['query', 'headers', 'tracestate', 'path'] as const

/** What the request says. It may not take more than half of the room, so that no client makes a call fail. */
function requestParts(facts: RequestFacts, config: RequestConfig): ContextWire {
  const [path, search] = splitTarget(facts.target)
  const base = baseUrlOf(facts, config)
  const headers = headersOf(facts, config)
  const traceparent = traceparentOf(facts)
  const tracestate = traceparent && facts.header('tracestate')
  const parts: Parts = { method: facts.method.slice(0, 32), path }
  if (base !== undefined) parts.base_url = base
  if (search !== '') parts.query = queryOf(search)
  if (headers) parts.headers = headers
  if (traceparent !== undefined) parts.traceparent = traceparent
  if (tracestate !== undefined) parts.tracestate = tracestate
  return shorten(parts, config.limit / 2)
}

type Parts = { -readonly [Name in keyof ContextWire]: ContextWire[Name] }

function shorten(parts: Parts, room: number): Parts {
  if (mostSize(parts) <= room) return parts
  for (const part of DROPPABLE_PARTS) {
    if (jsonSize(parts) <= room) break
    if (parts[part] === undefined) continue
    delete parts[part]
    parts.omitted = [...(parts.omitted ?? []), part]
  }
  return parts
}

function splitTarget(target: string): [path: string, search: string] {
  const start = target.startsWith('/') || !URL.canParse(target) ? target : originForm(new URL(target))
  const [whole = ''] = start.split('#', 1)
  const query = whole.indexOf('?')
  return query === -1 ? [whole, ''] : [whole.slice(0, query), whole.slice(query + 1)]
}

/** What a request line has where it names no host. */
function originForm({ pathname, search }: URL): string {
  return pathname + search
}

function queryOf(search: string): Readonly<Record<string, string | readonly string[]>> {
  const query: Record<string, string | string[]> = {}
  for (const [given, text] of new URLSearchParams(search)) {
    const name = given.toWellFormed()
    const value = text.toWellFormed()
    // The key would not be read at the other end, and no form has such a field.
    if (name === '__proto__') continue
    const before = Object.hasOwn(query, name) ? query[name] : undefined
    query[name] = before === undefined ? value : [before, value].flat()
  }
  return Object.freeze(query)
}

function headersOf(facts: RequestFacts, config: RequestConfig): Readonly<Record<string, string>> | undefined {
  const names = config.prefixes.length === 0 ? config.headers : facts.headerNames()
  const headers: Record<string, string> = {}
  for (const name of names) {
    const value = isChosen(name, config) && name !== '__proto__' ? facts.header(name) : undefined
    if (value !== undefined) headers[name] = value
  }
  return Object.keys(headers).length === 0 ? undefined : Object.freeze(headers)
}

function traceparentOf(facts: RequestFacts): string | undefined {
  const value = facts.header('traceparent')
  return isTraceparent(value) ? value : undefined
}
