import { type WebhookConfig, webhookUrl } from '../config/webhookOptions.ts'
import { ArgumentError } from '../std/errors.ts'

/** Header of our own that carries where the end of a job is told. */
export const WEBHOOK_HEADER = 'celeriac_webhook'
/** The task that tells it. */
export const WEBHOOK_TASK = 'celeriac.webhook'

/** The header of a call with the option `webhook`. Throws ArgumentError for a URL that may not be, or an app without webhooks. */
export function webhookHeader(url: string, config: WebhookConfig | undefined, task: string): Record<string, unknown> {
  if (!config)
    throw new ArgumentError(`task ${task}: webhook: expected an app with the option webhooks (its secret), got none`)
  const { href } = webhookUrl(url, config)
  return { [WEBHOOK_HEADER]: { url: href, source: config.source, ...(config.queue ? { queue: config.queue } : {}) } }
}
