import type { BackendOptions } from '../../../backend/backend.ts'
import {
  DEFAULT_EVENT_LOG,
  isOnTheWay,
  LOG_TRIM_INTERVAL,
  MAX_LOG_BYTES,
  MIN_LOG_ENTRIES,
} from '../../../backend/eventLog.ts'
import { endOf, lifetimeOf } from '../../../backend/retention.ts'
import type { SubmissionMetadata } from '../../../backend/unitOfWork.ts'
import { encodePlain } from '../../../protocol/encoding.ts'
import { packRecord } from '../../../protocol/packedRecord.ts'
import type { TaskMeta } from '../../../protocol/result.ts'
import { write } from '../../../protocol/serializer.ts'
import { isFinal, PENDING } from '../../../protocol/states.ts'
import { type Clock, systemClock } from '../../../std/clock.ts'
import type { Row, Statement, Step } from '../connection/pipeline.ts'
import { type Rows, RowsStatement } from '../connection/rows.ts'
import { GATED, WRITTEN_HERE } from '../gate.ts'

/** A record to be written. */
export interface RecordWrite {
  readonly meta: TaskMeta
  /**
   * It may replace a final state, but not SUCCESS (Celery's rule); `reopen`: the same of one that is not final, where
   * there is a record.
   */
  readonly settling?: boolean | 'reopen' | undefined
  /** It is written only if this gate is open (see gate.ts). */
  readonly gate?: number | undefined
  /** Kept with the first record of an id. */
  readonly metadata?: SubmissionMetadata | undefined
}

/** The steps that write records, and what their answers say. */
export interface RecordSteps {
  readonly steps: readonly Step[]
  /** For each write, in order, whether it was saved. `answers` are those of the steps. */
  saved(answers: readonly (readonly Row[])[]): boolean[]
}

const COLUMNS = {
  gate: 'int',
  id: 'text',
  task: 'text',
  state: 'text',
  final: 'int',
  settling: 'int',
  created: 'int',
  expires: 'int',
  format: 'text',
  meta: 'text',
  bytes: 'bytes',
} as const

/*
 * A record that is there is changed, one that is not is added; one that is PENDING is only added. One that another
 * transaction adds meanwhile is changed, too. `also`: columns that change beside those of the record.
 */
function saving(also: { readonly set?: string; readonly names?: string; readonly values?: string }, returned: string) {
  const { set = '', names = '', values = '' } = also
  return `, wanted AS MATERIALIZED (SELECT * FROM given WHERE ${GATED}),
  changed AS (
    UPDATE celeriac.result r SET task = coalesce(w.task, r.task), state = w.state, final = w.final = 1,
      version = r.version + 1, format = w.format, meta = w.meta, bytes = decode(w.bytes, 'base64'),
      expires = CASE WHEN w.final = 1 THEN w.expires ELSE greatest(r.expires, w.expires) END${set}
    FROM wanted w
    WHERE r.id = w.id AND w.state <> 'PENDING'
      AND (NOT r.final OR (w.settling > 1 - w.final AND r.state <> 'SUCCESS'))
    RETURNING ${returned}
  ), added AS (
    INSERT INTO celeriac.result AS r (id, task, state, final, created, expires, format, meta, bytes${names})
    SELECT id, task, state, final = 1, created, expires, format, meta, decode(bytes, 'base64')${values} FROM wanted w
    WHERE (SELECT count(*) FROM changed) < (SELECT count(*) FROM wanted)
      AND (SELECT 1 FROM celeriac.result r WHERE r.id = w.id) IS NULL AND w.settling < 2
    ORDER BY at
    ON CONFLICT (id) DO UPDATE SET task = coalesce(excluded.task, r.task), state = excluded.state,
      final = excluded.final, version = r.version + 1, format = excluded.format, meta = excluded.meta,
      bytes = excluded.bytes,
      expires = CASE WHEN excluded.final THEN excluded.expires ELSE greatest(r.expires, excluded.expires) END${set}
    WHERE excluded.state <> 'PENDING' AND (NOT r.final OR (excluded.final AND r.state <> 'SUCCESS'
      AND (SELECT w.settling FROM wanted w WHERE w.id = excluded.id) = 1))
    RETURNING ${returned}
  )`
}

/** Answers with the id, the number and the version of each record that was written. */
const SAVE = new RowsStatement(
  'save',
  COLUMNS,
  `${saving({}, 'r.id, r.seq, r.version')}
  SELECT id, seq, version FROM changed UNION ALL SELECT id, seq, version FROM added`,
)

