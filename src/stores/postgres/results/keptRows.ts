import type { KeptRow, KeptRows } from '../../../backend/bounds/keeping.ts'
import type { Database } from '../connection/database.ts'
import type { Statement } from '../connection/pipeline.ts'
import { arrayOf } from '../connection/rows.ts'

/** Bytes as they are stored, which may be compressed. */
function page(name: string, events: string): Statement {
  return {
    name,
    text: `SELECT seq, expires, final, coalesce(pg_column_size(meta), 0) + coalesce(pg_column_size(bytes), 0) + coalesce((
      SELECT coalesce(pg_column_size(o.input), 0) + coalesce(pg_column_size(o.bytes), 0)
      FROM celeriac.origin o WHERE o.seq = r.seq), 0), ${events}
    FROM celeriac.result r WHERE seq > $1::bigint ORDER BY seq LIMIT $2::bigint`,
  }
}

const RECORDS = page('kept_records', '0, 0')
const WITH_EVENTS = page(
  'kept_events',
  `(SELECT count(*) FROM celeriac.event e WHERE e.job = r.seq),
    (SELECT coalesce(sum(coalesce(pg_column_size(e.meta), 0) + coalesce(pg_column_size(e.bytes), 0)), 0)
     FROM celeriac.event e WHERE e.job = r.seq)`,
)

const DROP: Statement = {
  name: 'kept_drop',
  text: `WITH results AS (DELETE FROM celeriac.result WHERE seq = ANY ($1::bigint[]) AND final RETURNING seq),
    events AS (DELETE FROM celeriac.event e USING results r WHERE e.job = r.seq)
    DELETE FROM celeriac.origin o USING results r WHERE o.seq = r.seq`,
}
const DROP_LOGS: Statement = {
  name: 'kept_drop_logs',
  text: `DELETE FROM celeriac.event e USING celeriac.result r
    WHERE r.seq = ANY ($1::bigint[]) AND r.final AND e.job = r.seq
      AND e.seq < (SELECT max(seq) FROM celeriac.event n WHERE n.job = r.seq)`,
}

/** The records of a schema, as far as it matters how much they are. */
export class PostgresKeptRows implements KeptRows {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async page(after: number, limit: number, events: boolean): Promise<readonly KeptRow[]> {
    const step = { statement: events ? WITH_EVENTS : RECORDS, values: [after, limit] }
    const [rows = []] = await this.#database.run([step], { repeatable: true })
    return rows.map(([seq, expires, final, bytes, count, eventBytes]) => ({
      seq: Number(seq),
      expires: Number(expires),
      final: final === 't',
      bytes: Number(bytes),
      events: Number(count),
      eventBytes: Number(eventBytes),
    }))
  }

  async drop(seqs: readonly number[]): Promise<void> {
    await this.#database.run([{ statement: DROP, values: [arrayOf(seqs)] }], { repeatable: true })
  }

  async dropLogs(seqs: readonly number[]): Promise<void> {
    await this.#database.run([{ statement: DROP_LOGS, values: [arrayOf(seqs)] }], { repeatable: true })
  }
}
