import { type Kysely, type Migration, type MigrationProvider, Migrator } from 'kysely'
import type { Tables } from './tables.ts'

/** The kinds of database that it runs on. */
export type Kind = 'sqlite' | 'postgres'

/** Bring the tables to the state that this code expects. Throws what went wrong; the database is then as it was. */
export async function migrate(db: Kysely<Tables>, kind: Kind): Promise<void> {
  const { error } = await new Migrator({ db, provider: providerOf(kind) }).migrateToLatest()
  if (error) throw error
}

/** Applied in the order of their names, each once. One that has been published is not changed; what changes is the next one. */
function providerOf(kind: Kind): MigrationProvider {
  return {
    getMigrations: async () => ({
      '001_requests_and_numbers': requestsAndNumbers(kind),
      '002_claims': claims,
      '003_kind_of_rid': kindOfRid,
    }),
  }
}

function requestsAndNumbers(kind: Kind): Migration {
  return {
    async up(db) {
      await db.schema
        .createTable('requests')
        .addColumn('rid', 'text', (column) => column.primaryKey())
        .addColumn('stored_by', 'text', (column) => column.notNull())
        .execute()
      await db.schema
        .createTable('numbers')
        .addColumn('id', kind === 'postgres' ? 'serial' : 'integer', (column) =>
          kind === 'postgres' ? column.primaryKey() : column.primaryKey().autoIncrement(),
        )
        .addColumn('rid', 'text', (column) => column.notNull().references('requests.rid').onDelete('cascade'))
        .addColumn('position', 'integer', (column) => column.notNull())
        .addColumn('number', 'double precision', (column) => column.notNull())
        .addColumn('jobtodo', 'text', (column) => column.notNull())
        .addColumn('result', 'double precision')
        .addUniqueConstraint('numbers_of_request', ['rid', 'position'])
        .execute()
      await db.schema.createIndex('numbers_by_jobtodo').on('numbers').columns(['jobtodo', 'id']).execute()
    },
  }
}

/** Which task does a number, so that one which is run again finds what it had begun. */
const claims: Migration = {
  async up(db) {
    await db.schema.alterTable('numbers').addColumn('claimed_by', 'text').execute()
    await db.schema.createIndex('numbers_by_claim').on('numbers').column('claimed_by').execute()
  },
}

/** A client gets its own id back as it sent it: 7 or "7". */
const kindOfRid: Migration = {
  async up(db) {
    await db.schema.alterTable('requests').addColumn('rid_is_number', 'integer').execute()
  },
}
