import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { openDatabase } from '../../src/stores/sqlite/database.ts'
import { NEWEST } from '../broker/sqlite/steps.ts'
import { written } from '../stores/written.ts'
import { project, run, runShared } from './harness.ts'

describe('migrate', () => {
  test('a file of version 1: prints what would be done, does it, and has nothing to do afterwards', async () => {
    const folder = project()
    const path = join(folder, 'store.db')
    writeFileSync(path, written('store.db'))
    const flags = ['migrate', '-b', `sqlite:${path}`]
    const step = /\n {2}2: the tables are named celeriac_\*/
    const planned = await runShared(folder, [...flags, '--print'])
    expect(planned).toMatchObject({ code: 0, stderr: '' })
    expect(planned.stdout).toMatch(
      `sqlite:${path}: schema version 1, would be migrated to ${NEWEST}; processes of version 2`,
    )
    expect(planned.stdout).toMatch(step)
    expect(tables(path)).toContain('message')
    const done = await run(folder, flags)
    expect(done).toMatchObject({ code: 0, stderr: '' })
    expect(done.stdout).toMatch(`sqlite:${path}: schema version 1, migrated to ${NEWEST}`)
    expect(done.stdout).toMatch(step)
    expect(tables(path)).toContain('celeriac_message')
    const again = await runShared(folder, flags)
    expect(again).toMatchObject({ code: 0, stdout: `sqlite:${path}: schema version ${NEWEST}, nothing to migrate\n` })
  })

  test('a store that is not there yet: printing makes none', async () => {
    const folder = project()
    const path = join(folder, 'new.db')
    const planned = await runShared(folder, ['migrate', '-b', `sqlite:${path}`, '--print'])
    expect(planned.stdout).toMatch(`sqlite:${path}: no data of celeriac, would be migrated to ${NEWEST}`)
    expect(existsSync(path)).toBe(false)
  })

  test('two stores have a line each; a store without a layout says so', async () => {
    const folder = project()
    const { code, stdout } = await runShared(folder, ['migrate', '-b', 'memory:', '--result-backend', 'sqlite:r.db'])
    expect(code).toBe(0)
    expect(stdout).toMatch(
      new RegExp(`^memory:: nothing to migrate: .*\\nsqlite:\\S+r\\.db: no data of celeriac, migrated to ${NEWEST}`),
    )
    expect(tables(join(folder, 'r.db'))).toContain('celeriac_meta')
    const rabbit = await runShared(folder, ['migrate', '--print', '-b', 'amqp://user:secret@localhost:1/'])
    expect(rabbit).toMatchObject({ code: 0, stderr: '' })
    expect(rabbit.stdout).toMatch(/^amqp:\S+: nothing to migrate: .*\nrpc:\S+: nothing to migrate: /)
    expect(rabbit.stdout).not.toMatch('secret')
  })

  test('a store of a later version that refuses this one is exit code 2', async () => {
    const folder = project()
    const path = join(folder, 'store.db')
    const flags = ['migrate', '-b', `sqlite:${path}`]
    openDatabase(path).close()
    const db = new DatabaseSync(path)
    db.exec('UPDATE celeriac_meta SET version = 9, min_compatible = 8')
    db.close()
    const refused = await runShared(folder, flags)
    expect(refused).toMatchObject({ code: 2, stdout: '' })
    expect(refused.stderr).toMatch(
      new RegExp(`schema version 9, for processes of version 8 or later; this celeriac has ${NEWEST}: upgrade`),
    )
  })
})

function tables(path: string): unknown[] {
  const db = new DatabaseSync(path, { readOnly: true })
  try {
    return db
      .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
      .all()
      .map(({ name }) => name)
  } finally {
    db.close()
  }
}
