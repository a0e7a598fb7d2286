import type { Context, Hono } from 'hono'
import { ArgumentError } from '../../std/errors.ts'
import { Endpoint } from '../../webhook/endpoint.ts'
import { webhookUrl } from '../../webhook/url.ts'
import type { HttpScope } from '../apiContext.ts'
import type { Problem } from '../output/problem.ts'
import { headersOf } from './header.ts'

const WEBHOOK_URL_HEADER = 'celeriac-webhook'

/** The URL that the sender of a request wants notified of the end of its job. */
export function webhookOf(c: Context): string | undefined {
  return headersOf(c)(WEBHOOK_URL_HEADER) ?? undefined
}

/** What is wrong with that; undefined where nothing is. */
export function webhookProblem(c: Context, { app }: HttpScope): Problem | undefined {
  const url = webhookOf(c)
  if (url === undefined) return undefined
  const { webhooks } = app.config
  if (!webhooks) return { kind: 'invalid-webhook', detail: 'Celeriac-Webhook: this server sends no webhooks' }
  try {
    webhookUrl(url, webhooks)
    return undefined
  } catch (error) {
    if (error instanceof ArgumentError) return { kind: 'invalid-webhook', detail: `Celeriac-Webhook: ${error.message}` }
    throw error
  }
}

/**
 * Mark the answers to requests that submit jobs whose webhook is disabled: the job runs, and the webhook is not sent.
 */
export function addWebhookMark(api: Hono, base: string, { app, jobs }: HttpScope): void {
  const { webhooks, logger, clock } = app.config
  if (!webhooks) return
  api.on('POST', [`${base}/tasks/:name`, `${base}/batches`, `${base}/jobs/:id/retry`], async (c, next) => {
    await next()
    const url = webhookOf(c)
    if (url === undefined || !c.res.ok) return
    const endpoint = new Endpoint(url, { notes: () => jobs.notes(), clock }, webhooks, logger)
    if (await endpoint.isDisabled()) c.res.headers.set(WEBHOOK_URL_HEADER, 'disabled')
  })
}
