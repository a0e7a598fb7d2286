import { appendFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { Actor } from '../scene.ts'
import { historyOf } from './journals.ts'

const folder = mkdtempSync(join(tmpdir(), 'celeriac-journals-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What is read of one worker, `w1` with the process id 7. */
function read(journal: readonly string[], ledger: readonly string[]) {
  const path = join(folder, `${journal.length}-${ledger.length}`)
  appendFileSync(path, journal.map((line) => `${line}\n`).join(''))
  const worker = { pid: 7, endedAt: 0, settings: { name: 'w1', concurrency: 4, journal: path } } as unknown as Actor
  const { effects, holds } = historyOf({
    callers: [],
    unread: new Set(),
    workers: [worker],
    ledger: ledger.map((line) => line.split(' ')),
    last: [],
    losses: [],
    disturbances: [],
    ordered: [],
  })
  return { effects, holds }
}

test('two runs of one task at once in one process have an end each', () => {
  const ledger = ['a 7 10 begin', 'a 7 10 begin', 'a 7 20 end', 'a 7 30 end', 'a 7 40 begin']
  const process = 'w1'
  expect(read([], ledger).effects).toEqual([
    { id: 'a', process, begin: 10, end: 20 },
    { id: 'a', process, begin: 10, end: 30 },
    { id: 'a', process, begin: 40 },
  ])
})

test('each delivery over the wire is a hold, until the worker knows of an end', () => {
  const journal = ['w a 10', 'r a 11', 'w a 15', 's a 20', 'w a 25', 'r a 26', 'l a 30']
  expect(read(journal, []).holds).toEqual([
    { id: 'a', process: 'w1', from: 10, to: 20 },
    { id: 'a', process: 'w1', from: 15, to: 20 },
    { id: 'a', process: 'w1', from: 25, to: 30, late: true },
  ])
})

test('without a wire, what the worker received is held', () => {
  expect(read(['r a 11', 'b a 12'], ['x']).holds).toEqual([{ id: 'a', process: 'w1', from: 11, to: 12 }])
})
