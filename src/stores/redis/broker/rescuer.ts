import { systemClock } from '../../../std/clock.ts'
import type { RedisConnection } from '../connection/connection.ts'
import type { Keys } from './keys.ts'
import { SWEEP } from './scripts.ts'

const MAX_MESSAGES_PER_STEP = 100
/** Least time between two rounds that limits cause, and between one and the notice of another process, ms. */
const MIN_INTERVAL_MS = 10
/** What scripts publish when a queue has its first lane. */
const LANES_OPENED = 'lanes'

export interface RescuerFacts {
  readonly connection: RedisConnection
  readonly keys: Keys
  /** Seconds. */
  readonly visibility: number
  /** Longest time between two rounds, ms. */
  readonly every: number
}

/**
 * Rescues messages whose holder died, of any process, and makes delayed messages available when they are due. Runs
 * while it is used.
 */
export class Rescuer {
  readonly #facts: RescuerFacts
  readonly #users = new Set<() => void>()
  #timer: NodeJS.Timeout | undefined
  /** When the last round began, ms since the epoch. */
  #last = 0
  /** When the next round was planned, ms since the epoch: if it is far later than that, this process was stopped. */
  #next = Number.POSITIVE_INFINITY
  #sweeping = false
  #again = false
  #starting: Promise<void> | undefined
  #stopHearing: (() => Promise<void>) | undefined
  /** Lanes may have been opened before it could be notified of them. */
  #isFresh = false

  constructor(facts: RescuerFacts) {
    this.#facts = facts
  }

  /**
   * Run as long as it is used; `onRestored` is called when messages were returned to their queues, or a
   * queue has its first lane.
   */
  use(onRestored: () => void): () => Promise<void> {
    this.#users.add(onRestored)
    if (this.#users.size === 1) this.#starting = this.#start()
    return async () => {
      this.#users.delete(onRestored)
      if (this.#users.size === 0) await this.#stop()
    }
  }

  /** Do a round now, and plan the next for when a message is due. */
  async sweep(): Promise<void> {
    if (this.#users.size === 0) return
    if (this.#sweeping) {
      this.#again = true
      return
    }
    this.#sweeping = true
    this.#last = systemClock.now()
    let wait = this.#facts.every
    try {
      // If this process was stopped, its own leases are renewed first: else it would rescue its own messages.
      if (systemClock.now() - this.#next < wait) wait = await this.#step()
    } catch {
      // The store is unavailable: consumers report that. The next round comes soon.
      wait = Math.min(1000, wait)
    }
    this.#sweeping = false
    if (this.#again) wait = Math.min(wait, MIN_INTERVAL_MS)
    this.#again = false
    this.#plan(wait)
  }

  #plan(wait: number): void {
    clearTimeout(this.#timer)
    this.#next = systemClock.now() + wait
    if (this.#users.size > 0) this.#timer = setTimeout(() => void this.sweep(), wait)
  }

  /** Resolves with the time until the next round, ms. */
  async #step(): Promise<number> {
    const { connection, keys, visibility, every } = this.#facts
    const answer = await connection.script(
      SWEEP,
      [keys.unacked, keys.index, keys.parked],
      [keys.prefix, visibility, MAX_MESSAGES_PER_STEP],
    )
    const [count, next, lanes] = answer as [number, string, number]
    if (count > 0 || (lanes === 1 && this.#isFresh)) this.#tell()
    this.#isFresh = false
    if (count === MAX_MESSAGES_PER_STEP) return 0
    const due = Number(next) * 1000
    return due < 0 && next === '-1' ? every : Math.min(every, Math.max(lanes === 1 ? MIN_INTERVAL_MS : 1, due))
  }

  async #start(): Promise<void> {
    void this.sweep()
    const { connection, keys } = this.#facts
    try {
      this.#stopHearing = await connection.subscribe(keys.parked, (message) => this.#hear(message.toString()))
      // For messages that were delayed after the first round and before the subscription began.
      this.#isFresh = true
      void this.sweep()
    } catch {
      // Without the subscription, messages that other processes delay are found in the next round.
    }
  }

  /** Of an empty text: something is due earlier than was known. */
  #hear(message: string): void {
    const elapsed = systemClock.now() - this.#last
    if (message === LANES_OPENED) this.#tell()
    else if (this.#sweeping || elapsed < 0 || elapsed >= MIN_INTERVAL_MS) void this.sweep()
    else this.#plan(MIN_INTERVAL_MS - elapsed)
  }

  #tell(): void {
    for (const tell of this.#users) tell()
  }

  async #stop(): Promise<void> {
    clearTimeout(this.#timer)
    this.#next = Number.POSITIVE_INFINITY
    await this.#starting
    const stopHearing = this.#stopHearing
    this.#stopHearing = undefined
    await stopHearing?.()
  }
}
