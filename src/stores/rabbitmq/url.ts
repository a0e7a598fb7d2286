import type { ConnectionOptions } from 'node:tls'
import { type IgnoredParameters, ignoredIn, ignoring } from '../../broker/urlParameters.ts'
import { ConfigError } from '../../std/errors.ts'
import { redactUrl, splitUrl, unescaped } from '../../std/url.ts'
import { AMQP_SCHEMES } from '../schemes.ts'
import { TLS_PARAMETERS, tlsOf } from '../tls.ts'

/** Address of one node, and the credentials for it. */
export interface AmqpAddress {
  readonly hostname: string
  readonly port: number
  readonly username: string
  readonly password: string
  readonly vhost: string
  readonly tls: ConnectionOptions | undefined
  /** Seconds between heartbeats; 0: the server's. Undefined: ours. */
  readonly heartbeat: number | undefined
  /** Parameters of the URL that are ignored. */
  readonly ignored: readonly string[]
  /** For people: no password in it. */
  readonly label: string
}

/** Parameters that RabbitMQ's own URLs, kombu, pika and amqplib know besides. */
export const AMQP_IGNORED: IgnoredParameters = ignoring(
  `auth_mechanism backpressure_detection blocked_connection_timeout channelMax channel_max client_properties confirm_publish connect_timeout
  connection_attempts connection_timeout depth fail_if_no_peer_cert failover_strategy frameMax frame_max insist locale login_method max_retries
  name password read_timeout retry_delay socket_timeout ssl ssl_options stack_timeout tcp_options transport user verify_hostname write_timeout
  ${TLS_PARAMETERS.join(' ')}`,
)

/** RabbitMQ's own names for the parameters of TLS. */
const TLS_ALIASES: Readonly<Record<string, string>> = {
  cacertfile: 'ssl_ca_certs',
  certfile: 'ssl_certfile',
  keyfile: 'ssl_keyfile',
  verify: 'ssl_cert_reqs',
}
const VERIFY: Readonly<Record<string, string>> = { verify_peer: 'required', verify_none: 'none' }
const MAX_HEARTBEAT_S = 65_535

/** AMQP's longest name, bytes. */
const MAX_VHOST_BYTES = 255

/**
 * Read a URL in Celery's form: `amqp://[user[:password]@]host[:port][/vhost]`, `amqps://` for TLS (with
 * `ssl_cert_reqs`, `ssl_ca_certs`, `ssl_certfile`, `ssl_keyfile`, or RabbitMQ's own names for them), `pyamqp://` for
 * the first, `heartbeat` in seconds; several with `;` between them are tried in turn. User, password and virtual host
 * may contain `%xx`; without them: guest, guest and `/`. A virtual host of `//name` is `/name`, as in Celery. Throws
 * ConfigError.
 */
export function parseAmqpUrl(url: string): readonly AmqpAddress[] {
  return url.split(';').map((one) => addressOf(one.trim(), url))
}

function addressOf(text: string, url: string): AmqpAddress {
  const parts = splitUrl(text)
  if (!parts || !AMQP_SCHEMES.includes(parts.scheme))
    throw wrong(url, 'amqp://[user:password@]host[:port][/vhost] (special characters as %xx)')
  const { scheme, user, password, host, port, path, query: search = '' } = parts
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) throw wrong(url, 'a port of 1 to 65535', port)
  const secure = scheme.endsWith('s')
  const query = queryOf(search)
  const heeded = ['heartbeat', ...(secure ? TLS_PARAMETERS : [])]
  const ignored = ignoredIn(query, heeded, AMQP_IGNORED, (expected, got) => wrong(url, expected, got))
  const hostname = host.replace(/^\[(.*)\]$/, '$1') || 'localhost'
  const decode = (part: string): string => unescaped(part, (expected, got) => wrong(url, expected, got))
  const vhost = decode(path.slice(1)) || '/'
  const bytes = Buffer.byteLength(vhost)
  if (bytes > MAX_VHOST_BYTES) throw wrong(url, `a virtual host of at most ${MAX_VHOST_BYTES} bytes`, `${bytes}`)
  return {
    hostname,
    port: port === undefined ? (secure ? 5671 : 5672) : Number(port),
    username: user === undefined ? 'guest' : decode(user),
    password: password === undefined ? (user === undefined ? 'guest' : '') : decode(password),
    vhost,
    tls: secure ? tlsOf(query, hostname) : undefined,
    heartbeat: heartbeatOf(query.get('heartbeat'), url),
    ignored,
    label: redactUrl(text),
  }
}

function queryOf(search: string): ReadonlyMap<string, string> {
  return new Map(
    [...new URLSearchParams(search)].map(([name, value]) => {
      const ours = TLS_ALIASES[name]
      return ours === undefined ? [name, value] : [ours, VERIFY[value] ?? value]
    }),
  )
}

function heartbeatOf(text: string | undefined, url: string): number | undefined {
  if (text === undefined) return undefined
  const seconds = Number(text)
  if (/^\d+(?:\.0+)?$/.test(text) && seconds <= MAX_HEARTBEAT_S) return seconds
  throw wrong(url, `heartbeat in whole seconds, 0 to ${MAX_HEARTBEAT_S}`, text)
}

function wrong(url: string, expected: string, got: string = redactUrl(url)): ConfigError {
  return new ConfigError(`RabbitMQ URL ${redactUrl(url)}: expected ${expected}, got ${got}`)
}
