import type { WebhookConfig } from '../config/webhookOptions.ts'
import { ArgumentError } from '../std/errors.ts'
import { webhookUrl } from './url.ts'

/** Header of our own: the URL to which the end of a job is sent. */
export const WEBHOOK_HEADER = 'celeriac_webhook'
/** The task that sends it. */
export const WEBHOOK_TASK = 'celeriac.webhook'

/**
 * The header of a call with the option `webhook`. Throws ArgumentError for a URL that is not allowed, or an app without
 * webhooks.
 */
export function webhookHeader(url: unknown, config: WebhookConfig | undefined, task: string): Record<string, unknown> {
  if (!config)
    throw new ArgumentError(`task ${task}: webhook: expected an app with the option webhooks (its secret), got none`)
  const { href } = webhookUrl(url, config)
  return { [WEBHOOK_HEADER]: { url: href, source: config.source, ...(config.queue ? { queue: config.queue } : {}) } }
}
