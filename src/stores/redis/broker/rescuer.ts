import { systemClock } from '../../../std/clock.ts'
import type { RedisConnection } from '../connection/connection.ts'
import type { Keys } from './keys.ts'
import { SWEEP } from './scripts.ts'

const MAX_MESSAGES_PER_STEP = 100

export interface RescuerFacts {
  readonly connection: RedisConnection
  readonly keys: Keys
  /** Seconds. */
  readonly visibility: number
  /** Longest time between two looks, ms. */
  readonly every: number
}

/** Gives back what is due: messages whose holder died, whoever that was, and delayed ones whose time has come. Runs while it is used. */
export class Rescuer {
  readonly #facts: RescuerFacts
  readonly #users = new Set<() => void>()
  #timer: NodeJS.Timeout | undefined
  /** When the next look was to be, ms since the epoch: far later than that, this process stood still. */
  #next = Number.POSITIVE_INFINITY
  #sweeping = false
  #again = false
  #starting: Promise<void> | undefined
  #stopHearing: (() => Promise<void>) | undefined

  constructor(facts: RescuerFacts) {
    this.#facts = facts
  }

  /** Run as long as somebody uses it; `onRestored` is told when something was given back. */
  use(onRestored: () => void): () => Promise<void> {
    this.#users.add(onRestored)
    if (this.#users.size === 1) this.#starting = this.#start()
    return async () => {
      this.#users.delete(onRestored)
      if (this.#users.size === 0) await this.#stop()
    }
  }

  /** Look now, and then when the next is due. */
  async sweep(): Promise<void> {
    if (this.#users.size === 0) return
    if (this.#sweeping) {
      this.#again = true
      return
    }
    this.#sweeping = true
    let wait = this.#facts.every
    try {
      // After standing still, what is ours is renewed first: else we would take it from ourselves.
      if (systemClock.now() - this.#next < wait) wait = await this.#step()
    } catch {
      // The store is away: consumers tell of it. Looked at again soon.
      wait = Math.min(1000, wait)
    }
    this.#sweeping = false
    if (this.#again) wait = 0
    this.#again = false
    clearTimeout(this.#timer)
    this.#next = systemClock.now() + wait
    if (this.#users.size > 0) this.#timer = setTimeout(() => void this.sweep(), wait)
  }

  /** Resolves with the time until the next look, ms. */
  async #step(): Promise<number> {
    const { connection, keys, visibility, every } = this.#facts
    const answer = await connection.script(
      SWEEP,
      [keys.unacked, keys.index, keys.parked],
      [keys.prefix, visibility, MAX_MESSAGES_PER_STEP],
    )
    const [count, next] = answer as [number, string]
    if (count > 0) for (const tell of this.#users) tell()
    if (count === MAX_MESSAGES_PER_STEP) return 0
    const due = Number(next) * 1000
    return due < 0 && next === '-1' ? every : Math.min(every, Math.max(1, due))
  }

  async #start(): Promise<void> {
    void this.sweep()
    const { connection, keys } = this.#facts
    try {
      this.#stopHearing = await connection.subscribe(keys.parked, () => void this.sweep())
      // What was delayed after the first look, and before this was heard of.
      void this.sweep()
    } catch {
      // Without it, what others delay is found at the next look.
    }
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
