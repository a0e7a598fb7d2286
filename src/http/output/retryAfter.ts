import type { JobInfo } from '../../calls/jobInfo.ts'
import { isFinal, SUCCESS } from '../../protocol/states.ts'
import type { Clock } from '../../std/clock.ts'

/** Most jobs per task whose duration is kept, the newest. */
const MAX_JOBS_PER_TASK = 64
/** Bounds of `Retry-After`, s. */
const MIN_RETRY_AFTER_S = 1
const MAX_RETRY_AFTER_S = 60

interface Sample {
  readonly id: string
  readonly ms: number
}

/** How long the jobs of each task took, from submission to success, as far as this process has seen. */
export class Durations {
  readonly #clock: () => Clock
  readonly #samples = new Map<string, Sample[]>()
  /** Half of a task's jobs took at most so many ms; of those that were asked for since the last one was seen. */
  readonly #medians = new Map<string, number>()

  /** `clock`: the app's, as it is now. */
  constructor(clock: () => Clock) {
    this.#clock = clock
  }

  /** A job is shown to a client: if it has succeeded, it counts, once. */
  see({ id, task, state, submittedAt, finishedAt }: JobInfo): void {
    if (state !== SUCCESS || task === undefined || !submittedAt || !finishedAt) return
    const samples = this.#samples.get(task) ?? []
    if (samples.some((sample) => sample.id === id)) return
    samples.push({ id, ms: Math.max(0, finishedAt.getTime() - submittedAt.getTime()) })
    if (samples.length > MAX_JOBS_PER_TASK) samples.shift()
    this.#samples.set(task, samples)
    this.#medians.delete(task)
  }

  #median(task: string): number {
    const known = this.#medians.get(task)
    if (known !== undefined) return known
    const sorted = (this.#samples.get(task) ?? []).map(({ ms }) => ms).sort((a, b) => a - b)
    const median = sorted[Math.floor((sorted.length - 1) / 2)] ?? 0
    this.#medians.set(task, median)
    return median
  }

  /** Seconds after which it makes sense to ask for this job again: when half of its task's jobs are done; 1 to 60. */
  retryAfter({ task, submittedAt }: Pick<JobInfo, 'task' | 'submittedAt'>, now: number): number {
    const median = this.#median(task ?? '')
    const elapsed = submittedAt ? Math.max(0, now - submittedAt.getTime()) : 0
    return Math.min(MAX_RETRY_AFTER_S, Math.max(MIN_RETRY_AFTER_S, Math.ceil((median - elapsed) / 1000)))
  }

  /** The headers with the time; none where the job has ended. */
  headersOf(info: JobInfo): Record<string, string> {
    return isFinal(info.state) ? {} : { 'retry-after': String(this.retryAfter(info, this.#clock().now())) }
  }
}
