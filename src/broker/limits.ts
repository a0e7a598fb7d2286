import type { LimitName } from '../protocol/limits.ts'

/*
 * Limits, a part of the broker: how much may run at once, how often, and what is paused. The truth is in the store, one
 * for all workers. A message names its limits in a header (protocol/limits.ts) and waits in a lane (lane.ts) until all
 * of them let it through; then a consumer of its queue takes it, and what it needs is taken from all of its limits in
 * the same write. What it took of a concurrency limit returns when it is settled, released, or lost with its lease.
 * Each sentence of these docs is a case of `testing/suites/limitsSuite.ts`.
 */

/** What the limits of one name are, for all of its keys. */
export interface LimitRule {
  /** As `task:mail.send`, `queue:slow`, `github`. */
  readonly name: string
  /** How often: a token bucket. Absent: as often as may be. */
  readonly rate?: RateRule | undefined
  /**
   * How much of it may be held by valid leases at once. A message that needs more runs alone. Absent: any number. A
   * whole number, at least 1.
   */
  readonly concurrency?: number | undefined
  /** What stops it after failures. */
  readonly breaker?: BreakerRule | undefined
}

/**
 * A bucket holds `burst` tokens and gets one each `interval`. A message takes as many as it needs, and no more than
 * `burst`: so in any time `t` at most `burst + t / interval` pass, by the store's clock. The clock may be set: back, it
 * blocks no longer; forward, the bucket is full once more.
 */
export interface RateRule {
  /** ms, above 0; may be a fraction. */
  readonly interval: number
  /** A whole number, at least 1. */
  readonly burst: number
}

/**
 * After `failures` reported failures within a time nothing passes for a while; then one message at a time, until the
 * first reported end: a success closes the breaker, a failure opens it again.
 */
export interface BreakerRule {
  /** A whole number, at least 1. */
  readonly failures: number
  /** ms */
  readonly within: number
  /** How long nothing passes, ms. */
  readonly pause: number
}

/** Of what runs behind a breaker: how a run ended. */
export interface RunEnd extends LimitName {
  readonly ok: boolean
}

/** `closed`: it lets all through; `open`: nothing; `half-open`: one at a time. */
export type BreakerState = 'closed' | 'open' | 'half-open'

/** What is known of one limit. Moments are ms since the epoch, by the store's clock. */
export interface LimitState extends LimitName {
  /** As it was defined; absent where it has no rule, and limits nothing by itself. */
  readonly limit?: Omit<LimitRule, 'name'> | undefined
  /** How much is taken by messages that consumers hold. */
  readonly held: number
  /** Nothing passes until `resume`. */
  readonly paused: boolean
  /** Nothing passes until then: it was held back, its breaker is open, or its bucket is empty. */
  readonly until?: number | undefined
  readonly breaker?: BreakerState | undefined
  /** How many messages wait that need it, as far as that costs little: at most `MAX_COUNTED_WAITING` are counted. */
  readonly waiting: number
}

/** Which limits are listed. */
export interface LimitFilter {
  /** Of this rule alone. */
  readonly rule?: string | undefined
  /** Those that are paused alone. */
  readonly paused?: boolean | undefined
  /** How many at most. */
  readonly limit: number
  /** Those after this one, by rule and key. */
  readonly after?: LimitName | undefined
}

/** The limits of all processes that share the store. Every method rejects with StoreUnavailableError. */
export interface LimitStore {
  /**
   * Define rules by their names; those that were defined before are replaced, also for what waits. A rule that says
   * nothing but its name limits nothing.
   */
  define(rules: readonly LimitRule[]): Promise<void>
  /** Let nothing through that needs it, until `resume`; also after a restart of everything. What runs goes on. */
  pause(name: LimitName): Promise<void>
  resume(name: LimitName): Promise<void>
  /** Call back after something was paused or resumed, in any process. The returned function ends it. */
  onPause(listener: () => void): () => void
  /**
   * Let nothing through that needs it before this moment, ms since the epoch. A second call replaces the first, but
   * does not close an open breaker.
   */
  holdBack(name: LimitName, until: number): Promise<void>
  /** How runs ended; those of limits without a breaker are ignored. Resolves with the breakers that changed. */
  report(ends: readonly RunEnd[]): Promise<readonly BreakerChange[]>
  /** What is known of these limits; one of which nothing is known is as one that nothing has used yet. */
  states(names: readonly LimitName[]): Promise<readonly LimitState[]>
  /** Limits that are in use, paused or held back, in the order of rule and key. */
  list(filter: LimitFilter): Promise<readonly LimitState[]>
}

/** A breaker has changed its state. */
export interface BreakerChange extends LimitName {
  readonly state: BreakerState
  /** Until when it is open, ms since the epoch. */
  readonly until?: number | undefined
}