/** SQL: the number of the newest entry that a log drops; `last` is that of its newest, of `size` bytes. */
export function dropped(last: string, limit: string, size: string): string {
  return `${last} - least(${limit}, greatest(${MIN_LOG_ENTRIES}, ${MAX_LOG_BYTES} / greatest(1, ${size})))`
}

/** The same for intermediate states, which the log keeps. */
const SAVE_LOGGED = new RowsStatement(
  'save_logged',
  COLUMNS,
  `${saving(
    { set: ', logged = r.logged + 1, stated = r.logged + 1', names: ', logged, stated', values: ', 2, 2' },
    'r.id, r.seq, r.version, r.logged, r.format, r.meta, r.bytes',
  )}, saved AS MATERIALIZED (SELECT * FROM changed UNION ALL SELECT * FROM added),
  events AS (
    INSERT INTO celeriac.event (job, seq, version, format, meta, bytes)
    SELECT seq, logged, version, format, meta, bytes FROM saved
  ), trimmed AS (
    DELETE FROM celeriac.event e USING saved s
    WHERE s.logged % ${LOG_TRIM_INTERVAL} = 0 AND e.job = s.seq
      AND e.seq <= ${dropped('s.logged', '$1::integer', 'coalesce(octet_length(s.meta), octet_length(s.bytes))')}
  )
  SELECT id, seq, version FROM saved`,
  1,
)

/** Metadata of records that this transaction has added, with the step before. */
const KEEP_ORIGIN = new RowsStatement(
  'keep_origin',
  { gate: 'int', id: 'text', owner: 'text', tags: 'text', input: 'text', bytes: 'bytes' },
  `INSERT INTO celeriac.origin (seq, owner, tags, input, bytes)
  SELECT r.seq, g.owner, CASE WHEN g.tags IS NOT NULL THEN ARRAY(SELECT json_array_elements_text(g.tags::json)) END,
    g.input, decode(g.bytes, 'base64')
  FROM given g JOIN celeriac.result r ON r.id = g.id
  WHERE ${GATED} AND r.version = 1 AND ${WRITTEN_HERE}
  ON CONFLICT (seq) DO NOTHING`,
)

const ANNOUNCE: Statement = {
  name: 'announce',
  text: `SELECT pg_notify('celeriac.results', ids) FROM string_to_table($1, $2) AS ids
    WHERE EXISTS (SELECT FROM celeriac.listener WHERE topic = 'results' AND until > now())`,
}
/** The server takes less than 8000 bytes; so many notifications of one transaction at most. */
const MAX_PAYLOAD_BYTES = 7900
const MAX_PAYLOADS = 8
/** Between two of them: JSON has none. */
const SEPARATOR = '\x1f'
/** In JSON it is the same. */
const PLAIN_ID = /^[\w.-]+$/

/** What is written in one layer of steps: each id once. */
interface Layer {
  readonly ids: Set<string>
  readonly plain: RecordWrite[]
  readonly logged: RecordWrite[]
}

/** Writes records, many in one statement. */
export class Records {
  readonly #options: BackendOptions
  readonly #clock: Clock
  readonly #limit: number

  constructor(options: BackendOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#limit = options.eventLog ?? DEFAULT_EVENT_LOG
  }

  /** The steps of `plan`. Throws EncodeError. */
  steps(writes: readonly RecordWrite[]): Step[] {
    return [...this.plan(writes).steps]
  }

