import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { internalsOf } from '../../src/app/internals.ts'
import { App } from '../../src/celeriac.ts'
import { EVENT_EXCHANGE, type Event, eventEnvelope } from '../../src/protocol/event.ts'
import { COUNTERS } from '../../src/recorder/fold/rollups.ts'
import { Recorder } from '../../src/recorder/recorder.ts'
import { useLab } from '../app/lab.ts'
import { random } from '../random.ts'
import { within } from '../wait.ts'

const lab = useLab('sqlite')
const KILLS = 20
const SEED = Date.now() % 1_000_000
const PROGRAM = join(import.meta.dirname, 'modules', 'recording.ts')

function start(broker: string, file: string): ChildProcess {
  const child = spawn(
    process.execPath,
    ['--conditions=source', '--disable-warning=ExperimentalWarning', PROGRAM, broker, file],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  lab().after(() => child.kill('SIGKILL'))
  return child
}

const identityOf = ({ uuid, type, timestamp, clock }: Partial<Event>): string => [uuid, type, timestamp, clock].join()

/** A job of one worker, with all its events. */
function jobOf(at: number, clock: { value: number }, now: number): Event[] {
  const event = (type: string, ms: number, more: object = {}): Event => ({
    ...{ type, uuid: `id-${at}`, hostname: 'w1@test', pid: 1, clock: ++clock.value, timestamp: (now + ms) / 1000 },
    ...more,
  })
  const end =
    at % 5 === 0
      ? event('task-failed', 3, { exception: `ValueError('row ${at}')` })
      : event('task-succeeded', 3, { runtime: 0.001 })
  return [
    event('task-received', 1, { name: 'kill.me', args: `(${at},)`, kwargs: '{}', queue: 'q' }),
    event('task-started', 2),
    end,
  ]
}

it('a recorder that is killed 20 times, at any moment: what is in the file is counted once, all of it or nothing', async () => {
  const file = join(lab().path, '..', 'rec.db')
  const app = new App({ broker: lab().url, logger: false, recorder: { file } })
  lab().after(() => app.close())
  const { broker } = await internalsOf(app).stores()
  const clock = { value: 0 }
  const next = random(SEED)
  process.stdout.write(`kill test of the recorder: seed ${SEED}\n`)
  let jobs = 0
  let sending = true
  const recent: Event[] = []
  const send = async (): Promise<void> => {
    while (sending) {
      const events = Array.from({ length: 20 }, () => jobOf(jobs++, clock, Date.now())).flat()
      recent.push(...events)
      recent.splice(0, Math.max(0, recent.length - 600))
      // Some come once more.
      const again = recent.filter(() => Math.random() < 0.1)
      await broker.publish(eventEnvelope([...events, ...again], 'w1@test'), {
        exchange: EVENT_EXCHANGE,
        routingKey: 'task.multi',
      })
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }
  const sender = send()
  for (let kill = 0; kill < KILLS; kill++) {
    const child = start(lab().url, file)
    // Until it has the lease of the one that was killed.
    await within(
      () => `recorder ${kill} of ${jobs} jobs`,
      once(child.stdout as NonNullable<typeof child.stdout>, 'data'),
      60_000,
    )
    await new Promise((resolve) => setTimeout(resolve, next() * 1500))
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  sending = false
  await sender
  const reader = new Recorder(app)
  lab().after(() => reader.close())
  const stored = new Set<string>()
  const counts: Record<string, number> = {}
  const histories = new Map<string, number>()
  let after = 0
  const end = new AbortController()
  const { events: total } = await reader.status()
  for await (const some of reader.follow({ after, signal: end.signal })) {
    if (some.kind === 'missed') throw new Error('the ring has lost events')
    for (const { number, type, id = '', fields } of some.events) {
      after = number
      if (!type.startsWith('task-')) continue
      const identity = identityOf(fields as Partial<Event>)
      expect(stored.has(identity)).toBe(false)
      stored.add(identity)
      counts[type.slice(5)] = (counts[type.slice(5)] ?? 0) + 1
      histories.set(id, (histories.get(id) ?? 0) + 1)
    }
    if (after >= total) end.abort()
  }
  expect(stored.size).toBeGreaterThan(KILLS * 60)
  const now = Date.now()
  const { series } = await reader.stats({ from: now - 3_600_000, to: now + 3_600_000, step: '1h', by: 'all' })
  for (const counter of COUNTERS)
    expect([counter, series[0]?.points.reduce((sum, point) => sum + point[counter], 0)]).toEqual([
      counter,
      counts[counter] ?? 0,
    ])
  const groups = (await reader.failures({ limit: 10 })).groups.reduce((sum, { count }) => sum + count, 0)
  expect(groups).toBe(counts.failed)
  let cursor: string | undefined
  let seen = 0
  do {
    const page = await reader.jobs({ limit: 500, cursor })
    for (const { id } of page.jobs.slice(0, 20))
      expect((await reader.job(id))?.steps).toHaveLength(histories.get(id) ?? 0)
    seen += page.jobs.length
    cursor = page.cursor
  } while (cursor !== undefined)
  expect(seen).toBe(histories.size)
  const gaps = (await reader.gaps({ from: now - 3_600_000, to: now })).filter(({ reason }) => reason === 'unrecorded')
  expect(gaps.length).toBeGreaterThanOrEqual(KILLS - 1)
}, 600_000)
