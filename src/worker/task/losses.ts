import { withinDeadline } from '../../protocol/deadline.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import type { Logger } from '../../std/log.ts'
import { retryStopped } from '../../tasks/retry.ts'
import type { WorkerApp } from '../workerApp.ts'
import type { Request } from './request.ts'

/** After so many losses a task is given up: it may be the cause. */
export interface LossLimits {
  /** Runs that ended with their workers. */
  readonly maxWorkerLosses: number
  /** Runs that ended with the thread or process that they had for themselves. */
  readonly maxChildLosses: number
}

/** A run that ended with what it ran in. `losses`: how many of this kind, this one included. */
export type Loss =
  | { readonly of: 'worker'; readonly losses: number }
  | {
      readonly of: 'child'
      readonly losses: number
      /** How many runs were lost before. */
      readonly lost: number
      /** The policy of the task allows one more attempt after this. */
      readonly retry: boolean
      readonly rejectOnWorkerLost: boolean
    }

/**
 * What follows from a loss. `run`: again, in its pool. `run alone`: again, in a process of its own. `requeue`: back to
 * its queue at once, which is no retry. `retry`: by its policy. `fail`: FAILURE. `give up`: FAILURE, and a copy of the
 * message in the dead-letter queue.
 */
export type AfterLoss = 'run' | 'run alone' | 'requeue' | 'retry' | 'fail' | 'give up'

/** From this loss of a worker on a task runs alone: it ends no other task with it, nor the worker. */
const ALONE_FROM = 2

/** The table of docs/guarantees.md. */
export function afterLoss(loss: Loss, { maxWorkerLosses, maxChildLosses }: LossLimits): AfterLoss {
  if (loss.of === 'worker') {
    if (loss.losses >= maxWorkerLosses) return 'give up'
    return loss.losses >= ALONE_FROM ? 'run alone' : 'run'
  }
  if (loss.losses >= maxChildLosses) return 'give up'
  if (loss.rejectOnWorkerLost) return 'requeue'
  if (loss.retry) return 'retry'
  return loss.lost >= ALONE_FROM ? 'give up' : 'fail'
}

/** How a run ends that was stopped from outside: by its time limit, or with its child. */
export function afterStop(
  request: Request,
  ended: Outcome & { kind: 'stopped' },
  limits: LossLimits,
  log: Logger,
): Outcome {
  const { definition, job } = request
  const retried = retryStopped(definition, job, ended, log)
  const { rejectOnWorkerLost, acksOnTimeout } = definition.options
  if (ended.by === 'time limit' && retried === ended && !acksOnTimeout)
    return { kind: 'reject', requeue: true, reason: ended.error.message }
  if (ended.by !== 'crash') return retried
  request.lostChildren++
  const loss: Loss = {
    of: 'child',
    losses: request.lostChildren,
    lost: request.lost,
    retry: retried.kind === 'retry',
    rejectOnWorkerLost,
  }
  const next = afterLoss(loss, limits)
  if (next === 'retry') return retried
  const error = { ...ended.error, message: `${ended.error.message}${historyOf(request)}` }
  if (next === 'requeue') return { kind: 'reject', requeue: true, reason: error.message, lost: true }
  return { kind: 'failure', error, deadLetter: next === 'give up' ? 'lost' : undefined }
}

/** The losses before this one, for people: they say whether the task is the cause. */
function historyOf({ lost, lostChildren }: Request): string {
  const runs = [
    ...(lostChildren > 1 ? [`it has ended ${lostChildren} children`] : []),
    ...(lost > 0 ? [`${lost} of its runs were lost before`] : []),
  ]
  return runs.length === 0 ? '' : ` (${runs.join('; ')})`
}

/** How a run ended that its pool has answered: one that was stopped by what its task or the limits of losses say. */
export function nextOf(
  request: Request,
  ended: Outcome,
  { app, lossLimits }: { readonly app: Pick<WorkerApp, 'config' | 'signals'>; readonly lossLimits: LossLimits },
): Outcome {
  if (ended.kind !== 'stopped') return ended
  const { config, signals } = app
  if (ended.by === 'crash') signals.emit('task:child-lost', request.facts)
  const outcome = afterStop(request, ended, lossLimits, config.logger)
  return withinDeadline(outcome, request.message.headers, config.clock.now())
}
