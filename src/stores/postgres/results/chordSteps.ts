import type { AddedMember, Adding, ChordKeeping, ChordPart, CompleteChord, OpenChord } from '../../../backend/chords.ts'
import { endOf, staleAfter } from '../../../backend/retention.ts'
import { serialize } from '../../../protocol/serializer.ts'
import type { Row, Statement, Step } from '../connection/pipeline.ts'
import { RowsStatement } from '../connection/rows.ts'
import { alsoOpening, GATED } from '../gate.ts'

/** Place of the first part that has none in the header. */
export const PLACELESS: number = 2 ** 40
/** The parts of a larger chord are dropped after the transaction that closes it. */
const MAX_DROPPED_AT_ONCE = 500

const LOCK = new RowsStatement(
  'lock_chords',
  { id: 'text' },
  'SELECT c.seq FROM given g JOIN celeriac.chord c ON c.id = g.id ORDER BY c.id FOR UPDATE OF c',
)
/** `$1` is the moment. */
const RETIRE = new RowsStatement(
  'retire_chords',
  { gate: 'int', id: 'text' },
  `UPDATE celeriac.chord c SET id = NULL, since = NULL, deadline = NULL, expires = 0 FROM given g
  WHERE ${GATED} AND c.id = g.id AND c.expires <= $1::bigint`,
  1,
)
/** One that is open keeps its parts. */
const OPEN = new RowsStatement(
  'open_chords',
  { gate: 'int', id: 'text', size: 'int', callback: 'text', expires: 'int' },
  `INSERT INTO celeriac.chord AS c (id, size, callback, expires)
  SELECT DISTINCT ON (id) id, size, coalesce(callback, ''), expires FROM given WHERE ${GATED} ORDER BY id, at
  ON CONFLICT (id) DO UPDATE SET expires = greatest(c.expires, excluded.expires),
    callback = CASE WHEN excluded.callback <> '' AND c.since IS NULL THEN excluded.callback ELSE c.callback END`,
)
/**
 * `$1` group, `$2` task, `$3` the moment, `$4` until when it is kept, `$5` the call of the body or an empty text; `$6`
 * whether its messages are elsewhere, then `$7` is its deadline; `$8` the gate that it opens if it is new.
 */
const ADDING: Statement = {
  name: 'adding',
  text: `WITH ours AS MATERIALIZED (
      SELECT seq FROM celeriac.chord WHERE id = $1::text AND expires > $3::bigint AND since IS NULL
    ), grown AS (
      INSERT INTO celeriac.part (chord, task_id, place, state, format, deadline)
      SELECT seq, $2::text, ${PLACELESS}, '', '', CASE WHEN $6::boolean THEN $7::bigint END FROM ours
      ON CONFLICT (chord, task_id) DO NOTHING RETURNING chord
    ), resized AS (
      UPDATE celeriac.chord c SET size = size + (SELECT count(*) FROM grown)::integer,
        expires = CASE WHEN EXISTS (SELECT FROM grown) THEN greatest(expires, $4::bigint) ELSE expires END,
        callback = CASE WHEN $5::text <> '' THEN $5::text ELSE callback END
      FROM ours WHERE c.seq = ours.seq
    ), unsent AS (
      UPDATE celeriac.part p SET deadline = $7::bigint FROM ours
      WHERE $6::boolean AND p.chord = ours.seq AND p.task_id = $2::text AND p.deadline IS NOT NULL RETURNING 1
    ), found AS MATERIALIZED (
      SELECT EXISTS (SELECT FROM ours) AS is_open, EXISTS (SELECT FROM grown) OR EXISTS (SELECT FROM unsent) AS is_new
    )
    SELECT CASE WHEN NOT is_open THEN 'ended' WHEN is_new THEN 'new' ELSE 'known' END,
      CASE WHEN is_new AND $8::bigint IS NOT NULL THEN ${alsoOpening('ARRAY[$8::bigint]')} END
    FROM found`,
}

