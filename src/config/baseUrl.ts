/** What is read of a request, whatever server it came through. Names of headers are in lower case. */
export interface RequestFacts {
  readonly method: string
  /** As in the request's first line: path and query, or a whole URL. With the path where the handler is mounted. */
  readonly target: string
  /** It came by TLS. */
  readonly secure: boolean
  header(name: string): string | undefined
  headerNames(): Iterable<string>
}

/** What decides where the application is. */
export interface BaseUrlPolicy {
  /** Which headers of a proxy are trusted. */
  readonly trustProxy: 'x-forwarded' | 'forwarded' | false
  /** Where it is, whatever a request says. */
  readonly baseUrl: string | undefined
}

const HOST = String.raw`(?:[a-z0-9_](?:[a-z0-9._-]{0,251}[a-z0-9._])?|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?`
const PREFIX = String.raw`(?:\/[\w.~%!$&'()*+,;=:@-]+)*`
const IS_HOST = new RegExp(`^${HOST}$`, 'i')
const IS_PREFIX = new RegExp(`^${PREFIX}$`)
const IS_BASE = new RegExp(`^https?:\\/\\/${HOST}${PREFIX}$`, 'i')
const DOTS = /\/\.\.?(?:\/|$)/
/** Characters of a proxy header that are read. */
const MAX_HEADER_LENGTH = 2048

/** Scheme, host and perhaps a path, without a slash at its end, a query, or a user's name. */
export function isBaseUrl(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_HEADER_LENGTH && IS_BASE.test(value) && !DOTS.test(value)
}

/**
 * Where the application is, in the client's eyes; undefined where that is not known: no host, or an invalid one. A
 * malformed value is never repaired or skipped: the URL would lead somewhere else.
 */
export function baseUrlOf(facts: RequestFacts, { baseUrl, trustProxy }: BaseUrlPolicy): string | undefined {
  if (baseUrl !== undefined) return baseUrl
  const said = trustProxy === false ? {} : trustProxy === 'forwarded' ? forwarded(facts) : xForwarded(facts)
  if (said === undefined) return undefined
  const { proto = facts.secure ? 'https' : 'http', host = facts.header('host'), prefix = '' } = said
  if (!/^https?$/i.test(proto) || host === undefined || !IS_HOST.test(host)) return undefined
  const path = prefix.replace(/\/$/, '')
  if (!IS_PREFIX.test(path) || DOTS.test(path)) return undefined
  return `${proto}://${host}`.toLowerCase() + path
}

/** What a proxy says of the request; undefined where it cannot be read. */
interface ProxyWord {
  readonly proto?: string
  readonly host?: string
  readonly prefix?: string
}

function xForwarded(facts: RequestFacts): ProxyWord | undefined {
  const [proto, host, prefix] = ['proto', 'host', 'prefix'].map((name) => facts.header(`x-forwarded-${name}`))
  if ([proto, host, prefix].some((value) => value !== undefined && value.length > MAX_HEADER_LENGTH)) return undefined
  return { proto: last(proto), host: last(host), prefix: last(prefix) }
}

function last(list: string | undefined): string | undefined {
  return list?.slice(list.lastIndexOf(',') + 1).trim()
}

const PAIR = /\s*([\w!#$%&'*+.^`|~-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s",;]*))\s*(;|,|$)/y

function forwarded(facts: RequestFacts): ProxyWord | undefined {
  const header = facts.header('forwarded')
  if (header === undefined) return {}
  if (header.length > MAX_HEADER_LENGTH) return undefined
  let word: Record<string, string> = {}
  PAIR.lastIndex = 0
  while (PAIR.lastIndex < header.length) {
    const match = PAIR.exec(header)
    if (!match) return undefined
    const [, name = '', quoted, plain = '', end] = match
    const key = name.toLowerCase()
    if (key === 'proto' || key === 'host') word[key] = quoted?.replace(/\\(.)/g, '$1') ?? plain
    if (end === ',') word = {}
  }
  return word
}
