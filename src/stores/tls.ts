import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { ConfigError } from '../std/errors.ts'

/** Parameters of a broker URL that configure TLS: redis-py's names, on every broker. */
export const TLS_PARAMETERS: readonly string[] = [
  'ssl_cert_reqs',
  'ssl_ca_certs',
  'ssl_certfile',
  'ssl_keyfile',
  'ssl_check_hostname',
]

/** As Python's URLs write them. */
const FLAGS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['1', true],
  ['yes', true],
  ['false', false],
  ['0', false],
  ['no', false],
])

/**
 * The TLS options of this host. The server's certificate must be valid unless `ssl_cert_reqs=none`. Throws ConfigError.
 */
export function tlsOf(query: ReadonlyMap<string, string>, host: string): ConnectionOptions {
  const verify = (query.get('ssl_cert_reqs') ?? 'required').toLowerCase().replace(/^cert_/, '')
  if (!['none', 'optional', 'required'].includes(verify)) {
    throw new ConfigError(`ssl_cert_reqs: expected none, optional or required, got ${verify}`)
  }
  const named = (query.get('ssl_check_hostname') ?? 'true').toLowerCase()
  if (!FLAGS.has(named)) throw new ConfigError(`ssl_check_hostname: expected true or false, got ${named}`)
  return {
    ...(FLAGS.get(named) === false && { checkServerIdentity: () => undefined }),
    ...(isIP(host) === 0 && { servername: host }),
    rejectUnauthorized: verify !== 'none',
    ca: fileOf(query, 'ssl_ca_certs'),
    cert: fileOf(query, 'ssl_certfile'),
    key: fileOf(query, 'ssl_keyfile'),
  }
}

function fileOf(query: ReadonlyMap<string, string>, name: string): Buffer | undefined {
  const path = query.get(name)
  if (path === undefined) return undefined
  try {
    return readFileSync(path)
  } catch (error) {
    throw new ConfigError(`${name}: cannot be read: ${(error as Error).message}`, { cause: error })
  }
}
