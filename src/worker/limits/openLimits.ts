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
}

/** The limits of a worker while it runs. */
export interface WorkerLimits {
  /** Undefined where its tasks and queues have none, and no task is paused. */
  readonly tasks: TaskLimits | undefined
  stop(): Promise<void>
}

/**
 * Define the limits of the app in its store, and follow what is paused there. Rejects with NotSupportedError for a
 * store that keeps no limits, where the app has some; ConfigError, StoreUnavailableError.
 */
export async function openLimits({ app, broker, running, problem, pause }: OpenLimitsParts): Promise<WorkerLimits> {
  const { limitRules, signals } = app
  if (limitRules.isEmpty && !broker.limits) return { tasks: undefined, stop: async () => undefined }
  const limits = requireLimits(broker)
  if (limitRules.isPending) await limitRules.define(broker)
  const failed = (error: unknown): void => signals.emit('worker:error', { error, doing: 'reading what is paused' })
  const { clock, lease } = app.config
  let tasks: TaskLimits | undefined
  let watch: LeaseWatch | undefined
  const changed = async (): Promise<void> => {
    await pause(pauses.queues)
    if (tasks || (limitRules.isEmpty && pauses.tasks.size === 0)) return
    const failed = (error: unknown): void => signals.emit('worker:error', { error, doing: 'looking for lost leases' })
    watch = await leaseWatch({ broker, clock, lease, running, problem, failed })
    tasks = await taskLimits(limits, app, pauses)
  }
  const pauses = new Pauses({ limits, clock, changed, failed })
  await changed()
  await pauses.start()
  return {
    get tasks() {
      return tasks
    },
    stop: async () => {
      await pauses.stop()
      await watch?.stop()
    },
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
    paused: () => pauses.tasks,
  })
}

async function leaseWatch(parts: LeaseWatchParts): Promise<LeaseWatch> {
  const { LeaseWatch } = await import('./leaseWatch.ts')
  const watch = new LeaseWatch(parts)
  watch.start()
  return watch
}
