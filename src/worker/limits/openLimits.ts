import type { Broker } from '../../broker/broker.ts'
import type { LimitStore } from '../../broker/limits.ts'
import { requireLimits } from '../../calls/limits/limitRules.ts'
import type { Request } from '../task/request.ts'
import type { WorkerApp } from '../workerApp.ts'
import type { LeaseWatch, LeaseWatchParts } from './leaseWatch.ts'
import { Pauses } from './pauses.ts'
import type { TaskLimits } from './taskLimits.ts'

interface OpenLimitsParts {
  readonly app: WorkerApp
  readonly broker: Broker
  readonly running: () => Iterable<Request>
  /** Why the store cannot be reached, while that is so. */
  readonly problem: () => Error | undefined
  /** Take nothing from these queues. */
  pause(queues: ReadonlySet<string>): Promise<void>
  /** From now on its tasks or queues have limits, or a task is paused. Never called in most workers. */
  use(tasks: TaskLimits): void
}

/**
 * Define the limits of the app in its store, and follow what is paused there, until the returned function is called.
 * Rejects with NotSupportedError for a
 * store that keeps no limits, where the app has some; ConfigError, StoreUnavailableError.
 */
export async function openLimits({ app, broker, pause, use, ...parts }: OpenLimitsParts): Promise<() => Promise<void>> {
  const { limitRules, signals } = app
  if (limitRules.isEmpty && !broker.limits) return async () => undefined
  const limits = requireLimits(broker)
  if (limitRules.isPending) await limitRules.define(broker)
  const failed = (error: unknown): void => signals.emit('worker:error', { error, doing: 'reading what is paused' })
  const { clock, lease } = app.config
  let watch: LeaseWatch | undefined
  const changed = async (): Promise<void> => {
    await pause(pauses.queues)
    if (watch || (limitRules.isEmpty && pauses.tasks.size === 0)) return
    const failed = (error: unknown): void => signals.emit('worker:error', { error, doing: 'looking for lost leases' })
    watch = await leaseWatch({ broker, clock, lease, failed, ...parts })
    use(await taskLimits(limits, app, pauses))
  }
  const pauses = new Pauses({ limits, clock, changed, failed })
  const stop = async (): Promise<void> => {
    await pauses.stop()
    await watch?.stop()
  }
  try {
    await changed()
    await pauses.start()
    return stop
  } catch (error) {
    await stop()
    throw error
  }
}

/** Loaded by workers that need it. */
async function taskLimits(limits: LimitStore, app: WorkerApp, pauses: Pauses): Promise<TaskLimits> {
  const { TaskLimits } = await import('./taskLimits.ts')
  const { limitRules } = app
  return new TaskLimits({
    limits,
    app,
    hasRate: (rule) => limitRules.rule(rule)?.rate !== undefined,
    hasBreaker: (rule) => limitRules.rule(rule)?.breaker !== undefined,
    hasBreakers: () => limitRules.hasBreakers,
    paused: () => pauses.tasks,
  })
}

async function leaseWatch(parts: LeaseWatchParts): Promise<LeaseWatch> {
  const { LeaseWatch } = await import('./leaseWatch.ts')
  const watch = new LeaseWatch(parts)
  watch.start()
  return watch
}
