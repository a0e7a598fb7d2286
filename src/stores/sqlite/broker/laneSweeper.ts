import type { StatementSync } from 'node:sqlite'
import { isIdle } from '../../../broker/limiter.ts'
import type { Clock } from '../../../std/clock.ts'
import { StoreUnavailableError } from '../../../std/errors.ts'
import type { SqliteFile } from '../file.ts'
import { changeWindow, writeInWindows } from '../window.ts'
import { JOIN_RULE, type KeptLimiter, LIMITER_COLUMNS, type LimiterRow, limiterOf, wakeAt } from './limiterRows.ts'

/** How long an empty lane stays, for the next message of its key, at least, ms. */
const SWEEP_DELAY_MS = 10_000

interface EmptyLane {
  readonly id: number
  readonly limiter: number | null
}

/**
 * Removes lanes without messages, and limits of which nothing is known that is not so of any new one: keys that came
 * once leave nothing behind. A process whose consumers see limits does it, in short transactions, and sets no timer
 * where nothing is left to remove.
 */
export class LaneSweeper {
  readonly #file: SqliteFile
  readonly #clock: Clock
  #stop: (() => void) | undefined
  #closed = false
  #prepared: Statements | undefined

  constructor(file: SqliteFile, clock: Clock) {
    this.#file = file
    this.#clock = clock
  }

  /** There may be something to remove before long. */
  soon(): void {
    this.#after(SWEEP_DELAY_MS)
  }

  close(): void {
    this.#closed = true
    this.#stop?.()
  }

  #after(ms: number): void {
    if (this.#closed || this.#stop) return
    this.#stop = this.#clock.after(ms, () => void this.#run(), true)
  }

  async #run(): Promise<void> {
    try {
      await this.sweep()
      const idle = await this.#file.read(() => this.#statements.next.get() as { idle: number | null })
      this.#stop = undefined
      if (idle.idle !== null) this.#after(Math.max(idle.idle - this.#clock.now(), SWEEP_DELAY_MS))
    } catch (error) {
      // The next look of a consumer begins again.
      this.#stop = undefined
      if (!(error instanceof StoreUnavailableError)) throw error
    }
  }

  /** Remove what can be removed now. */
  async sweep(): Promise<void> {
    if (!(await this.#file.read(() => this.#statements.due.get(this.#clock.now()) !== undefined))) return
    await writeInWindows(this.#file.writer, () => !this.#closed && this.#sweepSome(), { unref: true })
  }

  /** Returns true where there may be more. */
  #sweepSome(): boolean {
    const { empty, idle } = this.#statements
    const now = this.#clock.now()
    const more = changeWindow((limit) => {
      const lanes = empty.all(limit) as unknown as EmptyLane[]
      for (const lane of lanes) this.#removeLane(lane, now)
      return lanes.length
    })
    if (more) return true
    return changeWindow((limit) => {
      const rows = idle.all(now, limit) as unknown as LimiterRow[]
      for (const row of rows) this.#removeLimiter(limiterOf(row), now)
      return rows.length
    })
  }

  #removeLane({ id, limiter }: EmptyLane, now: number): void {
    const { wake, mayBeIdle, removeNeeds, removeLane } = this.#statements
    // Woken by it, and not looked at: now another one may pass.
    if (limiter !== null) wake.run(limiter)
    mayBeIdle.run(now, id)
    removeNeeds.run(id)
    removeLane.run(id)
  }

  /** Or set the moment at which it may be removed; none, where something else has to happen before. */
  #removeLimiter(limiter: KeptLimiter, now: number): void {
    const { isNeeded, remove, setIdle } = this.#statements
    const ends = endsOf(limiter)
    const isHalfOpen = limiter.isHalfOpen && limiter.rule?.breaker !== undefined
    const rest = { ...limiter, isHalfOpen, failures: [] }
    if (isNeeded.get(limiter.id) !== undefined || limiter.paused || isHalfOpen) setIdle.run(null, limiter.id)
    else if (ends <= now && isIdle(rest, now)) remove.run(limiter.id)
    else setIdle.run(wakeAt(Math.max(ends, now + SWEEP_DELAY_MS), now), limiter.id)
  }

  get #statements(): Statements {
    this.#prepared ??= prepare(this.#file)
    return this.#prepared
  }
}

/** From when on nothing of a limit counts any more. */
function endsOf({ full, until, failures, rule }: KeptLimiter): number {
  const failed = (failures.at(-1) ?? 0) + (rule?.breaker?.within ?? 0)
  return Math.max(full, until, failed)
}

type Statements = ReturnType<typeof prepare>

function prepare({ db }: SqliteFile) {
  return {
    due: db.prepare(`SELECT 1 WHERE EXISTS (SELECT 1 FROM celeriac_lane WHERE messages = 0)
      OR EXISTS (SELECT 1 FROM celeriac_limiter WHERE idle <= ?)`),
    next: db.prepare('SELECT min(idle) AS idle FROM celeriac_limiter WHERE idle IS NOT NULL'),
    empty: db.prepare('SELECT id, limiter FROM celeriac_lane WHERE messages = 0 LIMIT ? + 0'),
    idle: db.prepare(`SELECT ${LIMITER_COLUMNS} FROM celeriac_limiter AS limiter ${JOIN_RULE}
      WHERE limiter.idle <= ? ORDER BY limiter.idle LIMIT ? + 0`),
    wake: db.prepare('UPDATE celeriac_limiter SET wake = 0 WHERE id = ?'),
    mayBeIdle: db.prepare(`UPDATE celeriac_limiter SET idle = ?
      WHERE id IN (SELECT limiter FROM celeriac_lane_limit WHERE lane = ?)`),
    removeNeeds: db.prepare('DELETE FROM celeriac_lane_limit WHERE lane = ?'),
    removeLane: db.prepare('DELETE FROM celeriac_lane WHERE id = ?'),
    isNeeded: db.prepare('SELECT 1 FROM celeriac_lane_limit WHERE limiter = ? LIMIT 1'),
    remove: db.prepare('DELETE FROM celeriac_limiter WHERE id = ?'),
    setIdle: db.prepare('UPDATE celeriac_limiter SET idle = ? WHERE id = ?'),
  } satisfies Record<string, StatementSync>
}
