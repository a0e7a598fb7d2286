import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { BackendOptions } from '../../../backend/backend.ts'
import { isOnTheWay } from '../../../backend/eventLog.ts'
import { endOf, lifetimeOf } from '../../../backend/retention.ts'
import type { Submission, SubmissionMetadata } from '../../../backend/unitOfWork.ts'
import { encodePlain } from '../../../protocol/encoding.ts'
import { packRecord } from '../../../protocol/packedRecord.ts'
import type { TaskMeta } from '../../../protocol/result.ts'
import { write } from '../../../protocol/serializer.ts'
import { isFinal, PENDING } from '../../../protocol/states.ts'
import type { Clock } from '../../../std/clock.ts'
import type { Messages } from '../broker/messages.ts'
import type { Connection } from '../file.ts'
import type { SqliteEventLog } from './eventLog.ts'
import type { SqliteNotes } from './notes.ts'

// A record that is not final is kept at least as long as the record before: it may wait for other things as well.
const UPDATE = `UPDATE celeriac_result SET task = coalesce(?, task), state = ?, version = ?, format = ?, meta = ?,
  final = ?,
  expires = CASE WHEN ? = 1 THEN ? ELSE max(expires, ?) END
  WHERE id = ? AND`

/** How records are kept, and where their metadata and their event log are. */
export interface RecordParts {
  readonly options: BackendOptions
  readonly clock: Clock
  readonly notes: SqliteNotes
  readonly log: Pick<SqliteEventLog, 'add'>
}

/** Writes records. For use inside a transaction. */
export class SqliteRecords {
  readonly #connection: Connection
  readonly #parts: RecordParts
  readonly #add: StatementSync
  readonly #put: StatementSync
  readonly #settle: StatementSync

  constructor(connection: Connection, parts: RecordParts) {
    const { db } = connection
    this.#connection = connection
    this.#parts = parts
    this.#add =
      db.prepare(`INSERT INTO celeriac_result (id, task, state, final, version, created, expires, format, meta)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`)
    this.#put = db.prepare(`${UPDATE} final = 0`)
    this.#settle = db.prepare(`${UPDATE} (final = 0 OR (? = 1 AND state <> 'SUCCESS'))`)
  }

  /** `settling` may replace a final state, but not SUCCESS (Celery's rule). True when it was saved. */
  save(meta: TaskMeta, settling: boolean, metadata?: SubmissionMetadata): boolean {
    const final = isFinal(meta.status) ? 1 : 0
    const { body, contentType, expires } = this.written(meta)
    const task = meta.name ?? null
    const version = this.#connection.nextVersion()
    if (meta.status !== PENDING) {
      const row = [task, meta.status, version, contentType, body, final, final, expires, expires, meta.task_id]
      const { changes } = settling ? this.#settle.run(...row, final) : this.#put.run(...row)
      if (changes === 1) return this.#saved(meta)
    }
    const { clock, notes } = this.#parts
    const created = meta.date_submitted === undefined ? clock.now() : Date.parse(meta.date_submitted)
    const added = this.#add.run(meta.task_id, task, meta.status, final, version, created, expires, contentType, body)
    if (added.changes !== 1) return false
    if (metadata) notes.addMetadata(added.lastInsertRowid, metadata)
    return this.#saved(meta)
  }

  /** `DeadLetterStore.reopen`, of one record. */
  reopen(meta: TaskMeta): void {
    const { body, contentType, expires } = this.written(meta)
    const version = this.#connection.nextVersion()
    const row = [meta.name ?? null, meta.status, version, contentType, body, 0, 0, expires, expires, meta.task_id]
    // As if it were settled: over any state but SUCCESS.
    if (this.#settle.run(...row, 1).changes === 1) this.#saved(meta)
  }

  /** `UnitOfWork.submit`, for messages of the same connection. */
  submit({ message, meta, once, metadata, note }: Submission, messages: Messages): boolean {
    const { notes } = this.#parts
    if (note && notes.get(note.key) !== note.expected) return false
    const fresh = meta === undefined || this.save(meta, false, metadata)
    if (once && !fresh) return false
    if (note) notes.put(note)
    if (message) messages.publish(message.envelope, message.route, { notBefore: message.notBefore })
    return true
  }

  /** A record as it is kept, and until when. */
  written(meta: TaskMeta): { body: string | Uint8Array; contentType: string; expires: number } {
    const { clock, options } = this.#parts
    const now = clock.now()
    const expires = endOf(lifetimeOf(meta, options.expires, now), now)
    // Only the result may contain values that need encoding: the other fields are plain.
    const result = encodePlain(meta.result, 'result', options.serializer)
    const { body, contentType } = write(packRecord(meta, result), options.serializer)
    return { body, contentType, expires }
  }

  #saved({ task_id, status }: TaskMeta): true {
    if (isOnTheWay(status)) this.#parts.log.add(task_id)
    this.#connection.touch('results')
    return true
  }
}

