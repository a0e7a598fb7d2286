import type { StatementSync } from 'node:sqlite'
import type { Broker } from '../broker/broker.ts'
import { SqliteBroker } from '../broker/sqlite/broker.ts'
import { sqlitePath } from '../broker/sqlite/database.ts'
import { SqliteStore } from '../broker/sqlite/store.ts'
import { readMeta, type TaskMeta } from '../protocol/result.ts'
import { CONTENT_TYPES, deserialize, serialize } from '../protocol/serializer.ts'
import { isFinal, PENDING } from '../protocol/states.ts'
import { ArgumentError } from '../std/errors.ts'
import type { ListFilter, MetaPage, ResultBackend } from './backend.ts'
import { Hub, type Versioned, watchRecords } from './hub.ts'
import type { Joint } from './joint.ts'
import type { BackendOptions } from './open.ts'
import { SqliteJoint } from './sqliteJoint.ts'

interface Row {
  readonly seq: number
  readonly version: number
  readonly created: number
  readonly format: string
  readonly meta: string | Uint8Array
}

/** A record that never became final is dropped after this time, or after the result lifetime if that is longer, ms. */
const STALE = 7 * 86_400_000
/** How often expired records are dropped, ms, and how many in one transaction. */
const CLEAN_EVERY = 60_000
const CLEAN_BATCH = 500

const COLUMNS = 'seq, version, created, format, meta'

/** Records in a SQLite file; where the broker has the same file, in the same transactions. */
export class SqliteBackend implements ResultBackend {
  readonly url: string
  readonly file: SqliteStore
  readonly #options: BackendOptions
  readonly #accept: ReadonlySet<string>
  readonly #hub: Hub
  readonly #statements: Statements
  readonly #cleaning: NodeJS.Timeout
  #seen = 0
  #stopListening: () => void = () => undefined

  constructor(url: string, options: BackendOptions) {
    const path = sqlitePath(url)
    const { broker } = options
    this.url = url
    this.file = broker instanceof SqliteBroker && broker.store.path === path ? broker.store : new SqliteStore(path)
    this.file.hold()
    this.#options = options
    this.#accept = new Set([...options.accept, options.serializer].map((name) => CONTENT_TYPES[name]))
    this.#statements = new Statements(this.file)
    this.#hub = new Hub((used) => (used ? this.#listen() : this.#stopListening()))
    this.#cleaning = setInterval(() => this.#clean(), CLEAN_EVERY).unref()
  }

  store(meta: TaskMeta): Promise<boolean> {
    return this.file.writer.write(() => this.save(meta, false))
  }

