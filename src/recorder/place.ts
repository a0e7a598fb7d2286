import { createHash } from 'node:crypto'
import { basename, dirname, extname, join, resolve } from 'node:path'
import type { Config } from '../config/config.ts'
import { defaultStore } from '../config/defaultStore.ts'
import type { SecretUrl } from '../std/secretUrl.ts'
import { parsePostgresUrl } from '../stores/postgres/connection/url.ts'
import { parseAmqpUrl } from '../stores/rabbitmq/url.ts'
import { parseRedisUrl } from '../stores/redis/connection/url.ts'
import { AMQP_SCHEMES, POSTGRES_SCHEMES, REDIS_SCHEMES } from '../stores/schemes.ts'
import { sqlitePath } from '../stores/sqlite/url.ts'

/** A record in memory: of an app whose store is there, too. */
export const IN_MEMORY = ':memory:'

/** Characters of the name of a file that people recognize a fleet by. */
const MAX_SHOWN = 40
const HASH_LENGTH = 8

/**
 * The recorder's file of an app. Where the broker is no file, its name is that of the fleet: apps of one folder may
 * have different brokers.
 */
export function recorderFileOf(config: Config): string {
  const { broker, backend, recorder, folder } = config
  if (recorder.file !== undefined) return recorder.file === IN_MEMORY ? IN_MEMORY : resolve(recorder.file)
  if (broker.scheme === 'memory') return IN_MEMORY
  if (broker.scheme === 'sqlite') return beside(sqlitePath(broker.reveal()))
  if (backend.scheme === 'sqlite') return join(dirname(sqlitePath(backend.reveal())), fileNameOf(fleetOf(config)))
  const { url } = defaultStore({ folder, main: process.argv[1], execArgv: process.execArgv, cwd: process.cwd() })
  return join(dirname(sqlitePath(url)), fileNameOf(fleetOf(config)))
}

function beside(store: string): string {
  const extension = extname(store)
  return join(dirname(store), `${basename(store, extension)}-recorder.db`)
}

/** `recorder-redis-localhost-6379-0-1a2b3c4d.db`; the hash distinguishes fleets whose names look alike. */
function fileNameOf(fleet: string): string {
  const shown = fleet
    .replaceAll(/[^a-zA-Z0-9]+/g, '-')
    .slice(0, MAX_SHOWN)
    .replace(/-$/, '')
  return `recorder-${shown}-${createHash('sha256').update(fleet).digest('hex').slice(0, HASH_LENGTH)}.db`
}

/**
 * The fleet whose events an app receives: its broker, without user and password. URLs that differ in what they leave
 * out, as `redis://localhost` and `redis://localhost:6379/0`, are one.
 */
export function fleetOf({ broker, keyPrefix }: Config): string {
  const place = brokerOf(broker)
  return keyPrefix === '' ? place : `${place} (keyPrefix ${keyPrefix})`
}

function brokerOf(broker: SecretUrl): string {
  const { scheme = '' } = broker
  const url = broker.reveal()
  if (scheme === 'sqlite') return `sqlite:${sqlitePath(url)}`
  if (REDIS_SCHEMES.includes(scheme)) return redisBroker(url)
  if (POSTGRES_SCHEMES.includes(scheme)) {
    const { host, port, database, schema } = parsePostgresUrl(url)
    return `postgres://${host}:${port}/${database}?celeriac_schema=${schema}`
  }
  if (!AMQP_SCHEMES.includes(scheme)) return String(broker)
  const servers = parseAmqpUrl(url)
  const hosts = servers.map(({ hostname, port }) => `${hostname}:${port}`).sort()
  return `amqp://${hosts.join(',')}/${servers[0]?.vhost}`
}

function redisBroker(url: string): string {
  const { db, path, host, port, sentinels, masterName } = parseRedisUrl(url)
  if (path !== undefined) return `redis+socket://${path}?db=${db}`
  if (sentinels === undefined) return `redis://${host}:${port}/${db}`
  const hosts = sentinels.map((one) => `${one.host}:${one.port}`).sort()
  return `sentinel://${hosts.join(',')}/${db}?master_name=${masterName}`
}
