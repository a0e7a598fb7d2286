import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { schedulesOf } from '../../src/beat/schedules.ts'
import { currentTask, type TaskContext } from '../../src/tasks/current.ts'
import { type Lab, until, useLab } from '../app/lab.ts'
import { RedisServer } from '../redis/server.ts'
import { isFull } from '../tier.ts'
import { defineEntries, type Settings } from './beatProcess.ts'

const SPEED = 8
/** Starts of a process that fit into the minute. */
const STARTS = 12
const ENTRIES = 5
const MINUTE = 60_000

/** A process that is killed and started anew until `end`; resolves with how often it was killed. */
async function dyingBeat(settings: Settings, end: number): Promise<number> {
  for (let kills = 0; ; kills++) {
    const child = start(settings)
    await once(child, 'message')
    // Anywhere in the life of a second.
    const life = Math.random() * 1000
    if (Date.now() + life > end) return kill(child).then(() => kills)
    await sleep(life)
    await kill(child)
  }
}

function start(settings: Settings): ChildProcess {
  return fork(join(import.meta.dirname, 'beatProcess.ts'), {
    env: { ...process.env, BEAT: JSON.stringify(settings) },
    execArgv: ['--conditions=source', '--disable-warning=ExperimentalWarning'],
  })
}

/** How long a beat takes to start here and now, ms: time must not run so fast that hardly any is killed. */
async function startTime(lab: Lab): Promise<number> {
  const begun = performance.now()
  const child = start({ url: lab.url, origin: Date.now(), speed: 1, entries: 0 })
  await once(child, 'message')
  await kill(child)
  return performance.now() - begun
}

/** A beat that is not killed before it has sent all of the minute, and what the dead had claimed. */
async function sendRest(lab: Lab, settings: Settings): Promise<void> {
  const child = start(settings)
  const app = lab.app()
  const store = await schedulesOf(app).store()
  await until(async () => (await app.queueSize()) >= ENTRIES * 60 && (await store.due(0, 1)).claimed.length === 0)
  await kill(child)
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

/** What was sent, by entry: how often for each moment, in seconds. */
async function sent(lab: Lab): Promise<Map<string, Map<number, number>>> {
  const found = new Map<string, Map<number, number>>()
  const app = lab.app()
  app.task('note', () => {
    const { headers } = currentTask() as TaskContext
    const entry = String(headers.periodic_task_name)
    const moment = Date.parse(String(headers.celeriac_schedule_time)) / 1000
    const own = found.get(entry) ?? new Map<number, number>()
    found.set(entry, own.set(moment, (own.get(moment) ?? 0) + 1))
  })
  // Counted by runs: messages that a worker has claimed and not begun go back into the queue when it stops.
  const count = await app.queueSize()
  const worker = await lab.work(app)
  const runs = (): number => [...found.values()].flatMap((own) => [...own.values()]).reduce((a, b) => a + b, 0)
  await until(() => runs() >= count)
  await worker.stop()
  return found
}

function suite(lab: () => Lab): void {
  test('three beats that die at random: each moment of a minute exactly once', { timeout: 180_000 }, async () => {
    const speed = Math.min(SPEED, MINUTE / STARTS / (await startTime(lab())))
    const origin = Date.now()
    const settings: Settings = { url: lab().url, origin, speed, entries: ENTRIES }
    // From the origin on, however long the processes take to start.
    const app = lab().app()
    defineEntries(app, settings)
    await schedulesOf(app).sync(origin)
    const end = origin + (MINUTE + 5000) / speed
    const kills = await Promise.all([1, 2, 3].map(() => dyingBeat(settings, end)))
    expect(kills.reduce((a, b) => a + b)).toBeGreaterThan(3)
    await sendRest(lab(), settings)
    const found = await sent(lab())
    expect(found.size).toBe(ENTRIES)
    for (const [entry, moments] of found) {
      const all = [...moments.keys()].sort((a, b) => a - b)
      const first = all[0] as number
      expect(all, entry).toEqual(Array.from({ length: all.length }, (_, at) => first + at))
      expect(all.length, entry).toBeGreaterThanOrEqual(60)
      expect(new Set(moments.values()), entry).toEqual(new Set([1]))
      expect(first).toBe(Math.floor(origin / 1000) + 1)
    }
  })
}

describe('on sqlite', () => suite(useLab('sqlite')))

if (isFull) {
  describe('on redis', () => {
    let server: RedisServer
    beforeAll(async () => {
      server = await RedisServer.start({ flags: ['--save', '900 1'] })
    })
    afterAll(() => server.stop())
    suite(useLab('redis', () => server.url()))
  })
}
