import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { RecordedFigures, RecorderOrder, SearchFigures } from '../children/recorder.ts'
import { Child } from '../harness/child.ts'
import { cpuOf, rssOf } from '../harness/processes.ts'
import type { Conditions, Entrant, Figures } from '../harness/scenario.ts'
import type { Store } from '../stores/store.ts'
import { versionIn } from '../versions.ts'

const RATE = 5000
/** Of the window. */
const FACTOR = 4
const JOBS = 1_000_000
const QUICK_JOBS = 5000
const SETTLE_MS = 3000

const SEMANTICS = {
  ack: 'none: events are sent at most once',
  result: 'none',
  durable: 'events are in the SQLite file of the recorder, a transaction at least five times a second',
  events: 'three of each job, in messages of up to 90',
}

const program = new URL('../children/recorder.ts', import.meta.url)

function entrant(measure: (conditions: Conditions) => Promise<Figures>): Entrant {
  return { name: 'celeriac', semantics: SEMANTICS, prepare: async ({ root }) => versionIn(root), run: measure }
}

async function inFolder(conditions: Conditions, work: (folder: string) => Promise<Figures>): Promise<Figures> {
  const folder = mkdtempSync(join(conditions.folder, 'recorder-'))
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** What a recorder costs that gets 5,000 events a second: processor time of its process, and its memory. */
export function recorderEvents(open: (conditions: Conditions) => Promise<Store>): Entrant {
  return entrant((conditions) =>
    inFolder(conditions, async (folder) => {
      const { url } = await (await open(conditions)).empty()
      const order = { url, folder } as const
      const recorder = new Child(program, { role: 'record', ...order } satisfies RecorderOrder)
      try {
        await recorder.next()
        const seconds = FACTOR * conditions.window
        const warm = new Child(program, {
          role: 'send',
          ...order,
          rate: RATE,
          seconds: conditions.window,
        } satisfies RecorderOrder)
        await warm.next()
        await warm.end()
        const [cpu, rss] = [cpuOf(recorder.pid), rssOf(recorder.pid)]
        const started = performance.now()
        const before = await statusOf(recorder)
        const sender = new Child(program, { role: 'send', ...order, rate: RATE, seconds } satisfies RecorderOrder)
        const sent = await sender.next<number>()
        await sender.end()
        const cores = (cpuOf(recorder.pid) - cpu) / ((performance.now() - started) / 1000)
        const after = await settled(recorder)
        return {
          'events/s': sent / seconds,
          'recorded %': (100 * (after.jobs - before.jobs)) / (sent / 3),
          'known to be lost %': (100 * after.lost) / sent,
          'CPU %': 100 * cores,
          'RSS before MiB': rss,
          'RSS after MiB': rssOf(recorder.pid),
        }
      } finally {
        await recorder.end()
      }
    }),
  )
}

/** How long a search takes in the record of 1,000,000 jobs. */
export function recorderSearch(): Entrant {
  return entrant((conditions) =>
    inFolder(conditions, async (folder) => {
      const jobs = conditions.quick ? QUICK_JOBS : JOBS
      const child = new Child(program, { role: 'search', url: '', folder, jobs } satisfies RecorderOrder)
      try {
        const { times, bytes } = await child.next<SearchFigures>()
        const sorted = times.toSorted((a, b) => a - b)
        const at = (part: number): number =>
          sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? Number.NaN
        return { 'p50 ms': at(0.5), 'p95 ms': at(0.95), 'max ms': at(1), 'bytes/job': bytes / jobs }
      } finally {
        await child.end()
      }
    }),
  )
}

function statusOf(child: Child): Promise<RecordedFigures> {
  child.tell('status')
  return child.next<RecordedFigures>()
}

/** When nothing more is written. */
async function settled(child: Child): Promise<RecordedFigures> {
  for (let before = -1; ; ) {
    const status = await statusOf(child)
    if (status.jobs === before) return status
    before = status.jobs
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
  }
}