  /**
   * The steps that write these, in their order, in the transaction of the caller. A statement writes one record of an
   * id, so a second one of the same id is another step. Throws EncodeError.
   */
  plan(writes: readonly RecordWrite[]): RecordSteps {
    const layers: Layer[] = []
    const layerOf: number[] = []
    for (const one of writes) {
      const id = one.meta.task_id
      const at = layers.findLastIndex(({ ids }) => ids.has(id)) + 1
      layers[at] ??= { ids: new Set(), plain: [], logged: [] }
      const { ids, plain, logged } = layers[at] as Layer
      ids.add(id)
      layerOf.push(at)
      if (this.#limit > 0 && isOnTheWay(one.meta.status)) logged.push(one)
      else plain.push(one)
    }
    const steps = layers.map((layer) => this.#layerSteps(layer))
    const bounds = steps.map((_, at) => steps.slice(0, at).reduce((sum, { length }) => sum + length, 0))
    return {
      steps: steps.flat(),
      saved: (answers) => {
        const saved = steps.map(({ length }, at) =>
          savedIds(answers.slice(bounds[at], (bounds[at] as number) + length)),
        )
        return writes.map(({ meta }, at) => saved[layerOf[at] as number]?.has(meta.task_id) === true)
      },
    }
  }

  /** Notifies the processes that wait for records of these ids, if there are any. */
  announcement(ids: readonly string[]): Step {
    const payloads: string[] = []
    let some: string[] = []
    let bytes = 2
    let isTooLong = false
    for (const id of ids) {
      const isPlain = PLAIN_ID.test(id)
      const text = isPlain ? `"${id}"` : JSON.stringify(id)
      const size = (isPlain ? text.length : Buffer.byteLength(text)) + 1
      if (bytes + size > MAX_PAYLOAD_BYTES) {
        payloads.push(`[${some.join()}]`)
        some = []
        bytes = 2
      }
      some.push(text)
      bytes += size
      isTooLong ||= bytes > MAX_PAYLOAD_BYTES
    }
    payloads.push(`[${some.join()}]`)
    // Those who wait look at all of theirs.
    const all = isTooLong || payloads.length > MAX_PAYLOADS
    return { statement: ANNOUNCE, values: [all ? '[]' : payloads.join(SEPARATOR), SEPARATOR] }
  }

  /** A record as it is kept, and until when. Throws EncodeError. */
  written(meta: TaskMeta): { body: string | Uint8Array; format: string; expires: number } {
    const now = this.#clock.now()
    const expires = Math.ceil(endOf(lifetimeOf(meta, this.#options.expires, now), now))
    // Only the result may contain values that need encoding: the other fields are plain.
    const result = encodePlain(meta.result, 'result', this.#options.serializer)
    const { body, contentType } = write(packRecord(meta, result), this.#options.serializer)
    return { body, format: contentType, expires }
  }

  #layerSteps({ plain, logged }: Layer): Step[] {
    const steps: Step[] = []
    if (plain.length > 0) steps.push(SAVE.step(this.#rows(SAVE.rows(), plain)))
    if (logged.length > 0) steps.push(SAVE_LOGGED.step(this.#rows(SAVE_LOGGED.rows(), logged), this.#limit))
    const origins = originsOf([...plain, ...logged])
    if (origins) steps.push(KEEP_ORIGIN.step(origins))
    return steps
  }

  #rows(rows: Rows, writes: readonly RecordWrite[]): Rows {
    for (const one of inOrder(writes)) this.#add(rows, one)
    return rows
  }

  #add(rows: Rows, { meta, settling, gate }: RecordWrite): void {
    const { name, status, date_submitted: submitted } = meta
    const { body, format, expires } = this.written(meta)
    const created = submitted === undefined ? this.#clock.now() : Date.parse(submitted)
    const [text, bytes] = typeof body === 'string' ? [body, null] : [null, body]
    const [final, settles] = [isFinal(status) ? 1 : 0, settling === 'reopen' ? 2 : settling ? 1 : 0]
    rows.add(gate, meta.task_id, name, status, final, settles, created, expires, format, text, bytes)
  }
}

/** New ones as they were submitted; then the others by id: transactions that change the same lock them in one order. */
function inOrder(writes: readonly RecordWrite[]): readonly RecordWrite[] {
  if (writes.every(({ meta }) => meta.status === PENDING)) return writes
  return writes.toSorted(({ meta: one }, { meta: other }) => {
    if (one.status === PENDING || other.status === PENDING)
      return one.status === other.status ? 0 : one.status === PENDING ? -1 : 1
    return one.task_id < other.task_id ? -1 : 1
  })
}

/** Empty metadata is not kept: this store lists all jobs. */
function originsOf(writes: readonly RecordWrite[]): Rows | undefined {
  let rows: Rows | undefined
  for (const { meta, gate, metadata } of writes) {
    if (metadata === undefined) continue
    const { owner, tags, input } = metadata
    if (owner === undefined && !tags?.length && input === undefined) continue
    rows ??= KEEP_ORIGIN.rows()
    const [text, bytes] = typeof input === 'object' ? [undefined, input] : [input, undefined]
    rows.add(gate, meta.task_id, owner, tags && JSON.stringify(tags.map((tag) => tag.toWellFormed())), text, bytes)
  }
  return rows
}

/** The ids of the records that the steps have written, of their answers. */
export function savedIds(answers: readonly (readonly Row[])[]): Set<string> {
  return new Set(answers.flatMap((rows) => rows.map(([id]) => id as string)))
}
