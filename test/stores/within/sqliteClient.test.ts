import { symlinkSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import pg from 'pg'
import { afterEach, beforeEach, expect, it, test } from 'vitest'
import { App } from '../../../src/app/app.ts'
import { createLogger } from '../../../src/std/log.ts'
import { Folder } from '../../broker/sqlite/folder.ts'
import { eventually } from '../../wait.ts'
import { useShop } from './shop.ts'
import { SqliteShop } from './sqliteShop.ts'

const shop = useShop(new SqliteShop())
beforeEach(() => shop.clear())

const ends: (() => unknown)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end()
})

function opened(path: string): DatabaseSync {
  const db = new DatabaseSync(path, { timeout: 10_000 })
  ends.push(() => db.isOpen && db.close())
  return db
}

function begun(path = shop.path): DatabaseSync {
  const db = opened(path)
  db.exec('BEGIN IMMEDIATE')
  return db
}

function folder(): Folder {
  const made = new Folder()
  ends.push(() => made.remove())
  return made
}

function appOf(url: string): App {
  const app = new App({ broker: url, logger: createLogger('silent') })
  ends.push(() => app.close())
  return app
}

const send = () => shop.app.send('pack', [1], { countdown: '1h' })
const jobs = (): Promise<number[]> => Promise.all(['celeriac_message', 'celeriac_result'].map((one) => shop.count(one)))

/** As better-sqlite3 has it. */
class Database {
  readonly inTransaction = true
  prepare(): void {
    // Never called.
  }
  pragma(): void {
    // Never called.
  }
}

/** As Drizzle has it. */
class BetterSQLiteTransaction {
  readonly session: object = { client: new Database() }
}
Object.defineProperty(BetterSQLiteTransaction, Symbol.for('drizzle:entityKind'), { value: 'BetterSQLiteTransaction' })

test.each([
  [undefined, 'got undefined'],
  [7, 'got 7'],
  [{}, 'got an object of another kind'],
  [() => undefined, 'got a function'],
  [new pg.Client(), 'got an object of another kind'],
  [new Database(), 'a second copy of SQLite in this process'],
  [new BetterSQLiteTransaction(), 'a second copy of SQLite in this process'],
])('what is no DatabaseSync is refused', async (client, got) => {
  const refused = shop.app.within(client as object, send)
  await expect(refused).rejects.toMatchObject({ code: 'INVALID_ARGUMENT', message: expect.stringContaining(got) })
  expect(await jobs()).toEqual([0, 0])
})

it('needs an open transaction', async () => {
  const db = opened(shop.path)
  await expect(shop.app.within(db, send)).rejects.toThrow('expected a DatabaseSync on which a transaction is open')
  db.close()
  await expect(shop.app.within(db, send)).rejects.toThrow('expected a DatabaseSync on which a transaction is open')
})

it.each(['COMMIT', 'ROLLBACK'])('must keep its transaction until the function ends: %s', async (end) => {
  const db = begun()
  const ended = shop.app.within(db, async () => {
    await send()
    db.exec(end)
    await send()
  })
  await expect(ended).rejects.toThrow('on which a transaction is open until the function ends')
  expect(await jobs()).toEqual(end === 'COMMIT' ? [1, 1] : [0, 0])
})

it('must be one of the same file', async () => {
  const other = folder()
  for (const path of [other.file(), ':memory:'])
    await expect(shop.app.within(begun(path), send)).rejects.toThrow(
      `expected a DatabaseSync of the file ${shop.path}, got one of ${path === ':memory:' ? 'a database in memory' : path}`,
    )
  await appOf(other.url('second.db')).connect()
  await expect(shop.app.within(begun(other.file('second.db')), send)).rejects.toThrow('of the file')
  const beside = opened(other.file('third.db'))
  beside.exec(`ATTACH '${shop.path}' AS shop; BEGIN IMMEDIATE`)
  await expect(shop.app.within(beside, send)).rejects.toThrow('of the file')
  expect(await jobs()).toEqual([0, 0])
})

it('may have another name of the file', async () => {
  const link = folder().file('link.db')
  symlinkSync(shop.path, link)
  const db = begun(link)
  await shop.app.within(db, send)
  db.exec('COMMIT')
  expect(await jobs()).toEqual([1, 1])
})

it('must see the tables', async () => {
  const files = folder()
  const db = opened(files.file())
  db.exec('PRAGMA journal_mode = WAL; CREATE TABLE purchase (name); BEGIN; SELECT * FROM purchase')
  const app = appOf(files.url())
  await app.connect()
  const refused = /expected the tables of celeriac of version \d+ in .*, got (.*) in this transaction: begin it when/
  await expect(app.within(db, () => app.send('pack'))).rejects.toThrow(refused)
  await expect(app.within(db, () => app.send('pack'))).rejects.toThrow('got none in')
  db.exec('ROLLBACK; BEGIN IMMEDIATE')
  await app.within(db, () => app.send('pack'))
  db.exec('COMMIT')
  expect(await app.queueSize()).toBe(1)
  db.exec('BEGIN; UPDATE celeriac_meta SET version = 99, min_compatible = 99')
  await expect(app.within(db, () => app.send('pack'))).rejects.toThrow('got those of version 99')
  db.exec('ROLLBACK')
})

it('may be closed and opened again', async () => {
  const db = begun()
  await shop.app.within(db, send)
  db.exec('COMMIT')
  db.close()
  db.open()
  db.exec('BEGIN')
  await shop.app.within(db, send)
  db.exec('COMMIT')
  expect(await jobs()).toEqual([2, 2])
})

it('is not kept alive', async () => {
  let collected = 0
  const registry = new FinalizationRegistry(() => collected++)
  for (let number = 0; number < 20; number++) {
    const db = new DatabaseSync(shop.path, { timeout: 10_000 })
    registry.register(db, undefined)
    db.exec('BEGIN')
    await shop.app.within(db, send)
    db.exec('ROLLBACK')
    db.close()
  }
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  await eventually(
    async () => {
      collect()
      return collected
    },
    (count) => count >= 15,
  )
})
