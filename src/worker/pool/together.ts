import { errorInfo } from '../../protocol/exception.ts'
import type { Job } from '../../protocol/job.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import { Stop, type StopSignal } from '../../std/stopSignal.ts'
import { BatchCall } from '../../tasks/batch/batchCall.ts'
import type { JobHost } from '../../tasks/jobContext.ts'
import type { WorkerApp } from '../workerApp.ts'
import type { BatchPart } from './pool.ts'

/** A job that runs together with others, and its host, without what all of them share. */
export interface Together {
  readonly job: Job
  /** `signal` is of this job alone. */
  readonly host: Pick<JobHost, 'signal' | 'report' | 'sendEvent' | 'emit'>
}

/**
 * Run jobs of one task in this thread, each to its own end: their function is called once, with a list. Resolves with
 * their outcomes. Never rejects.
 */
export function runTogether(
  { runJob }: Pick<WorkerApp, 'runJob'>,
  jobs: readonly Together[],
  whole: Pick<JobHost, 'signal' | 'log'>,
): Promise<readonly Outcome[]> {
  const call = new BatchCall(jobs.length, whole)
  const seats = jobs.map(() => call.seat())
  return Promise.all(
    jobs.map(async ({ job, host }, at): Promise<Outcome> => {
      const seat = seats[at]
      try {
        return await runJob(job, { ...host, signal: either(host.signal, whole.signal), log: whole.log, seat })
      } catch (error) {
        // A defect: the others would wait for it for ever.
        return { kind: 'failure', error: errorInfo(error) }
      } finally {
        seat?.leave()
      }
    }),
  )
}

/** The same for the parts of a run in the pool of this thread. */
export async function runParts(
  app: Pick<WorkerApp, 'runJob'>,
  parts: readonly BatchPart[],
  whole: Pick<JobHost, 'signal' | 'log'>,
): Promise<Outcome> {
  const jobs = parts.map(({ job, options: host }): Together => ({ job, host }))
  const outcomes = await runTogether(app, jobs, whole)
  for (const [at, outcome] of outcomes.entries()) parts[at]?.ended(outcome)
  return { kind: 'success', result: null }
}

/** Aborts when one of them does. */
function either(...signals: readonly StopSignal[]): StopSignal {
  const stop = new Stop()
  for (const signal of signals) {
    if (signal.aborted) stop.abort(signal.reason)
    else signal.addEventListener('abort', () => stop.abort(signal.reason), { once: true })
  }
  return stop
}
