import type { BackendOptions } from '../../src/backend/backend.ts'
import { RedisBroker, type RedisOptions } from '../../src/stores/redis/broker/broker.ts'
import { connectRedis } from '../../src/stores/redis/connection/client.ts'
import { RedisBackend } from '../../src/stores/redis/results/backend.ts'
import { SqliteBroker, type SqliteOptions } from '../../src/stores/sqlite/broker/broker.ts'
import { SqliteFile } from '../../src/stores/sqlite/file.ts'
import type { SqliteStep } from '../../src/stores/sqlite/migrations.ts'
import { SqliteBackend } from '../../src/stores/sqlite/results/backend.ts'
import { SqliteUnitOfWork } from '../../src/stores/sqlite/unitOfWork.ts'
import { sqlitePath } from '../../src/stores/sqlite/url.ts'

/* Parts of a store alone: `close` closes the store as well. */

export class StandaloneSqliteBroker extends SqliteBroker {
  constructor(url: string, options: SqliteOptions) {
    super(new SqliteFile(sqlitePath(url)), options)
  }

  override async close(): Promise<void> {
    try {
      await super.close()
    } finally {
      await this.file.close()
    }
  }
}

export class StandaloneSqliteBackend extends SqliteBackend {
  constructor(url: string, options: BackendOptions) {
    super(new SqliteFile(sqlitePath(url), options.storeTimeout), options)
  }

  override async close(): Promise<void> {
    await super.close()
    await this.file.close()
  }
}

export class StandaloneRedisBroker extends RedisBroker {
  constructor(url: string, options: RedisOptions) {
    super(url, connectRedis(url, { name: 'celeriac' }), options)
  }

  override async close(): Promise<void> {
    try {
      await super.close()
    } finally {
      await this.connection.close()
    }
  }
}

export class StandaloneRedisBackend extends RedisBackend {
  constructor(url: string, options: BackendOptions) {
    const { warn, storeTimeout: wait } = options
    super(connectRedis(url, { name: 'celeriac-results', warn, wait }), options)
  }

  override async close(): Promise<void> {
    await super.close()
    await this.connection.close()
  }
}

/** One SQLite file with all its parts. */
export interface SqliteParts {
  readonly file: SqliteFile
  readonly broker: SqliteBroker
  readonly backend: SqliteBackend
  readonly unitOfWork: SqliteUnitOfWork
  close(): Promise<void>
}

/** `steps`: the versions of the tables that this process knows. */
export function openSqliteParts(
  url: string,
  options: SqliteOptions & BackendOptions,
  steps?: readonly SqliteStep[],
): SqliteParts {
  const file = new SqliteFile(sqlitePath(url), options.storeTimeout, steps)
  const broker = new SqliteBroker(file, options)
  const backend = new SqliteBackend(file, options)
  const close = async (): Promise<void> => {
    await broker.close()
    await backend.close()
    await file.close()
  }
  return { file, broker, backend, unitOfWork: new SqliteUnitOfWork(broker, backend), close }
}
