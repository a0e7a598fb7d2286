/* The entry of one child process: a recorder, the sender of its events, or a search in its file. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { internalsOf } from '../../src/app/internals.ts'
import { App } from '../../src/celeriac.ts'
import { EVENT_EXCHANGE, eventEnvelope } from '../../src/protocol/event.ts'
import { RecorderFile } from '../../src/recorder/file/recorderFile.ts'
import { recorderOf } from '../../src/recorder/recorder.ts'
import { JobEvents } from './recorderEvents.ts'

export interface RecorderOrder {
  readonly role: 'record' | 'send' | 'search'
  readonly url: string
  readonly folder: string
  /** Of `send`: events a second, and for how long, s. Of `search`: how many jobs there are. */
  readonly rate?: number
  readonly seconds?: number
  readonly jobs?: number
}

export interface RecordedFigures {
  readonly jobs: number
  /** Events of which the recorder knows that they were lost. */
  readonly lost: number
}

export interface SearchFigures {
  /** Of each kind of search, ms. */
  readonly times: readonly number[]
  readonly bytes: number
}

const EVENTS_PER_JOB = 3
const MAX_JOBS_PER_MESSAGE = 30
const GIB = 2 ** 30
const DAY = 24 * 3600 * 1000

const order = JSON.parse(process.argv[2] ?? '') as RecorderOrder
const file = join(order.folder, 'recorder.db')
const answer = (message: unknown): void => void process.send?.(message)
/** Until the parent has had enough. */
const parted = (): Promise<void> => new Promise((resolve) => process.once('disconnect', () => resolve()))

async function record(): Promise<void> {
  const app = new App({ broker: order.url, recorder: { file }, logger: false })
  const recorder = await recorderOf(app)
  await recorder.start()
  while (!(await recorder.status()).isRecording) await sleep(50)
  answer('ready')
  const started = Date.now()
  process.on('message', async () => {
    const { jobs } = await recorder.status()
    const gaps = await recorder.gaps({ from: started, to: Date.now() })
    answer({ jobs, lost: gaps.reduce((sum, { events = 0 }) => sum + events, 0) } satisfies RecordedFigures)
  })
  await parted()
  await app.close()
}

async function send(): Promise<void> {
  const { rate = 5000, seconds = 4 } = order
  const app = new App({ broker: order.url, logger: false })
  const { broker } = await internalsOf(app).stores()
  const source = new JobEvents()
  const started = performance.now()
  let sent = 0
  for (;;) {
    const elapsed = (performance.now() - started) / 1000
    if (elapsed > seconds) break
    for (let due = Math.floor(elapsed * rate) - sent; due >= EVENTS_PER_JOB; ) {
      const events = source.next(
        Math.min(MAX_JOBS_PER_MESSAGE, Math.floor(due / EVENTS_PER_JOB)),
        Date.now(),
        randomUUID,
      )
      await broker.publish(eventEnvelope(events, 'celery@host0'), {
        exchange: EVENT_EXCHANGE,
        routingKey: 'task.multi',
      })
      sent += events.length
      due -= events.length
    }
    await sleep(10)
  }
  answer(sent)
  await app.close()
}

async function search(): Promise<void> {
  const { jobs = 1_000_000 } = order
  const limits = { file, maxBytes: 16 * GIB, jobs: 7 * DAY, events: DAY, stats: 90 * DAY }
  const opened = new RecorderFile({ path: file, fleet: 'bench', limits })
  const lease = DAY
  let now = Date.now() - DAY / 2
  opened.calls.claim({ holder: 'bench', now, lease })
  const coverage = opened.calls.begin(now)
  const source = new JobEvents()
  const batch = (count: number): void => {
    const events = source.next(count, now, randomUUID)
    const owned = events.filter(({ type }, at) => type === 'task-received' && at % 30 === 0)
    const described = new Map(
      owned.map(({ uuid = '' }, at) => [uuid, { owner: `owner${at % 700}`, tags: [`t${at % 30}`] }]),
    )
    const texts = events.map((event) => JSON.stringify(event))
    const claim = { holder: 'bench', now, lease }
    opened.calls.ingest({ claim, coverage, until: now, events: texts, described, losses: [] })
    now += 200
  }
  for (let done = 0; done < jobs; done += 333) batch(333)
  now += 10_000
  for (let step = 0; step < 4; step++) batch(0)
  const queries = [
    {},
    { q: 'user4999@example.com' },
    { q: 'example' },
    { q: 'nothing-has-this' },
    { q: 'user77@ warehouse' },
    { q: 'example', owner: 'owner7' },
    { q: 'user499', states: ['SUCCESS'] },
    { q: 'mail warehouse sync resize' },
    { q: 'no row table', states: ['FAILURE'], queues: ['q0'] },
    { states: ['FAILURE'], tasks: ['shop.mail.mail'] },
    { states: ['RETRY'] },
    { q: 'zq' },
    { tag: 't3', owner: 'owner3' },
  ]
  const times: number[] = []
  for (let round = 0; round < 8; round++)
    for (const query of queries) {
      const started = performance.now()
      opened.calls.jobs({ limit: 50, ...query }, now)
      times.push(performance.now() - started)
    }
  answer({ times, bytes: opened.calls.status(now).bytes } satisfies SearchFigures)
  opened.close()
}

await { record, send, search }[order.role]()
if (process.connected) process.disconnect()
