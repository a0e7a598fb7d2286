import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Celeriac } from '../../../src/index.ts'
import { createLogger } from '../../../src/std/log.ts'
import { eventually, within } from '../../wait.ts'
import { withDatabase } from './tables.ts'

/*
 * The only worker of a chord is killed, and another one goes on: each member is counted once, the body is sent once,
 * and nothing is left of the chord.
 */

const MEMBERS = 1200

async function start(url: string, at: string, hit: number): Promise<ChildProcess> {
  const execArgv = ['--conditions=source', '--disable-warning=ExperimentalWarning']
  const file = join(import.meta.dirname, 'chordProcess.ts')
  const child = fork(file, [url, at, String(hit)], { execArgv, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  await within(() => 'a worker is ready', Promise.race([once(child, 'message'), once(child, 'close')]))
  return child
}

test.each([
  ['before the end of a member is stored', 'INSERT INTO celeriac_part', 20],
  ['between a part and the commit', 'UPDATE celeriac_chord SET done = done + 1 ', 20],
  ['in the last part', 'UPDATE celeriac_chord SET done = done + 1, since', 1],
  ['while the parts are read', 'SELECT place, octet_length(result)', 2],
  ['while the body is sent', 'UPDATE celeriac_chord SET id = NULL, since = NULL, expires = 0 WHERE seq', 1],
  ['while the members that replace a task are written', 'INSERT INTO celeriac_message', 600],
  ['in the transaction that sends them', 'INSERT INTO celeriac_chord', 1],
  ['while they are moved into their queue', 'UPDATE celeriac_batch SET until', 1],
])('a worker is killed %s', async (_, at, hit) => {
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-chord-kill-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'store.db')
  const url = `sqlite:${path}`
  const app = new Celeriac({ broker: url, lease: '1s', logger: createLogger('silent') })
  onTestFinished(() => app.close())
  const worker = await start(url, at, hit)
  const ended = once(worker, 'exit')
  const sent = await app.send('fan', [MEMBERS])
  const [, signal] = await within(() => `the worker dies at ${at}`, ended)
  expect(signal).toBe('SIGKILL')
  await start(url, '', 0)
  expect(await sent.get({ timeout: '110s' })).toBe((MEMBERS * (MEMBERS - 1)) / 2)
  const effects = withDatabase(`${path}-effects`, (db) =>
    db.prepare('SELECT task, count(DISTINCT id) AS tasks FROM effect GROUP BY task ORDER BY task').all(),
  )
  expect(effects).toEqual([
    { task: 'member', tasks: MEMBERS },
    { task: 'sum', tasks: 1 },
  ])
  const tables = ['celeriac_message', 'celeriac_chord', 'celeriac_part', 'celeriac_batch']
  const left = async (): Promise<number[]> =>
    withDatabase(path, (db) =>
      tables.map((table) => Number((db.prepare(`SELECT count(*) AS n FROM ${table}`).get() as { n: number }).n)),
    )
  await eventually(left, (rows) => rows.every((count) => count === 0))
})
