import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AsyncResult } from '../../../src/calls/asyncResult.ts'
import { Celeriac as App } from '../../../src/celeriac.ts'
import { ConfigError } from '../../../src/std/errors.ts'
import { createLogger } from '../../../src/std/log.ts'
import { openDatabase, plannedMigration } from '../../../src/stores/sqlite/database.ts'
import { SQLITE_STEPS } from '../../../src/stores/sqlite/migrations.ts'
import { envelopeOf, metaOf, toQueue } from '../../../src/testing/factories.ts'
import { until } from '../../../src/testing/kit.ts'
import { sendLimited } from '../../../src/testing/limitFixture.ts'
import { Worker } from '../../../src/worker/worker.ts'
import { record } from '../../app/lab.ts'
import { openSqliteParts, type SqliteParts } from '../../stores/standalone.ts'
import { written } from '../../stores/written.ts'
import { Child } from './child.ts'
import { Folder } from './folder.ts'
import { CONTRACT, EXPAND, NEWEST } from './steps.ts'
import { layoutIn, makeForeign, rowsIn, versionIn, withDatabase } from './tables.ts'

const OPTIONS = { lease: 30_000, expires: 600_000, serializer: 'json', accept: ['json'] } as const

let folder: Folder
const children: Child[] = []
const opened: SqliteParts[] = []

beforeEach(() => {
  folder = new Folder()
})

afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.kill()))
  await Promise.all(opened.splice(0).map(({ close }) => close()))
  folder.remove()
})

function child(file: string, ...args: (string | number)[]): Child {
  const started = new Child(file, args)
  children.push(started)
  return started
}

function open(steps = SQLITE_STEPS, name?: string): SqliteParts {
  const parts = openSqliteParts(folder.url(name), OPTIONS, steps)
  opened.push(parts)
  return parts
}

const submit = ({ unitOfWork }: SqliteParts, id: string): Promise<boolean> =>
  unitOfWork.submit({ message: { envelope: envelopeOf(id), route: toQueue('q') }, meta: metaOf(id, 'PENDING') })

