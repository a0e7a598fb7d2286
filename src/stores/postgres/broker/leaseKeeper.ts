import { bury, type Runner, renew, sweep, type TidyPlace, tidy } from './leases.ts'

/** How many rounds after a rescue sweep too: a lease's worth. */
const ROUNDS_PER_LEASE = 4

/** Renews the leases of this process's consumers, and rescues what dead ones held. */
export class LeaseKeeper {
  /** ms between two rounds. */
  readonly interval: number
  readonly #lease: number
  readonly #ids = new Set<number>()
  /** When a round was last successful. */
  #renewed = Number.NEGATIVE_INFINITY
  /** Until then no other consumer is declared dead. */
  #patientUntil = 0
  /** How many rounds to come sweep. */
  #sweeps = 0
  #swept = Number.NEGATIVE_INFINITY
  #tidied: TidyPlace = { lane: '0', limiter: '0' }

  /** `lease`: ms */
  constructor(lease: number) {
    this.#lease = lease
    this.interval = lease / ROUNDS_PER_LEASE
  }

  get isIdle(): boolean {
    return this.#ids.size === 0
  }

  add(id: number): void {
    this.#ids.add(id)
  }

  remove(id: number): void {
    this.#ids.delete(id)
  }

  /**
   * Renews all leases. Returns those of our consumers that no longer exist, once: they are renewed no more. Rejects
   * with the raw error of the server or the connection.
   */
  async round(runner: Runner): Promise<number[]> {
    const ids = [...this.#ids]
    const { kept, wasOver, dead } = await renew(runner, ids)
    const lost = ids.filter((id) => !kept.has(id) && this.#ids.delete(id))
    const now = performance.now()
    // After an outage of the server all leases are over: those that live renew theirs first.
    const wasLate = wasOver || lost.length > 0 || now - this.#renewed > this.#lease / 2
    if (wasLate) this.#patientUntil = now + this.#lease / 2
    this.#renewed = now
    if (dead.length > 0 && now >= this.#patientUntil && (await bury(runner, dead)) > 0)
      this.#sweeps = ROUNDS_PER_LEASE + 1
    return lost
  }

  /** To be called after each round: does what is due of the rescue. Rejects as `round`. */
  async sweep(runner: Runner): Promise<void> {
    const now = performance.now()
    if (this.#sweeps === 0 && now - this.#swept < this.#lease) return
    await sweep(runner)
    this.#tidied = await tidy(runner, this.#tidied)
    this.#sweeps = Math.max(0, this.#sweeps - 1)
    this.#swept = now
  }
}
