import type { ServiceState } from '../std/service.ts'

/** How a worker does, for probes. */
export interface WorkerHealth {
  /** It takes tasks. */
  readonly ready: boolean
  /** False when its broker has been unavailable for longer than `maxOutage`: a new process may do better. */
  readonly live: boolean
  /** Why it is not ready, for people. */
  readonly reason?: string | undefined
}

/** Why a worker in this state is not ready, for people. */
export const NOT_READY: Readonly<Record<ServiceState | 'quiet', string | undefined>> = {
  idle: 'it does not run',
  starting: 'it starts',
  running: undefined,
  quiet: 'it takes no more tasks',
  stopping: 'it stops',
}

/**
 * Measures an outage of the broker from the first look that finds it: probes come every few seconds, so nothing has to
 * watch in between.
 */
export class OutageWatch {
  readonly #now: () => number
  readonly #limit: number
  #since: number | undefined

  /** `limit`: ms. */
  constructor(now: () => number, limit: number) {
    this.#now = now
    this.#limit = limit
  }

  /** The health of a worker that runs, by the problem of its consumer. */
  look(problem: Error | undefined): WorkerHealth {
    if (!problem) {
      this.#since = undefined
      return { ready: true, live: true }
    }
    this.#since ??= this.#now()
    return { ready: false, live: this.#now() - this.#since <= this.#limit, reason: problem.message }
  }
}