describe('a file of version 1', () => {
  beforeEach(() => writeFileSync(folder.file(), written('store.db')))

  it('keeps every row, and gets the tables of a new file', () => {
    const rows = rowsIn(folder.file())
    const { steps, ...plan } = plannedMigration(folder.file())
    expect(plan).toEqual({ from: 1, to: NEWEST, minCompatible: 2 })
    expect([steps.length, versionIn(folder.file())]).toEqual([SQLITE_STEPS.length, 1])
    openDatabase(folder.file()).close()
    expect(versionIn(folder.file())).toBe(NEWEST)
    expect(rowsIn(folder.file())).toEqual(rows)
    openDatabase(folder.file('new.db')).close()
    expect(layoutIn(folder.file())).toEqual(layoutIn(folder.file('new.db')))
  })

  it('that never had a schedule, an event log and notes gets their tables', () => {
    withDatabase(folder.file(), (db) =>
      db.exec(`DROP TABLE schedule; DROP TABLE schedule_run; DROP TABLE schedule_change; DROP TABLE event;
        DROP TRIGGER result_forgotten; DROP TRIGGER result_dropped; DROP TABLE origin; DROP TABLE note`),
    )
    openDatabase(folder.file()).close()
    openDatabase(folder.file('new.db')).close()
    expect(layoutIn(folder.file())).toEqual(layoutIn(folder.file('new.db')))
  })

  it("keeps tables and views of the user's own", () => {
    withDatabase(folder.file(), (db) =>
      db.exec(`CREATE TABLE mine (text TEXT); INSERT INTO mine VALUES ('a');
        CREATE VIEW waiting AS SELECT task_id FROM message`),
    )
    openDatabase(folder.file()).close()
    withDatabase(folder.file(), (db) => {
      expect(db.prepare('SELECT text FROM mine').all()).toEqual([{ text: 'a' }])
      expect(db.prepare('SELECT count(*) AS n FROM waiting').get()?.n).toBeGreaterThan(0)
    })
  })

  it('is one version or the other where a process dies in the middle; the next one migrates it', async () => {
    const rows = rowsIn(folder.file())
    copyFileSync(folder.file(), folder.file('whole.db'))
    const whole = child('migrate.ts', folder.file('whole.db'), 0)
    await whole.says('loaded')
    whole.tell({})
    const calls = (await whole.says('calls')) as number
    expect(calls).toBeGreaterThan(20)
    const points = Array.from({ length: 10 }, (_, index) => Math.round(1 + (index * (calls - 1)) / 9))
    for (const point of points) {
      const killed = child('migrate.ts', folder.file(), point)
      await killed.says('loaded')
      killed.tell({})
      expect((await killed.ended)[1]).toBe('SIGKILL')
      // The last call comes after the commit.
      expect(versionIn(folder.file())).toBe(point === calls ? NEWEST : 1)
      expect(rowsIn(folder.file())).toEqual(rows)
    }
    openDatabase(folder.file()).close()
    expect(versionIn(folder.file())).toBe(NEWEST)
    expect(rowsIn(folder.file())).toEqual(rows)
  })

  it('keeps a process of version 1 that is just opening it from making tables', () => {
    openDatabase(folder.file()).close()
    const layout = layoutIn(folder.file())
    // How version 1 begins what it does after it has looked at the version, and when it first uses a schedule.
    const event =
      'CREATE TABLE IF NOT EXISTS event (job INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (job, seq))'
    const forgotten = 'AFTER DELETE ON result BEGIN DELETE FROM event WHERE job = old.seq; END'
    const schedule = 'CREATE TABLE IF NOT EXISTS schedule (app TEXT NOT NULL, due INTEGER, PRIMARY KEY (app))'
    withDatabase(folder.file(), (db) => {
      const opening = `${event}; CREATE TRIGGER IF NOT EXISTS result_forgotten ${forgotten}`
      expect(() => db.exec(opening)).toThrow(/no such table/)
      const using = `${schedule}; CREATE INDEX IF NOT EXISTS schedule_due ON schedule (app, due)`
      expect(() => db.exec(using)).toThrow(/views may not be indexed/)
    })
    expect(layoutIn(folder.file())).toEqual(layout)
  })

  it('that several processes open at once is migrated once', async () => {
    const rows = rowsIn(folder.file())
    for (let index = 0; index < 4; index++) child('migrate.ts', folder.file(), 0)
    await Promise.all(children.map((one) => one.says('loaded')))
    for (const one of children) one.tell({})
    await Promise.all(children.map((one) => one.says('calls')))
    expect(await Promise.all(children.map((one) => one.end()))).toEqual([0, 0, 0, 0])
    expect(versionIn(folder.file())).toBe(NEWEST)
    expect(rowsIn(folder.file())).toEqual(rows)
  })
})

