import {
  type KeptAmount,
  type KeptRow,
  type KeptRows,
  type Read,
  readUpTo,
  type Wanted,
} from '../../../backend/bounds/keeping.ts'
import type { Database } from '../connection/database.ts'
import type { Row, Statement } from '../connection/pipeline.ts'
import { arrayOf } from '../connection/rows.ts'

/** Bytes as they are stored, which may be compressed. */
const BYTES = `coalesce(pg_column_size(meta), 0) + coalesce(pg_column_size(bytes), 0) + coalesce((
  SELECT coalesce(pg_column_size(o.input), 0) + coalesce(pg_column_size(o.bytes), 0)
  FROM celeriac.origin o WHERE o.seq = r.seq), 0)`
const EVENTS = '(SELECT count(*) FROM celeriac.event e WHERE e.job = r.seq)'
const EVENT_BYTES = `(SELECT coalesce(sum(coalesce(pg_column_size(e.meta), 0) + coalesce(pg_column_size(e.bytes), 0)), 0)
  FROM celeriac.event e WHERE e.job = r.seq)`
const PAGE = '(SELECT * FROM celeriac.result WHERE seq > $1::bigint ORDER BY seq LIMIT $2::bigint) AS r'

function summing(name: string, events: string, bytes: string): Statement {
  return {
    name,
    text: `SELECT count(*), coalesce(max(seq), 0), count(*) FILTER (WHERE final),
      coalesce(sum(${BYTES}) FILTER (WHERE final), 0), coalesce(sum(${events}), 0), coalesce(sum(${bytes}), 0)
      FROM ${PAGE}`,
  }
}
const SUM = summing('kept_sum', '0', '0')
const SUM_WITH_EVENTS = summing('kept_sum_events', EVENTS, EVENT_BYTES)

const END: Statement = { name: 'kept_end', text: `SELECT count(*), coalesce(max(seq), 0) FROM ${PAGE}` }
function ending(name: string, events: string, bytes: string): Statement {
  return {
    name,
    text: `SELECT seq, expires, ${BYTES}, ${events}, ${bytes} FROM ${PAGE}
      WHERE final AND expires <= $3::bigint AND (seq * 40503 / 64) % $4::bigint = 0 ORDER BY seq`,
  }
}
const ENDED = ending('kept_ended', '0', '0')
const ENDED_WITH_EVENTS = ending('kept_ended_events', EVENTS, EVENT_BYTES)

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

  async sum(from: string, limit: number, events: boolean): Promise<Read & KeptAmount> {
    const step = { statement: events ? SUM_WITH_EVENTS : SUM, values: [Number(from), limit] }
    const [[row = []] = []] = await this.#database.run([step], { repeatable: true })
    const [read = 0, last = 0, results = 0, resultBytes = 0, count = 0, eventBytes = 0] = row.map(Number)
    return { ...readUpTo(last, read, limit), results, resultBytes, events: count, eventBytes }
  }

  async ended(
    from: string,
    limit: number,
    { until, oneOf, events }: Wanted,
  ): Promise<Read & { readonly rows: readonly KeptRow[] }> {
    const after = Number(from)
    const steps = [
      { statement: END, values: [after, limit] },
      { statement: events ? ENDED_WITH_EVENTS : ENDED, values: [after, limit, until, oneOf] },
    ]
    const [[end = []] = [], rows = []] = await this.#database.run(steps, { repeatable: true })
    const [read = 0, last = 0] = end.map(Number)
    return { ...readUpTo(last, read, limit), rows: rows.map(keptRowOf) }
  }

  async drop(rows: readonly KeptRow[]): Promise<void> {
    await this.#database.run([{ statement: DROP, values: [seqsOf(rows)] }], { repeatable: true })
  }

  async dropLogs(rows: readonly KeptRow[]): Promise<void> {
    await this.#database.run([{ statement: DROP_LOGS, values: [seqsOf(rows)] }], { repeatable: true })
  }
}

function seqsOf(rows: readonly KeptRow[]): string {
  return arrayOf(rows.map(({ key }) => key))
}

function keptRowOf([seq, ...row]: Row): KeptRow {
  const [expires = 0, bytes = 0, events = 0, eventBytes = 0] = row.map(Number)
  return { key: String(seq), expires, bytes, events, eventBytes }
}
