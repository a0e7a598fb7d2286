import type { App } from '../../../app/app.ts'
import { consumersOf, everTaken, queueSizes, queuesOf } from '../../../app/knownQueues.ts'
import { queueBoundsOf } from '../../../config/queueOptions.ts'
import { subjectOf } from '../../../config/task/limitPlan.ts'
import type { QueueDocument, QueueListDocument } from '../../../protocol/queueDocument.ts'
import { NotSupportedError } from '../../../std/errors.ts'
import { Recent } from '../../../std/recent.ts'
import { liveWorkers } from './workerAnswers.ts'

/** How long what was found is used again, ms. */
const KEPT_MS = 1000
/** From this share of the limit on it is nearly full. */
const NEARLY_FULL = 0.8
/** Queues of single programs: for remote control, events, broadcasts and replies. */
const OF_PROGRAMS = /(?:[.]celery[.]pidbox|[.]dq2)$|^(?:celeryev|bcast)[.]/

const lists = new WeakMap<App, Recent<QueueListDocument>>()

/**
 * The queues of a fleet: those of the app's options and tasks, those that workers take from, those that are paused, and
 * where something waits, those that workers took from, and those of recorded jobs: a job in a queue that no worker
 * takes from is what one looks for. What is found is shared by all who ask within a second. Rejects with
 * StoreUnavailableError.
 */
export function liveQueues(app: App): Promise<QueueListDocument> {
  const recent = lists.get(app) ?? new Recent(app.config.clock, KEPT_MS, () => find(app))
  lists.set(app, recent)
  return recent.get()
}

/** A pause or a purge has changed something. */
export function queuesChanged(app: App): void {
  lists.get(app)?.forget()
}

/** One queue; undefined where neither the app nor a worker knows it and nothing waits in it. */
export async function liveQueue(app: App, name: string): Promise<QueueDocument | undefined> {
  const { queues } = await liveQueues(app)
  const known = queues.find((queue) => queue.name === name)
  if (known) return known
  const unknown = { takers: new Map(), declared: new Set<string>(), paused: await pausedQueues(app) }
  const [found] = (await look(app, [name], unknown)).queues
  return found && isOfFleet(found) ? found : undefined
}

async function find(app: App): Promise<QueueListDocument> {
  const workers = await liveWorkers(app).all()
  const takers = new Map<string, string[]>()
  for (const { name, queues = [] } of workers)
    for (const queue of queues) takers.set(queue.name, [...(takers.get(queue.name) ?? []), name])
  const named = Object.entries(app.config.queues).flatMap(([name, { broadcast }]) => (broadcast ? [] : [name]))
  const declared = new Set([...queuesOf(app), ...named])
  const paused = await pausedQueues(app)
  const taken = everTaken(app, takers.keys())
  const names = [...new Set([...declared, ...taken, ...(paused ?? []), ...(await recordedQueues(app))])]
  const shown = names.filter((name) => !OF_PROGRAMS.test(name)).toSorted()
  const { queues, ...others } = await look(app, shown, { takers, declared, paused })
  return { queues: queues.filter((queue) => isOfFleet(queue)), ...others }
}

/** Where a recorder is open. */
async function recordedQueues(app: App): Promise<readonly string[]> {
  const { openRecorderOf } = await import('../../../recorder/recorder.ts')
  return (await openRecorderOf(app)?.queues()) ?? []
}

/** Else a worker took from it once, and nothing is left. */
function isOfFleet({ declared, workers, waiting, paused }: QueueDocument): boolean {
  return declared || workers.length > 0 || waiting > 0 || paused === true
}

interface KnownQueues {
  /** Names of the workers that take from each. */
  readonly takers: ReadonlyMap<string, readonly string[]>
  readonly declared: ReadonlySet<string>
  /** Undefined where the store keeps no pauses. */
  readonly paused: ReadonlySet<string> | undefined
}

async function look(
  app: App,
  names: readonly string[],
  { takers, declared, paused }: KnownQueues,
): Promise<QueueListDocument> {
  const [sizes, consumers] = await Promise.all([queueSizes(app, names), consumersOf(app, names)])
  const boundOf = queueBoundsOf(app.config)
  const now = app.config.clock.now()
  const queues = sizes.queues.map(({ name, waiting, oldest }): QueueDocument => {
    const limit = boundOf?.(name)?.messages
    const count = consumers.get(name)
    return {
      ...{ name, waiting, declared: declared.has(name), workers: takers.get(name) ?? [] },
      ...(oldest !== undefined && {
        oldest: new Date(oldest).toISOString(),
        oldestAge: Math.max(0, Math.round(now - oldest) / 1000),
      }),
      ...(count !== undefined && { consumers: count }),
      ...(paused && { paused: paused.has(name) }),
      ...(limit !== undefined && { limit, nearlyFull: waiting >= limit * NEARLY_FULL }),
    }
  })
  const { delayed, held } = sizes
  return { queues, ...(delayed !== undefined && { delayed }), ...(held !== undefined && { held }) }
}

/** Undefined where the store keeps no pauses. */
async function pausedQueues(app: App): Promise<ReadonlySet<string> | undefined> {
  try {
    const limits = await app.limits.paused()
    const subjects = limits.map(subjectOf).filter(({ kind }) => kind === 'queue')
    return new Set(subjects.map(({ name }) => name))
  } catch (error) {
    if (error instanceof NotSupportedError) return undefined
    throw error
  }
}
