import type { BackendOptions } from '../../src/backend/backend.ts'
import { PostgresBroker, type PostgresOptions } from '../../src/stores/postgres/broker/broker.ts'
import { Database } from '../../src/stores/postgres/connection/database.ts'
import { Link } from '../../src/stores/postgres/connection/link.ts'
import type { Listening, NotificationListener } from '../../src/stores/postgres/connection/listening.ts'
import { Session } from '../../src/stores/postgres/connection/session.ts'
import { type PostgresAddress, parsePostgresUrl } from '../../src/stores/postgres/connection/url.ts'
import { PostgresBackend } from '../../src/stores/postgres/results/backend.ts'
import { requireLayout } from '../../src/stores/postgres/schema/layout.ts'

/** A database whose tables are made where they are missing. */
export function openDatabase(
  url: string,
  options: { readonly size?: number; readonly wait?: number | undefined } = {},
): Database {
  const address = parsePostgresUrl(url)
  const opened = async (link: Link): Promise<void> => {
    await requireLayout(link, address)
  }
  return new Database(address, { name: 'test', ...options, opened })
}

/** A connection that listens. */
export class PlainListening implements Listening {
  readonly #address: PostgresAddress
  readonly #listeners = new Map<string, Set<NotificationListener>>()
  #link: Promise<Link> | undefined

  constructor(url: string) {
    this.#address = parsePostgresUrl(url)
  }

  async on(channel: string, listener: NotificationListener): Promise<() => void> {
    this.#link ??= this.#open()
    const link = await this.#link
    const listeners = this.#listeners.get(channel) ?? new Set()
    this.#listeners.set(channel, listeners.add(listener))
    if (listeners.size === 1) await link.execute(`LISTEN "${channel}"`)
    return () => void listeners.delete(listener)
  }

  async close(): Promise<void> {
    await (await this.#link)?.close()
  }

  async #open(): Promise<Link> {
    const link = await Link.open(this.#address, { name: 'listens', openTimeout: 10_000, statementTimeout: 10_000 })
    link.onNotification = (channel, payload) => {
      for (const listener of this.#listeners.get(channel) ?? []) listener(payload)
    }
    return link
  }
}

/** A broker with connections of its own, which `close` closes. */
export class StandalonePostgresBroker extends PostgresBroker {
  readonly #session: Session

  constructor(url: string, options: PostgresOptions, wait?: number) {
    const session = new Session({ url, name: 'test', lease: options.lease })
    super(openDatabase(url, { wait }), session, options)
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

/** A backend with connections of its own. */
export class StandalonePostgresBackend extends PostgresBackend {
  readonly database: Database
  readonly #listening: PlainListening
  readonly #statements = new Map<string, string>()

  constructor(url: string, options: BackendOptions) {
    const database = openDatabase(url)
    const listening = new PlainListening(url)
    super(database, listening, options)
    this.database = database
    this.#listening = listening
  }

  override async close(): Promise<void> {
    await super.close()
    await this.#listening.close()
    await this.database.close()
  }

  /** Delete all rows of all tables, but for the version of the tables. */
  async empty(): Promise<void> {
    const tables = `SELECT tablename FROM pg_tables WHERE schemaname = '${this.database.schema}' AND tablename <> 'meta'`
    await this.value(`DO $$ DECLARE name text; BEGIN FOR name IN ${tables} LOOP
      EXECUTE format('DELETE FROM celeriac.%I', name); END LOOP; END $$`)
  }

  /** The first column of the first row. */
  async value(text: string, ...values: readonly (string | number)[]): Promise<string | null | undefined> {
    this.#statements.set(text, this.#statements.get(text) ?? `test_${this.#statements.size}`)
    const name = this.#statements.get(text) as string
    const [[row] = []] = await this.database.run([{ statement: { name, text }, values }])
    return row?.[0]
  }
}