describe('a database of another program', () => {
  it('gets the tables of celeriac, keeps its own tables and its marks, and serves both at once', async () => {
    makeForeign(folder.file())
    const user = new DatabaseSync(folder.file(), { timeout: 20_000 })
    const app = new App({ broker: folder.url(), logger: createLogger('silent') })
    const task = app.task('add', (a: number, b: number) => a + b)
    const worker = new Worker(app)
    try {
      await worker.start()
      const insert = user.prepare('INSERT INTO message (text) VALUES (?)')
      const sent: AsyncResult<number>[] = []
      for (let index = 0; index < 50; index++) {
        sent.push(await task.delay(index, 1))
        user.exec('BEGIN IMMEDIATE')
        insert.run(`text ${index}`)
        user.exec('COMMIT')
      }
      expect(await Promise.all(sent.map((one) => one.get()))).toEqual(sent.map((_, index) => index + 1))
      expect(user.prepare('SELECT count(*) AS n FROM message').get()).toEqual({ n: 51 })
      // DDL of the user too, while statements of celeriac are prepared.
      user.exec('ALTER TABLE message ADD COLUMN more TEXT; CREATE TABLE schedule (day TEXT)')
      expect(await task.delay(1, 1).get()).toBe(2)
      await app.schedules.list()
      expect(user.prepare('PRAGMA user_version').get()).toEqual({ user_version: 7 })
      expect(user.prepare('PRAGMA application_id').get()).toEqual({ application_id: 12 })
      expect(user.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' })
      // The mode cannot be changed while celeriac has the file open.
      expect(() => user.exec('PRAGMA busy_timeout = 0; PRAGMA journal_mode = DELETE')).toThrow(/locked/)
    } finally {
      await worker.stop()
      await app.close()
      user.close()
    }
    const names = Object.keys(layoutIn(folder.file())).filter((name) => !['message', 'schedule'].includes(name))
    expect(names.filter((name) => !name.startsWith('celeriac_'))).toEqual([])
  })

  it('is asked by printing alone, and stays as it is', () => {
    makeForeign(folder.file())
    const before = readFileSync(folder.file())
    expect(plannedMigration(folder.file())).toMatchObject({ from: 0, to: NEWEST })
    expect(readFileSync(folder.file()).equals(before)).toBe(true)
  })

  it('that rolls back to another journal mode is switched to WAL when it is opened', async () => {
    makeForeign(folder.file())
    await submit(open(), 'one')
    await opened.pop()?.close()
    withDatabase(folder.file(), (db) => db.exec('PRAGMA journal_mode = DELETE'))
    const { broker } = open()
    expect(await broker.size('q')).toBe(1)
    expect(broker.file.db.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' })
  })
})

describe('a later version', () => {
  it('that allows this one is used and not changed', async () => {
    await open(EXPAND).close()
    opened.length = 0
    const layout = layoutIn(folder.file())
    expect(await submit(open(), 'one')).toBe(true)
    expect([versionIn(folder.file()), layoutIn(folder.file())]).toEqual([NEWEST + 1, layout])
  })

  it('that does not is refused with both versions, and not changed', async () => {
    await open(CONTRACT).close()
    opened.length = 0
    const before = rowsIn(folder.file())
    expect(() => open()).toThrow(ConfigError)
    expect(() => open()).toThrow(
      `schema version ${NEWEST + 2}, for processes of version ${NEWEST + 1} or later; this celeriac has ${NEWEST}: upgrade`,
    )
    expect(() => plannedMigration(folder.file())).toThrow(ConfigError)
    expect(rowsIn(folder.file())).toEqual(before)
  })

  it('does not count by user_version: a tool of the user may set it', async () => {
    await submit(open(), 'one')
    withDatabase(folder.file(), (db) => db.exec('PRAGMA user_version = 1'))
    expect(await open().broker.size('q')).toBe(1)
    withDatabase(folder.file(), (db) => db.exec('PRAGMA user_version = 99'))
    expect(await open().broker.size('q')).toBe(1)
  })

  it('a file of ours without our tables is refused', () => {
    withDatabase(folder.file(), (db) => db.exec(`PRAGMA application_id = ${0x63656c65}; PRAGMA user_version = 5`))
    expect(() => open()).toThrow(/marked as a file of celeriac with the schema version 5/)
  })
})

describe('a process that goes on running while another one migrates', () => {
  it('of version 2 goes on where version 3 adds the tables of chords, until there is a chord', async () => {
    const old = open(SQLITE_STEPS.slice(0, 1))
    await submit(old, 'one')
    expect(versionIn(folder.file())).toBe(2)
    const { unitOfWork, backend } = open()
    expect([versionIn(folder.file()), await submit(old, 'two')]).toEqual([NEWEST, true])
    await unitOfWork.write({ opens: [{ group: 'g', size: 2 }] })
    expect(await backend.chords.progress('g')).toEqual({ done: 0, size: 2 })
    // Its workers fail the members of a chord, and add no part.
    const says = new RegExp(`schema version ${NEWEST}, for processes of version 3 or later; this celeriac has 2`)
    await expect(submit(old, 'three')).rejects.toThrow(says)
    expect(() => open(SQLITE_STEPS.slice(0, 1))).toThrow(says)
  })

  it('of version 3 goes on where version 4 adds the tables of limits, until there is a message with limits', async () => {
    const old = open(SQLITE_STEPS.slice(0, 2))
    await submit(old, 'one')
    const { broker } = open()
    await broker.limits.define([{ name: 'one', concurrency: 1 }])
    await broker.limits.pause({ rule: 'one', key: '' })
    expect([versionIn(folder.file()), await submit(old, 'two')]).toEqual([NEWEST, true])
    await sendLimited(broker, 'q', 'limited', ['one'])
    // It would move the message out of its lane where it changes its queue.
    const says = new RegExp(`schema version ${NEWEST}, for processes of version 4 or later; this celeriac has 3`)
    await expect(submit(old, 'three')).rejects.toThrow(says)
    expect(() => open(SQLITE_STEPS.slice(0, 2))).toThrow(says)
    expect(await broker.size('q')).toBe(3)
  })

  it('a step that expands does not let those in again that a chord has ended', async () => {
    const { unitOfWork } = open()
    await unitOfWork.write({ opens: [{ group: 'g', size: 2 }] })
    expect(plannedMigration(folder.file(), EXPAND)).toMatchObject({ from: NEWEST, to: NEWEST + 1, minCompatible: 3 })
    open(EXPAND)
    expect(() => open(SQLITE_STEPS.slice(0, 1))).toThrow(/for processes of version 3 or later; this celeriac has 2/)
  })

  it('goes on where the step expands, and writes nothing more where it contracts', async () => {
    const old = open()
    await submit(old, 'one')
    open(EXPAND)
    expect(await submit(old, 'two')).toBe(true)
    expect(await old.broker.size('q')).toBe(2)
    open(CONTRACT)
    const before = rowsIn(folder.file())
    const versions = `schema version ${NEWEST + 2}, for processes of version ${NEWEST + 1} or later`
    const says = new RegExp(`migrated while it was open, and has ${versions}`)
    await expect(submit(old, 'three')).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringMatching(says),
    })
    await expect(submit(old, 'four')).rejects.toThrow(says)
    // From then on it reads nothing either: it would not understand it.
    await expect(old.broker.size('q')).rejects.toThrow(says)
    expect(rowsIn(folder.file())).toEqual(before)
    await old.close()
    opened.shift()
    expect(rowsIn(folder.file())).toEqual(before)
  })

  it('a worker that is refused says why and stops', async () => {
    const app = new App({ broker: folder.url(), logger: createLogger('silent'), lease: '1s' })
    const events = record(app)
    const task = app.task('task', () => 1)
    const worker = new Worker(app)
    try {
      await worker.start()
      await task.delay().get()
      open(CONTRACT)
      await until('it stops', () => events.some(({ name }) => name === 'worker:shutdown'))
      expect(events.find(({ name }) => name === 'worker:shutdown')?.event).toMatchObject({ reason: 'store lost' })
      expect(worker.problem?.message).toContain(`schema version ${NEWEST + 2}`)
    } finally {
      await worker.stop()
      await app.close()
    }
  })

  it('old beside new under load: a step that expands stops no process, loses nothing and repeats nothing', async () => {
    const old = [child('hammer.ts', folder.url(), 'old1', 0), child('hammer.ts', folder.url(), 'old2', 0)]
    await Promise.all(old.map((one) => one.says('loaded')))
    for (const one of old) one.tell({})
    const probe = open()
    const submitted = probe.file.db.prepare('SELECT count(*) AS n FROM celeriac_result WHERE id LIKE ?')
    const count = (name: string): number => submitted.get(`${name}-%`)?.n as number
    const work = (names: readonly string[]): Promise<void> => {
      const before = names.map(count)
      const have = (): boolean => names.every((name, index) => count(name) >= (before[index] ?? 0) + 20)
      return until(`${names} submit`, have, 60_000)
    }
    await work(['old1', 'old2'])
    const fresh = child('hammer.ts', folder.url(), 'new', 0, 'expand')
    await fresh.says('loaded')
    fresh.tell({})
    await work(['new'])
    expect(versionIn(folder.file())).toBe(NEWEST + 1)
    await work(['old1', 'old2', 'new'])
    const all = [...old, fresh]
    for (const one of all) one.tell({})
    const sent = (await Promise.all(all.map((one) => one.says('sent')))) as number[]
    const total = sent.reduce((sum, one) => sum + one, 0)
    const finished = probe.file.db.prepare(`SELECT count(*) AS n FROM celeriac_result WHERE state = 'SUCCESS'`)
    await until('all are done', () => finished.get()?.n === total, 60_000)
    for (const one of all) one.tell({})
    const done = (await Promise.all(all.map((one) => one.says('done')))) as string[][]
    expect(await Promise.all(all.map((one) => one.end()))).toEqual([0, 0, 0])
    expect([done.flat().length, new Set(done.flat()).size]).toEqual([total, total])
  })
})
