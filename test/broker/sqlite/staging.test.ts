import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Submission } from '../../../src/backend/unitOfWork.ts'
import { type Clock, systemClock } from '../../../src/std/clock.ts'
import { type OpenStores, openStores } from '../../../src/stores/open.ts'
import { envelopeOf, toQueue } from '../../../src/testing/factories.ts'
import { eventually, within } from '../../wait.ts'
import { withDatabase } from './tables.ts'

const MEMBERS = 1500
/** Longer than a sender may be silent, ms. */
const LATER = 600_000

/** A sender that dies at a statement. */
async function send(path: string, start: string, hit: number): Promise<void> {
  const execArgv = ['--conditions=source', '--disable-warning=ExperimentalWarning']
  const file = join(import.meta.dirname, 'stagingProcess.ts')
  const args = [`sqlite:${path}`, String(MEMBERS), start, String(hit)]
  const child = fork(file, args, { execArgv, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const [, signal] = await within(() => `the sender ends, at ${start}`, once(child, 'close'))
  expect(signal).toBe('SIGKILL')
}

function newPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-staging-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'store.db')
}

/** A process that sweeps, `later` ms after now. */
async function openAt(path: string, later: number): Promise<OpenStores> {
  const url = `sqlite:${path}`
  const clock: Clock = { ...systemClock, now: () => systemClock.now() + later }
  const stores = await openStores(
    { broker: url, backend: url },
    { lease: 30_000, visibilityTimeout: 3_600_000, expires: 60_000, serializer: 'json', accept: ['json'], clock },
  )
  onTestFinished(() => stores.close())
  return stores
}

function count(path: string, rows: string): number {
  return withDatabase(path, (db) => Number((db.prepare(`SELECT count(*) AS n FROM ${rows}`).get() as { n: number }).n))
}

test.each([
  ['INSERT INTO celeriac_batch', 1, 0],
  ['INSERT INTO celeriac_message', 1, 0],
  ['INSERT INTO celeriac_message', MEMBERS, 0],
  // In the transaction that sends.
  ['INSERT INTO celeriac_chord', 1, 0],
  // After it: in the first and in the last of those that move the messages into their queues.
  ['UPDATE celeriac_batch SET until', 1, MEMBERS],
  ['DELETE FROM celeriac_batch', 1, MEMBERS],
])(
  'a sender that is killed at %s, for the time %i, has sent %i members; a sweep does the rest',
  async (at, hit, sent) => {
    const path = newPath()
    await send(path, at, hit)
    const stores = await openAt(path, LATER)
    const { broker, backend } = stores
    const progress = await backend.chords?.progress('g')
    expect(progress).toEqual(sent === 0 ? undefined : { done: 0, size: sent })
    if (sent === 0) expect(await broker.size('q')).toBe(0)
    await backend.chords?.complete(0, 1)
    expect(await broker.size('q')).toBe(sent)
    const left = ['celeriac_message', 'celeriac_result', 'celeriac_batch'].map((table) => count(path, table))
    expect(left).toEqual([sent, sent, 0])
  },
)

test('a sender whose messages were dropped meanwhile is refused', async () => {
  const path = newPath()
  const stores = await openAt(path, 0)
  const sweeper = await openAt(path, LATER)
  const message = (at: number): Submission => ({ message: { envelope: envelopeOf(`t${at}`), route: toQueue('q') } })
  const sending = stores.unitOfWork.submitGroup?.(
    Array.from({ length: 20_000 }, (_, at) => message(at)),
    [],
  )
  const refused = expect(sending).rejects.toThrow(/messages that this process wrote were dropped/)
  await eventually(
    async () => count(path, 'celeriac_batch'),
    (batches) => batches === 1,
  )
  await sweeper.backend.chords?.complete(0, 1)
  await refused
  await sweeper.backend.chords?.complete(0, 1)
  expect(count(path, 'celeriac_message')).toBe(0)
  expect(count(path, 'celeriac_batch')).toBe(0)
})
