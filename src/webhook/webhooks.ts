import type { App } from '../app/app.ts'
import { type EndedTask, type Following, type FollowUp, NOTHING_FOLLOWS } from '../backend/followUp.ts'
import { customHeader } from '../protocol/callHeaders.ts'
import { FAILURE } from '../protocol/states.ts'
import { deliveryIds, deliveryOf } from './message.ts'
import { defineWebhookTask, type Surroundings } from './task.ts'
import { WEBHOOK_HEADER, WEBHOOK_TASK, webhookHeader } from './url.ts'

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

/**
 * The delivery of a job's webhook follows from the job's end, also for a job without a record. A delivery that failed
 * for good is kept in the dead-letter queue, from which it can be sent by hand.
 */
const webhookFollowUp: FollowUp = (end: EndedTask): Following => {
  const delivery = customHeader(end.headers, WEBHOOK_HEADER) === undefined ? undefined : deliveryOf(end)
  const deadLetter = end.message?.task === WEBHOOK_TASK && end.meta.status === FAILURE
  if (!delivery) return deadLetter ? { ...NOTHING_FOLLOWS, deadLetter } : NOTHING_FOLLOWS
  return { publish: [delivery.message], also: end.listed ? [delivery.meta] : [], children: [], deadLetter }
}
