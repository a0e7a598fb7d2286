import { statSync, writeFileSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'
import { expect, it, onTestFinished } from 'vitest'
import { plannedMigration } from '../../../src/stores/sqlite/database.ts'
import { written } from '../../stores/written.ts'
import { Child } from './child.ts'
import { Folder } from './folder.ts'
import { withDatabase } from './tables.ts'

const ROWS = 1_000_000
/** Calls of SQLite in the write transaction, to its commit, before which a process dies. */
const POINTS = Array.from({ length: 10 }, (_, index) => 3 + 2 * index)
const HEADERS =
  '{"lang":"py","task":"add","id":"%ID","shadow":null,"eta":null,"expires":null,"group":null,"group_index":null,' +
  '"retries":0,"timelimit":[null,null],"root_id":"%ID","parent_id":null,"argsrepr":"(1, 2)","kwargsrepr":"{}",' +
  '"origin":"gen1@host","ignore_result":false,"replaced_task_nesting":0,"stamped_headers":null,"stamps":{}}'
const PROPERTIES = '{"contentType":"application/json","contentEncoding":"utf-8","correlationId":"%ID","deliveryMode":2}'
const BODY = '[[1,2],{},{"callbacks":null,"errbacks":null,"chain":null,"chord":null}]'
const META =
  '{"status":"SUCCESS","date_submitted":"2026-11-21T10:00:00.000Z","task_id":"%ID","result":3,"traceback":null,' +
  '"date_done":"2026-11-21T10:00:01.000Z","children":[],"name":"add","queue":"celery","worker":"celeriac@host",' +
  '"retries":0,"parent_id":null,"group_id":null,"date_started":"2026-11-21T10:00:00.500Z"}'

/** A million messages that wait and a million results, as version 1 stores them. */
function fill(path: string): void {
  withDatabase(path, (db) => {
    const numbers = `WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ${ROWS})`
    const id = (first: string): string => `'0193a000-${first}-7000-8000-' || printf('%012d', n)`
    db.exec('PRAGMA synchronous = OFF; BEGIN')
    db.exec(`${numbers} INSERT INTO message (queue, priority, task_id, head, body)
      SELECT 'celery', 0, ${id('0001')}, replace('[${HEADERS},${PROPERTIES}]', '%ID', ${id('0001')}), '${BODY}'
      FROM number`)
    db.exec(`${numbers} INSERT INTO result (id, task, state, final, version, created, expires, format, meta)
      SELECT ${id('0002')}, 'add', 'SUCCESS', 1, n, 1795895813869, 9795895813869, 'application/json',
      replace('${META}', '%ID', ${id('0002')}) FROM number`)
    db.exec(`UPDATE counter SET version = ${ROWS}; COMMIT; PRAGMA wal_checkpoint(TRUNCATE)`)
  })
}

/** Counts and sums over every row. */
function sums(path: string, prefix: string): unknown {
  const sum = (db: DatabaseSync, sql: string): unknown => db.prepare(sql).get()
  return withDatabase(path, (db) => [
    sum(
      db,
      `SELECT count(*) AS rows, sum(seq) AS seqs, sum(length(head)) AS heads, sum(length(body)) AS bodies,
      count(DISTINCT task_id) AS ids, sum(owner IS NULL AND due IS NULL) AS waiting FROM ${prefix}message`,
    ),
    sum(
      db,
      `SELECT count(*) AS rows, sum(seq) AS seqs, sum(version) AS versions, sum(length(meta)) AS metas,
      count(DISTINCT id) AS ids, sum(expires % 1000) AS expires FROM ${prefix}result`,
    ),
  ])
}

const sizeOf = (path: string): number =>
  ['', '-wal', '-shm'].reduce((sum, end) => sum + (statSync(path + end, { throwIfNoEntry: false })?.size ?? 0), 0)

it(`a file with ${ROWS} waiting tasks and ${ROWS} results is migrated in place, killed at ten points before`, {
  timeout: 1_200_000,
}, async () => {
  const folder = new Folder()
  onTestFinished(() => folder.remove())
  const path = folder.file()
  writeFileSync(path, written('store.db'))
  fill(path)
  const [before, size] = [sums(path, ''), sizeOf(path)]
  let largest = size
  const attempt = async (killAt: number): Promise<Child> => {
    const child = new Child('migrate.ts', [path, killAt])
    await child.says('loaded')
    child.tell({})
    return child
  }
  for (const point of POINTS) {
    expect((await (await attempt(point)).ended)[1]).toBe('SIGKILL')
    largest = Math.max(largest, sizeOf(path))
    expect(plannedMigration(path).from).toBe(1)
  }
  expect(sums(path, '')).toEqual(before)
  const started = performance.now()
  const last = await attempt(0)
  const calls = await last.says('calls')
  const took = performance.now() - started
  largest = Math.max(largest, sizeOf(path))
  await last.end()
  // The last call comes after the commit.
  expect(calls).toBe((POINTS.at(-1) ?? 0) + 1)
  const facts = `${(size / 2 ** 20).toFixed(0)} MiB, at most ${(largest / 2 ** 20).toFixed(0)} MiB meanwhile`
  console.info(`migration of ${ROWS} waiting tasks and ${ROWS} results: ${took.toFixed(0)} ms, ${facts}`)
  expect(took).toBeLessThan(60_000)
  expect(largest).toBeLessThan(2 * size)
  expect(plannedMigration(path)).toMatchObject({ from: 2, steps: [] })
  expect(sums(path, 'celeriac_')).toEqual(before)
  withDatabase(path, (db) => expect(db.prepare('PRAGMA quick_check').get()).toEqual({ quick_check: 'ok' }))
})
