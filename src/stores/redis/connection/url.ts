import type { ConnectionOptions } from 'node:tls'
import { type IgnoredParameters, ignoredIn, ignoring } from '../../../broker/urlParameters.ts'
import { ConfigError } from '../../../std/errors.ts'
import { redactUrl, splitUrl, unescaped } from '../../../std/url.ts'
import { REDIS_SCHEMES } from '../../schemes.ts'
import { TLS_PARAMETERS, tlsOf } from '../../tls.ts'

/** Address of a Redis server, and the credentials for it. */
export interface RedisAddress {
  /** For people: no password in it. */
  readonly url: string
  readonly db: number
  readonly username?: string
  readonly password?: string
  /** One of the three: host and port, a socket file, or sentinels that know the master of this name. */
  readonly host?: string
  readonly port?: number
  readonly path?: string
  readonly sentinels?: readonly { readonly host: string; readonly port: number }[]
  readonly masterName?: string
  readonly sentinelPassword?: string
  readonly tls?: ConnectionOptions
  /** 4 or 6: addresses of this kind only; 0: both. */
  readonly family?: number
  /** Parameters of the URL that are ignored. */
  readonly ignored: readonly string[]
}

/** Parameters that redis-py, kombu and ioredis know besides. */
export const REDIS_IGNORED: IgnoredParameters = ignoring(
  `ack_emulation autoResendUnfulfilledCommands autoResubscribe client_name commandTimeout connectTimeout connectionName credential_provider
  decode_responses enableAutoPipelining enableOfflineQueue enableReadyCheck encoding encoding_errors fanout_patterns fanout_prefix
  health_check_interval keepAlive lazyConnect lib_name lib_version maxRetriesPerRequest max_connections min_other_sentinels name noDelay path
  polling_interval priority_steps protocol queue_order_strategy readOnly retry retryStrategy retry_on_error retry_on_timeout role sentinel_kwargs sep
  service_name single_connection_client socket_connect_timeout socket_keepalive socket_keepalive_options socket_read_size socket_timeout
  socket_type ssl ssl_ca_data ssl_ca_path ssl_ciphers ssl_min_version ssl_password ssl_validate_ocsp ssl_validate_ocsp_stapled stringNumbers timeout tls
  unacked_index_key unacked_key unacked_mutex_expire unacked_mutex_key unacked_restore_limit ${TLS_PARAMETERS.join(' ')}`,
  {
    global_keyprefix: 'the option keyPrefix',
    keyPrefix: 'the option keyPrefix',
    visibility_timeout: 'the option visibilityTimeout',
  },
)
const COMMON_PARAMETERS = ['virtual_host', 'db', 'username', 'password', 'family']

interface Parts {
  readonly scheme: string
  readonly username?: string
  readonly password?: string
  readonly host?: string
  readonly port?: number
  /** With its slash, or empty. */
  readonly path: string
  readonly query: ReadonlyMap<string, string>
}

/**
 * Read a URL in Celery's form: `redis://[user:password@]host[:port][/db]`, `rediss://` for TLS (with `ssl_cert_reqs`,
 * `ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile`), `unix:///path` or `redis+socket:///path?virtual_host=db`, and
 * `sentinel://host:26379[;sentinel://…][/db]?master_name=…`. Throws ConfigError.
 */
export function parseRedisUrl(url: string): RedisAddress {
  const parts = url.split(';').map((one) => partsOf(one.trim(), url))
  const first = parts[0] as Parts
  if (first.scheme === 'sentinel') return sentinelAddress(parts, url)
  if (parts.length > 1) throw wrong(url, 'one server', 'several')
  const secure = first.scheme === 'rediss'
  const ignored = ignoredOf(first, [...COMMON_PARAMETERS, ...(secure ? TLS_PARAMETERS : [])], url)
  const { query } = first
  const username = first.username ?? query.get('username')
  const common = { url: redactUrl(url), username, password: first.password ?? query.get('password'), ignored }
  if (first.scheme === 'unix' || first.scheme === 'redis+socket') {
    if (first.host || first.path === '' || first.path === '/') throw wrong(url, 'the path of a socket after ://')
    return { ...common, path: first.path, db: dbOf(query.get('virtual_host') ?? query.get('db'), url) }
  }
  const db = dbOf(query.get('db') ?? query.get('virtual_host') ?? first.path, url)
  const host = first.host || 'localhost'
  const tls = secure ? { tls: tlsOf(query, host) } : {}
  return { ...common, ...familyOf(query, url), host, port: first.port ?? 6379, db, ...tls }
}

function sentinelAddress(parts: readonly Parts[], url: string): RedisAddress {
  const query = new Map(parts.flatMap((part) => [...part.query]))
  const ignored: string[] = []
  for (const part of parts) {
    if (part.scheme !== 'sentinel') throw wrong(url, 'sentinel:// in each part', `${part.scheme}://`)
    ignored.push(...ignoredOf(part, [...COMMON_PARAMETERS, 'master_name', 'masterName', 'sentinel_password'], url))
  }
  const masterName = query.get('master_name') ?? query.get('masterName')
  if (!masterName) throw wrong(url, 'the name of the master, as in ?master_name=mymaster', 'none')
  const named = parts.find(({ password }) => password !== undefined)
  const path = parts.find((part) => part.path.replaceAll('/', '') !== '')?.path
  return {
    url: redactUrl(url),
    db: dbOf(query.get('db') ?? query.get('virtual_host') ?? path, url),
    username: named?.username ?? query.get('username'),
    password: named?.password ?? query.get('password'),
    ignored,
    ...familyOf(query, url),
    sentinels: parts.map(({ host, port }) => ({ host: host || 'localhost', port: port ?? 26379 })),
    masterName,
    sentinelPassword: query.get('sentinel_password'),
  }
}

function partsOf(text: string, url: string): Parts {
  const split = splitUrl(text)
  if (!split) throw wrong(url, 'redis://[user:password@]host[:port][/db] (special characters as %xx)')
  const { scheme, user, password, host, port, path, query } = split
  if (!REDIS_SCHEMES.includes(scheme)) throw wrong(url, REDIS_SCHEMES.join(', '), scheme)
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) throw wrong(url, 'a port of 1 to 65535', port)
  const decode = (part: string): string => unescaped(part, (expected, got) => wrong(url, expected, got))
  return {
    scheme,
    username: user === undefined ? undefined : decode(user),
    password: password === undefined ? undefined : decode(password),
    host: host.replace(/^\[(.*)\]$/, '$1'),
    port: port === undefined ? undefined : Number(port),
    path: decode(path),
    query: new Map(new URLSearchParams(query ?? '')),
  }
}

function dbOf(text: string | undefined, url: string): number {
  const name = (text ?? '').replaceAll('/', '')
  if (!/^\d{0,6}$/.test(name)) throw wrong(url, 'the number of a database', JSON.stringify(name))
  return Number(name)
}

function familyOf(query: ReadonlyMap<string, string>, url: string): { readonly family?: number } {
  const family = query.get('family')
  if (family === undefined) return {}
  if (!['0', '4', '6'].includes(family)) throw wrong(url, 'family of 0, 4 or 6', family)
  return { family: Number(family) }
}

function ignoredOf({ query }: Parts, heeded: readonly string[], url: string): readonly string[] {
  return ignoredIn(query, heeded, REDIS_IGNORED, (expected, got) => wrong(url, expected, got))
}

function wrong(url: string, expected: string, got: string = redactUrl(url)): ConfigError {
  return new ConfigError(`Redis URL ${redactUrl(url)}: expected ${expected}, got ${got}`)
}
