import type { Job, Report } from '../../protocol/job.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import type { Service } from '../../std/service.ts'
import type { StopSignal } from '../../std/stopSignal.ts'
import type { JobHost } from '../../tasks/jobContext.ts'
import type { Completing } from '../../tasks/jobServices.ts'
import type { Emit } from '../../tasks/outputBuffer.ts'
import type { WorkerApp } from '../workerApp.ts'

/** One of the jobs that a run takes together. */
export interface BatchPart {
  readonly job: Job
  /** Of this job alone: its signal does not abort when that of the whole does. */
  readonly options: Pick<RunOptions, 'signal' | 'report' | 'sendEvent' | 'emit'>
  /** It has ended. Of several calls the first counts. */
  ended(outcome: Outcome): void
}

/** Jobs of one task that one run takes together. */
export interface BatchRun {
  readonly parts: readonly BatchPart[]
  /** Run them in this thread. Never rejects. */
  runHere(app: Pick<WorkerApp, 'runJob'>, whole: Pick<JobHost, 'signal' | 'log'>): Promise<Outcome>
}

/** How one job is stopped, and where it reports. */
export interface RunOptions {
  /** Asks the task to stop; `signal.reason` is an AbortReason. The task may take its time. */
  readonly signal: StopSignal
  /** Ends it by force where that can be done (threads, processes), else abandons it; `kill.reason` is a StopReason. */
  readonly kill: StopSignal
  /** Called with each state that it says of itself. */
  report(report: Report): void
  /** Called with each event that it sends; absent where they go nowhere. */
  readonly sendEvent?: ((type: string, fields: Readonly<Record<string, unknown>>) => void) | undefined
  /**
   * The task begins to wait for another one: where this pool can run one more meanwhile, it says so here. The returned
   * function ends that; undefined where too many wait. Absent where no slot is lent.
   */
  readonly lend?: (() => (() => void) | undefined) | undefined
  /** Takes what the task emits, in the order of its reports; absent where no store keeps it. */
  readonly emit?: Emit | undefined
  /** As `JobHost.completing`. */
  readonly completing?: (() => Promise<Completing>) | undefined
  /**
   * The jobs that run together: `job` is the first of them. The end of each goes to its part; the outcome is how the
   * whole has ended: by its own end (`success`, and then each part has its end), or as one job.
   */
  readonly batch?: BatchRun | undefined
}

/** A look into the thread or process of a child, also while a task keeps it busy. */
export interface Inspection {
  /**
   * What it executes now, the innermost call first, as `encode (/srv/tasks.ts:12:5)`; undefined where it executes no
   * JavaScript within `limit` ms. Rejects where it has ended or cannot be looked at.
   */
  stack(limit: number): Promise<readonly string[] | undefined>
  /** Its CPU profile over `time` ms, as the JSON text of a `.cpuprofile` file. Rejects in the same way. */
  profile(time: number): Promise<string>
}

/** A child of a pool, for remote control. */
export interface ChildInfo extends Inspection {
  /** Of its process; of a thread, that of the worker. */
  readonly pid: number
  /** Id of the job that it runs now. */
  readonly job: string | undefined
}

/**
 * Where tasks run. `stop` accepts no more jobs and closes what is idle; jobs that still run are ended by force, and
 * jobs that wait for a slot end as stopped by `shutdown`. A pool that does not run ends each job so.
 */
export interface Pool extends Service {
  /** `inline`, `threads`, `processes` or `solo`: for the banner. */
  readonly kind: string
  /**
   * How many jobs may run at once. It grows as new threads and processes have loaded the task module, and shrinks at
   * once: then more than that may still run.
   */
  readonly size: number
  /** How many are to run at once, as `resize` was called last. */
  readonly target: number
  /** How many run. */
  readonly busy: number
  /** Ids of the processes in which they run. */
  readonly pids: readonly number[]
  /** Its children; absent where jobs run in the worker's thread. */
  readonly children?: readonly ChildInfo[]
  /** Called when `size` has changed. */
  onSize: () => void
  /**
   * Run so many at once from now on, also after the next start. A new thread or process that cannot start is logged,
   * and started again. Where there are too many, idle ones end first, busy ones after their job. Throws ArgumentError
   * for what is no whole number from 1 to 1024 (inline: 100000), and always in the pool `solo`.
   */
  resize(size: number): void
  /** Run one job to its end; never rejects, also when its thread or process dies. */
  run(job: Job, options: RunOptions): Promise<Outcome>
}
