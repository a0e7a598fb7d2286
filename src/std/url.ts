/** Parts of a URL as they are written, nothing decoded. */
export interface UrlParts {
  /** In small letters. */
  readonly scheme: string
  readonly user: string | undefined
  readonly password: string | undefined
  /** IPv6 in its brackets; may be empty. */
  readonly host: string
  readonly port: string | undefined
  /** With its slash, or empty. */
  readonly path: string
  /** Without the question mark. */
  readonly query: string | undefined
}

/**
 * An `@` ends the user and is allowed nowhere else: a password with an unescaped `@`, `/` or `?` in it makes the URL
 * unreadable, so that no piece of it is taken for a host or a path, and shown.
 */
const URL_PATTERN =
  /^([a-z][a-z0-9+.-]*):\/\/(?:([^@/?]*)@)?(\[[^\]@]*\]|[^@:/?[\]]*)(?::(\d+))?(\/[^?@]*)?(?:\?([^@]*))?$/i
/** The path of a file, which may have an `@`. */
const FILE_URL_PATTERN = /^([a-z][a-z0-9+.-]*):\/\/()()()(\/[^?]*)(?:\?([^@]*))?$/i

/** Undefined where it is no URL with `://`, or one that can be read in two ways. */
export function splitUrl(text: string): UrlParts | undefined {
  const [, scheme, userinfo, host = '', port, path = '', query] =
    FILE_URL_PATTERN.exec(text) ?? URL_PATTERN.exec(text) ?? []
  if (scheme === undefined) return undefined
  const [user, ...rest] = userinfo?.split(':') ?? []
  const password = rest.length > 0 ? rest.join(':') : undefined
  return { scheme: scheme.toLowerCase(), user: user || undefined, password, host, port: port || undefined, path, query }
}

/** Parameters whose values are no secrets; what follows the first other one is not shown. */
const PUBLIC_PARAMETERS: ReadonlySet<string> = new Set([
  'virtual_host',
  'db',
  'master_name',
  'masterName',
  'ssl_cert_reqs',
  'ssl_ca_certs',
  'ssl_certfile',
  'ssl_keyfile',
  'heartbeat',
  'connection_timeout',
  'connection_attempts',
  'channel_max',
  'frame_max',
  'retry_delay',
  'retry_on_timeout',
  'health_check_interval',
  'max_connections',
  'family',
  'socket_timeout',
  'socket_connect_timeout',
  'sslmode',
  'sslrootcert',
  'celeriac_schema',
  'pgbouncer',
])

const SINGLE_WORD = /^[\w.-]{0,64}$/

/**
 * A URL for people to read: the only way from a URL to a text that is printed. Passwords become `**`. Of a URL that
 * cannot be read, as its password is not escaped, the scheme is shown; a single word is no URL and is shown. Several
 * with `;` between them, as brokers have, are shown if each can be read.
 */
export function redactUrl(url: string): string {
  const shown = url.split(';').map((one) => shownUrl(one.trim()))
  if (shown.every((one) => one !== undefined)) return shown.join(';')
  const [, scheme, slashes] = /^([a-z][a-z0-9+.-]*):(\/\/)?/i.exec(url) ?? []
  if (scheme !== undefined) return slashes ? `${scheme}://**` : `${scheme}:…`
  // A single name that is no URL, such as a file's name given by mistake.
  return SINGLE_WORD.test(url) ? url : '**'
}

function shownUrl(url: string): string | undefined {
  if (url === '' || /^(?:(?:memory|rpc):(?:\/\/)?$|sqlite:(?!\/\/))/i.test(url)) return url
  const parts = splitUrl(url)
  if (!parts) return undefined
  const { scheme, host, port, path, query } = parts
  const place = `${scheme}://${shownUser(parts)}${host}${port === undefined ? '' : `:${port}`}${path}`
  return query === undefined ? place : `${place}?${shownQuery(parts, query)}`
}

/** A user alone is no secret to RabbitMQ, and may be one elsewhere, as the token of an API. */
function shownUser({ scheme, user, password }: UrlParts): string {
  if (user === undefined && password === undefined) return ''
  if (isWeb(scheme)) return '**@'
  if (password !== undefined) return `${user ?? ''}:**@`
  return /^(?:py)?amqps?$/.test(scheme) ? `${user}@` : '**@'
}

function shownQuery({ scheme }: UrlParts, query: string): string {
  if (isWeb(scheme)) return '**'
  const pairs = query.split('&')
  const end = pairs.findIndex((pair) => !PUBLIC_PARAMETERS.has(nameOf(pair)))
  if (end < 0) return query
  // A secret with an unescaped & goes on in what seems to be the next parameter.
  return [...pairs.slice(0, end), `${shownName(pairs[end] as string)}**`].join('&')
}

/** With its equals sign. */
function shownName(pair: string): string {
  return /^\w{1,30}=/.exec(pair)?.[0] ?? ''
}

function nameOf(pair: string): string {
  return pair.split('=', 1)[0] as string
}

function isWeb(scheme: string): boolean {
  return scheme === 'http' || scheme === 'https'
}

/**
 * The name of one of these parameters as it may be shown: behind a secret it may be the rest of that, after an
 * unescaped `&`.
 */
export function shownParameter(name: string, names: Iterable<string>): string {
  const all = [...names]
  const sure = all.slice(0, all.indexOf(name)).every((one) => PUBLIC_PARAMETERS.has(one))
  return sure && /^\w{1,30}$/.test(name) ? name : '**'
}

/** A part of a URL, its `%xx` decoded. Throws what `wrong` makes of what was expected and got. */
export function unescaped(part: string, wrong: (expected: string, got: string) => Error): string {
  try {
    return decodeURIComponent(part)
  } catch (error) {
    if (error instanceof URIError) throw wrong('%xx for special characters', 'a lone %')
    throw error
  }
}

/** The scheme of a URL in small letters, as `redis`; undefined where it has none. */
export function schemeOf(url: string): string | undefined {
  return /^[a-z][a-z0-9+.-]*(?=:)/i.exec(url)?.[0]?.toLowerCase()
}
