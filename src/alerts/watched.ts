import type { App } from '../app/app.ts'
import { everTaken, queueSizes, queuesOf } from '../app/knownQueues.ts'
import { MAX_LISTED } from '../app/limits/limits.ts'
import { schedulesOf } from '../beat/schedules.ts'
import { Control } from '../control/control.ts'
import type { Recording } from '../recorder/recording.ts'
import type { Clock } from '../std/clock.ts'
import { ConfigError, NotSupportedError } from '../std/errors.ts'
import type { Watched } from './readings.ts'

/** How long an answer is used that costs much: of all workers, or of a count of all results, ms. */
const COSTLY_MS = 60_000

/** What the alerts of an app look at. What its stores do not have is empty. */
export function watchedOf(app: App, recording: Pick<Recording, 'stats' | 'workers'>): Watched {
  const { clock } = app.config
  const workersQueues = reused(clock, async () => {
    const answers = await new Control(app).inspect().activeQueues()
    return Object.values(answers).flatMap((queues) => (Array.isArray(queues) ? queues : []).map(({ name }) => name))
  })
  const bounds = reused(clock, () => app.bounds())
  return {
    stats: (query) => recording.stats(query),
    workers: () => recording.workers(),
    queues: async () => {
      const names = [...new Set([...queuesOf(app), ...everTaken(app, await workersQueues())])]
      const now = clock.now()
      const { queues } = await queueSizes(app, names)
      return queues.map(({ name, oldest }) => ({ name, oldestAge: oldest === undefined ? undefined : now - oldest }))
    },
    schedules: () => orNone(() => schedulesOf(app).list()),
    limits: () => orNone(() => app.limits.list({ limit: MAX_LISTED })),
    bounds,
  }
}

/** The same answer for a minute. */
function reused<Value>(clock: Clock, ask: () => Promise<Value>): () => Promise<Value> {
  let known: { readonly answer: Promise<Value>; readonly until: number } | undefined
  return () => {
    const now = clock.now()
    if (known && now < known.until && known.until - now <= COSTLY_MS) return known.answer
    const answer = ask()
    const asked = { answer, until: now + COSTLY_MS }
    known = asked
    answer.catch(() => {
      if (known === asked) known = undefined
    })
    return answer
  }
}

/** Stores that keep no schedule, or no limits, have none. */
async function orNone<Value>(ask: () => Promise<readonly Value[]>): Promise<readonly Value[]> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof NotSupportedError || error instanceof ConfigError) return []
    throw error
  }
}
