import { ArgumentError } from '../std/errors.ts'
import { type OptionTable, readOptions } from '../std/optionTable.ts'
import { requireSchema, type Schema } from '../std/schema.ts'
import { redactUrl } from '../std/url.ts'
import { shown } from '../std/validate.ts'
import { type BaseUrlPolicy, isBaseUrl } from './baseUrl.ts'

/** What of a request tasks may know. */
export interface RequestOptions {
  // <REQUEST_OPTIONS> written by `npm run docs:api` from the table below
  /**
   * Names of the headers that are carried; `'x-*'` takes all that begin so. But never one that looks like a secret:
   * `authorization`, `cookie`, `proxy-authorization`, `x-api-key`, anything with _auth_, _token_, _secret_, _session_…:
   * those only by their full name. Default `['accept-language', 'x-request-id']`.
   */
  headers?: readonly string[] | undefined
  /**
   * The public address of the application, as `https://shop.example/eu`. **Set it in production**: the host name of a
   * request is chosen by its sender, and ends up in your mails. Default: from the request.
   */
  baseUrl?: string | undefined
  /**
   * Which headers of a proxy say the scheme, host and path that its clients see: `x-forwarded` (X-Forwarded-Proto,
   * -Host, -Prefix) or `forwarded` (RFC 7239). Only for a server that can be reached through a proxy alone, which sets
   * them itself. Only one of the two, as what your proxy does not set, clients may. Of a list the last entry counts,
   * which the nearest proxy wrote. Default `false`.
   */
  trustProxy?: 'x-forwarded' | 'forwarded' | false | undefined
  /**
   * Longest context as JSON. What the client sent (path, query, headers) gets half of it, and what does not fit is left
   * out: no client can make a call fail. Identity and values that do not fit are an ArgumentError. Default `8192`
   * bytes.
   */
  limit?: number | undefined
  // </REQUEST_OPTIONS>
}

/** Parsed. */
export interface RequestConfig extends BaseUrlPolicy {
  /** Checks the values. */
  readonly schema: Schema | undefined
  readonly headers: ReadonlySet<string>
  /** What names may begin with. */
  readonly prefixes: readonly string[]
  /** Bytes. */
  readonly limit: number
}

/** The options by themselves. */
interface ParsedRequestOptions {
  /** In lower case. */
  readonly headers: readonly string[]
  readonly trustProxy: BaseUrlPolicy['trustProxy']
  readonly baseUrl: string | undefined
  readonly limit: number
}

const HEADER_NAME = /^(?:[!#$%&'+.^_`|~0-9A-Za-z-]+\*?|\*)$/

export const REQUEST_OPTIONS: OptionTable<RequestOptions, ParsedRequestOptions> = {
  headers: {
    kind: 'value',
    type: 'readonly string[]',
    parse: headerNames,
    default: ['accept-language', 'x-request-id'],
    doc: "names of the headers that are carried; `'x-*'` takes all that begin so",
    more: 'But never one that looks like a secret: `authorization`, `cookie`, `proxy-authorization`, `x-api-key`, anything with _auth_, _token_, _secret_, _session_…: those only by their full name.',
  },
  baseUrl: {
    kind: 'value',
    type: 'string',
    parse: baseUrlOf,
    absent: 'from the request',
    doc: 'the public address of the application, as `https://shop.example/eu`',
    more: '**Set it in production**: the host name of a request is chosen by its sender, and ends up in your mails.',
  },
  trustProxy: {
    kind: 'choice',
    values: ['x-forwarded', 'forwarded', false],
    default: false,
    doc: 'which headers of a proxy say the scheme, host and path that its clients see: `x-forwarded` (X-Forwarded-Proto, -Host, -Prefix) or `forwarded` (RFC 7239)',
    more: 'Only for a server that can be reached through a proxy alone, which sets them itself. Only one of the two, as what your proxy does not set, clients may. Of a list the last entry counts, which the nearest proxy wrote.',
  },
  limit: {
    kind: 'count',
    min: 256,
    max: 1024 * 1024,
    unit: 'bytes',
    default: 8192,
    doc: 'longest context as JSON',
    more: 'What the client sent (path, query, headers) gets half of it, and what does not fit is left out: no client can make a call fail. Identity and values that do not fit are an ArgumentError.',
  },
}

/** Parse the app's options `context` and `request`. Throws ArgumentError. */
export function parseRequestOptions(schema: Schema | undefined, options: RequestOptions = {}): RequestConfig {
  if (schema !== undefined) requireSchema(schema, 'context')
  const { headers, ...parsed } = readOptions(REQUEST_OPTIONS, options, 'request')
  return Object.freeze({
    schema,
    headers: new Set(headers.filter((name) => !name.endsWith('*'))),
    prefixes: headers.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1)),
    ...parsed,
  })
}

function headerNames(headers: unknown, where: string): string[] {
  if (!Array.isArray(headers)) throw new ArgumentError(`${where}: expected a list of names, got ${shown(headers)}`)
  return headers.map((name) => {
    if (typeof name === 'string' && HEADER_NAME.test(name)) return name.toLowerCase()
    throw new ArgumentError(`${where}: expected names of headers, each may end in *, got ${shown(name)}`)
  })
}

function baseUrlOf(url: unknown, where: string): string {
  const text = typeof url === 'string' ? url.replace(/\/$/, '') : url
  if (isBaseUrl(text)) return text
  throw new ArgumentError(
    `${where}: expected http or https, a host and perhaps a path, as 'https://shop.example/eu', got ${typeof url === 'string' ? redactUrl(url) : shown(url)}`,
  )
}

const SECRET_HEADER = /auth|cookie|api[-_]?key|token|secret|passw|session|signature|credential/

/** Whether a header, its name in lower case, is carried. */
export function isChosen(name: string, { headers, prefixes }: RequestConfig): boolean {
  return headers.has(name) || (!SECRET_HEADER.test(name) && prefixes.some((prefix) => name.startsWith(prefix)))
}
