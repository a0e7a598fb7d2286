import type { StatementSync } from 'node:sqlite'
import { passing, take } from '../../../broker/limiter.ts'
import type { Connection } from '../file.ts'
import { JOIN_RULE, type KeptLimiter, LIMITER_COLUMNS, type LimiterRow, limiterOf, wakeAt } from './limiterRows.ts'

/** How many limits one transaction looks at. */
const MAX_LIMITERS = 64
/** How many lanes of one queue a limit has woken at most that were not looked at since. */
const MAX_WOKEN = 64
/** A clock that is so far behind the last one was set back, ms: less is a difference between two processes. */
const CLOCK_TOLERANCE_MS = 1_000
/** How many moments one transaction drops that a clock had set which was ahead. */
const MAX_DROPPED_MOMENTS = 1_000

interface BlockedLane {
  readonly id: number
  readonly count: number
}

/**
 * Opens lanes that a limit had blocked when it lets something through again: in each queue as many as may pass, in
 * their turns. A lane that was woken has taken nothing yet: in a queue without a worker it keeps nothing from others.
 * When a consumer has looked at it, `Lanes` has the next one woken.
 */
export class LaneWaker {
  readonly #next: StatementSync
  readonly #due: StatementSync
  readonly #save: StatementSync
  readonly #queue: StatementSync
  readonly #woken: StatementSync
  readonly #blocked: StatementSync
  readonly #open: StatementSync
  readonly #dropMoments: StatementSync
  readonly #setClock: StatementSync

  constructor({ db }: Connection) {
    this.#next = db.prepare(
      'SELECT (SELECT min(wake) FROM celeriac_limiter WHERE wake IS NOT NULL) AS wake, at FROM celeriac_turn',
    )
    this.#due = db.prepare(`SELECT ${LIMITER_COLUMNS} FROM celeriac_limiter AS limiter ${JOIN_RULE}
      WHERE limiter.wake <= ? ORDER BY limiter.wake LIMIT ${MAX_LIMITERS}`)
    this.#save = db.prepare(
      'UPDATE celeriac_limiter SET full = ?, until = ?, since = ?, wake = ?, waits = ? WHERE id = ?',
    )
    this.#queue = db.prepare('SELECT queue FROM celeriac_lane WHERE limiter = ? AND queue > ? ORDER BY queue LIMIT 1')
    const lanes = `FROM celeriac_lane CROSS JOIN celeriac_lane_limit AS need
      WHERE celeriac_lane.limiter = ? AND queue = ? AND need.lane = celeriac_lane.id AND need.limiter = ?`
    this.#woken = db.prepare(`SELECT count ${lanes} AND open = 1 LIMIT ${MAX_WOKEN}`)
    this.#blocked = db.prepare(`SELECT id, count ${lanes} AND open = 0 ORDER BY turn LIMIT ? + 0`)
    this.#open = db.prepare('UPDATE celeriac_lane SET open = 1 WHERE id = ?')
    this.#dropMoments = db.prepare(`UPDATE celeriac_limiter SET wake = 0 WHERE id IN (
      SELECT id FROM celeriac_limiter WHERE wake > ? LIMIT ${MAX_DROPPED_MOMENTS}
    )`)
    this.#setClock = db.prepare('UPDATE celeriac_turn SET at = ?')
  }

  /** When lanes are to be woken next, ms since the epoch, now or later; undefined where none waits for time. */
  next(now: number): number | undefined {
    const row = this.#next.get() as { wake: number | null; at: number } | undefined
    if (!row || row.wake === null) return undefined
    return isSetBack(row.at, now) ? now : row.wake
  }

  /** Inside a transaction: wake what may pass. `at`: when the last lane was served. */
  wake(now: number, at: number): void {
    if (isSetBack(at, now)) this.#setBack(now)
    for (const row of this.#due.all(now) as unknown as LimiterRow[]) this.#wakeBy(limiterOf(row), now)
  }

  /** Each moment that is ahead is found out again: by the new clock a limit blocks no longer than it would have. */
  #setBack(now: number): void {
    if (Number(this.#dropMoments.run(now).changes) < MAX_DROPPED_MOMENTS) this.#setClock.run(now)
  }

  #wakeBy(limiter: KeptLimiter, now: number): void {
    let next = Number.POSITIVE_INFINITY
    let waits = false
    // What follows goes by copies; what the clock makes of the limiter itself is kept.
    passing(limiter, limiter.rule, 1, now)
    for (let queue = this.#queueAfter(limiter, ''); queue !== undefined; queue = this.#queueAfter(limiter, queue)) {
      const from = this.#wakeIn(queue, limiter, now)
      if (from === undefined) continue
      next = Math.min(next, from)
      waits ||= from === Number.POSITIVE_INFINITY && !limiter.paused
    }
    const { id, full, until, since } = limiter
    this.#save.run(full, until, since, Number.isFinite(next) ? wakeAt(next, now) : null, Number(waits), id)
  }

  /** From when on the first lane passes that stays blocked; undefined where one that is woken comes first. */
  #wakeIn(queue: string, limiter: KeptLimiter, now: number): number | undefined {
    const { rule } = limiter
    const left = { ...limiter }
    const woken = this.#woken.all(limiter.id, queue, limiter.id) as unknown as { count: number }[]
    for (const { count } of woken) take(left, rule, 1, count, now)
    const blocked = this.#blocked.all(
      limiter.id,
      queue,
      limiter.id,
      MAX_WOKEN - woken.length,
    ) as unknown as BlockedLane[]
    for (const [index, { id, count }] of blocked.entries()) {
      const { messages, from } = passing(left, rule, count, now)
      if (messages === 0) return woken.length + index === 0 ? from : undefined
      this.#open.run(id)
      take(left, rule, 1, count, now)
    }
    return undefined
  }

  #queueAfter({ id }: KeptLimiter, queue: string): string | undefined {
    return (this.#queue.get(id, queue) as { queue: string } | undefined)?.queue
  }
}

function isSetBack(at: number, now: number): boolean {
  return now < at - CLOCK_TOLERANCE_MS
}
