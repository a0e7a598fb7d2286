import type { App } from '../app/app.ts'
import { currentTask, type TaskContext } from '../app/current.ts'
import { WEBHOOK_TASK } from '../app/webhookHeader.ts'
import { ConfigError, Fatal, Retry } from '../std/errors.ts'
import { pinUrl, type Resolve, resolveBySystem } from './pin.ts'
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
const FIRST_DELAY = 5_000
const LONGEST_DELAY = 24 * 3_600_000
/** Part of a delay by which it may be longer or shorter, so that receivers that come back are not met by all at once. */
const JITTER = 0.1

/**
 * Define the task that tells the end of jobs to their webhooks, in an app with the option `webhooks`. It is a task like any other: kept in the
 * store, run at least once, repeated with growing waits.
 */
export function defineWebhookTask(
  app: App,
  { resolve = resolveBySystem, firstDelay = FIRST_DELAY }: Surroundings = {},
): void {
  const { webhooks } = app.config
  if (!webhooks) throw new ConfigError('expected an app with the option webhooks, got none')
  app.task(
    WEBHOOK_TASK,
    async (url: string, id: string, body: string): Promise<Delivered> => {
      const context = currentTask()
      const attempts = context?.attempt ?? 1
      const wait = delayAfter(attempts, firstDelay)
      const target = await attempt(() => pinUrl(url, webhooks, resolve), wait)
      const secrets = await webhooks.secrets(url)
      const headers = {
        ...signedHeaders(id, body, secrets),
        'content-type': 'application/cloudevents+json; charset=utf-8',
        'user-agent': 'celeriac-webhook/1',
      }
      const answer = await attempt(() => post(target, body, headers, webhooks.timeout, context?.signal), wait)
      judge(answer, wait, context)
      return { status: answer.status, attempts }
    },
    { retry: { max: webhooks.retries }, ignoreResult: false, description: 'Tells a webhook that a job has ended' },
  )
}

/** What fails on the way, as DNS or a connection, may work later. */
async function attempt<Value>(step: () => Promise<Value>, wait: number): Promise<Value> {
  try {
    return await step()
  } catch (error) {
    if (error instanceof Fatal) throw error
    throw again(wait, error instanceof Error ? error : new Error(String(error)))
  }
}

/** 2xx is delivered. 410 says never again. Everything else, redirects included, is tried again. */
function judge({ status, retryAfter }: Answer, wait: number, context: TaskContext | undefined): void {
  if (status >= 200 && status < 300) return
  if (status === 410) throw new Fatal('webhook: the receiver is gone: HTTP 410')
  context?.log.warn({ status }, 'a webhook was not accepted')
  throw again(wait, new Error(`webhook: expected a status of 2xx, got ${status}`), retryAfter)
}

/** Beyond the last repeat the cause becomes the failure. A receiver may ask for a longer wait, not for a shorter one. */
function again(wait: number, cause: Error, retryAfter?: string): Retry {
  return new Retry(cause.message, Math.max(wait, askedFor(retryAfter)), { cause })
}

/** Wait after this many attempts, ms. */
export function delayAfter(attempts: number, first: number = FIRST_DELAY, random: number = Math.random()): number {
  const delay = Math.min(first * 2 ** (attempts - 1), LONGEST_DELAY)
  return Math.round(delay * (1 - JITTER + 2 * JITTER * random))
}

/** `Retry-After` in ms: seconds or a date, a day at most; 0 where there is none. */
function askedFor(value: string | undefined): number {
  if (value === undefined) return 0
  const delay = /^\d+$/.test(value.trim()) ? Number(value) * 1000 : Date.parse(value) - Date.now()
  return Number.isFinite(delay) ? Math.min(Math.max(0, delay), LONGEST_DELAY) : 0
}
