import type { WebhookConfig } from '../config/webhookOptions.ts'
import type { Clock } from '../std/clock.ts'
import type { Logger } from '../std/log.ts'
import { redactUrl } from '../std/url.ts'
import type { Resolve } from '../webhook/addressGuard.ts'
import { deliver, Refusal } from '../webhook/deliver.ts'
import { askedFor, delayAfter } from '../webhook/task.ts'

/** An alert on its way to one receiver. */
export interface Outgoing {
  /** The same at each attempt: a receiver recognises a repeat by it. */
  readonly id: string
  readonly url: string
  readonly body: string
  readonly attempts: number
  /** When it is sent, or sent again, ms since the epoch. */
  readonly dueAt: number
}

/** Attempts of one alert: for about three days. */
const MAX_ATTEMPTS = 17
/** Alerts on their way: of more, the oldest are given up. */
export const MAX_OUTGOING = 1000

export interface SenderParts {
  readonly webhooks: WebhookConfig
  readonly clock: Clock
  readonly logger: Logger
  readonly resolve?: Resolve | undefined
  readonly firstDelay?: number | undefined
}

/** Those that are left after one attempt at each that is due: all at once, as they go to different receivers. */
export async function sendDue(
  outgoing: readonly Outgoing[],
  parts: SenderParts,
  signal: AbortSignal,
): Promise<readonly Outgoing[]> {
  const now = parts.clock.now()
  const left = await Promise.all(outgoing.map((one) => (one.dueAt > now ? one : attempt(one, parts, signal))))
  return left.filter((one) => one !== undefined)
}

/** Undefined: it was accepted, or is given up. */
async function attempt(one: Outgoing, parts: SenderParts, signal: AbortSignal): Promise<Outgoing | undefined> {
  const { webhooks: config, clock, logger, resolve, firstDelay } = parts
  const { id, url, body } = one
  try {
    await deliver({ url, id, body, config, resolve, signal, now: clock.now() })
    return undefined
  } catch (error) {
    // The attempt was not the receiver's: it counts for nothing.
    if (signal.aborted) return one
    const attempts = one.attempts + 1
    const isLast = !(error instanceof Refusal) || error.isGone || attempts >= MAX_ATTEMPTS
    const facts = { err: error, url: redactUrl(url), alert: id, attempts }
    if (isLast) {
      logger.error(facts, 'an alert could not be delivered: it is given up')
      return undefined
    }
    logger.warn(facts, 'an alert could not be delivered: it is sent again')
    const wait = Math.max(delayAfter(attempts, firstDelay), askedFor(error.retryAfter, clock.now()))
    return { ...one, attempts, dueAt: clock.now() + wait }
  }
}
