import type { BackendOptions } from '../../../backend/backend.ts'
import { endOf, lifetimeOf } from '../../../backend/retention.ts'
import { encodePlain } from '../../../protocol/encoding.ts'
import { packRecord } from '../../../protocol/packedRecord.ts'
import type { TaskMeta } from '../../../protocol/result.ts'
import { write } from '../../../protocol/serializer.ts'
import { isFinal } from '../../../protocol/states.ts'
import { type Clock, systemClock } from '../../../std/clock.ts'
import type { Row, Step } from '../connection/pipeline.ts'
import { type Rows, RowsStatement } from '../connection/rows.ts'
import { GATED } from '../gate.ts'

/** A record to be written. */
export interface RecordWrite {
  readonly meta: TaskMeta
  /** It may replace a final state, but not SUCCESS (Celery's rule). */
  readonly settling?: boolean
  /** It is written only if this gate is open (see gate.ts). */
  readonly gate?: number | undefined
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
 * A record that is there is changed, one that is not is added; one that is PENDING is only added. Answers with the id,
 * the number and the version of each that was written.
 */
const SAVE = new RowsStatement(
  'save',
  COLUMNS,
  `, wanted AS MATERIALIZED (SELECT * FROM given WHERE ${GATED}),
  changed AS (
    UPDATE celeriac.result r SET task = coalesce(w.task, r.task), state = w.state, final = w.final = 1,
      version = r.version + 1, format = w.format, meta = w.meta, bytes = decode(w.bytes, 'base64'),
      expires = CASE WHEN w.final = 1 THEN w.expires ELSE greatest(r.expires, w.expires) END
    FROM wanted w
    WHERE r.id = w.id AND w.state <> 'PENDING'
      AND (NOT r.final OR (w.settling = 1 AND w.final = 1 AND r.state <> 'SUCCESS'))
    RETURNING r.id, r.seq, r.version
  ), added AS (
    INSERT INTO celeriac.result (id, task, state, final, created, expires, format, meta, bytes)
    SELECT id, task, state, final = 1, created, expires, format, meta, decode(bytes, 'base64') FROM wanted w
    WHERE (SELECT 1 FROM celeriac.result r WHERE r.id = w.id) IS NULL
    ORDER BY at
    ON CONFLICT (id) DO NOTHING
    RETURNING id, seq, version
  )
  SELECT id, seq, version FROM changed UNION ALL SELECT id, seq, version FROM added`,
)

/** Writes records, many in one statement. */
export class Records {
  readonly #options: BackendOptions
  readonly #clock: Clock

  constructor(options: BackendOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
  }

  /**
   * The steps that write these, in their order, in the transaction of the caller. A statement writes one record of an
   * id, so a second one of the same id is another step. Throws EncodeError.
   */
  steps(writes: readonly RecordWrite[]): Step[] {
    const statements: { readonly ids: Set<string>; readonly rows: Rows }[] = []
    for (const one of writes) {
      const id = one.meta.task_id
      const last = statements.findLastIndex(({ ids }) => ids.has(id))
      statements[last + 1] ??= { ids: new Set(), rows: SAVE.rows() }
      const { ids, rows } = statements[last + 1] as (typeof statements)[number]
      ids.add(id)
      this.#add(rows, one)
    }
    return statements.map(({ rows }) => SAVE.step(rows))
  }

  #add(rows: Rows, { meta, settling, gate }: RecordWrite): void {
    const { name, status, date_submitted: submitted } = meta
    const { body, format, expires } = this.written(meta)
    const created = submitted === undefined ? this.#clock.now() : Date.parse(submitted)
    const [text, bytes] = typeof body === 'string' ? [body, null] : [null, body]
    const [final, settles] = [isFinal(status) ? 1 : 0, settling ? 1 : 0]
    rows.add(gate, meta.task_id, name, status, final, settles, created, expires, format, text, bytes)
  }

  /** A record as it is kept, and until when. Throws EncodeError. */
  written(meta: TaskMeta): { body: string | Uint8Array; format: string; expires: number } {
    const now = this.#clock.now()
    const expires = endOf(lifetimeOf(meta, this.#options.expires, now), now)
    // Only the result may contain values that need encoding: the other fields are plain.
    const result = encodePlain(meta.result, 'result', this.#options.serializer)
    const { body, contentType } = write(packRecord(meta, result), this.#options.serializer)
    return { body, format: contentType, expires }
  }
}

/** The ids of the records that the steps have written, of their answers. */
export function savedIds(answers: readonly (readonly Row[])[]): Set<string> {
  return new Set(answers.flatMap((rows) => rows.map(([id]) => id as string)))
}
