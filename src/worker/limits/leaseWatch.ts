import { performance } from 'node:perf_hooks'
import type { Broker } from '../../broker/broker.ts'
import type { Clock } from '../../std/clock.ts'
import type { Request } from '../task/request.ts'

/** What it looks at. */
export interface LeaseWatchParts {
  readonly broker: Pick<Broker, 'find'>
  readonly clock: Clock
  /** ms */
  readonly lease: number
  /** Requests that run. */
  running(): Iterable<Request>
  /** Why the store cannot be reached, while that is so. */
  problem(): Error | undefined
  failed(error: unknown): void
}

/** It looks so often within a lease. */
const LOOKS = 8
/** A run that is asked to stop has this time to do it, ms; then it is ended by force where its pool can. */
const GRACE_MS = 2000

/**
 * Runs with limits whose lease is over: others have their permits, so they are aborted as soon as this process can
 * know of it. That is when it goes on after it stood still (SIGSTOP, a machine's sleep), or reaches its store again
 * after an outage, for a large part of a lease: only then the store is asked.
 */
export class LeaseWatch {
  readonly #parts: LeaseWatchParts
  readonly #interval: number
  #timer: NodeJS.Timeout | undefined
  /** When the lease was surely valid, by the clock of `performance`. */
  #valid = 0
  #asking: Promise<void> | undefined

  constructor(parts: LeaseWatchParts) {
    this.#parts = parts
    this.#interval = parts.lease / LOOKS
  }

  start(): void {
    this.#valid = performance.now()
    this.#timer = setInterval(() => this.#look(), this.#interval).unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#asking
  }

  #look(): void {
    const { problem, lease, failed } = this.#parts
    if (problem() !== undefined) return
    const away = performance.now() - this.#valid
    this.#valid = performance.now()
    if (away < lease / 2 || this.#asking !== undefined) return
    this.#asking = this.#abortLost()
      .catch(failed)
      .finally(() => {
        this.#asking = undefined
      })
  }

  async #abortLost(): Promise<void> {
    for (const request of [...this.#parts.running()]) {
      if (request.delivery.limited && !request.acked && (await this.#isLost(request))) this.#abort(request)
    }
  }

  /** Rescued, or settled by another worker. */
  async #isLost({ id, delivery, completion }: Request): Promise<boolean> {
    // Its own commit may have settled it, which is fenced.
    if (completion) return false
    const found = await this.#parts.broker.find?.(id, delivery.queue)
    return found === undefined || found.lost > delivery.lost
  }

  /** What its end writes is refused: the store knows another holder. */
  #abort(request: Request): void {
    request.abort('lease lost')
    request.after(GRACE_MS, this.#parts.clock, () => request.kill('shutdown'))
  }
}