/*
 * Adds parts, in their order, to chords that the transaction has locked; `$1` is the moment. A part of a task that has
 * one replaces it and counts nothing; with a `record`, only if this transaction has written the record of that id. A
 * chord takes no part after the one that completes it. Answers with the chords that are complete now.
 */
const ADD = new RowsStatement(
  'add_parts',
  {
    gate: 'int',
    id: 'text',
    task_id: 'text',
    place: 'int',
    state: 'text',
    format: 'text',
    result: 'text',
    bytes: 'bytes',
    callback: 'text',
    ends: 'int',
    record: 'text',
  },
  `, wanted AS MATERIALIZED (
    SELECT g.*, c.seq AS chord, c.done, c.size, coalesce(p.state, '') = '' AND
      row_number() OVER (PARTITION BY c.seq, g.task_id ORDER BY g.at) = 1 AS is_new
    FROM given g JOIN celeriac.chord c ON c.id = g.id
    LEFT JOIN celeriac.part p ON p.chord = c.seq AND p.task_id = g.task_id
    WHERE ${GATED} AND c.since IS NULL AND c.expires > $1::bigint
  ), counted AS (
    SELECT *, done + count(*) FILTER (WHERE is_new) OVER (PARTITION BY chord ORDER BY at) AS number FROM wanted
    WHERE is_new OR record IS NULL
      OR (SELECT r.xmin = pg_current_xact_id()::xid FROM celeriac.result r WHERE r.id = record)
  ), judged AS (
    SELECT *, count(*) FILTER (WHERE number >= size OR ends = 1) OVER (PARTITION BY chord ORDER BY at) AS completing,
      number >= size OR ends = 1 AS completes
    FROM counted
  ), kept AS MATERIALIZED (
    SELECT * FROM judged WHERE completing = 0 OR (completing = 1 AND completes)
  ), parts AS (
    INSERT INTO celeriac.part (chord, task_id, place, state, format, result, bytes)
    SELECT DISTINCT ON (chord, task_id) chord, task_id,
      coalesce(place, ${PLACELESS} + number - is_new::integer), state, format, result, decode(bytes, 'base64')
    FROM kept ORDER BY chord, task_id, at DESC
    ON CONFLICT (chord, task_id) DO UPDATE SET place = excluded.place, state = excluded.state,
      format = excluded.format, result = excluded.result, bytes = excluded.bytes, deadline = NULL
  ), sums AS (
    SELECT chord, count(*) FILTER (WHERE is_new) AS added, bool_or(completes) AS completes,
      (array_agg(callback ORDER BY at DESC))[1] AS callback
    FROM kept GROUP BY chord
  ), changed AS (
    UPDATE celeriac.chord c SET done = c.done + s.added, since = CASE WHEN s.completes THEN $1::bigint END,
      deadline = CASE WHEN s.completes THEN NULL ELSE c.deadline END,
      callback = CASE WHEN s.completes OR c.deadline IS NOT NULL THEN s.callback ELSE c.callback END
    FROM sums s WHERE c.seq = s.chord RETURNING c.id, c.callback, s.completes
  )
  SELECT id, callback FROM changed WHERE completes`,
  1,
)

/** `$1` group, `$2` the moment, `$3` the gate that it opens. Answers with a row where it was open. */
const CLOSE: Statement = {
  name: 'close_chord',
  text: `WITH dropped AS (
      DELETE FROM celeriac.chord WHERE id = $1 AND expires > $2::bigint AND size <= ${MAX_DROPPED_AT_ONCE} RETURNING seq
    ), parts AS (
      DELETE FROM celeriac.part p USING dropped d WHERE p.chord = d.seq
    ), retired AS (
      UPDATE celeriac.chord SET id = NULL, since = NULL, deadline = NULL, expires = 0
      WHERE id = $1 AND expires > $2::bigint AND size > ${MAX_DROPPED_AT_ONCE} RETURNING seq
    ), closed AS MATERIALIZED (SELECT seq FROM dropped UNION ALL SELECT seq FROM retired)
    SELECT seq, CASE WHEN $3::bigint IS NOT NULL THEN ${alsoOpening('ARRAY[$3::bigint]')} END FROM closed`,
}

