import type { BreakerRule, BreakerState, LimitRule } from './limits.ts'

/** How many waiting messages of one limit are counted. */
export const MAX_COUNTED_WAITING = 10_000

/*
 * The arithmetic of one limit: nothing but its numbers, the clock of the store and its rule. Stores that decide in
 * their server do the same there, and the same suite shows it.
 */

/** What a store keeps of one limit. Moments are ms since the epoch. */
export interface Limiter {
  /** The bucket is full from this moment on: the theoretical arrival time of GCRA. */
  full: number
  /** How much is taken by messages that are held. */
  held: number
  paused: boolean
  /** Nothing passes before this moment; 0: no such moment. */
  until: number
  /** When `until` was set. */
  since: number
  /** After `until` one passes at a time, until an end is reported. */
  isHalfOpen: boolean
  /** Moments of reported failures, the oldest first. */
  failures: readonly number[]
}

export function newLimiter(): Limiter {
  return { full: 0, held: 0, paused: false, until: 0, since: 0, isHalfOpen: false, failures: [] }
}

/** Nothing of it needs to be kept. */
export function isIdle({ full, held, paused, until, isHalfOpen, failures }: Limiter, now: number): boolean {
  return full <= now && held === 0 && !paused && until <= now && !isHalfOpen && failures.length === 0
}

/**
 * How many messages pass now that need `count` each. Where none does: the moment from which on one may, or infinity
 * where that is when another returns what it has, or the limit is resumed.
 */
export interface Passing {
  readonly messages: number
  readonly from: number
}

const BLOCKED: Passing = { messages: 0, from: Number.POSITIVE_INFINITY }

/**
 * What passes of a limit at this moment. Where the clock was set back, this changes the limiter, and a store keeps the
 * change: else what is ahead would be as far ahead the next time.
 */
export function passing(limiter: Limiter, rule: LimitRule | undefined, count: number, now: number): Passing {
  setBack(limiter, rule, now)
  // Of a rule that had a breaker: no end of a run would close it.
  if (!rule?.breaker) limiter.isHalfOpen = false
  if (limiter.paused) return BLOCKED
  if (limiter.until > now) return { messages: 0, from: limiter.until }
  if (count === 0) return { messages: Number.POSITIVE_INFINITY, from: now }
  if (limiter.isHalfOpen) return limiter.held > 0 ? BLOCKED : { messages: 1, from: now }
  const slots = slotsOf(limiter, rule?.concurrency, count)
  if (slots === 0) return BLOCKED
  if (!rule?.rate) return { messages: slots, from: now }
  const { interval, burst } = rule.rate
  const full = Math.max(limiter.full, now)
  const needed = Math.min(count, burst)
  const tokens = burst - (full - now) / interval + TOKEN_TOLERANCE
  const messages = Math.floor(tokens / needed)
  return messages > 0
    ? { messages: Math.min(messages, slots), from: now }
    : { messages: 0, from: full + (needed - burst) * interval }
}

/** Fractions of intervals do not add up exactly. */
const TOKEN_TOLERANCE = 1e-6

/** One that needs more than there is runs alone. */
function slotsOf({ held }: Limiter, concurrency: number | undefined, count: number): number {
  if (concurrency === undefined) return Number.POSITIVE_INFINITY
  return Math.max(0, Math.floor((concurrency - held) / Math.min(count, concurrency)))
}

/** By a clock that was set back nothing is blocked for longer than it can be, and the bucket is at most empty. */
function setBack(limiter: Limiter, rule: LimitRule | undefined, now: number): void {
  if (now < limiter.since) {
    limiter.until = now + (limiter.until - limiter.since)
    limiter.since = now
  }
  if (rule?.rate) limiter.full = Math.min(limiter.full, now + rule.rate.burst * rule.rate.interval)
}

/** Take what `messages` of `count` each need. */
export function take(
  limiter: Limiter,
  rule: LimitRule | undefined,
  messages: number,
  count: number,
  now: number,
): void {
  limiter.held += messages * count
  if (!rule?.rate) return
  const { interval, burst } = rule.rate
  setBack(limiter, rule, now)
  limiter.full = Math.max(limiter.full, now) + messages * Math.min(count, burst) * interval
}

/** Return what a message had taken that is not held any more. */
export function giveBack(limiter: Limiter, count: number): void {
  limiter.held = Math.max(0, limiter.held - count)
}

/** Let nothing pass before this moment; an open breaker stays open as long as it would. */
export function holdBack(limiter: Limiter, until: number, now: number): void {
  setBack(limiter, undefined, now)
  limiter.until = limiter.isHalfOpen ? Math.max(limiter.until, until) : until
  limiter.since = now
}

export function breakerState({ isHalfOpen, until }: Limiter, now: number): BreakerState {
  if (!isHalfOpen) return 'closed'
  return until > now ? 'open' : 'half-open'
}

/** Count the end of a run; true where the breaker has changed its state. */
export function report(limiter: Limiter, { failures, within, pause }: BreakerRule, ok: boolean, now: number): boolean {
  setBack(limiter, undefined, now)
  const state = breakerState(limiter, now)
  // Of a run that began before it opened.
  if (state === 'open') return false
  if (ok) {
    if (state === 'closed') return false
    limiter.isHalfOpen = false
    limiter.failures = []
    return true
  }
  const recent = limiter.failures.filter((at) => at > now - within && at <= now)
  limiter.failures = [...recent, now].slice(-failures)
  if (state === 'closed' && limiter.failures.length < failures) return false
  limiter.isHalfOpen = true
  limiter.failures = []
  limiter.until = now + pause
  limiter.since = now
  return true
}
