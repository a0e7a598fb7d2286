import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { App } from '../../src/app/app.ts'
import { chord } from '../../src/calls/workflow.ts'
import type { CeleriacOptions } from '../../src/config/config.ts'
import { uuidOf } from '../../src/std/id.ts'
import { createLogger } from '../../src/std/log.ts'
import { emptyRabbit } from '../rabbitmq/shared.ts'
import { RedisServer } from '../redis/server.ts'
import { within } from '../wait.ts'
import type { ChordKill, ChordProcess } from './chordEdgesProcess.ts'

/*
 * The only worker of a task that a chord replaces, or that adds a member to its chord, dies at each call of its stores.
 * The task runs again on another one: the chord is the same, each member is counted once, and the body is sent once, on
 * separate stores at most twice.
 */

let folder: string
let redis: RedisServer
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'celeriac-edges-'))
  redis = await RedisServer.start()
})
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  await redis?.stop()
})

let files = 0
const file = (): string => join(folder, String(++files))

async function emptyRedis(): Promise<string> {
  await redis.cli('FLUSHALL')
  return redis.url()
}

const STORES: Record<string, () => Promise<CeleriacOptions>> = {
  SQLite: async () => ({ broker: `sqlite:${file()}`, lease: 1000 }),
  Redis: async () => ({ broker: await emptyRedis(), lease: 1000, visibilityTimeout: 4000 }),
  'RabbitMQ and Redis': async () => ({ broker: await emptyRabbit(), backend: await emptyRedis() }),
}

