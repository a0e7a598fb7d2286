import { type Clock, MAX_TIMER_MS, systemClock } from '../../../std/clock.ts'
import type { Database } from '../connection/database.ts'
import { queueChannelSql } from '../connection/listening.ts'
import { isLaneSql } from '../schema/limitTables.ts'

/** How much later than it is due an idle worker makes a delayed message available at most, ms. */
const DUE_SPREAD_MS = 4
/** Messages that one statement makes available, and how long others have their turn after it, ms. */
const MAX_PROMOTED = 500
/** Wait after a failure, ms. */
const RETRY_DELAY_MS = 1000

const NEXT = {
  name: 'next_due',
  text: 'SELECT min(due) FROM celeriac.message WHERE due IS NOT NULL',
}

/** A row for each queue that has more to do now. Lanes are opened, and their queues notified, by a trigger. */
const PROMOTE = {
  name: 'promote',
  text: `WITH ready AS (
    UPDATE celeriac.message SET due = NULL WHERE seq = ANY (ARRAY(
      SELECT seq FROM celeriac.message WHERE due <= $1 ORDER BY due, seq LIMIT ${MAX_PROMOTED} FOR UPDATE SKIP LOCKED
    )) RETURNING queue
  )
  SELECT CASE WHEN NOT ${isLaneSql('queue')} THEN pg_notify(${queueChannelSql('queue')}, '')::text END, count(*)
  FROM ready GROUP BY queue`,
}

/** Makes delayed messages available when they are due, by the clock of the application. */
export class DueMessages {
  readonly #database: Database
  readonly #clock: Clock
  #stopWaiting: (() => void) | undefined
  #running = false
  #again = false
  #closed = false

  constructor(database: Database, clock: Clock) {
    this.#database = database
    this.#clock = clock
  }

  /** Another message may be the next one. */
  look(): void {
    if (this.#closed) return
    if (this.#running) this.#again = true
    else void this.#run()
  }

  close(): void {
    this.#closed = true
    this.#stopWaiting?.()
  }

  async #run(): Promise<void> {
    this.#running = true
    this.#stopWaiting?.()
    try {
      do {
        this.#again = false
        this.#wait(await this.#promoted())
      } while (this.#again && !this.#closed)
    } catch {
      // The consumers report an unavailable store; it is tried again here.
      this.#wait(this.#clock.now() + RETRY_DELAY_MS)
    } finally {
      this.#running = false
    }
  }

  /** Returns when the next message is due. */
  async #promoted(): Promise<number | undefined> {
    for (;;) {
      const [due] = await this.#database.run([{ statement: NEXT, values: [] }], { repeatable: true })
      const next = due?.[0]?.[0]
      if (next == null) return undefined
      if (Number(next) > this.#clock.now() || this.#closed) return Number(next)
      const steps = [{ statement: PROMOTE, values: [Math.floor(this.#clock.now())] }]
      const [queues = []] = await this.#database.run(steps, { repeatable: true })
      // Another process makes them available at this moment.
      if (queues.length === 0) return this.#clock.now() + DUE_SPREAD_MS
    }
  }

  #wait(next: number | undefined): void {
    this.#stopWaiting?.()
    if (next === undefined || this.#closed) return
    const wait = Math.max(0, next - this.#clock.now())
    // Of several idle workers not always the same one is first.
    const spread = Math.random() * DUE_SPREAD_MS
    const clock = wait > 0 ? this.#clock : systemClock
    this.#stopWaiting = clock.after(Math.min(wait + spread, MAX_TIMER_MS), () => this.look())
  }
}
