import { MAX_TIMER_MS } from '../std/clock.ts'
import { withDeadline } from '../std/deadline.ts'
import type { WorkerState } from './state.ts'

/** After the grace period: how long aborted tasks get before they are ended by force, ms. */
const ABORT_GRACE_MS = 500

/** How long a worker that must end waits for what it writes to a broker that is unavailable, ms. */
const OUTAGE_GRACE_MS = 500

export interface Ending {
  /** ms */
  readonly grace: number
  readonly reason: string
}

/** How one run of a worker ends: as the first call of `ask` says, or sooner, where a later one says so. */
export class Shutdown {
  readonly #state: WorkerState
  /** Why its store fails; undefined while it is well. */
  readonly #problem: () => Error | undefined
  readonly #now = new AbortController()
  #ending: Ending | undefined
  #isDraining = false

  constructor(state: WorkerState, problem: () => Error | undefined) {
    this.#state = state
    this.#problem = problem
  }

  /** Aborts when the run must end at once. */
  get now(): AbortSignal {
    return this.#now.signal
  }

  get reason(): string {
    return this.#ending?.reason ?? 'stop'
  }

  /** `limits`: its grace counts from now, also where another one counts already, or where the start has not ended. */
  ask(ending: Ending, limits: boolean): void {
    if (ending.grace === 0) this.#now.abort()
    else if (limits) this.#endAfter(ending.grace)
    this.#ending ??= ending
  }

  /**
   * Wait for the running tasks, up to the grace time, then abort them, then end them by force. `stopTaking` resolves
   * when nothing more is delivered.
   */
  async drain(stopTaking: () => Promise<void>): Promise<void> {
    const { grace } = this.#ending ?? { grace: 0 }
    const { running } = this.#state
    this.#isDraining = true
    // Beside the tasks: what waits for an unavailable broker must not take from their time.
    const closing = stopTaking()
    await this.#state.releasedWithin(grace, this.now)
    for (const request of running.values()) request.abort('shutdown')
    await this.#state.releasedWithin(grace === 0 || this.now.aborted ? 0 : ABORT_GRACE_MS, this.now)
    for (const request of running.values()) request.kill('shutdown')
    // From here on an unavailable store is not waited for: what it does not take now is released by its lease.
    this.#now.abort()
    await Promise.all([this.released(), this.#problem() ? undefined : closing])
  }

  /**
   * Resolves when nothing is held. While the broker is unavailable, what is still being written gets a moment alone:
   * the lease releases it.
   */
  async released(): Promise<void> {
    const released = this.#state.released()
    await (this.#problem() ? withDeadline(released, OUTAGE_GRACE_MS, () => undefined) : released)
  }

  /** ms from now; what is the first wish ends only a start that has not ended then. */
  #endAfter(grace: number): void {
    const shortens = this.#ending !== undefined
    const end = (): void => {
      if (shortens || !this.#isDraining) this.#now.abort()
    }
    setTimeout(end, Math.min(grace, MAX_TIMER_MS)).unref()
  }
}
