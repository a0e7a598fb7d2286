import type { JobStepDocument } from '../../../../protocol/recordedDocument.ts'
import { isEnded } from '../../../parts/state.tsx'
import type { JobView } from '../model.ts'

/** How a run ended; `lost`: it never said so, and another one began. */
export type AttemptEnd = 'succeeded' | 'failed' | 'retried' | 'revoked' | 'rejected' | 'lost'

/** One run of a job. Moments are ms since the epoch. */
export interface Attempt {
  /** From 1. */
  readonly number: number
  /** When it could begin: sent, or after the run before. */
  readonly from: number
  readonly receivedAt?: number
  readonly startedAt?: number
  readonly endedAt?: number
  readonly worker?: string
  readonly end?: AttemptEnd
  readonly exception?: string
  /** As its worker has measured it, ms. */
  readonly runtime?: number
}

type Mutable = { -readonly [Key in keyof Attempt]: Attempt[Key] }

const ENDS: Readonly<Record<string, AttemptEnd>> = {
  'task-succeeded': 'succeeded',
  'task-failed': 'failed',
  'task-retried': 'retried',
  'task-revoked': 'revoked',
  'task-rejected': 'rejected',
}

/** The runs of a job, from its events; without events, the last one, from what else is known. */
export function attemptsOf(steps: readonly JobStepDocument[], job: JobView): readonly Attempt[] {
  const first = job.createdAt === undefined ? undefined : Date.parse(job.createdAt)
  const list: Mutable[] = []
  for (const step of steps) {
    const at = Date.parse(step.at)
    if (step.type === 'task-sent') continue
    const current = currentOf(list, step, first ?? at)
    const end = ENDS[step.type]
    if (step.type === 'task-received') Object.assign(current, { receivedAt: at, worker: step.worker })
    else if (step.type === 'task-started') Object.assign(current, { startedAt: at, worker: step.worker })
    else if (end) {
      Object.assign(current, { endedAt: at, end, worker: current.worker ?? step.worker })
      if (step.exception !== undefined) current.exception = step.exception
      if (step.runtime !== undefined && step.runtime >= 0) current.runtime = step.runtime
    }
  }
  return list.length > 0 ? list : withoutSteps(job, first)
}

/** The run that this event is of: a new one where the last one has ended, or where it begins once more. */
function currentOf(list: Mutable[], { type, at }: JobStepDocument, first: number): Mutable {
  const last = list.at(-1)
  const begins = type === 'task-received' || type === 'task-started'
  const isLost = last !== undefined && last.end === undefined && begins && last.startedAt !== undefined
  if (isLost) Object.assign(last, { end: 'lost', endedAt: Date.parse(at) })
  if (last && !isLost && !(last.end !== undefined && begins)) return last
  const next = { number: (last?.number ?? 0) + 1, from: last?.endedAt ?? first }
  list.push(next)
  return next
}

function withoutSteps(
  { state, attempt, startedAt, endedAt, createdAt }: JobView,
  first: number | undefined,
): Attempt[] {
  if (createdAt === undefined && startedAt === undefined) return []
  const started = startedAt === undefined ? undefined : Date.parse(startedAt)
  const ended = endedAt === undefined || !isEnded(state) ? undefined : Date.parse(endedAt)
  const end = { SUCCESS: 'succeeded', FAILURE: 'failed', REVOKED: 'revoked', REJECTED: 'rejected' } as const
  const isOver = ended !== undefined && state in end
  return [
    {
      number: attempt,
      from: first ?? (started as number),
      ...(started !== undefined && { startedAt: started }),
      ...(isOver && { endedAt: ended, end: end[state as keyof typeof end] }),
    },
  ]
}

/** One part of the time of an attempt. */
export interface Span {
  /** `wait`: in its queue, or for the moment of a retry. `settle`: from the end of the code to the stored result. */
  readonly kind: 'wait' | 'run' | 'settle'
  readonly from: number
  readonly to: number
}

/** A shorter time to settle is not shown, ms: clocks and events are not more exact. */
const MIN_SETTLE_MS = 2

/** Where its time went; `now` is the end of what goes on. */
export function spansOf({ from, startedAt, endedAt, runtime }: Attempt, now: number): readonly Span[] {
  const begin = startedAt ?? endedAt ?? now
  const spans: Span[] = [{ kind: 'wait', from, to: Math.max(from, begin) }]
  if (startedAt === undefined) return spans
  const end = Math.max(startedAt, endedAt ?? now)
  const ran = endedAt === undefined || runtime === undefined ? end : Math.min(end, startedAt + runtime)
  spans.push({ kind: 'run', from: startedAt, to: ran })
  if (end - ran >= MIN_SETTLE_MS) spans.push({ kind: 'settle', from: ran, to: end })
  return spans
}

const END_TEXTS: Readonly<Record<AttemptEnd, string>> = {
  succeeded: 'Succeeded',
  failed: 'Failed',
  retried: 'Failed, to be retried',
  revoked: 'Revoked',
  rejected: 'Rejected',
  lost: 'Lost with its worker',
}

/** How an attempt stands, in words. */
export function endText({ end, startedAt }: Attempt): string {
  if (end) return END_TEXTS[end]
  return startedAt === undefined ? 'Waits' : 'Runs'
}
