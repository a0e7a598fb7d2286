import { ArgumentError } from '../std/errors.ts'
import { requireSchema, type Schema } from '../std/schema.ts'
import { redactUrl } from '../std/url.ts'
import { refuseUnknown, shown } from '../std/validate.ts'
import { type BaseUrlPolicy, isBaseUrl } from './baseUrl.ts'

/** What of a request tasks may know. */
export interface RequestOptions {
  /**
   * Names of the headers that are carried; a name may end in `*`. Default `accept-language` and `x-request-id`. A
   * pattern never takes one that looks like a secret (`authorization`, `cookie`, `x-api-key`, tokens…): only its full
   * name does.
   */
  headers?: readonly string[] | undefined
  /**
   * Which headers of a proxy contain the scheme, host and path that its clients see: `x-forwarded` (X-Forwarded-Proto,
   * -Host, -Prefix) or `forwarded` (RFC 7239). Only for a server that clients reach through a proxy alone, and a proxy
   * that sets them itself. Of a list the last entry counts, which the nearest proxy wrote. Default: none is trusted.
   */
  trustProxy?: 'x-forwarded' | 'forwarded' | false | undefined
  /**
   * The public address of the application, as `https://shop.example/eu`. Replaces the address in a request, which its
   * sender chose.
   */
  baseUrl?: string | undefined
  /** Longest context as JSON, bytes. Default 8192. What came from the client gets at most half of it. */
  limit?: number | undefined
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

const KNOWN_OPTIONS = new Set(['headers', 'trustProxy', 'baseUrl', 'limit'])
const DEFAULT_HEADERS = ['accept-language', 'x-request-id']
const DEFAULT_LIMIT_BYTES = 8192
const HEADER_NAME = /^(?:[!#$%&'+.^_`|~0-9A-Za-z-]+\*?|\*)$/

/** Parse the app's options `context` and `request`. Throws ArgumentError. */
export function parseRequestOptions(schema: Schema | undefined, options: RequestOptions = {}): RequestConfig {
  if (schema !== undefined) requireSchema(schema, 'context')
  if (typeof options !== 'object' || options === null)
    throw new ArgumentError(`request: expected an object of options, got ${shown(options)}`)
  refuseUnknown(options, KNOWN_OPTIONS, 'request')
  const { headers = DEFAULT_HEADERS, trustProxy = false, baseUrl, limit = DEFAULT_LIMIT_BYTES } = options
  const names = headerNames(headers)
  if (trustProxy !== false && trustProxy !== 'x-forwarded' && trustProxy !== 'forwarded')
    throw new ArgumentError(
      `request: trustProxy: expected 'x-forwarded', 'forwarded' or false, got ${shown(trustProxy)}`,
    )
  if (!Number.isSafeInteger(limit) || limit < 256 || limit > 1024 * 1024)
    throw new ArgumentError(`request: limit: expected a whole number of bytes from 256 to 1048576, got ${shown(limit)}`)
  return Object.freeze({
    schema,
    headers: new Set(names.filter((name) => !name.endsWith('*'))),
    prefixes: names.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1)),
    trustProxy,
    baseUrl: baseUrlOf(baseUrl),
    limit,
  })
}

function headerNames(headers: unknown): string[] {
  if (!Array.isArray(headers))
    throw new ArgumentError(`request: headers: expected a list of names, got ${shown(headers)}`)
  return headers.map((name) => {
    if (typeof name === 'string' && HEADER_NAME.test(name)) return name.toLowerCase()
    throw new ArgumentError(`request: headers: expected names of headers, each may end in *, got ${shown(name)}`)
  })
}

function baseUrlOf(url: unknown): string | undefined {
  if (url === undefined) return undefined
  const text = typeof url === 'string' ? url.replace(/\/$/, '') : url
  if (isBaseUrl(text)) return text
  throw new ArgumentError(
    `request: baseUrl: expected http or https, a host and perhaps a path, as 'https://shop.example/eu', got ${typeof url === 'string' ? redactUrl(url) : shown(url)}`,
  )
}

const SECRET_HEADER = /auth|cookie|api[-_]?key|token|secret|passw|session|signature|credential/

/** Whether a header, its name in lower case, is carried. */
export function isChosen(name: string, { headers, prefixes }: RequestConfig): boolean {
  return headers.has(name) || (!SECRET_HEADER.test(name) && prefixes.some((prefix) => name.startsWith(prefix)))
}
