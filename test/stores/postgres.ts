import { PostgresBroker, type PostgresOptions } from '../../src/stores/postgres/broker/broker.ts'
import { Database } from '../../src/stores/postgres/connection/database.ts'
import { Session } from '../../src/stores/postgres/connection/session.ts'
import { parsePostgresUrl } from '../../src/stores/postgres/connection/url.ts'
import { requireLayout } from '../../src/stores/postgres/schema/layout.ts'

/** A database that makes the tables where they are missing. */
export function openTables(url: string, wait?: number): Database {
  const address = parsePostgresUrl(url)
  return new Database(address, {
    name: 'celeriac-test',
    wait,
    opened: async (link) => void (await requireLayout(link, address)),
  })
}

/** A broker with connections of its own, which `close` closes. */
export class StandalonePostgresBroker extends PostgresBroker {
  readonly #session: Session

  constructor(url: string, options: PostgresOptions, wait?: number) {
    const session = new Session({ url, name: 'celeriac-test', lease: options.lease })
    super(openTables(url, wait), session, options)
    this.#session = session
  }

  override async close(): Promise<void> {
    try {
      await super.close()
    } finally {
      await this.#session.close()
      await this.database.close()
    }
  }
}