/** A chord to be opened. */
export interface ChordOpening {
  readonly chord: OpenChord
  /** When its members are due, ms since the epoch. */
  readonly due: number
  /** It is opened only if this gate is open. */
  readonly gate?: number | undefined
}

/** A part to be added. */
export interface PartAddition {
  readonly part: ChordPart
  /** It is added only if this gate is open. */
  readonly gate?: number | undefined
  /** It replaces a part only if the transaction has written the record of this id; undefined: always. */
  readonly record?: string | undefined
}

/** What a member that is added needs beside itself. */
export interface AddingOptions {
  /** When its messages are due, ms since the epoch. */
  readonly due: number
  /** The gate that is opened if it is new. */
  readonly opens?: number | undefined
  /** Its messages are elsewhere: until when they must be sent; undefined: they are. */
  readonly sending?: { readonly until: number | undefined }
}

/**
 * The steps that write chords, for the transaction of a caller. `lock` comes first, with the groups of all of them: a
 * later step then sees what other transactions have written, and no two wait for each other.
 */
export class ChordSteps {
  readonly #keeping: ChordKeeping

  constructor(keeping: ChordKeeping) {
    this.#keeping = keeping
  }

  lock(groups: readonly string[]): Step {
    const rows = LOCK.rows()
    for (const group of new Set(groups)) rows.add(group)
    return LOCK.step(rows)
  }

  open(openings: readonly ChordOpening[]): Step[] {
    const [groups, rows] = [RETIRE.rows(), OPEN.rows()]
    for (const { chord, gate, due } of openings) {
      groups.add(gate, chord.group)
      rows.add(gate, chord.group, chord.size, chord.callback, this.#endAfter(due))
    }
    return [RETIRE.step(groups, this.now), OPEN.step(rows)]
  }

  /** Counts a member, unless it was counted before. Its answer is for `addingOf`. */
  adding({ group, taskId, callback }: AddedMember, { due, opens, sending }: AddingOptions): Step {
    const until = sending?.until === undefined ? null : Math.ceil(sending.until)
    const isElsewhere = sending !== undefined
    const values = [group, taskId, this.now, this.#endAfter(due), isElsewhere ? (callback ?? '') : '']
    return { statement: ADDING, values: [...values, isElsewhere, until, opens ?? null] }
  }

  /** Its answer is for `completedOf`. Throws EncodeError. */
  add(additions: readonly PartAddition[]): Step {
    const rows = ADD.rows()
    for (const { part, gate, record } of additions) {
      const { body, contentType } = serialize(part.result, this.#keeping.serializer, 'result')
      const [text, bytes] = typeof body === 'string' ? [body, null] : [null, body]
      const { group, taskId, index, state, callback, ends } = part
      rows.add(gate, group, taskId, index, state, contentType, text, bytes, callback, ends ? 1 : 0, record)
    }
    return ADD.step(rows, this.now)
  }

  /** `opens`: the gate that is opened if it was open. Its answer is for `closedOf`. */
  close(group: string, opens?: number): Step {
    return { statement: CLOSE, values: [group, this.now, opens ?? null] }
  }

  /** ms since the epoch */
  get now(): number {
    return Math.floor(this.#keeping.clock.now())
  }

  #endAfter(due: number): number {
    return Math.ceil(endOf(staleAfter(this.#keeping.expires), Math.max(this.now, due)))
  }
}

/** Of the answer of `adding`. */
export function addingOf(answer: readonly Row[]): Adding {
  return answer[0]?.[0] as Adding
}

/** The chords that are complete, of the answer of `add`: to be notified after the commit. */
export function completedOf(answer: readonly Row[]): CompleteChord[] {
  return answer.map(([group, callback]) => ({ group: group as string, callback: callback as string }))
}

/** Of the answer of `close`: false where it was not open. */
export function closedOf(answer: readonly Row[]): boolean {
  return answer.length > 0
}
