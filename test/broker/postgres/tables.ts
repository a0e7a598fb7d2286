import { register } from '../../../src/stores/postgres/broker/leases.ts'
import { Database } from '../../../src/stores/postgres/connection/database.ts'
import type { Value } from '../../../src/stores/postgres/connection/pipeline.ts'
import { Session } from '../../../src/stores/postgres/connection/session.ts'
import { parsePostgresUrl } from '../../../src/stores/postgres/connection/url.ts'
import { requireLayout } from '../../../src/stores/postgres/schema/layout.ts'

/** Calls the function when the test has finished: that of the test's context, as tests run side by side. */
type AtEnd = (close: () => Promise<void>) => void

/** The tables of one database; closed when the test has finished. */
export class Tables {
  readonly url: string
  readonly database: Database
  readonly atEnd: AtEnd

  static async open(url: string, atEnd: AtEnd): Promise<Tables> {
    const address = parsePostgresUrl(url)
    const database = new Database(address, {
      name: 'test',
      opened: async (link) => void (await requireLayout(link, address)),
    })
    atEnd(() => database.close())
    await database.run([])
    return new Tables(url, database, atEnd)
  }

  private constructor(url: string, database: Database, atEnd: AtEnd) {
    this.url = url
    this.database = database
    this.atEnd = atEnd
  }

  /** The session of a process with this lease, ms; closed when the test has finished. */
  session(lease: number, url = this.url): Session {
    const session = new Session({ url, name: 'test session', lease })
    this.atEnd(() => session.close())
    return session
  }

  /** Rows of a statement; each column is a text. */
  async sql(text: string, ...values: Value[]): Promise<(readonly (string | null)[])[]> {
    const [rows = []] = await this.database.run([{ statement: { name: '', text }, values }], { repeatable: true })
    return rows
  }

  /** Add messages to a queue; their seqs. */
  async send(queue: string, count: number): Promise<number[]> {
    const rows = await this.sql(
      `INSERT INTO celeriac.message (queue, rank, head, body) SELECT $1, 0, '', '' FROM generate_series(1, $2::integer)
      RETURNING seq`,
      queue,
      count,
    )
    return rows.map(([seq]) => Number(seq))
  }

  /** A consumer that holds these messages. */
  async hold(seqs: readonly number[], lease: number): Promise<number> {
    const id = await register(this.database, 'celery@test', lease)
    await this.sql(
      `INSERT INTO celeriac.claim (seq, consumer, fence) SELECT unnest($1::bigint[]), $2::bigint, 0`,
      `{${seqs.join()}}`,
      id,
    )
    return id
  }

  /** Of each message: how often it returned, how often its holder was lost, and whether it is held. */
  async messages(): Promise<string[]> {
    const rows = await this.sql(
      `SELECT claims, lost, c.seq IS NOT NULL FROM celeriac.message m LEFT JOIN celeriac.claim c USING (seq) ORDER BY m.seq`,
    )
    return rows.map((row) => row.join(' '))
  }

  async notify(channel: string, payload: string): Promise<void> {
    await this.sql('SELECT pg_notify($1, $2)', channel, payload)
  }
}
