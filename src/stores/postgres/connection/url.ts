import type { ConnectionOptions } from 'node:tls'
import { type IgnoredParameters, ignoredIn, ignoring } from '../../../broker/urlParameters.ts'
import { ConfigError } from '../../../std/errors.ts'
import { redactUrl, splitUrl, unescaped } from '../../../std/url.ts'
import { POSTGRES_SCHEMES } from '../../schemes.ts'
import { tlsOf } from '../../tls.ts'

/** Address of a database, the credentials for it, and how it is used. */
export interface PostgresAddress {
  /** For people: no password in it. */
  readonly url: string
  /** Host name, or the folder of a socket. */
  readonly host: string
  readonly port: number
  readonly database: string
  readonly user: string
  readonly password: string | undefined
  readonly tls: ConnectionOptions | undefined
  /** Name of the schema with the tables. */
  readonly schema: string
  /**
   * The server is reached through a pool of connections that gives a connection for one transaction: nothing is
   * prepared, and nothing can be listened to.
   */
  readonly pooled: boolean
  /** Parameters of the URL that are ignored. */
  readonly ignored: readonly string[]
}

const DEFAULT_SCHEMA = 'celeriac'
/** Names of channels begin with that of the schema; both must fit PostgreSQL's 63 bytes. */
const SCHEMA_PATTERN = /^[a-z_][a-z0-9_]{0,29}$/

const OWN_PARAMETERS = [
  'host',
  'port',
  'user',
  'password',
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'celeriac_schema',
  'pgbouncer',
]

/** Parameters of libpq, pg, postgres.js and Prisma that change nothing here. */
export const POSTGRES_IGNORED: IgnoredParameters = ignoring(
  `application_name binary channel_binding client_encoding connect_timeout connection_limit dbname encoding fallback_application_name
  gssencmode hostaddr idle_in_transaction_session_timeout keepalives keepalives_count keepalives_idle keepalives_interval krbsrvname
  load_balance_hosts lock_timeout max max_pipeline options passfile pool_timeout prepare query_timeout replication require_auth service
  socket_timeout ssl ssl_max_protocol_version ssl_min_protocol_version sslaccept sslcompression sslcrl sslcrldir sslidentity sslnegotiation
  sslpassword sslsni statement_cache_size statement_timeout target_session_attrs tcp_user_timeout uselibpqcompat`,
  { schema: 'celeriac_schema=NAME, for the tables of celeriac' },
)

/** The modes of libpq, and what each asks of the server's certificate. */
const TLS_MODES: ReadonlyMap<string, 'off' | 'any' | 'signed' | 'named'> = new Map([
  ['disable', 'off'],
  // A connection without TLS first, and libpq goes on with TLS only where the server refuses that.
  ['allow', 'off'],
  ['prefer', 'off'],
  ['require', 'any'],
  ['no-verify', 'any'],
  ['verify-ca', 'signed'],
  ['verify-full', 'named'],
])

/**
 * Read `postgres://[user[:password]@]host[:port][/database]`, with libpq's `sslmode`, `sslrootcert`, `sslcert`,
 * `sslkey`; `?host=/folder` names the folder of a socket; `celeriac_schema` that of the tables; `pgbouncer=true`
 * (Prisma's) a pool of connections between. Throws ConfigError.
 */
export function parsePostgresUrl(url: string): PostgresAddress {
  const split = splitUrl(url)
  if (!split) throw wrong(url, 'postgres://[user:password@]host[:port]/database (special characters as %xx)')
  if (!POSTGRES_SCHEMES.includes(split.scheme)) throw wrong(url, POSTGRES_SCHEMES.join(', '), split.scheme)
  const decode = (part: string): string => unescaped(part, (expected, got) => wrong(url, expected, got))
  const query = new Map(new URLSearchParams(split.query ?? ''))
  const host = query.get('host') ?? (decode(split.host.replace(/^\[(.*)\]$/, '$1')) || 'localhost')
  const user = query.get('user') ?? (split.user === undefined ? systemUser() : decode(split.user))
  const password = query.get('password') ?? (split.password === undefined ? undefined : decode(split.password))
  return {
    url: redactUrl(url),
    host,
    port: portOf(query.get('port') ?? split.port, url),
    user,
    password: password ?? process.env.PGPASSWORD,
    database: decode(split.path.slice(1)) || user,
    tls: secureOf(query, host, url),
    schema: schemaOf(query, url),
    pooled: flagOf(query.get('pgbouncer'), url),
    ignored: ignoredIn(query, OWN_PARAMETERS, POSTGRES_IGNORED, (expected, got) => wrong(url, expected, got)),
  }
}

/** Two URLs of the same identity are one store. */
export function identityOf(url: string): string {
  const { host, port, database, schema } = parsePostgresUrl(url)
  return JSON.stringify([host, port, database, schema])
}

function systemUser(): string {
  return process.env.PGUSER ?? process.env.USER ?? 'postgres'
}

function portOf(text: string | undefined, url: string): number {
  const port = Number(text ?? 5432)
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw wrong(url, 'a port of 1 to 65535', text)
  return port
}

function schemaOf(query: ReadonlyMap<string, string>, url: string): string {
  const name = query.get('celeriac_schema') ?? DEFAULT_SCHEMA
  if (SCHEMA_PATTERN.test(name) && !name.startsWith('pg_')) return name
  throw wrong(url, 'celeriac_schema of at most 30 small letters, digits and _', JSON.stringify(name))
}

function flagOf(text: string | undefined, url: string): boolean {
  if (text === undefined || text === 'false') return false
  if (text === 'true') return true
  throw wrong(url, 'pgbouncer=true or pgbouncer=false', JSON.stringify(text))
}

function secureOf(query: ReadonlyMap<string, string>, host: string, url: string): ConnectionOptions | undefined {
  const mode = query.get('sslmode') ?? 'disable'
  const asked = TLS_MODES.get(mode)
  if (asked === undefined) throw wrong(url, `sslmode of ${[...TLS_MODES.keys()].join(', ')}`, JSON.stringify(mode))
  if (asked === 'off' || host.startsWith('/')) return undefined
  // As libpq: with the certificate of an authority, `require` checks the signature.
  const level = asked === 'any' && mode === 'require' && query.has('sslrootcert') ? 'signed' : asked
  const named: [string, string | undefined][] = [
    ['ssl_cert_reqs', level === 'any' ? 'none' : 'required'],
    ['ssl_check_hostname', level === 'named' ? 'true' : 'false'],
    ['ssl_ca_certs', query.get('sslrootcert')],
    ['ssl_certfile', query.get('sslcert')],
    ['ssl_keyfile', query.get('sslkey')],
  ]
  return tlsOf(new Map(named.filter((entry): entry is [string, string] => entry[1] !== undefined)), host)
}

function wrong(url: string, expected: string, got: string = redactUrl(url)): ConfigError {
  return new ConfigError(`PostgreSQL URL ${redactUrl(url)}: expected ${expected}, got ${got}`)
}
