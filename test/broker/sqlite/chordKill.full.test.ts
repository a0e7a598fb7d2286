import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, type TestContext, test } from 'vitest'
import { chord } from '../../../src/calls/workflow.ts'
import { Celeriac } from '../../../src/index.ts'
import { type Clock, systemClock } from '../../../src/std/clock.ts'
import { createLogger } from '../../../src/std/log.ts'
import { openStores } from '../../../src/stores/open.ts'
import { eventually, within } from '../../wait.ts'
import type { Kill } from './chordProcess.ts'
import { withDatabase } from './tables.ts'

/*
 * The only process of a chord is killed, and another one goes on: each member is counted once, the body is sent once,
 * and nothing is left of the chord. There is no moment between the body that is sent and the end of the chord: the two
 * are one transaction.
 */

interface Scene {
  readonly path: string
  readonly app: Celeriac
  /** Start a process, and wait until it is ready or dead. */
  start(kill: Kill, members?: number): Promise<ChildProcess>
}

/** Longer than a sender may be silent, ms. */
const LATER = 600_000

function open({ onTestFinished }: TestContext): Scene {
  const folder = mkdtempSync(join(tmpdir(), 'celeriac-chord-kill-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'store.db')
  const url = `sqlite:${path}`
  const app = new Celeriac({ broker: url, lease: '1s', logger: createLogger('silent') })
  onTestFinished(() => app.close())
  const start = async (kill: Kill, members?: number): Promise<ChildProcess> => {
    const execArgv = ['--conditions=source', '--disable-warning=ExperimentalWarning']
    const args = [url, JSON.stringify(kill), ...(members === undefined ? [] : [String(members)])]
    const child = fork(join(import.meta.dirname, 'chordProcess.ts'), args, {
      execArgv,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    await within(() => 'a process is ready', Promise.race([once(child, 'message'), once(child, 'exit')]))
    return child
  }
  return { path, app, start }
}

/** A worker that dies at this point, once `send` has sent something. */
async function killWorker(scene: Scene, kill: Kill, send: () => Promise<unknown>): Promise<void> {
  const worker = await scene.start(kill)
  const ended = once(worker, 'exit')
  await send()
  const [, signal] = await within(() => `the worker dies at ${JSON.stringify(kill)}`, ended)
  expect(signal).toBe('SIGKILL')
  expectCounted(scene)
}

/** What is counted of each chord is what is there of it. */
function expectCounted({ path }: Scene): void {
  const wrong = withDatabase(path, (db) =>
    db
      .prepare(
        `SELECT * FROM celeriac_chord WHERE id IS NOT NULL AND (done NOT BETWEEN 0 AND size
          OR done <> (SELECT count(*) FROM celeriac_part WHERE chord = celeriac_chord.seq AND state <> ''))`,
      )
      .all(),
  )
  expect(wrong).toEqual([])
}

/** What a sweep does with messages that a dead process staged, when their time has passed. */
async function sweepLater({ path }: Scene): Promise<void> {
  const url = `sqlite:${path}`
  const clock: Clock = { ...systemClock, now: () => systemClock.now() + LATER }
  const { backend, close } = await openStores(
    { broker: url, backend: url },
    { lease: 30_000, visibilityTimeout: 3_600_000, expires: 60_000, serializer: 'json', accept: ['json'], clock },
  )
  await backend.chords?.complete(0, 1)
  await close()
}

/** How many tasks of each name took effect, and how often: the body runs once more where its first worker died. */
async function expectLedger(scene: Scene, tasks: Record<string, number>, bodies = 1): Promise<void> {
  const effects = withDatabase(`${scene.path}-effects`, (db) =>
    db.prepare('SELECT task, count(DISTINCT id) AS tasks, count(*) AS runs FROM effect GROUP BY task').all(),
  ) as { task: string; tasks: number; runs: number }[]
  expect(Object.fromEntries(effects.map((one) => [one.task, one.tasks]))).toEqual(tasks)
  expect(effects.find(({ task }) => task === 'sum')?.runs).toBeLessThanOrEqual(bodies)
  const tables = ['celeriac_message', 'celeriac_chord', 'celeriac_part', 'celeriac_batch']
  const rows = async (): Promise<Record<string, unknown>> =>
    withDatabase(scene.path, (db) =>
      Object.fromEntries(tables.map((table) => [table, db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n])),
    )
  await eventually(rows, (left) => Object.values(left).every((count) => count === 0))
}

const sumTo = (count: number): number => (count * (count - 1)) / 2

describe('a large chord that replaces a task', () => {
  const MEMBERS = 1200
  test.concurrent.for<[string, Kill]>([
    ['before the end of a member is stored', { statement: 'INSERT INTO celeriac_part', hit: 20 }],
    ['between a part and the commit', { statement: 'UPDATE celeriac_chord SET done = done + 1 ', hit: 20 }],
    ['when the end of a member is stored', { signal: 'task:success', hit: 20 }],
    ['in the last part', { statement: 'UPDATE celeriac_chord SET done = done + ?, since' }],
    ['before the parts are read', { statement: 'SELECT place, octet_length(result)' }],
    ['while the parts are read', { statement: 'SELECT place, octet_length(result)', hit: 2 }],
    [
      'while the body is sent',
      { statement: 'UPDATE celeriac_chord SET id = NULL, since = NULL, expires = 0 WHERE seq' },
    ],
    ['when the body is sent, and the parts are not dropped yet', { signal: 'chord:success' }],
    ['while the members that replace a task are written', { statement: 'INSERT INTO celeriac_message', hit: 600 }],
    ['in the transaction that sends them', { statement: 'INSERT INTO celeriac_chord' }],
    ['while they are moved into their queue', { statement: 'UPDATE celeriac_batch SET until' }],
  ])('a worker is killed %s', async ([, kill], context) => {
    const scene = open(context)
    let sent: { get(options: { timeout: string }): Promise<unknown> } | undefined
    await killWorker(scene, kill, async () => {
      sent = await scene.app.send('fan', [MEMBERS])
    })
    await scene.start({})
    expect(await sent?.get({ timeout: '110s' })).toBe(sumTo(MEMBERS))
    await sweepLater(scene)
    // Its first run may have begun when its worker died.
    await expectLedger(scene, { member: MEMBERS, sum: 1 }, kill.signal === 'chord:success' ? 2 : 1)
  })
})

describe('a small chord', () => {
  const MEMBERS = 5
  const cases: [string, Kill][] = [1, 2, 3, 4, 5].flatMap((hit): [string, Kill][] => [
    [`before the end of member ${hit} is stored`, { statement: 'INSERT INTO celeriac_part', hit }],
    [`when the end of member ${hit} is stored`, { signal: 'task:success', hit }],
  ])
  test.concurrent.for<[string, Kill]>([
    ...cases,
    ['in the last part', { statement: 'UPDATE celeriac_chord SET done = done + ?, since' }],
    ['while the parts are read', { statement: 'SELECT place, octet_length(result)' }],
    ['while the body is sent', { statement: 'DELETE FROM celeriac_chord WHERE seq' }],
    ['when the body is sent', { signal: 'chord:success' }],
    ['when the body has ended', { signal: 'task:success', hit: MEMBERS + 1 }],
  ])('a worker is killed %s', async ([, kill], context) => {
    const scene = open(context)
    await killWorker(scene, kill, async () => {
      const members = Array.from({ length: MEMBERS }, (_, value) => scene.app.signature('member', [value]))
      await chord(members, scene.app.signature('sum').set({ taskId: 'body' })).delay()
    })
    await scene.start({})
    expect(await scene.app.result('body').get({ timeout: '110s' })).toBe(sumTo(MEMBERS))
    await expectLedger(scene, { member: MEMBERS, sum: 1 }, kill.signal === 'chord:success' ? 2 : 1)
  })
})

describe('a member that adds another one', () => {
  test.concurrent.for<[string, Kill]>([
    ['in the transaction that counts and sends it', { statement: 'UPDATE celeriac_chord SET size = size + 1' }],
    ['when it is counted in it, and not sent', { statement: 'INSERT INTO celeriac_message' }],
    ['when it is sent', { added: true }],
    ['before the end of the task is stored', { statement: 'INSERT INTO celeriac_part', hit: 2 }],
    ['when the ends are stored', { signal: 'task:success', hit: 2 }],
  ])('its worker is killed %s: one member more, whatever is repeated', async ([, kill], context) => {
    const scene = open(context)
    await killWorker(scene, kill, async () => {
      const members = [scene.app.signature('adding', [1]), scene.app.signature('adding', [2])]
      await chord(members, scene.app.signature('sum').set({ taskId: 'body' })).delay()
    })
    await scene.start({})
    expect(await scene.app.result('body').get({ timeout: '110s' })).toBe(2003)
    await expectLedger(scene, { adding: 2, member: 2, sum: 1 })
  })
})

describe('a sender is killed', () => {
  test.concurrent.for<[string, number, Kill, boolean]>([
    ['in the middle of 1,000 members', 1000, { statement: 'INSERT INTO celeriac_message', hit: 500 }, false],
    ['before the commit of 1,000 members', 1000, { statement: 'INSERT INTO celeriac_chord' }, false],
    ['in the middle of 1,500 members', 1500, { statement: 'INSERT INTO celeriac_message', hit: 1200 }, false],
    ['in the transaction that sends 1,500 members', 1500, { statement: 'INSERT INTO celeriac_chord' }, false],
    ['while 1,500 members are moved', 1500, { statement: 'UPDATE celeriac_batch SET until' }, true],
  ])('%s: all are sent, or none', async ([, count, kill, isSent], context) => {
    const scene = open(context)
    const sender = await scene.start(kill, count)
    expect(sender.signalCode).toBe('SIGKILL')
    await scene.start({})
    if (isSent) {
      expect(await scene.app.result('body').get({ timeout: '110s' })).toBe(sumTo(count))
      await expectLedger(scene, { member: count, sum: 1 })
      return
    }
    // What is sent after it is done: what came before it would have been begun.
    expect(await scene.app.send('fan', [3]).get({ timeout: '110s' })).toBe(3)
    const effects = withDatabase(`${scene.path}-effects`, (db) => db.prepare('SELECT count(*) AS n FROM effect').get())
    expect(effects?.n).toBe(4)
    expect(withDatabase(scene.path, (db) => db.prepare('SELECT count(*) AS n FROM celeriac_chord').get()?.n)).toBe(0)
  })
})
