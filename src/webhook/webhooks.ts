import type { App } from '../app/app.ts'
import { webhookFollowUp } from './followUp.ts'
import { webhookHeader } from './header.ts'
import { deliveryIds } from './message.ts'
import { defineWebhookTask, type Surroundings } from './task.ts'

/**
 * Add webhooks to an app: the call option `webhook`, the delivery that follows from a job's end and, if the app has the
 * option `webhooks`, the task that delivers. An app without that option refuses calls with a webhook; its worker still
 * sends the deliveries of jobs that other processes submitted.
 */
export function addWebhooks(app: App, surroundings?: Surroundings): void {
  app.extensions.push({
    option: 'webhook',
    headers: (url, task) => webhookHeader(url, app.config.webhooks, task),
    followUp: webhookFollowUp,
    followers: deliveryIds,
  })
  if (app.config.webhooks) defineWebhookTask(app, app.config.webhooks, surroundings)
}
