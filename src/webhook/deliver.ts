import type { WebhookConfig } from '../config/webhookOptions.ts'
import { Fatal } from '../std/errors.ts'
import type { Resolve } from './addressGuard.ts'
import type { Answer } from './post.ts'

/** One attempt. */
export interface Attempt {
  readonly url: string
  readonly id: string
  readonly body: string
  readonly config: WebhookConfig
  readonly resolve: Resolve | undefined
  readonly signal: AbortSignal | undefined
  /** When it is made, ms since the epoch. */
  readonly now: number
}

/** The endpoint did not accept the delivery: a later attempt may succeed, unless the endpoint is gone. */
export class Refusal extends Error {
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

/**
 * The status of an accepted delivery, which is 2xx: any other status, redirects included, is a Refusal. Throws Fatal
 * for a URL that may not be notified.
 */
export async function deliver({ url, id, body, config, resolve, signal, now }: Attempt): Promise<number> {
  // Their modules of Node load slowly, and most processes deliver nothing.
  const [{ pinUrl, resolveBySystem }, { signedHeaders }, { post }] = await Promise.all([
    import('./addressGuard.ts'),
    import('./sign.ts'),
    import('./post.ts'),
  ])
  const target = await onTheWay(() => pinUrl(url, config, resolve ?? resolveBySystem))
  const secrets = await config.secrets(url)
  const headers = {
    ...signedHeaders(id, body, secrets, now),
    'content-type': 'application/cloudevents+json; charset=utf-8',
    'user-agent': 'celeriac-webhook/1',
  }
  const answer = await onTheWay(() => post(target, body, headers, config.timeout, signal))
  const { status } = answer
  if (status >= 200 && status < 300) return status
  throw new Refusal(`expected a status of 2xx, got ${status}`, answer)
}

/** A failure on the way, as of DNS or a connection, may pass. */
async function onTheWay<Value>(step: () => Promise<Value>): Promise<Value> {
  try {
    return await step()
  } catch (error) {
    if (error instanceof Fatal) throw error
    const cause = error instanceof Error ? error : new Error(String(error))
    throw new Refusal(cause.message, {}, { cause })
  }
}
