import type { App } from '../app/app.ts'
import { JobStore } from '../app/jobStore.ts'
import type { WebhookConfig } from '../config/webhookOptions.ts'
import { Fatal, Retry } from '../std/errors.ts'
import { currentTask } from '../tasks/current.ts'
import type { Resolve } from './addressGuard.ts'
import { deliver, Refusal } from './deliver.ts'
import { Endpoint } from './endpoint.ts'
import { WEBHOOK_TASK } from './url.ts'

/** What a delivery returns: the receiver's status, and how many attempts it took. */
export interface Delivered {
  readonly status: number
  readonly attempts: number
}

/** Parts that tests replace. */
export interface Surroundings {
  readonly resolve?: Resolve
  /** ms before the first repeat. */
  readonly firstDelay?: number
}

/** ms between attempts: the first, doubled each time, and the longest. */
const FIRST_DELAY_MS = 5_000
const MAX_DELAY_MS = 24 * 3_600_000
/** Part of a delay by which it is longer or shorter at random, so that attempts do not all come at once. */
const JITTER_SHARE = 0.1

/**
 * Define the task that notifies webhooks of the end of jobs, in an app with the option `webhooks`. It is a task like
 * any other: kept in the store, run at least once, repeated with growing delays.
 */
export function defineWebhookTask(
  app: App,
  webhooks: WebhookConfig,
  { resolve, firstDelay = FIRST_DELAY_MS }: Surroundings = {},
): void {
  const jobs = new JobStore(app)
  app.task(
    WEBHOOK_TASK,
    async (url: string, id: string, body: string): Promise<Delivered> => {
      const { retries = 0, signal, log = app.config.logger } = currentTask() ?? {}
      // Runs that were lost with their workers are not attempts of the endpoint.
      const attempt = retries + 1
      const { clock } = app.config
      const endpoint = new Endpoint(url, { notes: () => jobs.notes(), clock }, webhooks, log)
      await endpoint.enter()
      try {
        const status = await deliver({ url, id, body, config: webhooks, resolve, signal, now: clock.now() })
        await endpoint.succeeded()
        return { status, attempts: attempt }
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        const last = endpoint.isProbe || attempt > webhooks.retries
        // If the worker is stopping, the failure says nothing about the endpoint.
        if (!signal?.aborted) await endpoint.failed(error.message, error.isGone ? 'gone' : last ? 'for good' : 'again')
        const asked = askedFor(error.retryAfter, clock.now())
        throw next(error, last ? undefined : Math.max(delayAfter(attempt, firstDelay), asked))
      }
    },
    { retry: { max: webhooks.retries }, ignoreResult: false, description: 'Notifies a webhook that a job has ended' },
  )
}

/** The task throws this: a retry after this many ms, or the failure that ends it. */
function next(refusal: Refusal, wait: number | undefined): Error {
  if (refusal.isGone) return new Fatal('webhook: the receiver is gone: HTTP 410')
  // A failure on the way is itself the cause.
  const cause = refusal.cause instanceof Error ? refusal.cause : new Error(`webhook: ${refusal.message}`)
  return wait === undefined ? new Fatal(cause.message, { cause }) : new Retry(cause.message, wait, { cause })
}

/** Wait after this many attempts, ms. */
export function delayAfter(attempts: number, first: number = FIRST_DELAY_MS, random: number = Math.random()): number {
  const delay = Math.min(first * 2 ** (attempts - 1), MAX_DELAY_MS)
  return Math.round(delay * (1 - JITTER_SHARE + 2 * JITTER_SHARE * random))
}

/** `Retry-After` in ms: seconds or a date, a day at most; 0 where there is none. */
export function askedFor(value: string | undefined, now: number): number {
  if (value === undefined) return 0
  const delay = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - now
  return Number.isFinite(delay) ? Math.min(Math.max(0, delay), MAX_DELAY_MS) : 0
}
