import type { App } from '../app/app.ts'
import { type LimitState, MAX_LISTED } from '../app/limits/limits.ts'
import { queueRule, subjectArguments, subjectText, taskRule } from '../config/task/limitPlan.ts'
import { LIMITS_HEADER, type LimitUse, readLimits } from '../protocol/limits.ts'
import { NotSupportedError } from '../std/errors.ts'

/** What the checks of one job look at: a limit, and how much of it the job needs; 0: it is only stopped by it. */
export interface NeededLimit extends LimitState {
  readonly count: number
}

interface WaitingJob {
  readonly task: string | undefined
  readonly message: Awaited<ReturnType<App['message']>>
}

interface JobLimits {
  readonly limits: readonly NeededLimit[]
}

interface AllLimits {
  readonly limits: readonly LimitState[]
  /** ms since the epoch */
  readonly now: number
}

/** A limit for which fewer wait, and none is held, is not reported: they may be taken in this moment. */
const MIN_STUCK = 10

/** Nothing of it begins for longer than its rate alone would say, and its breaker is closed. */
export function isHeldBack({ until, limit, breaker = 'closed' }: LimitState, now: number): boolean {
  return until !== undefined && breaker === 'closed' && until - now > (limit?.rate?.interval ?? 0)
}

/** The limits of a job that waits; none where the store keeps none. Rejects with StoreUnavailableError. */
export async function limitsOfJob(app: App, { task, message }: WaitingJob): Promise<readonly NeededLimit[]> {
  if (!message || message.place === 'held') return []
  const { task: named } = message.envelope.headers
  const name = task ?? (typeof named === 'string' ? named : undefined)
  const queue: LimitUse = { rule: queueRule(message.queue), key: '', count: 0 }
  const ofTask: readonly LimitUse[] = name === undefined ? [] : [{ rule: taskRule(name), key: '', count: 0 }]
  const uses = readLimits(message.envelope.headers[LIMITS_HEADER]) ?? ofTask
  const all = uses.some(({ rule }) => rule === queue.rule) ? uses : [...uses, queue]
  const states = await orNone(app.limits.states(all))
  return states.map((state, at) => ({ ...state, count: (all[at] as LimitUse).count }))
}

/** The limits that are in use, of a store that keeps limits, at most `MAX_LISTED`; and all that are paused. */
export async function limitsOfStore(app: App): Promise<readonly LimitState[]> {
  const [paused, used] = await Promise.all([
    orNone(app.limits.paused()),
    orNone(app.limits.list({ limit: MAX_LISTED })),
  ])
  return [...paused, ...used.filter((limit) => !limit.paused)]
}

async function orNone(states: Promise<readonly LimitState[]>): Promise<readonly LimitState[]> {
  try {
    return await states
  } catch (error) {
    if (error instanceof NotSupportedError) return []
    throw error
  }
}

/** Why a job is not taken: the checks of one job, by the limits that it needs. */
export const JOB_LIMIT_CHECKS: readonly (readonly [check: string, find: (job: JobLimits) => string | undefined])[] = [
  ['paused', ({ limits }) => pausedText(limits)],
  ['breaker-open', ({ limits }) => listed(limits.flatMap(breakerText))],
  [
    'limited',
    ({ limits }) => {
      const reasons = limits.flatMap((limit) => reasonOf(limit))
      return reasons.length > 0 ? `it waits for its limits: ${reasons.join('; ')}` : undefined
    },
  ],
  [
    'undefined-limit',
    ({ limits }) =>
      listed(
        limits.flatMap((limit) =>
          limit.count > 0 && limit.limit === undefined
            ? `it needs ${subjectText(limit)}, which this store does not know, so it limits nothing: start a worker whose module defines it`
            : [],
        ),
      ),
  ],
]

/** What is paused, or stopped, in a store. */
export const LIMIT_CHECKS: readonly (readonly [check: string, find: (store: AllLimits) => string | undefined])[] = [
  ['paused', ({ limits }) => pausedText(limits)],
  ['breaker-open', ({ limits }) => listed(limits.flatMap(breakerText))],
  [
    'held-back',
    ({ limits, now }) =>
      listed(
        limits.flatMap((limit) =>
          isHeldBack(limit, now)
            ? `${subjectText(limit)} is held back${untilText(limit)}: celeriac hold-back ${subjectArguments(limit)} 0s ends that`
            : [],
        ),
      ),
  ],
  [
    'limit-stuck',
    ({ limits }) =>
      listed(
        limits.flatMap((limit) =>
          isStuck(limit)
            ? `${limit.waiting} wait for ${subjectText(limit)}, and none is held: ${stuckReason(limit)}`
            : [],
        ),
      ),
  ],
]

function pausedText(limits: readonly LimitState[]): string | undefined {
  return listed(
    limits.flatMap((limit) =>
      limit.paused
        ? `${subjectText(limit)} is paused${limit.waiting > 0 ? ` (${limit.waiting} waiting)` : ''}: celeriac resume ${subjectArguments(limit)}`
        : [],
    ),
  )
}

function breakerText(limit: LimitState): string | [] {
  const name = subjectText(limit)
  if (limit.breaker === 'open')
    return `the breaker of ${name} is open${untilText(limit)}: its runs have failed, and nothing begins before`
  return limit.breaker === 'half-open'
    ? `the breaker of ${name} is half-open: one at a time begins, until a success closes it`
    : []
}

/** Why a limit lets the job wait; nothing where it does not, or where another check says so. */
function reasonOf(needed: NeededLimit): string | [] {
  const { count, held, limit, paused, breaker = 'closed', until } = needed
  const { concurrency } = limit ?? {}
  const name = subjectText(needed)
  if (paused || breaker !== 'closed') return []
  if (count > 0 && concurrency !== undefined && held > 0 && held + Math.min(count, concurrency) > concurrency)
    return `${held} of the ${concurrency} of ${name} are held${count > 1 ? `, and it needs ${count}` : ''}`
  return until === undefined ? [] : `${name} lets nothing begin${untilText(needed)}`
}

function isStuck({ waiting, held, paused, breaker = 'closed' }: LimitState): boolean {
  return waiting >= MIN_STUCK && held === 0 && !paused && breaker === 'closed'
}

function stuckReason(limit: LimitState): string {
  return limit.until === undefined
    ? 'no worker takes from their queue, or another of their limits is paused or used up'
    : `nothing of it begins${untilText(limit)}, by its rate or because it is held back`
}

function untilText({ until }: LimitState): string {
  return until === undefined ? '' : ` until ${new Date(until).toISOString()}`
}

function listed(texts: readonly string[]): string | undefined {
  return texts.length === 0 ? undefined : texts.join('; ')
}