  /** Inside a transaction: `settling` may replace a final state, only not SUCCESS (Celery's rule). */
  save(meta: TaskMeta, settling: boolean): boolean {
    const now = Date.now()
    const final = isFinal(meta.status)
    const expires = now + (final ? this.#options.expires : Math.max(this.#options.expires, STALE))
    const { body, contentType } = serialize(meta, this.#options.serializer, 'meta')
    const created = meta.date_submitted === undefined ? now : Date.parse(meta.date_submitted)
    const values = [
      meta.task_id,
      meta.name ?? null,
      meta.status,
      final ? 1 : 0,
      this.#nextVersion(),
      created,
      expires,
      contentType,
      body,
    ]
    const statement =
      meta.status === PENDING ? this.#statements.add : settling ? this.#statements.settle : this.#statements.put
    const saved = Number(statement.run(...values).changes) === 1
    if (saved) this.file.touch('results')
    return saved
  }

  async load(ids: readonly string[]): Promise<(TaskMeta | undefined)[]> {
    return this.#load(ids).map((record) => record?.meta)
  }

  watch(ids: readonly string[], signal: AbortSignal): AsyncIterable<TaskMeta> {
    return watchRecords(this.#hub, async (wanted) => this.#load(wanted), ids, signal)
  }

  async list({ state, task, limit, cursor }: ListFilter): Promise<MetaPage> {
    const before = cursor === undefined ? Number.MAX_SAFE_INTEGER : Number(cursor)
    if (!Number.isSafeInteger(before) || before < 1)
      throw new ArgumentError(`cursor: expected one that a page gave, got ${JSON.stringify(cursor)}`)
    if (!Number.isInteger(limit) || limit < 1 || limit > 1000)
      throw new ArgumentError(`limit: expected 1 to 1000, got ${limit}`)
    const rows = this.#statements.list.all({
      before,
      state: state ?? null,
      task: task ?? null,
      limit: limit + 1,
    }) as unknown as Row[]
    const page = rows.slice(0, limit)
    const metas = page.map((row) => this.#read(row).meta)
    return rows.length > limit ? { metas, cursor: String(page.at(-1)?.seq) } : { metas }
  }

  forget(ids: readonly string[]): Promise<void> {
    return this.file.writer.write(() => {
      for (const id of ids) this.#statements.forget.run(id)
    })
  }

  revoke(ids: readonly string[]): Promise<void> {
    const expires = Date.now() + Math.max(this.#options.expires, STALE)
    return this.file.writer.write(() => {
      for (const id of ids) this.#statements.revoke.run(id, expires)
    })
  }

  async revoked(): Promise<readonly string[]> {
    return (this.#statements.revoked.all(Date.now()) as unknown as { id: string }[]).map((row) => row.id)
  }

  joint(broker: Broker): Joint | undefined {
    if (!(broker instanceof SqliteBroker) || broker.store !== this.file) return undefined
    return new SqliteJoint(broker, (meta, settling) => this.save(meta, settling))
  }

  async close(): Promise<void> {
    clearInterval(this.#cleaning)
    this.#stopListening()
    await this.file.release()
  }

  #load(ids: readonly string[]): (Versioned | undefined)[] {
    return ids.map((id) => {
      const row = this.#statements.load.get(id) as Row | undefined
      return row && this.#read(row)
    })
  }

  #read({ format, meta, version, created }: Row): Versioned {
    const encoding = typeof meta === 'string' ? 'utf-8' : 'binary'
    const read = readMeta(deserialize(meta, format, encoding, this.#accept))
    return { meta: { ...read, date_submitted: new Date(created).toISOString() }, version }
  }

  #nextVersion(): number {
    return (this.#statements.count.get() as { version: number }).version
  }

  #listen(): void {
    this.#seen = (this.#statements.version.get() as { version: number }).version
    this.#stopListening = this.file.onChange('results', () => this.#announce())
  }

  #announce(): void {
    const rows = this.#statements.changed.all(this.#seen) as unknown as { id: string; version: number }[]
    for (const { id, version } of rows) {
      this.#seen = version
      if (!this.#hub.watches(id)) continue
      const [record] = this.#load([id])
      if (record) this.#hub.tell(record)
    }
  }

  #clean(): void {
    const now = Date.now()
    const done = this.file.writer.write(() => {
      this.#statements.cleanRevoked.run(now)
      return Number(this.#statements.clean.run(now, CLEAN_BATCH).changes)
    })
    // A store that cannot be written now is cleaned a minute later; whoever needs it meanwhile gets the error.
    done.then(
      (count) => count === CLEAN_BATCH && this.#clean(),
      () => undefined,
    )
  }
}

const PUT = `INSERT INTO result (id, task, state, final, version, created, expires, format, meta) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (id) DO`
const UPDATE = `UPDATE SET task = coalesce(excluded.task, task), state = excluded.state, final = excluded.final, version = excluded.version,
  expires = excluded.expires, format = excluded.format, meta = excluded.meta`

class Statements {
  readonly add: StatementSync
  readonly put: StatementSync
  readonly settle: StatementSync
  readonly load: StatementSync
  readonly list: StatementSync
  readonly forget: StatementSync
  readonly revoke: StatementSync
  readonly revoked: StatementSync
  readonly count: StatementSync
  readonly version: StatementSync
  readonly changed: StatementSync
  readonly clean: StatementSync
  readonly cleanRevoked: StatementSync

  constructor({ db }: SqliteStore) {
    this.add = db.prepare(`${PUT} NOTHING`)
    this.put = db.prepare(`${PUT} ${UPDATE} WHERE result.final = 0`)
    this.settle = db.prepare(
      `${PUT} ${UPDATE} WHERE result.final = 0 OR (excluded.final = 1 AND result.state <> 'SUCCESS')`,
    )
    this.load = db.prepare(`SELECT ${COLUMNS} FROM result WHERE id = ?`)
    this.list =
      db.prepare(`SELECT ${COLUMNS} FROM result WHERE seq < :before AND (:state IS NULL OR state = :state) AND (:task IS NULL OR task = :task)
      ORDER BY seq DESC LIMIT :limit`)
    this.forget = db.prepare('DELETE FROM result WHERE id = ?')
    this.revoke = db.prepare(
      'INSERT INTO revoked (id, expires) VALUES (?, ?) ON CONFLICT DO UPDATE SET expires = excluded.expires',
    )
    this.revoked = db.prepare('SELECT id FROM revoked WHERE expires > ?')
    this.count = db.prepare('UPDATE counter SET version = version + 1 RETURNING version')
    this.version = db.prepare('SELECT version FROM counter')
    this.changed = db.prepare('SELECT id, version FROM result WHERE version > ? ORDER BY version')
    this.clean = db.prepare('DELETE FROM result WHERE seq IN (SELECT seq FROM result WHERE expires < ? LIMIT ?)')
    this.cleanRevoked = db.prepare('DELETE FROM revoked WHERE expires < ?')
  }
}
