import { FIRST_SEEN_HEADER } from '../../protocol/callHeaders.ts'
import { isoTime } from '../../protocol/iso.ts'
import type { TaskMessage } from '../../protocol/message.ts'
import type { TaskDefinition } from '../../tasks/definition.ts'
import { versionOf } from '../../tasks/version.ts'

/** A message goes back to its queue, not before a moment: its task does not run now. */
export interface Postponement {
  /** `early`: until its time; `unknown`: this worker cannot run it. */
  readonly kind: 'early' | 'unknown'
  /** ms since the epoch. */
  readonly notBefore: number
  /** Beside those of the message. */
  readonly headers: Readonly<Record<string, unknown>>
  /** Why it cannot, the first time that it is found so. */
  readonly reason?: string | undefined
}

/** Clocks and timers differ by a little: a task that is due within this time is due, ms. */
const CLOCK_TOLERANCE_MS = 50

/** A broker without delays delivers before the time. Undefined for a task that is due. */
export function earlyPostponement({ eta }: TaskMessage, now: number): Postponement | undefined {
  if (eta === undefined) return undefined
  const notBefore = isoTime(eta)
  return notBefore > now + CLOCK_TOLERANCE_MS ? { kind: 'early', notBefore, headers: {} } : undefined
}

/** In the time that it is kept, it comes back about this often. */
const TRIES = 30
/** Least time between two tries, ms: workers that cannot run it are not kept busy by it. */
const MIN_DELAY_MS = 500

/**
 * A message that this worker cannot run goes back, again and again, until `timeout` ms after it was first seen: another
 * worker on the queue may know its task. Undefined when that time is over.
 */
export function unknownPostponement(
  message: TaskMessage,
  { reason, timeout, now }: { reason: string; timeout: number; now: number },
): Postponement | undefined {
  const early = earlyPostponement(message, now)
  if (early) return early
  const known = message.headers[FIRST_SEEN_HEADER]
  const first = Number.isSafeInteger(known) ? (known as number) : now
  const left = first + timeout - now
  if (left <= 0) return undefined
  // Apart from each other: the messages of a burst come back one by one, and reach the workers at random.
  const delay = Math.max(MIN_DELAY_MS, timeout / TRIES) * (0.5 + Math.random())
  return {
    kind: 'unknown',
    notBefore: now + Math.ceil(Math.min(left, delay)),
    headers: { [FIRST_SEEN_HEADER]: first },
    reason: known === undefined ? reason : undefined,
  }
}

/** Why this worker cannot run it: undefined where it can. */
export function whyUnknown(message: TaskMessage, known: TaskDefinition | undefined): string | undefined {
  if (!known) return 'it is not registered here'
  const version = versionOf(message.headers)
  const { version: own } = known.options
  return version > own ? `its version ${version} is newer than ${own}, the one known here` : undefined
}
