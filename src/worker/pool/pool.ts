import type { Job, Report } from '../../protocol/job.ts'
import type { Outcome } from '../../protocol/outcome.ts'
import type { Service } from '../../std/service.ts'
import type { StopSignal } from '../../std/stopSignal.ts'
import type { Emit } from '../../tasks/outputBuffer.ts'

/** How one job is stopped, and where it reports. */
export interface RunOptions {
  /** Asks the task to stop; `signal.reason` is an AbortReason. The task may take its time. */
  readonly signal: StopSignal
  /** Ends it by force where that can be done (threads, processes), else abandons it; `kill.reason` is a StopReason. */
  readonly kill: StopSignal
  /** Called with each state that it says of itself. */
  report(report: Report): void
  /** Called with each event that it sends; absent where they go nowhere. */
  sendEvent?(type: string, fields: Readonly<Record<string, unknown>>): void
  /**
   * The task begins to wait for another one: where this pool can run one more meanwhile, it says so here. The returned
   * function ends that; undefined where too many wait. Absent where no slot is lent.
   */
  readonly lend?: (() => (() => void) | undefined) | undefined
  /** Takes what the task emits, in the order of its reports; absent where no store keeps it. */
  readonly emit?: Emit | undefined
}

/**
 * Where tasks run. `stop` accepts no more jobs and closes what is idle; jobs that still run are ended by force, and
 * jobs that wait for a slot end as stopped by `shutdown`. A pool that does not run ends each job so.
 */
export interface Pool extends Service {
  /** `inline`, `threads`, `processes` or `solo`: for the banner. */
  readonly kind: string
  /** How many jobs may run at once, and how many do. */
  readonly size: number
  readonly busy: number
  /** Run one job to its end; never rejects, also when its thread or process dies. */
  run(job: Job, options: RunOptions): Promise<Outcome>
}
