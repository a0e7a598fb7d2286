import type { Limiter } from '../../../broker/limiter.ts'
import type { LimitRule } from '../../../broker/limits.ts'

/** A row of `celeriac_limiter`, with its rule. */
export interface LimiterRow {
  readonly id: number
  readonly rule: string
  readonly key: string
  readonly full: number
  readonly held: number
  readonly paused: number
  readonly until: number
  readonly since: number
  readonly half_open: number
  readonly failures: string
  readonly wake: number | null
  readonly waits: number
  /** JSON: what its rule is; null where it has none. */
  readonly text: string | null
}

/** One limit, as a transaction changes it. */
export interface KeptLimiter extends Limiter {
  readonly id: number
  readonly rule: LimitRule | undefined
  /** When lanes that it blocks are looked at again, ms since the epoch; 0: now; null: no moment is known. */
  wake: number | null
  /** It blocks lanes until a message is not held any more. */
  waits: boolean
  /** As it was read. */
  readonly row: LimiterRow
}

/** The columns of a `LimiterRow`, of `limiter` and `limit_rule`. */
export const LIMITER_COLUMNS = `limiter.id, limiter.rule, limiter.key, limiter.full, limiter.held, limiter.paused,
  limiter.until, limiter.since, limiter.half_open, limiter.failures, limiter.wake, limiter.waits,
  limit_rule.rule AS text`

/** Joins the rule of `limiter`. */
export const JOIN_RULE = 'LEFT JOIN celeriac_limit_rule AS limit_rule ON limit_rule.name = limiter.rule'

/** How many texts of rules are kept with what they mean. */
const MAX_KNOWN_RULES = 1_000

const known = new Map<string, LimitRule>()

/** What a text of the table of rules means. */
export function ruleOf(text: string | null): LimitRule | undefined {
  if (text === null) return undefined
  const before = known.get(text)
  if (before) return before
  const rule = JSON.parse(text) as LimitRule
  if (known.size >= MAX_KNOWN_RULES) known.clear()
  known.set(text, rule)
  return rule
}

export function limiterOf(row: LimiterRow): KeptLimiter {
  return {
    id: row.id,
    rule: ruleOf(row.text),
    full: row.full,
    held: row.held,
    paused: row.paused === 1,
    until: row.until,
    since: row.since,
    isHalfOpen: row.half_open === 1,
    failures: row.failures === '[]' ? [] : (JSON.parse(row.failures) as number[]),
    wake: row.wake,
    waits: row.waits === 1,
    row,
  }
}

/**
 * No earlier than the next millisecond, in whole ones: it is the moment of a timer, and what is due now is looked at
 * now.
 */
export function wakeAt(from: number, now: number): number {
  return Math.min(Math.max(Math.ceil(from), Math.floor(now) + 1), Number.MAX_SAFE_INTEGER)
}
