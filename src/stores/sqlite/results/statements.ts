import type { DatabaseSync, StatementSync } from 'node:sqlite'

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
