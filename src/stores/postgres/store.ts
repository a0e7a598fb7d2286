import type { Migration } from '../migration.ts'
import type { Store, StoreDriver, StoreMigration, StoreOptions, StoreUse } from '../store.ts'
import { PostgresBroker } from './broker/broker.ts'
import { Database } from './connection/database.ts'
import { Link } from './connection/link.ts'
import { refuseVolatile } from './connection/serverCheck.ts'
import { Session } from './connection/session.ts'
import { identityOf, type PostgresAddress, parsePostgresUrl } from './connection/url.ts'
import { PostgresBackend } from './results/backend.ts'
import { PostgresScheduleStore } from './schedule.ts'
import { plannedMigration, requireLayout } from './schema/layout.ts'
import { PostgresUnitOfWork } from './unitOfWork.ts'

/** A schema of a PostgreSQL database. */
export const postgresStore: StoreDriver = { identity: identityOf, open: openPostgres, migrate: migrateStore }

const DEFAULT_WAIT_MS = 10_000

function openPostgres(url: string, options: StoreOptions, use: StoreUse): Store {
  const { warn, storeTimeout: wait, lease, durability } = options
  const address = parsePostgresUrl(url)
  const name = use.broker ? 'celeriac' : 'celeriac-results'
  const opened = async (link: Link): Promise<void> => {
    if (durability === 'full') await refuseVolatile(link, address.url)
    const migration = await requireLayout(link, address)
    if (migration) report(address, migration, options)
  }
  const database = new Database(address, { name, warn, wait, opened })
  const session = new Session({ url, name: `${name}-session`, lease }, wait)
  const broker = use.broker ? new PostgresBroker(database, session, options) : undefined
  const backend = use.backend ? new PostgresBackend(database, session, options) : undefined
  return {
    broker,
    backend,
    unitOfWork: broker && backend && new PostgresUnitOfWork(broker, backend, options.clock),
    schedule: async (app) => new PostgresScheduleStore(database, session, app),
    facts: async () => (await import('./facts.ts')).postgresFacts(database),
    close: async () => {
      await backend?.close()
      try {
        await broker?.close()
      } finally {
        await session.close()
        await database.close()
      }
    },
  }
}

/** A new schema needs no line in the log. */
function report(
  { url, schema }: PostgresAddress,
  { from, to, minCompatible }: Migration,
  { warn }: StoreOptions,
): void {
  if (from === 0) return
  warn?.(
    `${url}: the schema ${schema} was migrated from version ${from} to ${to}; processes of version ${minCompatible} or later may use it`,
  )
}

async function migrateStore(
  url: string,
  { storeTimeout: wait = DEFAULT_WAIT_MS }: StoreOptions,
  print: boolean,
): Promise<StoreMigration> {
  const address = parsePostgresUrl(url)
  const link = await Link.open(address, { name: 'celeriac-migrate', openTimeout: wait, statementTimeout: 0 })
  try {
    const migration = await plannedMigration(link, address)
    if (!print) await requireLayout(link, address)
    return { store: address.url, ...migration }
  } finally {
    await link.close()
  }
}
