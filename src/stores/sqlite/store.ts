import type { Store, StoreDriver, StoreOptions, StoreUse } from '../store.ts'
import { SqliteBroker } from './broker/broker.ts'
import { SqliteFile } from './file.ts'
import { SqliteBackend } from './results/backend.ts'
import { SqliteScheduleStore } from './schedule.ts'
import { SqliteUnitOfWork } from './unitOfWork.ts'
import { sqlitePath } from './url.ts'

/** One SQLite file. */
export const sqliteStore: StoreDriver = { identity: sqlitePath, open: openSqlite }

function openSqlite(url: string, options: StoreOptions, use: StoreUse): Store {
  const file = new SqliteFile(sqlitePath(url), options.storeTimeout)
  const broker = use.broker ? new SqliteBroker(file, options) : undefined
  const backend = use.backend ? new SqliteBackend(file, options) : undefined
  return {
    broker,
    backend,
    unitOfWork: broker && backend && new SqliteUnitOfWork(broker, backend),
    schedule: (app) => SqliteScheduleStore.open(file, app),
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
