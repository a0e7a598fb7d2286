import { decide, type Layout, type Migration, type MigrationStep, migrationOf } from '../migration.ts'
import type { RedisConnection, Script } from './connection/connection.ts'
import type { Session } from './connection/session.ts'

/*
 * The version of what celeriac keeps in Redis beside Celery's keys, whose layout is Celery's and never changes: a hash
 * `<prefix>celeriac.meta` with the fields `version` and `minCompatible`. Without it the version is 1. It is read once
 * for each connection, at its beginning.
 */

/** `run` may be repeated, also by two processes at once: Redis has no transaction around it. */
export type RedisStep = MigrationStep<RedisConnection>

/** Every version of the keys named `celeriac.*`. Version 1 is that of stores without the hash. */
export const REDIS_STEPS: readonly RedisStep[] = [
  { version: 1, minCompatible: 1, describe: "Celery's keys, and keys named celeriac.*", run: () => undefined },
]

const WITHOUT_HASH: Layout = { version: 1, minCompatible: 1 }

/** Records a version, unless another process has recorded it or a later one. */
const RECORD: Script = {
  name: 'layout',
  source: `local found = tonumber(redis.call('HGET', KEYS[1], 'version') or 1)
if found < tonumber(ARGV[1]) then redis.call('HSET', KEYS[1], 'version', ARGV[1], 'minCompatible', ARGV[2]) end
return 1`,
}

/** A store: its URL for people, and the prefix of its keys. */
export interface RedisPlace {
  readonly url: string
  readonly prefix: string
}

/** At the beginning of a connection. Rejects with ConfigError where the store's version refuses this process. */
export async function requireLayout(
  session: Pick<Session, 'send'>,
  { url, prefix }: RedisPlace,
  steps: readonly RedisStep[] = REDIS_STEPS,
): Promise<void> {
  const found = layoutOf(await session.send('hmget', [keyOf(prefix), ...FIELDS], 'utf8'))
  const decision = decide(url, found, steps)
  if (decision.kind === 'refuse') throw decision.error
}

/** Run the steps that are missing; with `print`, only find them. Rejects with ConfigError, StoreUnavailableError. */
export async function migrateRedis(
  connection: RedisConnection,
  prefix: string,
  print: boolean,
  steps: readonly RedisStep[] = REDIS_STEPS,
): Promise<Migration> {
  const found = layoutOf(await connection.command('hmget', keyOf(prefix), ...FIELDS))
  const decision = decide(connection.url, found, steps)
  const migration = migrationOf(found, decision)
  if (print || decision.kind !== 'migrate') return migration
  let from = found.version
  for (const { version, minCompatible, run } of decision.steps) {
    await run(connection, from)
    await connection.script(RECORD, [keyOf(prefix)], [version, minCompatible])
    from = version
  }
  return migration
}

const FIELDS = ['version', 'minCompatible'] as const

function keyOf(prefix: string): string {
  return `${prefix}celeriac.meta`
}

function layoutOf(answer: unknown): Layout {
  const [version, minCompatible] = (answer as readonly (string | null)[]).map(Number)
  return version && minCompatible ? { version, minCompatible } : WITHOUT_HASH
}
