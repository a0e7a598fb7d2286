import type { ConnectionOptions } from 'node:tls'
import { ConfigError } from '../../std/errors.ts'
import { redactUrl, unescaped } from '../../std/url.ts'
import { REDIS_SCHEMES } from '../schemes.ts'
import { TLS_PARAMETERS, tlsOf } from '../tls.ts'

/** Where a Redis server is, and who we are there. */
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
}

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

const SHAPE = /^([a-z+]+):\/\/(?:([^@/?]*)@)?(\[[^\]]*\]|[^:/?]*)(?::(\d+))?(\/[^?]*)?(?:\?(.*))?$/i

/**
 * Read a URL as Celery has them: `redis://[user:password@]host[:port][/db]`, `rediss://` for TLS (with `ssl_cert_reqs`, `ssl_ca_certs`,
 * `ssl_certfile`, `ssl_keyfile`), `unix:///path` or `redis+socket:///path?virtual_host=db`, and
 * `sentinel://host:26379[;sentinel://…][/db]?master_name=…`. Throws ConfigError.
 */
export function parseRedisUrl(url: string): RedisAddress {
  const parts = url.split(';').map((one) => splitUrl(one, url))
  const first = parts[0] as Parts
  if (first.scheme === 'sentinel') return sentinelAddress(parts, url)
  if (parts.length > 1) throw wrong(url, 'one server', 'several')
  const { username, password } = first
  const common = { url: redactUrl(url), username, password }
  if (first.scheme === 'unix' || first.scheme === 'redis+socket') {
    refuseOthers(first, ['virtual_host', 'db'], url)
    if (first.host || first.path === '' || first.path === '/') throw wrong(url, 'the path of a socket after ://')
    return { ...common, path: first.path, db: dbOf(first.query.get('virtual_host') ?? first.query.get('db'), url) }
  }
  const secure = first.scheme === 'rediss'
  refuseOthers(first, ['virtual_host', 'db', ...(secure ? TLS_PARAMETERS : [])], url)
  const db = dbOf(first.query.get('db') ?? first.query.get('virtual_host') ?? first.path, url)
  const host = first.host || 'localhost'
  return { ...common, host, port: first.port ?? 6379, db, ...(secure && { tls: tlsOf(first.query, host) }) }
}

function sentinelAddress(parts: readonly Parts[], url: string): RedisAddress {
  const query = new Map(parts.flatMap((part) => [...part.query]))
  for (const part of parts) {
    if (part.scheme !== 'sentinel') throw wrong(url, 'sentinel:// in each part', `${part.scheme}://`)
    refuseOthers(part, ['master_name', 'masterName', 'sentinel_password', 'virtual_host', 'db'], url)
  }
  const masterName = query.get('master_name') ?? query.get('masterName')
  if (!masterName) throw wrong(url, 'the name of the master, as in ?master_name=mymaster', 'none')
  const named = parts.find(({ password }) => password !== undefined)
  const path = parts.find((part) => part.path.replaceAll('/', '') !== '')?.path
  return {
    url: redactUrl(url),
    db: dbOf(query.get('db') ?? query.get('virtual_host') ?? path, url),
    username: named?.username,
    password: named?.password,
    sentinels: parts.map(({ host, port }) => ({ host: host || 'localhost', port: port ?? 26379 })),
    masterName,
    sentinelPassword: query.get('sentinel_password'),
  }
}

function splitUrl(text: string, url: string): Parts {
  const [, scheme, user, host = '', port, path = '', search] = SHAPE.exec(text) ?? []
  if (scheme === undefined) throw wrong(url, 'redis://[user:password@]host[:port][/db] (special characters as %xx)')
  if (!REDIS_SCHEMES.has(scheme.toLowerCase())) throw wrong(url, [...REDIS_SCHEMES].join(', '), scheme)
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) throw wrong(url, 'a port of 1 to 65535', port)
  const [name, ...rest] = user?.split(':') ?? []
  const decode = (part: string): string => unescaped(part, (expected, got) => wrong(url, expected, got))
  return {
    scheme: scheme.toLowerCase(),
    username: name ? decode(name) : undefined,
    password: rest.length > 0 ? decode(rest.join(':')) : undefined,
    host: host.replace(/^\[(.*)\]$/, '$1'),
    port: port === undefined ? undefined : Number(port),
    path: decode(path),
    query: new Map(new URLSearchParams(search ?? '')),
  }
}

function dbOf(text: string | undefined, url: string): number {
  const name = (text ?? '').replaceAll('/', '')
  if (!/^\d{0,6}$/.test(name)) throw wrong(url, 'the number of a database', JSON.stringify(name))
  return Number(name)
}

function refuseOthers({ query }: Parts, known: readonly string[], url: string): void {
  for (const name of query.keys()) {
    if (!known.includes(name)) throw wrong(url, `parameters ${known.join(', ')}`, name)
  }
}

function wrong(url: string, expected: string, got: string = redactUrl(url)): ConfigError {
  return new ConfigError(`Redis URL ${redactUrl(url)}: expected ${expected}, got ${got}`)
}
