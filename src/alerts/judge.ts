import type { ParsedRule } from './rules.ts'

/** What a rule found: one subject that it holds for now, as a queue. */
export interface Reading {
  /** What it is about, as `queue mail`; '' where the rule is about all. */
  readonly subject: string
  /** A share, or ms; 1 where there is no measure. */
  readonly value: number
  /** A sentence for people. */
  readonly text: string
}

/** How an alert stands: of one rule and one subject. Moments in ms since the epoch. */
export interface AlertState {
  readonly rule: string
  readonly subject: string
  /** `pending`: it holds, not for long enough yet. `firing`: it was sent. `recovering`: it was sent, and is over. */
  readonly status: 'pending' | 'firing' | 'recovering'
  /** When it began to hold; of `recovering` when it was over. */
  readonly since: number
  /** When the alert began to hold, and when it was sent. */
  readonly startedAt: number
  readonly firedAt?: number
  readonly value: number
  readonly text: string
}

/** What is to be sent. */
export interface AlertChange {
  readonly kind: 'firing' | 'resolved'
  readonly state: AlertState
  readonly at: number
}

export interface Judged {
  readonly states: readonly AlertState[]
  readonly changes: readonly AlertChange[]
}

/**
 * The next states of one rule's alerts, and what is to be sent: an alert when a reading has been there for the time
 * `for`, its recovery when it has been gone for the time `recovery`. A clock that was set back starts the time again.
 */
export function judge(
  rule: Pick<ParsedRule, 'name' | 'for' | 'recovery'>,
  known: readonly AlertState[],
  readings: readonly Reading[],
  now: number,
): Judged {
  const bySubject = new Map(known.map((state) => [state.subject, state]))
  const states: AlertState[] = []
  const changes: AlertChange[] = []
  for (const reading of readings) {
    const before = bySubject.get(reading.subject)
    const state = held(rule, before, reading, now)
    bySubject.delete(reading.subject)
    states.push(state)
    const isNew = before === undefined || before.status === 'pending'
    if (isNew && state.status === 'firing') changes.push({ kind: 'firing', state, at: now })
  }
  for (const state of bySubject.values()) {
    if (state.status === 'pending') continue
    const since = state.status === 'recovering' ? Math.min(state.since, now) : now
    const over: AlertState = { ...state, status: 'recovering', since }
    if (now - since < rule.recovery) states.push(over)
    else changes.push({ kind: 'resolved', state: over, at: now })
  }
  return { states, changes }
}

/** The state of what holds now. */
function held(
  rule: Pick<ParsedRule, 'name' | 'for'>,
  before: AlertState | undefined,
  { subject, value, text }: Reading,
  now: number,
): AlertState {
  const reading = { rule: rule.name, subject, value, text }
  if (before && before.status !== 'pending') return { ...before, ...reading, status: 'firing', since: before.startedAt }
  const since = Math.min(before?.since ?? now, now)
  if (now - since < rule.for) return { ...reading, status: 'pending', since, startedAt: since }
  return { ...reading, status: 'firing', since, startedAt: since, firedAt: now }
}