const COLUMNS = 'seq, id, task, state, version, created, format, meta'
const LISTED = `AND (:state IS NULL OR state = :state) AND (:task IS NULL OR task = :task)
  AND (:tasks IS NULL OR task IN (SELECT value FROM json_each(:tasks))) AND (:since IS NULL OR created >= :since)`
// The table `celeriac_origin` (submission metadata) comes first: it has far fewer rows, and an index by owner.
const SELECT_ORIGIN = `SELECT celeriac_result.seq AS seq, id, task, state, version, created, format, meta
  FROM celeriac_origin CROSS JOIN celeriac_result USING (seq)`
const TAGGED = 'AND (:tag IS NULL OR EXISTS (SELECT 1 FROM json_each(celeriac_origin.tags) WHERE value = :tag))'

/** The statements on records, but those that write them. */
export class ResultStatements {
  readonly change: StatementSync
  readonly unsave: StatementSync
  readonly load: StatementSync
  readonly list: StatementSync
  readonly listTagged: StatementSync
  readonly listOwned: StatementSync
  readonly forget: StatementSync
  readonly revoke: StatementSync
  readonly revoked: StatementSync
  readonly changed: StatementSync
  readonly window: StatementSync
  readonly drop: StatementSync
  readonly dropRevoked: StatementSync

  constructor(db: DatabaseSync) {
    this.change = db.prepare(
      'UPDATE celeriac_result SET version = ?, format = ?, meta = ?, expires = max(expires, ?) WHERE id = ? AND final = 0',
    )
    this.unsave = db.prepare(`DELETE FROM celeriac_result WHERE id = ? AND state = 'PENDING'
      AND NOT EXISTS (SELECT 1 FROM celeriac_message WHERE task_id = ?)`)
    this.load = db.prepare(`SELECT ${COLUMNS} FROM celeriac_result WHERE id = ?`)
    this.list = db.prepare(
      `SELECT ${COLUMNS} FROM celeriac_result WHERE seq < :before ${LISTED} ORDER BY seq DESC LIMIT :limit`,
    )
    this.listTagged = db.prepare(`${SELECT_ORIGIN} WHERE celeriac_origin.seq < :before ${LISTED} ${TAGGED}
      ORDER BY celeriac_origin.seq DESC LIMIT :limit`)
    this.listOwned = db.prepare(`${SELECT_ORIGIN} WHERE celeriac_origin.owner = :owner AND celeriac_origin.seq < :before
      ${LISTED} ${TAGGED} ORDER BY celeriac_origin.seq DESC LIMIT :limit`)
    this.forget = db.prepare('DELETE FROM celeriac_result WHERE id = ?')
    this.revoke = db.prepare(`INSERT INTO celeriac_revoked (id, expires) VALUES (?, ?)
      ON CONFLICT DO UPDATE SET expires = excluded.expires`)
    this.revoked = db.prepare('SELECT id FROM celeriac_revoked WHERE expires > ? ORDER BY expires DESC LIMIT ?')
    this.changed = db.prepare('SELECT id, version FROM celeriac_result WHERE version > ? ORDER BY version')
    this.window = db.prepare('SELECT seq, created, expires FROM celeriac_result WHERE seq > ? ORDER BY seq LIMIT ?')
    this.drop = db.prepare('DELETE FROM celeriac_result WHERE seq = ?')
    this.dropRevoked = db.prepare(
      'DELETE FROM celeriac_revoked WHERE id IN (SELECT id FROM celeriac_revoked WHERE expires < ? LIMIT ?)',
    )
  }
}
