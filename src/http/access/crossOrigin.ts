import { ArgumentError } from '../../std/errors.ts'
import type { HeaderReader } from '../input/header.ts'
import type { Problem } from '../output/problem.ts'

/** Which pages of other origins may call this API from a browser. */
export interface CorsOptions {
  /** As `https://app.example.com`, exactly. */
  readonly origins: readonly string[]
  /** Whether the browser may send cookies and passwords that it keeps. Default false. */
  readonly credentials?: boolean | undefined
}

export interface Cors {
  readonly origins: ReadonlySet<string>
  readonly credentials: boolean
}

/** Throws ArgumentError for what is no origin; a `*` is refused, too. */
export function parseCors(options: CorsOptions | undefined): Cors | undefined {
  if (options === undefined) return undefined
  const { origins, credentials = false } = options
  if (!Array.isArray(origins)) throw new ArgumentError('http: cors: origins: expected an array of origins')
  for (const origin of origins) {
    if (typeof origin !== 'string' || !URL.canParse(origin) || new URL(origin).origin !== origin)
      throw new ArgumentError(
        `http: cors: origins: expected origins such as 'https://app.example.com', got ${JSON.stringify(origin)}`,
      )
  }
  return { origins: new Set(origins), credentials }
}

/** Those that change nothing (RFC 9110 §9.2.1). */
export const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * What is wrong with a request that a page of another origin made a browser send, where it would change something.
 * Browsers say where such a request comes from by `Sec-Fetch-Site` or `Origin`, and no page can keep them from it; who
 * says neither is no browser.
 */
export function crossOriginProblem(method: string, header: HeaderReader, cors: Cors | undefined): Problem | undefined {
  if (SAFE_METHODS.has(method)) return undefined
  const site = header('sec-fetch-site')
  if (site === 'same-origin' || site === 'none') return undefined
  const origin = header('origin')
  if (origin === null && site === null) return undefined
  if (origin !== null && cors?.origins.has(origin)) return undefined
  if (site === null && origin !== null && isOwn(origin, header('host'))) return undefined
  const from = origin === null ? 'another origin' : JSON.stringify(origin)
  return {
    kind: 'cross-origin',
    detail: `expected a request of this origin, or of one in \`cors\`; got one of ${from}`,
  }
}

function isOwn(origin: string, host: string | null): boolean {
  return host !== null && /^https?:\/\//.test(origin) && origin.slice(origin.indexOf('//') + 2) === host.toLowerCase()
}

const EXPOSED_HEADERS =
  'Location, Content-Location, Link, Retry-After, ETag, Preference-Applied, Idempotent-Replayed, Celeriac-Webhook, RateLimit, RateLimit-Policy'
/** s that a browser may remember the answer to a preflight. */
const PREFLIGHT_MAX_AGE_S = '600'

/** The headers by which a page of an allowed origin may read an answer; none for other pages. */
export function corsHeaders(origin: string | null, { origins, credentials }: Cors): Record<string, string> {
  const headers: Record<string, string> = { vary: 'Origin' }
  if (origin === null || !origins.has(origin)) return headers
  headers['access-control-allow-origin'] = origin
  headers['access-control-expose-headers'] = EXPOSED_HEADERS
  if (credentials) headers['access-control-allow-credentials'] = 'true'
  return headers
}

/**
 * The answer to a preflight (Fetch standard §3.3.2): what an allowed origin may send. Undefined where it is no
 * preflight.
 */
export function preflight(method: string, header: HeaderReader, cors: Cors): Response | undefined {
  const wanted = header('access-control-request-method')
  if (method !== 'OPTIONS' || wanted === null) return undefined
  const answer = corsHeaders(header('origin'), cors)
  if (answer['access-control-allow-origin'] !== undefined) {
    answer['access-control-allow-methods'] = 'GET, HEAD, POST, PUT, PATCH, DELETE'
    const asked = header('access-control-request-headers') ?? ''
    if (/^[\w!#$%&'*+.^`|~, -]{1,1000}$/.test(asked)) answer['access-control-allow-headers'] = asked
    answer['access-control-max-age'] = PREFLIGHT_MAX_AGE_S
  }
  return new Response(null, { status: 204, headers: answer })
}
