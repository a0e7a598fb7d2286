import type { App } from '../app/app.ts'
import { JobStore } from '../app/jobStore.ts'
import type { WebhookConfig } from '../config/webhookOptions.ts'
import { Fatal, Retry } from '../std/errors.ts'
import { currentTask } from '../tasks/current.ts'
import { pinUrl, type Resolve, resolveBySystem } from './addressGuard.ts'
import { Endpoint } from './endpoint.ts'
import { WEBHOOK_TASK } from './header.ts'
import { type Answer, post } from './post.ts'
import { signedHeaders } from './sign.ts'

/** What a delivery returns: the receiver's status, and how many attempts it took. */
export interface Delivered {
  readonly status: number
  readonly attempts: number
}

/** What tests replace. */
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
 * Define the task that tells the end of jobs to their webhooks, in an app with the option `webhooks`. It is a task like any other: kept in the
 * store, run at least once, repeated with growing waits.
 */
export function defineWebhookTask(
  app: App,
  webhooks: WebhookConfig,
  { resolve = resolveBySystem, firstDelay = FIRST_DELAY_MS }: Surroundings = {},
): void {
  const jobs = new JobStore(app)
  app.task(
    WEBHOOK_TASK,
    async (url: string, id: string, body: string): Promise<Delivered> => {
      const { retries = 0, signal, log = app.config.logger } = currentTask() ?? {}
      // Runs that ended with their workers are no attempts of the endpoint's.
      const attempt = retries + 1
      const endpoint = new Endpoint(url, () => jobs.notes(), webhooks, log)
      await endpoint.enter()
      try {
        const status = await deliver({ url, id, body, config: webhooks, resolve, signal })
        await endpoint.succeeded()
        return { status, attempts: attempt }
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        const last = endpoint.isProbe || attempt > webhooks.retries
        // A worker that is told to stop says nothing of the endpoint.
        if (!signal?.aborted) await endpoint.failed(error.message, error.isGone ? 'gone' : last ? 'for good' : 'again')
        throw next(error, last ? undefined : Math.max(delayAfter(attempt, firstDelay), askedFor(error.retryAfter)))
      }
    },
    { retry: { max: webhooks.retries }, ignoreResult: false, description: 'Tells a webhook that a job has ended' },
  )
}

/** One attempt. */
interface Attempt {
  readonly url: string
  readonly id: string
  readonly body: string
  readonly config: WebhookConfig
  readonly resolve: Resolve
  readonly signal: AbortSignal | undefined
}

/** The endpoint did not take it: what may work later, unless it is gone. */
class Refusal extends Error {
  readonly status: number | undefined
  readonly retryAfter: string | undefined

  constructor(message: string, { status, retryAfter }: Partial<Answer> = {}, options?: ErrorOptions) {
    super(message, options)
    this.status = status
    this.retryAfter = retryAfter
  }

  get isGone(): boolean {
    return this.status === 410
  }
}

/** The status of what was accepted, which is 2xx: everything else, redirects included, is a Refusal. Throws Fatal for a URL that may not be told. */
async function deliver({ url, id, body, config, resolve, signal }: Attempt): Promise<number> {
  const target = await onTheWay(() => pinUrl(url, config, resolve))
  const secrets = await config.secrets(url)
  const headers = {
    ...signedHeaders(id, body, secrets),
    'content-type': 'application/cloudevents+json; charset=utf-8',
    'user-agent': 'celeriac-webhook/1',
  }
  const answer = await onTheWay(() => post(target, body, headers, config.timeout, signal))
  const { status } = answer
  if (status >= 200 && status < 300) return status
  throw new Refusal(`expected a status of 2xx, got ${status}`, answer)
}

/** What fails on the way, as DNS or a connection, may work later. */
async function onTheWay<Value>(step: () => Promise<Value>): Promise<Value> {
  try {
    return await step()
  } catch (error) {
    if (error instanceof Fatal) throw error
    const cause = error instanceof Error ? error : new Error(String(error))
    throw new Refusal(cause.message, {}, { cause })
  }
}

/** What the task throws: a repeat after so many ms, or the failure that ends it. */
function next(refusal: Refusal, wait: number | undefined): Error {
  if (refusal.isGone) return new Fatal('webhook: the receiver is gone: HTTP 410')
  // What failed on the way is itself the cause.
  const cause = refusal.cause instanceof Error ? refusal.cause : new Error(`webhook: ${refusal.message}`)
  return wait === undefined ? new Fatal(cause.message, { cause }) : new Retry(cause.message, wait, { cause })
}

/** Wait after this many attempts, ms. */
export function delayAfter(attempts: number, first: number = FIRST_DELAY_MS, random: number = Math.random()): number {
  const delay = Math.min(first * 2 ** (attempts - 1), MAX_DELAY_MS)
  return Math.round(delay * (1 - JITTER_SHARE + 2 * JITTER_SHARE * random))
}

/** `Retry-After` in ms: seconds or a date, a day at most; 0 where there is none. */
function askedFor(value: string | undefined): number {
  if (value === undefined) return 0
  const delay = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return Number.isFinite(delay) ? Math.min(Math.max(0, delay), MAX_DELAY_MS) : 0
}
