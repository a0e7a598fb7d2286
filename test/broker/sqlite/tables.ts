import { DatabaseSync } from 'node:sqlite'

/** Use a file directly, by a connection of its own. */
export function withDatabase<Value>(path: string, use: (db: DatabaseSync) => Value): Value {
  const db = new DatabaseSync(path, { timeout: 10_000 })
  try {
    return use(db)
  } finally {
    db.close()
  }
}

/** A database of another program, with a table of its own that is named as one of version 1 was. */
export function makeForeign(path: string): void {
  withDatabase(path, (db) =>
    db.exec(`CREATE TABLE message (id INTEGER PRIMARY KEY, text TEXT); INSERT INTO message (text) VALUES ('theirs');
      PRAGMA user_version = 7; PRAGMA application_id = 12`),
  )
}

/** Tables of celeriac by their names without the prefix, in either version; the columns of each, as SQLite lists them. */
export function layoutIn(path: string): Record<string, unknown> {
  return withDatabase(path, (db) => {
    const list = db.prepare(`SELECT name, wr, strict FROM pragma_table_list WHERE schema = 'main'
      AND name NOT LIKE 'sqlite%' AND type = 'table'`)
    return Object.fromEntries(
      list.all().map(({ name, ...kind }) => {
        const columns = db.prepare('SELECT * FROM pragma_table_xinfo(?)').all(name as string)
        const indexes = db.prepare('SELECT name, "unique", partial FROM pragma_index_list(?)').all(name as string)
        const indexed = indexes.map(({ name: index, ...rest }) => {
          const keys = db
            .prepare('SELECT cid, name, "desc" FROM pragma_index_xinfo(?) WHERE key = 1')
            .all(index as string)
          return JSON.stringify({ ...rest, keys })
        })
        return [name, { kind, columns, indexes: indexed.sort() }]
      }),
    )
  })
}

const TABLES = [
  'consumer',
  'message',
  'binding',
  'result',
  'revoked',
  'event',
  'origin',
  'note',
  'schedule',
  'schedule_run',
  'schedule_change',
]

/** Every row of celeriac in the file, by table, in version 1 or 2. Only for small files. */
export function rowsIn(path: string): Record<string, unknown> {
  return withDatabase(path, (db) => {
    const names = new Set(
      db
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
        .all()
        .map(({ name }) => name),
    )
    const rows = TABLES.map((table) => {
      const name = [`celeriac_${table}`, table].find((one) => names.has(one))
      return [table, name === undefined ? [] : db.prepare(`SELECT * FROM ${name} ORDER BY 1, 2`).all()]
    })
    const counter = db.prepare(
      names.has('celeriac_meta') ? 'SELECT changes AS n FROM celeriac_meta' : 'SELECT version AS n FROM counter',
    )
    return { ...Object.fromEntries(rows), changes: counter.get()?.n }
  })
}

/** Version of the tables in the file: of a whole version 1 or a whole later one. Throws for anything between. */
export function versionIn(path: string): number {
  return withDatabase(path, (db) => {
    const check = db.prepare('PRAGMA integrity_check').get()
    if (check?.integrity_check !== 'ok') throw new Error(`damaged: ${JSON.stringify(check)}`)
    const names = new Set(
      db
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
        .all()
        .map(({ name }) => name),
    )
    const { user_version: mark } = db.prepare('PRAGMA user_version').get() as { user_version: number }
    const old = ['message', 'result', 'counter'].filter((name) => names.has(name)).length
    const current = ['message', 'result', 'meta'].filter((name) => names.has(`celeriac_${name}`)).length
    if (old === 3 && current === 0 && mark === 1) return 1
    if (old !== 0 || current !== 3 || mark !== 2) throw new Error(`between versions: ${[...names]}, ${mark}`)
    return (db.prepare('SELECT version FROM celeriac_meta').get() as { version: number }).version
  })
}
