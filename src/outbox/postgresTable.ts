import { Database } from '../stores/postgres/connection/database.ts'
import type { Step } from '../stores/postgres/connection/pipeline.ts'
import { arrayOf } from '../stores/postgres/connection/rows.ts'
import { parsePostgresUrl } from '../stores/postgres/connection/url.ts'
import type { RelayRow, RelayTable, RelayTableOptions, Settled } from './relayTable.ts'

/** How often its listener is called without a notification, ms: where none can arrive, and where they do. */
const POLL_MS = 1000
const LISTENING_POLL_MS = 5000

/** The table in a PostgreSQL database: one connection, which also listens. */
export class PostgresRelayTable implements RelayTable {
  readonly url: string
  readonly #database: Database
  readonly #options: RelayTableOptions
  readonly #isPooled: boolean
  #listener: () => void = () => undefined

  /** Throws ConfigError for a URL that cannot be read. */
  constructor(url: string, options: RelayTableOptions) {
    const address = parsePostgresUrl(url)
    this.url = address.url
    this.#isPooled = address.pooled
    this.#options = options
    this.#database = new Database(address, {
      name: 'celeriac outbox',
      size: 1,
      warn: (message) => options.warn(message),
      opened: async (link) => {
        if (address.pooled) return
        link.onNotification = () => this.#listener()
        await link.execute(`LISTEN "${options.table}"`)
      },
    })
  }

  async advance({ done, failed, back }: Settled, limit: number): Promise<readonly RelayRow[]> {
    const { table, relay, lease } = this.#options
    const steps: Step[] = []
    const add = (name: string, text: string, ...values: Step['values'][number][]): void =>
      void steps.push({ statement: { name, text }, values })
    if (done.length > 0)
      add('outbox_done', `DELETE FROM ${table} WHERE seq = ANY ($1::bigint[]) AND relay = $2`, arrayOf(done), relay)
    for (const { seq, error } of failed)
      add(
        'outbox_failed',
        `UPDATE ${table} SET error = $3, relay = NULL, until = NULL WHERE seq = $1::bigint AND relay = $2`,
        ...[seq, relay, error],
      )
    if (back.length > 0)
      add(
        'outbox_back',
        `UPDATE ${table} SET relay = NULL, until = NULL WHERE seq = ANY ($1::bigint[]) AND relay = $2`,
        ...[arrayOf(back), relay],
      )
    // Its own, too: of a claim whose answer was lost.
    if (limit > 0)
      add(
        'outbox_claim',
        `WITH next AS (
          SELECT seq FROM ${table} WHERE error IS NULL AND (until IS NULL OR until < now() OR relay = $1)
          ORDER BY seq LIMIT $2::integer FOR UPDATE SKIP LOCKED
        ), taken AS (
          UPDATE ${table} t SET relay = $1, until = now() + $3::integer * interval '1 millisecond',
            attempts = attempts + 1
          FROM next WHERE t.seq = next.seq RETURNING t.seq, t.attempts, t.body
        ) SELECT seq, attempts, body FROM taken ORDER BY seq`,
        ...[relay, limit, lease],
      )
    const answers = steps.length > 0 ? await this.#database.run(steps, { repeatable: true }) : []
    if (limit === 0) return []
    const rows = answers.at(-1) ?? []
    return rows.map(([seq, attempts, body]) => ({ seq: String(seq), attempts: Number(attempts), body: String(body) }))
  }

  async onChange(listener: () => void): Promise<() => void> {
    this.#listener = listener
    const timer = setInterval(listener, this.#isPooled ? POLL_MS : LISTENING_POLL_MS)
    return () => {
      clearInterval(timer)
      this.#listener = () => undefined
    }
  }

  close(): Promise<void> {
    return this.#database.close()
  }
}
