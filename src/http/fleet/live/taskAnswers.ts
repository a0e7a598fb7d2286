import type { App } from '../../../app/app.ts'
import { listenersOf } from '../../../app/knownQueues.ts'
import { Control } from '../../../control/control.ts'
import { Recent } from '../../../std/recent.ts'

/** How long answers are used again, ms. */
const KEPT_MS = 1000
/** The wait for answers ends when none came for so long, ms, unless the store knows how many there are. */
const SILENCE_MS = 1000
/** Names that are kept of one worker. */
const MAX_NAMES = 5000
/** An attribute that no task has: workers answer names alone then, and not `tasks.add [rate_limit=100/m]`. */
const NO_ATTRIBUTE = 'celeriac_none'

const known = new WeakMap<App, Recent<ReadonlyMap<string, readonly string[]>>>()

/**
 * Which workers have registered each task, ours and Celery's. What is found is shared by all who ask within a second.
 * Rejects with StoreUnavailableError.
 */
export function registeredTasks(app: App): Promise<ReadonlyMap<string, readonly string[]>> {
  const recent = known.get(app) ?? new Recent(app.config.clock, KEPT_MS, () => ask(app))
  known.set(app, recent)
  return recent.get()
}

async function ask(app: App): Promise<ReadonlyMap<string, readonly string[]>> {
  const limit = await listenersOf(app)
  const asked = new Control(app).inspect({ timeout: SILENCE_MS, ...(limit > 0 && { limit }) })
  const tasks = new Map<string, string[]>()
  const answers = Object.entries(await asked.registered(NO_ATTRIBUTE)).toSorted(([one], [other]) =>
    one < other ? -1 : 1,
  )
  for (const [worker, names] of answers)
    if (Array.isArray(names))
      for (const name of names.slice(0, MAX_NAMES))
        if (typeof name === 'string') tasks.set(name, [...(tasks.get(name) ?? []), worker])
  return tasks
}
