import { ConfigError, StoreUnavailableError } from '../../../std/errors.ts'
import { type Decision, decide, type Layout, type Migration, migrationOf } from '../../migration.ts'
import { sqlState } from '../connection/errors.ts'
import type { Link } from '../connection/link.ts'
import type { Step } from '../connection/pipeline.ts'
import type { PostgresAddress } from '../connection/url.ts'
import { POSTGRES_STEPS, type PostgresStep } from './migrations.ts'

/** Of the lock under which one process at a time changes the tables: "cele" in ASCII, then the schema's name. */
const LOCK_CLASS = 0x63656c65

const READ: Step = {
  statement: { name: 'layout', text: 'SELECT version, min_compatible FROM celeriac.meta' },
  values: [],
}

/**
 * At the beginning of a connection: makes or migrates the tables where they are missing or older. Returns what it did.
 * Rejects with ConfigError where they refuse this process, or where the role may not make them.
 */
export async function requireLayout(
  link: Link,
  address: PostgresAddress,
  steps: readonly PostgresStep[] = POSTGRES_STEPS,
): Promise<Migration | undefined> {
  const found = await layoutOf(link, address.url)
  const decision = decide(address.url, found, steps)
  if (decision.kind === 'refuse') throw decision.error
  return decision.kind === 'migrate' ? migrate(link, address, steps) : undefined
}

/** What `requireLayout` would do. Rejects with ConfigError. */
export async function plannedMigration(
  link: Link,
  address: PostgresAddress,
  steps: readonly PostgresStep[] = POSTGRES_STEPS,
): Promise<Migration> {
  const found = await layoutOf(link, address.url)
  return migrationOf(found, decide(address.url, found, steps))
}

/** All steps in one transaction. Undefined where another process has run them. */
async function migrate(
  link: Link,
  address: PostgresAddress,
  steps: readonly PostgresStep[],
): Promise<Migration | undefined> {
  const { schema } = address
  await link.execute('BEGIN')
  try {
    await link.execute(`SELECT pg_advisory_xact_lock(${LOCK_CLASS}, hashtext('${schema}'))`)
    // Read again: another process may have migrated them first, or to a version that refuses this one.
    const found = await layoutOf(link, address.url)
    const decision = decide(address.url, found, steps)
    if (decision.kind === 'refuse') throw decision.error
    const migration = decision.kind === 'migrate' ? await runSteps(link, schema, found, decision) : undefined
    await link.execute('COMMIT')
    return migration
  } catch (error) {
    await link.execute('ROLLBACK').catch(() => link.end())
    if (sqlState(error) !== '42501') throw error
    throw new ConfigError(
      `${address.url}: this role may not make or change the tables in the schema ${schema}: run \`celeriac migrate\` with a role that owns it`,
      { cause: error },
    )
  }
}

async function runSteps(
  link: Link,
  schema: string,
  found: Layout,
  decision: Extract<Decision<PostgresStep>, { kind: 'migrate' }>,
): Promise<Migration> {
  if (found.version === 0) {
    // A role that owns the schema may not be allowed to make another one.
    const [[row] = []] = await link.run([{ statement: SCHEMA_EXISTS, values: [schema] }])
    if (row?.[0] !== 't') await link.execute(`CREATE SCHEMA ${schema}`)
  }
  for (const step of decision.steps) await step.run((text) => link.execute(text), found.version)
  const last = decision.steps.at(-1) as PostgresStep
  await link.execute(`INSERT INTO celeriac.meta (version, min_compatible) VALUES (${last.version}, ${last.minCompatible})
    ON CONFLICT (one) DO UPDATE SET version = excluded.version,
    min_compatible = greatest(meta.min_compatible, excluded.min_compatible)`)
  return migrationOf(found, decision)
}

const SCHEMA_EXISTS = {
  name: 'schema',
  text: 'SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1)',
}
/**
 * Whether the table is there, of which major version the server is, whether it takes writes, and what a transaction
 * sees.
 */
const TABLE_EXISTS = {
  name: 'layout_there',
  text: "SELECT to_regclass('celeriac.meta') IS NOT NULL, current_setting('server_version_num')::integer / 10000, current_setting('transaction_read_only'), current_setting('transaction_isolation')",
}
/** The first with `string_to_table`, which every statement on many rows uses. */
const OLDEST_SERVER = 14

async function layoutOf(link: Link, place: string): Promise<Layout> {
  // Asked for first: inside a transaction an error would end it.
  const [[there] = []] = await link.run([{ statement: TABLE_EXISTS, values: [] }])
  if (Number(there?.[1]) < OLDEST_SERVER)
    throw new ConfigError(`${place}: expected PostgreSQL ${OLDEST_SERVER} or later, got ${there?.[1]}`)
  if (there?.[2] === 'on')
    throw new StoreUnavailableError(
      `${place} takes no writes: it is a replica, or default_transaction_read_only is on; the URL must lead to the server that writes`,
    )
  // Our connections set it, but not through a pool of them: a later statement has to see what others have committed.
  if (there?.[3] !== 'read committed')
    throw new ConfigError(
      `${place}: expected default_transaction_isolation read committed, got ${there?.[3]}: set it for this role or database`,
    )
  if (there?.[0] !== 't') return { version: 0, minCompatible: 0 }
  const [[row] = []] = await link.run([READ])
  return { version: Number(row?.[0]), minCompatible: Number(row?.[1]) }
}
