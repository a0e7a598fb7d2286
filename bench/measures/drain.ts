import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { requireCount, requireOnce } from '../harness/delivery.ts'
import { perform } from '../harness/performer.ts'
import { figuresOf, operationFigures, type Watched, watchPhases } from '../harness/phases.ts'
import type { Conditions, Figures } from '../harness/scenario.ts'
import { placeOf, type Side } from '../harness/side.ts'
import type { Store } from '../stores/store.ts'

/** The longest backlog that is made for a window, and the shortest. */
const MAX_BACKLOG = 500_000
const MIN_BACKLOG = 300
/** Of the rate that is expected: a busy machine is to be done soon. */
const QUICK_SHARE = 0.25
/** So that the window ends before the backlog does. */
const MARGIN = 1.1

/** Tasks that another process has queued, worked off by one worker: each of them once, and its result stored. */
export async function drain<S extends Store>(conditions: Conditions, store: S, side: Side<S>): Promise<Figures> {
  const { window, cold, quick, rates } = conditions
  const key = `${store.version} ${side.name}`
  const wanted = backlogOf(rates.get(key) ?? (quick ? QUICK_SHARE : 1) * side.rate, window, cold)
  const tasks = Math.min(wanted, side.maxBacklog ?? MAX_BACKLOG)
  const { watched, figures } = await drainBacklog(conditions, store, side, { tasks, cold, window })
  rates.set(key, watched.warm.tasks / watched.warm.seconds)
  return figures
}

/** A cold phase takes half of the window at most. */
export function backlogOf(rate: number, window: number, cold: number): number {
  const size = Math.round(Math.min(cold, (rate * window) / 2) + rate * window * MARGIN)
  return Math.max(MIN_BACKLOG, Math.min(MAX_BACKLOG, size))
}

/** Longest that acknowledgements take after the last run, ms, and the time between two looks. */
const SETTLE_LIMIT_MS = 60_000
const LOOK_EVERY_MS = 50

export interface Backlog {
  readonly tasks: number
  readonly cold: number
  /** s. */
  readonly window: number
  /** The worker reaches the store through this URL; absent: as everyone does. */
  readonly through?: (url: string) => string
}

/** Fill, drain and check. A third of the tasks at most is cold. */
export async function drainBacklog<S extends Store>(
  conditions: Conditions,
  store: S,
  side: Side<S>,
  { tasks, cold, window, through = (url) => url }: Backlog,
): Promise<{ readonly watched: Watched; readonly figures: Figures }> {
  const place = await placeOf(conditions, store, side)
  await perform<string>((order) => side.start(order), { role: 'fill', ...place, tasks })
  const before = await store.counters()
  const ledger = join(conditions.folder, 'ledger')
  const worker = side.start({
    role: 'drain',
    ...place,
    url: through(place.url),
    backend: through(place.backend),
    tasks,
    cold: Math.min(cold, Math.floor(tasks / 3)),
    window,
    ledger,
  })
  try {
    const watched = await watchPhases(worker, store)
    const after = await settled(store, side)
    await worker.end()
    requireOnce(side.name, ledger, tasks)
    requireCount(side.name, 'messages', 0, await side.messages(store))
    requireCount(side.name, 'results', tasks, await side.results?.(store))
    const figures = { ...figuresOf('worker', watched), ...operationFigures(before, after, watched.ended), tasks }
    return { watched, figures }
  } finally {
    await worker.end()
  }
}

/** The counters when no message is left: a worker that is stopped before that may lose its last acknowledgements. */
export async function settled<S extends Store>(store: S, side: Side<S>): Promise<Figures> {
  const end = performance.now() + SETTLE_LIMIT_MS
  for (;;) {
    const counted = await store.counters()
    if ((await side.messages(store)) === 0 || performance.now() > end) return counted
    await sleep(LOOK_EVERY_MS)
  }
}
