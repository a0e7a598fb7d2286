import { statfs } from 'node:fs/promises'
import type { Migration } from '../migration.ts'
import type { Store, StoreDriver, StoreMigration, StoreOptions, StoreUse } from '../store.ts'
import type { StoreFacts } from '../storeFacts.ts'
import { SqliteBroker } from './broker/broker.ts'
import { openDatabase, plannedMigration, waitForDisk } from './database.ts'
import { SqliteFile } from './file.ts'
import { SqliteBackend } from './results/backend.ts'
import { SqliteScheduleStore } from './schedule.ts'
import { SqliteUnitOfWork } from './unitOfWork.ts'
import { sqlitePath, sqliteUrl } from './url.ts'

/** One SQLite file. */
export const sqliteStore: StoreDriver = { identity: sqlitePath, open: openSqlite, migrate: migrateFile }

function openSqlite(url: string, options: StoreOptions, use: StoreUse): Store {
  const path = sqlitePath(url)
  const file = new SqliteFile(path, options.storeTimeout, undefined, (migration) => report(path, migration, options))
  if (options.durability === 'full') waitForDisk(file.db)
  const broker = use.broker ? new SqliteBroker(file, options) : undefined
  const backend = use.backend ? new SqliteBackend(file, options) : undefined
  return {
    broker,
    backend,
    unitOfWork: broker && backend && new SqliteUnitOfWork(broker, backend),
    schedule: async (app) => new SqliteScheduleStore(file, app),
    facts: () => factsOf(file),
    close: async () => {
      await backend?.close()
      try {
        await broker?.close()
      } finally {
        await file.close()
      }
    },
  }
}

/** It is on this machine, and has its clock. */
async function factsOf({ path, url: store }: SqliteFile): Promise<StoreFacts> {
  const { bavail, bsize } = await statfs(path)
  return { store, free: bavail * bsize }
}

/** A new file needs no line in the log. */
function report(path: string, { from, to, minCompatible }: Migration, { warn }: StoreOptions): void {
  if (from === 0) return
  warn?.(
    `${sqliteUrl(path)} was migrated from schema version ${from} to ${to}; processes of version ${minCompatible} or later may use it`,
  )
}

/** Opening migrates. */
async function migrateFile(url: string, _options: StoreOptions, print: boolean): Promise<StoreMigration> {
  const path = sqlitePath(url)
  const migration = plannedMigration(path)
  if (!print) openDatabase(path).close()
  return { store: sqliteUrl(path), ...migration }
}
