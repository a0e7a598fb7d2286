import type { ConnectionOptions } from 'node:tls'
import { ConfigError } from '../../std/errors.ts'
import { redactUrl, unescaped } from '../../std/url.ts'
import { TLS_PARAMETERS, tlsOf } from '../tls.ts'

/** One node, and who we are there. */
export interface AmqpAddress {
  readonly hostname: string
  readonly port: number
  readonly username: string
  readonly password: string
  readonly vhost: string
  readonly tls: ConnectionOptions | undefined
  /** For people: no password in it. */
  readonly label: string
}

/** AMQP's longest name, bytes. */
const MAX_VHOST = 255

const SHAPE = /^(amqps?|pyamqps?):\/\/(?:([^@/?]*)@)?(\[[^\]]*\]|[^:/?]*)(?::(\d+))?(?:\/([^?]*))?(?:\?(.*))?$/i

/**
 * Read a URL as Celery has them: `amqp://[user[:password]@]host[:port][/vhost]`, `amqps://` for TLS (with `ssl_cert_reqs`, `ssl_ca_certs`,
 * `ssl_certfile`, `ssl_keyfile`), `pyamqp://` for the first; several with `;` between them are tried in turn. User, password and virtual
 * host may hold `%xx`; without them: guest, guest and `/`. A virtual host of `//name` is `/name`, as in Celery. Throws ConfigError.
 */
export function parseAmqpUrl(url: string): readonly AmqpAddress[] {
  return url.split(';').map((one) => addressOf(one.trim(), url))
}

function addressOf(text: string, url: string): AmqpAddress {
  const [, given, user, host = '', port, path = '', search = ''] = SHAPE.exec(text) ?? []
  if (given === undefined) throw wrong(url, 'amqp://[user:password@]host[:port][/vhost] (special characters as %xx)')
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) throw wrong(url, 'a port of 1 to 65535', port)
  const secure = given.toLowerCase().endsWith('s')
  const query = new Map(new URLSearchParams(search))
  const known = secure ? TLS_PARAMETERS : []
  for (const name of query.keys()) {
    if (!known.includes(name))
      throw wrong(url, known.length > 0 ? `parameters ${known.join(', ')}` : 'no parameters', name)
  }
  const [name, ...rest] = user?.split(':') ?? []
  const hostname = host.replace(/^\[(.*)\]$/, '$1') || 'localhost'
  const decode = (part: string): string => unescaped(part, (expected, got) => wrong(url, expected, got))
  const vhost = decode(path) || '/'
  const bytes = Buffer.byteLength(vhost)
  if (bytes > MAX_VHOST) throw wrong(url, `a virtual host of at most ${MAX_VHOST} bytes`, `${bytes}`)
  return {
    hostname,
    port: port === undefined ? (secure ? 5671 : 5672) : Number(port),
    username: name ? decode(name) : 'guest',
    password: rest.length > 0 ? decode(rest.join(':')) : name ? '' : 'guest',
    vhost,
    tls: secure ? tlsOf(query, hostname) : undefined,
    label: redactUrl(text),
  }
}

function wrong(url: string, expected: string, got: string = redactUrl(url)): ConfigError {
  return new ConfigError(`RabbitMQ URL ${redactUrl(url)}: expected ${expected}, got ${got}`)
}