/** Start a worker, and wait until it is ready. `ended` resolves to its exit code and signal. */
async function start(settings: ChordProcess): Promise<{ readonly ended: Promise<unknown[]> }> {
  const child = fork(join(import.meta.dirname, 'chordEdgesProcess.ts'), {
    env: { ...process.env, CHORD: JSON.stringify(settings) },
    execArgv: ['--conditions=source', '--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  const ended = once(child, 'exit')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  await within(() => 'a worker is ready', Promise.race([once(child, 'message'), ended]))
  return { ended }
}

/** Runs of tasks by name: how many tasks, and how many runs. */
function runsIn(ledger: string): Record<string, { tasks: number; runs: number }> {
  const lines = existsSync(ledger) ? readFileSync(ledger, 'utf8').trim().split('\n') : []
  const byName = Object.groupBy(lines, (line) => line.split(' ')[0] as string)
  return Object.fromEntries(
    Object.entries(byName).map(([name, all = []]) => [name, { tasks: new Set(all).size, runs: all.length }]),
  )
}

/** The only worker dies at this call. Resolves when it is dead, to the id of what was sent. */
async function killWorker(
  kill: ChordKill,
  open: () => Promise<CeleriacOptions>,
  send: (app: App) => Promise<string>,
): Promise<{ settings: ChordProcess; app: App; id: string }> {
  const settings = { options: await open(), ledger: file() }
  const app = new App({ ...settings.options, logger: createLogger('silent') })
  onTestFinished(() => app.close())
  const worker = await start({ ...settings, kill })
  const id = await send(app)
  const [, signal] = await within(() => `the worker dies ${kill.when} ${kill.call}`, worker.ended)
  expect(signal).toBe('SIGKILL')
  return { settings, app, id }
}

/** A worker dies at this call, another one goes on. Resolves to the result of what was sent, and the runs of tasks. */
async function killAt(
  ...facts: Parameters<typeof killWorker>
): Promise<{ result: unknown; runs: ReturnType<typeof runsIn> }> {
  const { settings, app, id } = await killWorker(...facts)
  await start(settings)
  const result = await app.result(id).get({ timeout: '110s' })
  return { result, runs: runsIn(settings.ledger) }
}

async function sendFan(app: App): Promise<string> {
  return (await app.send('fan', [30])).id
}

async function sendAdding(app: App): Promise<string> {
  const members = [1, 2].map((value) => app.signature('adding', [value]))
  await chord(members, app.signature('sum').set({ taskId: 'body' })).delay()
  return 'body'
}

/** A chord whose members are a task that adds another one, and one that does not. */
function sendAdder(onError: 'fail' | 'ignore'): (app: App) => Promise<string> {
  return async (app) => {
    const members = [app.signature('adding', [1]).set({ taskId: 'adder' }), app.signature('member', [5])]
    await chord(members, app.signature('sum').set({ taskId: 'body' }), { onError }).delay()
    return 'body'
  }
}

const REPLACE: [string, ChordKill][] = [
  ['before anything is written', { call: 'settle', when: 'before' }],
  ['when all is written', { call: 'settle', when: 'after' }],
]
const REPLACE_IN_ORDER: [string, ChordKill][] = [
  ['when the chord is open, and no member is sent', { call: 'open', when: 'after' }],
  ['when half of the members are sent', { call: 'publish', when: 'after', hit: 15 }],
  ['before the acknowledgement', { call: 'write', when: 'after' }],
]
const ADD: [string, ChordKill][] = [
  ['before the member is counted and sent', { call: 'submitGroup', when: 'before' }],
  ['when it is counted and sent', { call: 'submitGroup', when: 'after' }],
  ['when the second one is counted and sent', { call: 'submitGroup', when: 'after', hit: 2 }],
  ['before the end of the task is stored', { call: 'settle', when: 'before' }],
  ['when the end of the task is stored', { call: 'settle', when: 'after' }],
  ['when the last end is stored', { call: 'settle', when: 'after', hit: 4 }],
]
const ADD_IN_ORDER: [string, ChordKill][] = [
  ['when the member is counted, and not sent', { call: 'adding', when: 'after' }],
  ['when it is sent, and its chord does not know that', { call: 'submit', when: 'after' }],
  ['when its part is stored, before the acknowledgement', { call: 'end', when: 'after' }],
  ['when the last part is stored, before the acknowledgement', { call: 'end', when: 'after', hit: 4 }],
]

describe.each(Object.entries(STORES))('on %s', (name, open) => {
  const isOneStore = name !== 'RabbitMQ and Redis'
  const bodies = isOneStore ? 1 : 2

  test.each([...REPLACE, ...(isOneStore ? [] : REPLACE_IN_ORDER)])(
    'a chord replaces a task whose worker dies %s',
    async (_, kill) => {
      const { result, runs } = await killAt(kill, open, sendFan)
      expect(result).toBe(435)
      expect([runs.member?.tasks, runs.sum?.tasks]).toEqual([30, 1])
      expect(runs.sum?.runs).toBeLessThanOrEqual(bodies)
    },
  )

  test.each([...ADD, ...(isOneStore ? [] : ADD_IN_ORDER)])(
    'a member adds another one, and its worker dies %s',
    async (_, kill) => {
      const { result, runs } = await killAt(kill, open, sendAdding)
      expect(result).toBe(2003)
      expect([runs.adding?.tasks, runs.member?.tasks, runs.sum?.tasks]).toEqual([2, 2, 1])
      expect(runs.sum?.runs).toBeLessThanOrEqual(bodies)
    },
  )

  test.each([
    ['before a member is counted', 'ignore', { call: 'submitGroup', when: 'before' }, 5],
    ['before a member is counted', 'fail', { call: 'submitGroup', when: 'before' }, undefined],
    ['when a member is counted and sent', 'ignore', { call: 'submitGroup', when: 'after' }, 1005],
    ['when a member is counted and sent', 'fail', { call: 'submitGroup', when: 'after' }, undefined],
  ] as const)('a worker dies %s, its task is revoked: the chord ends, onError %s', async (_, onError, kill, sum) => {
    const { settings, app, id } = await killWorker(kill, open, sendAdder(onError))
    await app.result('adder').revoke()
    await start(settings)
    const result = app.result(id).get({ timeout: '110s' })
    if (onError === 'ignore') expect(await result).toBe(sum)
    else await expect(result).rejects.toThrow('Dependency adder raised TaskRevokedError')
    expect(runsIn(settings.ledger)).toMatchObject({
      adding: { runs: 1 },
      member: { tasks: kill.when === 'after' ? 2 : 1 },
    })
  })
})

test('a member that a dead worker has counted and not sent fails after five minutes', async () => {
  const open = STORES['RabbitMQ and Redis'] as () => Promise<CeleriacOptions>
  const send = async (app: App): Promise<string> => {
    const adder = app.signature('adding', [1]).set({ taskId: 'adder', onError: 'ignore' })
    const other = app.signature('member', [5]).set({ taskId: 'other' })
    await chord([adder, other], app.signature('sum').set({ taskId: 'body' })).delay()
    return 'body'
  }
  const { settings, app, id } = await killWorker({ call: 'adding', when: 'after' }, open, send)
  await app.result('adder').revoke()
  await start(settings)
  await expect(app.result('adder').get({ timeout: '110s' })).rejects.toThrow('revoked')
  expect(await app.result('other').get({ timeout: '110s' })).toBe(5)
  expect(await app.result(id).state()).not.toBe('FAILURE')
  await start({ ...settings, ahead: 600_000 })
  const added = uuidOf('adder', 'added', '1')
  await expect(app.result(id).get({ timeout: '110s' })).rejects.toThrow(`Dependency ${added} raised ChordError`)
  expect(runsIn(settings.ledger)).toMatchObject({ adding: { runs: 1 }, member: { tasks: 1 } })
})
