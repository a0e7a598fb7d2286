import {
  DEFAULT_EVENT_LOG,
  emitted,
  type History,
  type HistoryQuery,
  LOG_TRIM_INTERVAL,
  type LoggedChange,
  type Output,
  unlogged,
} from '../../../backend/eventLog.ts'
import type { Row, Step } from '../connection/pipeline.ts'
import { RowsStatement } from '../connection/rows.ts'
import { GATED } from '../gate.ts'
import { dropped } from './records.ts'
import { contentOf, metaOf, STORED, type Stored, storedOf } from './stored.ts'

/** Format of an emission. */
const EMISSION = 'emission'

/** `$1` the id, `$2` the gate, `$3` how many emissions, `$4` bytes of the longest, `$5` how many entries are kept. */
const EMIT = new RowsStatement(
  'emit',
  { body: 'text', bytes: 'bytes' },
  `, record AS (
    UPDATE celeriac.result SET version = version + 1, logged = logged + $3::integer
    WHERE id = $1 AND NOT final AND (SELECT ${GATED} FROM (VALUES ($2::bigint)) AS one (gate))
    RETURNING seq, version, logged
  ), events AS (
    INSERT INTO celeriac.event (job, seq, version, format, meta, bytes)
    SELECT r.seq, r.logged - $3::integer + 1 + g.at, r.version, '${EMISSION}', g.body, decode(g.bytes, 'base64')
    FROM record r CROSS JOIN given g
    WHERE r.logged - $3::integer + 1 + g.at > ${dropped('r.logged', '$5::integer', '$4::integer')}
  ), trimmed AS (
    DELETE FROM celeriac.event e USING record r
    WHERE r.logged / ${LOG_TRIM_INTERVAL} > (r.logged - $3::integer) / ${LOG_TRIM_INTERVAL} AND e.job = r.seq
      AND e.seq <= ${dropped('r.logged', '$5::integer', '$4::integer')}
  )
  SELECT seq FROM record`,
  5,
)

/** Records, then the entries of their logs, as of one moment. */
const READ = new RowsStatement(
  'history',
  { id: 'text', after: 'int' },
  `SELECT g.at, 0, ${STORED}, r.logged, r.stated,
    (SELECT e.seq FROM celeriac.event e WHERE e.job = r.seq ORDER BY e.seq LIMIT 1),
    (SELECT e.version FROM celeriac.event e WHERE e.job = r.seq ORDER BY e.seq DESC LIMIT 1)
  FROM given g JOIN celeriac.result r ON r.id = g.id
  UNION ALL
  SELECT * FROM (
    SELECT g.at, e.seq, NULL::bigint, NULL, NULL, NULL, e.version, NULL::bigint, e.format, e.meta,
      encode(e.bytes, 'base64'), NULL::integer, NULL::integer, NULL::integer, NULL::integer
    FROM given g JOIN celeriac.result r ON r.id = g.id JOIN celeriac.event e ON e.job = r.seq AND e.seq > g.after
    ORDER BY g.at, e.seq
  ) AS entries`,
)

/** The intermediate states and the emissions of each task: see `Records` for how states are added. */
export class LogRows {
  readonly #limit: number

  /** `limit`: how many entries are kept per task; 0: none. */
  constructor(limit: number = DEFAULT_EVENT_LOG) {
    this.#limit = limit
  }

  /**
   * The step that keeps what a run emits, where there is a record that is not final; undefined where nothing is kept.
   * Its answer has a row if it did. The record counts as changed.
   */
  emitStep({ id, emissions }: Output, gate?: number): Step | undefined {
    if (this.#limit === 0) return undefined
    const rows = EMIT.rows()
    let longest = 0
    for (const body of emissions) {
      longest = Math.max(longest, body.length)
      if (typeof body === 'string') rows.add(body, null)
      else rows.add(null, body)
    }
    return EMIT.step(rows, id, gate ?? null, emissions.length, longest, this.#limit)
  }

  readStep(queries: readonly HistoryQuery[]): Step {
    const rows = READ.rows()
    for (const { id, after } of queries) rows.add(id, after)
    return READ.step(rows)
  }

  /** From the answer of `readStep`, for so many queries. */
  histories(answer: readonly Row[], count: number): (History | undefined)[] {
    const found = new Map<number, { readonly record: Row; readonly entries: Row[] }>()
    for (const row of answer) {
      const at = Number(row[0])
      if (row[1] === '0') found.set(at, { record: row, entries: [] })
      else found.get(at)?.entries.push(row)
    }
    return Array.from({ length: count }, (_, at) => {
      const one = found.get(at)
      return one && historyOf(one.record, one.entries)
    })
  }
}

/** Where the columns after those of a record begin. */
const AFTER_STORED = 11

function historyOf(row: Row, entries: readonly Row[]): History {
  const record = storedOf(row, 2)
  const meta = metaOf(record)
  const [last, state, first, version] = row.slice(AFTER_STORED).map(Number) as [number, number, number, number]
  if (last === 1) return unlogged(meta)
  const logged = entries.map((entry) => changeOf(entry, record, meta))
  return { meta, counted: version === record.version, state, first, last, logged }
}

function changeOf(entry: Row, record: Stored, meta: History['meta']): LoggedChange {
  const seq = Number(entry[1])
  const [version, , format, text, bytes] = entry.slice(6)
  const content = contentOf(text, bytes)
  if (format === EMISSION) return emitted(seq, content, meta)
  const state = { ...record, version: Number(version), format: format as string, meta: content, state: undefined }
  return { seq, meta: metaOf(state) }
}
