import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ConfigError, StoreUnavailableError } from '../../../src/std/errors.ts'
import type { SqliteBroker } from '../../../src/stores/sqlite/broker/broker.ts'
import { APPLICATION_ID } from '../../../src/stores/sqlite/schema.ts'
import { sqlitePath } from '../../../src/stores/sqlite/url.ts'
import { envelopeOf, toQueue } from '../../../src/testing/factories.ts'
import { StandaloneSqliteBroker } from '../../stores/standalone.ts'
import { Folder } from './folder.ts'

describe('a sqlite: store', () => {
  let folder: Folder
  const brokers: SqliteBroker[] = []

  const open = (name?: string): SqliteBroker => {
    const broker = new StandaloneSqliteBroker(folder.url(name), { lease: 30_000 })
    brokers.push(broker)
    return broker
  }
  /** The error of opening, which must be of this class. */
  const refusal = (kind: new (message: string) => Error, name?: string): string => {
    try {
      open(name)
    } catch (error) {
      expect(error).toBeInstanceOf(kind)
      return (error as Error).message
    }
    throw new Error('expected an error')
  }
  /** With the rights of a user who owns nothing; root may do everything. */
  const asNobody = <Value>(work: () => Value): Value => {
    if (process.getuid?.() !== 0) return work()
    process.seteuid?.(65_534)
    try {
      return work()
    } finally {
      process.seteuid?.(0)
    }
  }

  beforeEach(() => {
    folder = new Folder()
  })

  afterEach(async () => {
    await Promise.all(brokers.splice(0).map((broker) => broker.close()))
    folder.remove()
  })

  it('makes its folder and file, and finds what was in it', async () => {
    const first = open('deep/er/store.db')
    await first.publish(envelopeOf('1'), toQueue('q'))
    await first.close()
    brokers.length = 0
    expect(await open('deep/er/store.db').size('q')).toBe(1)
    const raw = new DatabaseSync(folder.file('deep/er/store.db'))
    expect(raw.prepare('PRAGMA application_id').get()).toEqual({ application_id: APPLICATION_ID })
    expect(raw.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' })
    raw.close()
  })

  it('refuses a file that is no database, and leaves it as it is', () => {
    writeFileSync(folder.file(), 'notes, not tables\n'.repeat(100))
    expect(refusal(ConfigError)).toMatch(/store\.db is no database/)
    expect(readFileSync(folder.file(), 'utf8')).toMatch(/^notes/)
  })

  it('takes an empty file for a new store', async () => {
    writeFileSync(folder.file(), '')
    expect(await open().size('q')).toBe(0)
  })

  it('says so when the path is a folder, or leads through a file', () => {
    mkdirSync(folder.file())
    expect(refusal(StoreUnavailableError)).toMatch(/cannot open the store .*store\.db/)
    writeFileSync(folder.file('plain'), '')
    expect(refusal(StoreUnavailableError, 'plain/store.db')).toMatch(/cannot open the store .*plain/)
  })

  it.runIf(process.platform === 'linux')('says so when its folder cannot be made, as below /proc', () => {
    expect(() => new StandaloneSqliteBroker('sqlite:/proc/celeriac/folder/store.db', { lease: 30_000 })).toThrow(
      StoreUnavailableError,
    )
  })

  it('says so when the folder cannot be written to', () => {
    chmodSync(folder.path, 0o555)
    expect(asNobody(() => refusal(StoreUnavailableError))).toMatch(/cannot open the store .*store\.db/)
    chmodSync(folder.path, 0o755)
    expect(existsSync(folder.file())).toBe(false)
  })

  it('says so when the file cannot be written to', async () => {
    await open().close()
    brokers.length = 0
    chmodSync(folder.path, 0o777)
    chmodSync(folder.file(), 0o444)
    const broker = asNobody(() => open())
    expect(await broker.size('q')).toBe(0)
    const sent = broker.publish(envelopeOf('1'), toQueue('q'))
    await expect(sent).rejects.toThrow(/cannot be written: .*readonly/)
    await expect(sent).rejects.toBeInstanceOf(StoreUnavailableError)
    await expect(broker.consume([{ name: 'q' }], { prefetch: 1, name: 'x' })).rejects.toBeInstanceOf(
      StoreUnavailableError,
    )
  })

  /*
   * What happens to a file that is removed while it is in use is not defined by SQLite, and not by us. On Linux those who have it
   * open go on with what has no name any more, by themselves and lost when the last of them ends; newcomers get a new, empty store.
   */
  it.each(['sqlite:', 'sqlite://host/path', 'sqlite::memory:', 'sqlite:a.db?mode=ro', 'sqlite:100%.db'])(
    'refuses the URL %s',
    (url) => {
      expect(() => sqlitePath(url)).toThrow(ConfigError)
    },
  )

  it('reads a path with percent signs', () => {
    expect(sqlitePath('sqlite:///tmp/a%20b/%C3%BC.db')).toBe('/tmp/a b/ü.db')
  })
})
