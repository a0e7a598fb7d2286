import { type Lane, queueOfLane } from '../../broker/lane.ts'
import {
  breakerState,
  giveBack,
  holdBack,
  isIdle,
  type Limiter,
  MAX_COUNTED_WAITING,
  newLimiter,
  passing,
  report,
  take,
} from '../../broker/limiter.ts'
import type { BreakerChange, LimitFilter, LimitRule, LimitState, LimitStore, RunEnd } from '../../broker/limits.ts'
import type { LimitName, LimitUse } from '../../protocol/limits.ts'
import type { Clock } from '../../std/clock.ts'

/** A lane with messages, or whose messages are held. */
interface OpenLane {
  readonly lane: Lane
  /** Of the lanes of a queue the one with the lowest is next. */
  turn: number
}

interface MemoryLimitsParts {
  readonly clock: Clock
  /** How many messages wait in this lane. */
  waiting(lane: string): number
  /** Messages may pass now that could not before. */
  changed(): void
}

/** Limits in this process's memory. */
export class MemoryLimits implements LimitStore {
  readonly #parts: MemoryLimitsParts
  readonly #rules = new Map<string, LimitRule>()
  /** By `idOf`. */
  readonly #limiters = new Map<string, Limiter & LimitName>()
  /** By name. */
  readonly #lanes = new Map<string, OpenLane>()
  readonly #listeners = new Set<() => void>()
  #turn = 0

  constructor(parts: MemoryLimitsParts) {
    this.#parts = parts
  }

  /** A message waits in the lane from now on. */
  open(lane: Lane): void {
    if (!this.#lanes.has(lane.name)) this.#lanes.set(lane.name, { lane, turn: ++this.#turn })
    for (const use of lane.limits) this.#limiterOf(use)
  }

  /** The lanes of a queue, in their turns. */
  lanesOf(queue: string): string[] {
    const lanes = [...this.#lanes.values()].filter(({ lane }) => lane.queue === queue)
    return lanes.sort((a, b) => a.turn - b.turn).map(({ lane }) => lane.name)
  }

  /** How many messages of the lane pass now. */
  passing(lane: string): number {
    const now = this.#parts.clock.now()
    const passed = this.#usesOf(lane).map((use) => this.#passing(use, now).messages)
    return Math.min(Number.MAX_SAFE_INTEGER, ...passed)
  }

  /** When one passes of those that waited for time alone at this moment, ms since the epoch; undefined: none. */
  next(queues: readonly string[], now: number): number | undefined {
    const lanes = [...this.#lanes.keys()].filter(
      (lane) => queues.includes(queueOfLane(lane)) && this.#parts.waiting(lane) > 0,
    )
    const moments = lanes.map((lane) => Math.max(...this.#usesOf(lane).map((use) => this.#passing(use, now).from)))
    const next = Math.min(Number.POSITIVE_INFINITY, ...moments.filter((from) => from > now))
    return Number.isFinite(next) ? next : undefined
  }

  /** A message of the lane is held from now on; `passed`: it was its turn. */
  hold(lane: string, passed: boolean): void {
    const now = this.#parts.clock.now()
    for (const use of this.#usesOf(lane)) {
      const limiter = this.#limiterOf(use)
      take(limiter, passed ? this.#rules.get(use.rule) : undefined, 1, use.count, now)
    }
    const open = this.#lanes.get(lane)
    if (open && passed) open.turn = ++this.#turn
  }

  /** A message of the lane is not held any more. */
  giveBack(lane: string): void {
    for (const use of this.#usesOf(lane)) giveBack(this.#limiterOf(use), use.count)
  }

  async define(rules: readonly LimitRule[]): Promise<void> {
    for (const rule of rules) this.#rules.set(rule.name, rule)
    this.#parts.changed()
  }

  async pause(name: LimitName): Promise<void> {
    this.#limiterOf(name).paused = true
    for (const listener of this.#listeners) listener()
  }

  async resume(name: LimitName): Promise<void> {
    this.#limiterOf(name).paused = false
    for (const listener of this.#listeners) listener()
    this.#parts.changed()
  }

  onPause(listener: () => void): () => void {
    // A function may be given twice.
    const own = (): void => listener()
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  async holdBack(name: LimitName, until: number): Promise<void> {
    holdBack(this.#limiterOf(name), until, this.#parts.clock.now())
    this.#parts.changed()
  }

  async report(ends: readonly RunEnd[]): Promise<readonly BreakerChange[]> {
    const now = this.#parts.clock.now()
    const changes: BreakerChange[] = []
    for (const { rule, key, ok } of ends) {
      const limiter = this.#limiterOf({ rule, key })
      const breaker = this.#rules.get(rule)?.breaker
      if (!breaker || !report(limiter, breaker, ok, now)) continue
      const state = breakerState(limiter, now)
      changes.push({ rule, key, state, ...(state === 'open' && { until: limiter.until }) })
    }
    this.#parts.changed()
    return changes
  }

  async states(names: readonly LimitName[]): Promise<readonly LimitState[]> {
    return names.map((name) => this.#stateOf(name))
  }

  async list({ rule, paused, limit, after }: LimitFilter): Promise<readonly LimitState[]> {
    const now = this.#parts.clock.now()
    const known = [...this.#limiters.values()].filter(
      (limiter) =>
        (rule === undefined || limiter.rule === rule) &&
        (!paused || limiter.paused) &&
        (after === undefined || compare(limiter, after) > 0) &&
        (!isIdle(limiter, now) || this.#waiting(limiter) > 0),
    )
    return known
      .sort(compare)
      .slice(0, limit)
      .map((name) => this.#stateOf(name))
  }

  #stateOf({ rule, key }: LimitName): LimitState {
    const now = this.#parts.clock.now()
    const name = { rule, key }
    const limiter = this.#limiters.get(idOf(name)) ?? newLimiter()
    const { name: _, ...limit } = this.#rules.get(rule) ?? { name: rule }
    const { from } = passing(limiter, this.#rules.get(rule), 1, now)
    return {
      ...name,
      ...(Object.keys(limit).length > 0 && { limit }),
      held: limiter.held,
      paused: limiter.paused,
      ...(from > now && Number.isFinite(from) && { until: from }),
      ...(limit.breaker && { breaker: breakerState(limiter, now) }),
      waiting: this.#waiting(name),
    }
  }

  #waiting({ rule, key }: LimitName): number {
    const lanes = [...this.#lanes.values()].filter(({ lane }) =>
      lane.limits.some((use) => use.rule === rule && use.key === key),
    )
    const count = lanes.reduce((sum, { lane }) => sum + this.#parts.waiting(lane.name), 0)
    return Math.min(count, MAX_COUNTED_WAITING)
  }

  #passing(use: LimitUse, now: number): { readonly messages: number; readonly from: number } {
    const limiter = this.#limiterOf(use)
    return passing(limiter, this.#rules.get(use.rule), use.count, now)
  }

  #usesOf(lane: string): readonly LimitUse[] {
    return this.#lanes.get(lane)?.lane.limits ?? []
  }

  #limiterOf({ rule, key }: LimitName): Limiter {
    const id = idOf({ rule, key })
    const known = this.#limiters.get(id)
    if (known) return known
    const limiter = { ...newLimiter(), rule, key }
    this.#limiters.set(id, limiter)
    return limiter
  }
}

function idOf({ rule, key }: LimitName): string {
  return JSON.stringify([rule, key])
}

function compare(a: LimitName, b: LimitName): number {
  return order(a.rule, b.rule) || order(a.key, b.key)
}

function order(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}
