import type { RecordChange } from '../../../backend/recordChange.ts'
import { changedRecord } from '../../../protocol/record.ts'
import type { TaskMeta } from '../../../protocol/result.ts'
import { isFinal } from '../../../protocol/states.ts'
import type { Row, Statement, Step } from '../connection/pipeline.ts'
import type { Records } from './records.ts'
import { metaOf, STORED, storedOf } from './stored.ts'

const LOCK: Statement = {
  name: 'lock_record',
  text: `SELECT ${STORED} FROM celeriac.result r WHERE r.id = $1 FOR UPDATE`,
}
/** The log has the state of the record still: with the same version. `$6`: another input is kept, if there is one. */
const CHANGE: Statement = {
  name: 'change_record',
  text: `WITH changed AS (
      UPDATE celeriac.result SET version = version + 1, format = $2, meta = $3, bytes = $4::bytea,
        expires = greatest(expires, $5::bigint)
      WHERE id = $1 AND NOT final RETURNING seq, version, logged
    ), kept AS (
      UPDATE celeriac.event e SET version = c.version FROM changed c
      WHERE e.job = c.seq AND e.seq = c.logged AND e.version = c.version - 1
    ), inputs AS (
      UPDATE celeriac.origin o SET input = $7, bytes = $8::bytea FROM changed c
      WHERE $6::boolean AND o.seq = c.seq AND (o.input IS NOT NULL OR o.bytes IS NOT NULL)
    )
    SELECT seq FROM changed`,
}

/** The record of an id, locked until the end of the transaction: for `lockedRecord`. */
export function lockStep(id: string): Step {
  return { statement: LOCK, values: [id] }
}

/** The answer of `lockStep`. */
export function lockedRecord([row]: readonly Row[]): TaskMeta | undefined {
  return row && metaOf(storedOf(row))
}

/**
 * The step that changes a locked record: undefined where it cannot be changed, as there is none, it is final, or cannot
 * be read. Throws EncodeError.
 */
export function changeStep(records: Records, known: TaskMeta | undefined, change: RecordChange): Step | undefined {
  if (!known || known.problem || isFinal(known.status)) return undefined
  const { body, format, expires } = records.written(changedRecord(known, change))
  const { input } = change
  const [meta, bytes] = halves(body)
  const values = [known.task_id, format, meta, bytes, expires, input !== undefined, ...halves(input)]
  return { statement: CHANGE, values }
}

function halves(body: string | Uint8Array | undefined): [string | null, Uint8Array | null] {
  return typeof body === 'object' ? [null, body] : [body ?? null, null]
}
